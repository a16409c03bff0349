package bridge

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/nats-io/nats.go"
)

// rights is what NATS has refused this daemon's user. NATS tells it once, and where what was asked for then fails, it fails by
// silence.
type rights struct {
	mu     sync.Mutex
	denied []string
}

// rightsMax is how many refusals are kept.
const rightsMax = 8

// watch has nc tell of refusals, and of everything else that it has to say to nobody in particular, until it is connected anew:
// then the user may have other rights.
func (b *Bridge) watch(nc *nats.Conn) {
	nc.SetErrorHandler(func(_ *nats.Conn, sub *nats.Subscription, err error) {
		b.log.Warn("NATS", "err", err, "subject", subjectOf(sub))
		if errors.Is(err, nats.ErrPermissionViolation) && b.needs(err.Error()) {
			b.rights.note(err)
		}
	})
	nc.SetReconnectHandler(func(*nats.Conn) { b.rights.forget() })
}

// needs reports whether what was refused is something that the daemon needs. Where an answer goes its caller chooses: that is
// none.
func (b *Bridge) needs(refusal string) bool {
	_, subject, publish := strings.Cut(strings.ToLower(refusal), `publish to "`)
	return !publish || strings.HasPrefix(subject, "$") || strings.HasPrefix(subject, strings.ToLower(b.settings.Prefix)+".")
}

func (r *rights) note(err error) {
	text := fmt.Sprintf("NATS refuses this daemon's user what it needs: %s (natsgram permissions daemon prints what that is)",
		strings.TrimPrefix(err.Error(), "nats: "))
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.denied) < rightsMax && !slices.Contains(r.denied, text) {
		r.denied = append(r.denied, text)
	}
}

func (r *rights) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.denied = nil
}

func (r *rights) told() []string {
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
