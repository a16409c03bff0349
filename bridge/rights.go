package bridge

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/bus"
)

// refusals are what NATS has refused this daemon's user. NATS tells it once, and where what was asked for then fails, it fails by
// silence.
type refusals struct {
	mu     sync.Mutex
	denied []string
}

// rightsMax is how many refusals are kept.
const rightsMax = 8

// watch has nc tell of refusals, and of everything else that it has to say to nobody in particular, until it is connected anew:
// then the user may have other rights.
func (b *Bridge) watch(nc *nats.Conn) {
	nc.SetErrorHandler(func(_ *nats.Conn, sub *nats.Subscription, err error) {
		if r, ok := bus.RefusalOf(err); ok && matters(r, b.settings.Prefix) {
			text := words(r, cmp.Or(nc.Opts.InboxPrefix, "_INBOX"))
			b.log.Error(text)
			b.rights.note(text)
			return
		}
		b.log.Warn("NATS", "err", err, "subject", subjectOf(sub))
	})
	nc.SetReconnectHandler(func(*nats.Conn) { b.rights.forget() })
}

// matters reports whether it is something that the daemon needs. Where an answer goes its caller chooses: that is none.
func matters(r bus.Refusal, prefix string) bool {
	return !r.Publish || strings.HasPrefix(r.Subject, "$") || strings.HasPrefix(r.Subject, prefix+".")
}

// words say which right is missing, what it is for where that is not plain, and where all of them stand. The inbox is the prefix
// of the connection.
func words(r bus.Refusal, inbox string) string {
	const all = "natsgram permissions daemon prints the rights that it needs"
	switch {
	case r.Subject == "":
		return "this daemon's NATS user lacks a right that the daemon needs; " + all
	case !r.Publish && strings.HasPrefix(r.Subject, inbox+"."):
		return fmt.Sprintf("this daemon's NATS user may not subscribe to %q, so that no answer of JetStream's reaches the daemon: allow it %q, "+
			"or set NATS_INBOX_PREFIX to a prefix that it may subscribe to; %s", r.Subject, inbox+".>", all)
	case r.Publish:
		return fmt.Sprintf("this daemon's NATS user may not publish to %q; %s", r.Subject, all)
	}
	return fmt.Sprintf("this daemon's NATS user may not subscribe to %q; %s", r.Subject, all)
}

func (r *refusals) note(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.denied) < rightsMax && !slices.Contains(r.denied, text) {
		r.denied = append(r.denied, text)
	}
}

func (r *refusals) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.denied = nil
}

func (r *refusals) told() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.denied)
}

// starts is why a daemon has not started yet.
type starts struct {
	mu  sync.Mutex
	err error
}

func (s *starts) note(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func (s *starts) why() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		return "starting"
	}
	return "starting: " + s.err.Error()
}
