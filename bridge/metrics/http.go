package metrics

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Server answers /metrics, /healthz (the process lives) and /readyz (it can serve; 503 says why not).
type Server struct {
	srv  http.Server
	addr net.Addr
	done chan struct{}
}

// Times that keep a slow or hostile peer from holding a connection.
const (
	headTime  = 5 * time.Second
	writeTime = 30 * time.Second
	idleTime  = 2 * time.Minute
	closeTime = time.Second
)

// Serve listens at addr until Close. ready is nil when the daemon can serve.
func Serve(addr string, m *Metrics, ready func() error) (*Server, error) {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("NATSGRAM_HTTP=%s: %w", addr, err)
	}
	s := &Server{addr: l.Addr(), done: make(chan struct{})}
	s.srv = http.Server{Handler: handler(m, ready), ReadHeaderTimeout: headTime, ReadTimeout: headTime, WriteTimeout: writeTime, IdleTimeout: idleTime}
	go func() {
		defer close(s.done)
		_ = s.srv.Serve(l) // ends with Close
	}()
	return s, nil
}

func handler(m *Metrics, ready func() error) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { say(w, nil) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) { say(w, ready()) })
	return mux
}

func say(w http.ResponseWriter, err error) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprintln(w, err)
		return
	}
	fmt.Fprintln(w, "ok")
}

// Addr is where it listens.
func (s *Server) Addr() string { return s.addr.String() }

// Close stops answering.
func (s *Server) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	if err := s.srv.Shutdown(ctx); errors.Is(err, context.DeadlineExceeded) {
		_ = s.srv.Close()
	}
	<-s.done
}
