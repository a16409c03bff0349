package embedded

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
)

// logger carries what nats-server says to slog. A fatal error does not end the process: it is kept for Start to report.
type logger struct {
	log  *slog.Logger
	last atomic.Pointer[string]
}

func (l *logger) say(level slog.Level, format string, v []any) {
	if l.log != nil {
		l.log.Log(context.Background(), level, fmt.Sprintf(format, v...), "from", "nats-server")
	}
}

// Noticef is what nats-server says of its normal life: too much for our log's info.
func (l *logger) Noticef(format string, v ...any) { l.say(slog.LevelDebug, format, v) }
func (l *logger) Warnf(format string, v ...any)   { l.say(slog.LevelWarn, format, v) }

// Errorf is what went wrong. Who may not come in is no fault of ours.
func (l *logger) Errorf(format string, v ...any) {
	text, level := fmt.Sprintf(format, v...), slog.LevelError
	if strings.Contains(text, "authentication error") || strings.Contains(text, "TLS handshake error") {
		level = slog.LevelWarn
	}
	l.say(level, "%s", []any{text})
}

// Debugf and Tracef are for who looks into nats-server itself.
func (l *logger) Debugf(format string, v ...any) { l.say(slog.LevelDebug-4, format, v) }
func (l *logger) Tracef(format string, v ...any) { l.say(slog.LevelDebug-8, format, v) }

// Fatalf keeps the message instead of leaving the process.
func (l *logger) Fatalf(format string, v ...any) {
	text := fmt.Sprintf(format, v...)
	l.last.Store(&text)
	l.say(slog.LevelError, "%s", []any{text})
}

func (l *logger) fatal() string {
	if text := l.last.Load(); text != nil {
		return *text
	}
	return ""
}
