package supervisor

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"

	"github.com/natsgram/natsgram/bridge/account"
	"github.com/natsgram/natsgram/bridge/records"
	"github.com/natsgram/natsgram/bridge/vault"
)

// former is what this daemon knows of an account that ran here and does not now: the lease is lost when NATS is, and the rest may
// be too.
type former struct {
	session  vault.Session
	position records.Position
}

// formers are all that ran here. It is safe for concurrent use.
type formers struct {
	vault   *vault.Vault
	records *records.Records
	log     *slog.Logger

	mu  sync.Mutex
	all map[string]former
}

// keep keeps what is known of an account that ran here.
func (f *formers) keep(r *account.Runner) {
	m := former{r.Session(), r.Position()}
	f.mu.Lock()
	defer f.mu.Unlock()
	if m.session.State != nil {
		f.all[r.Name] = m
	}
}

// forget forgets an account that was removed.
func (f *formers) forget(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.all, name)
}

// has reports whether an account ran here.
func (f *formers) has(name string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, known := f.all[name]
	return known
}

func (f *formers) names() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Sorted(maps.Keys(f.all))
}

// putBack stores what is known of an account: the position first, or whoever finds the session would begin to count anew.
func (f *formers) putBack(ctx context.Context, name string) error {
	f.mu.Lock()
	m, known := f.all[name]
	f.mu.Unlock()
	if !known {
		return nil
	}
	if len(m.position.State) > 0 {
		if err := f.records.PutBackPosition(ctx, name, m.position); err != nil {
			return err
		}
	}
	back, err := f.vault.PutBack(ctx, name, m.session)
	if back {
		f.log.Warn("the session was lost with the bucket, and is stored again", "account", name)
	}
	return err
}
