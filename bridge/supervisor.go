package bridge

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/natsgram/natsgram/bridge/account"
	"github.com/natsgram/natsgram/bridge/lease"
	"github.com/natsgram/natsgram/bridge/stream"
	"github.com/natsgram/natsgram/bridge/vault"
)

// supervisor has a runner for every account of the vault that this daemon may run.
type supervisor struct {
	b     *Bridge
	base  *base
	store *stream.Store
	lease *lease.Leases
	ctx   context.Context //nolint:containedctx // the daemon's life, for accounts
	work  sync.WaitGroup
}

// supervised is one account.
type supervised struct {
	name    string
	mu      sync.Mutex
	runner  *account.Runner
	restart context.CancelFunc // ends the present runner; the next one reads the vault anew
}

// run follows the vault until ctx ends.
func (s *supervisor) run() error {
	names, err := s.base.vault.Accounts(s.ctx)
	if err != nil {
		return err
	}
	for _, name := range append(names, s.b.settings.Accounts...) {
		s.look(name)
	}
	close(s.b.ready)
	for {
		err := s.base.vault.Watch(s.ctx, s.change)
		if s.ctx.Err() != nil {
			return s.ctx.Err()
		}
		s.b.log.Warn("following the vault", "err", err)
		if err := pause(s.ctx, time.Second); err != nil {
			return err
		}
	}
}

// look starts an account, if it is this daemon's and not yet started.
func (s *supervisor) look(name string) *supervised {
	if !s.b.settings.Serves(name) {
		return nil
	}
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	a := s.b.accounts[name]
	if a == nil {
		a = &supervised{name: name}
		s.b.accounts[name] = a
		s.work.Go(func() { s.supervise(a) })
	}
	return a
}

// change is told of every writing in the vault: by a sign-in, by a runner that saves its session, here or elsewhere, by a
// removal. Only another sign-in than the one that runs, or none, makes a runner begin again.
func (s *supervisor) change(c vault.Change) {
	a := s.look(c.Account)
	if a == nil {
		return
	}
	a.mu.Lock()
	runner, restart := a.runner, a.restart
	a.mu.Unlock()
	if runner != nil && runner.Generation() != c.Generation {
		s.b.log.Info("the session was replaced", "account", c.Account, "gone", c.Gone)
		restart()
	}
}

const (
	retryMin = time.Second
	retryMax = time.Minute
)

// supervise runs an account again and again, whenever its lease can be had, until ctx ends.
func (s *supervisor) supervise(a *supervised) {
	wait := retryMin
	for s.ctx.Err() == nil {
		begun := time.Now()
		err := s.once(a)
		if s.ctx.Err() != nil {
			return
		}
		if err == nil || time.Since(begun) > retryMax {
			wait = retryMin
		}
		if err == nil { // the session was replaced
			continue
		}
		s.b.log.Error("account stopped", "account", a.name, "err", err, "again_in", wait)
		if pause(s.ctx, wait) != nil {
			return
		}
		wait = min(2*wait, retryMax)
	}
}

// once runs an account while this daemon has its lease.
func (s *supervisor) once(a *supervised) error {
	held, err := s.lease.Acquire(s.ctx, a.name)
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), 5*time.Second)
		defer cancel()
		held.Release(ctx)
	}()
	ctx, restart := context.WithCancel(s.ctx)
	defer restart()
	return s.runner(a, restart, held.Lost()).Run(ctx)
}

func (s *supervisor) runner(a *supervised, restart context.CancelFunc, lost <-chan struct{}) *account.Runner {
	b := s.b
	r := account.New(account.Config{
		Name: a.name, Settings: b.settings, Env: b.env, Conn: s.base.nc, Store: s.store, Vault: s.base.vault,
		Methods: b.layer.methods, Rules: b.layer.rules, Version: b.options.Version, Log: b.log, Lost: lost,
	})
	a.mu.Lock()
	a.runner, a.restart = r, restart
	a.mu.Unlock()
	b.tell()
	return r
}

// tell wakes those who wait for an account.
func (b *Bridge) tell() {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.changed)
	b.changed = make(chan struct{})
}

// current is an account's runner, nil when there is none.
func (b *Bridge) current(name string) *account.Runner {
	b.mu.Lock()
	a := b.accounts[name]
	b.mu.Unlock()
	if a == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.runner
}

// WaitServing waits until an account is connected to Telegram, its requests are served and its updates followed, or ctx ends: the error says how
// far it has come. An account that is not signed in may be at any time.
func (b *Bridge) WaitServing(ctx context.Context, name string) error {
	last := "not known"
	for {
		b.mu.Lock()
		changed := b.changed
		b.mu.Unlock()
		var moved <-chan struct{}
		if r := b.current(name); r != nil {
			moved = r.Changed()
			st := r.Status()
			if st.State == account.Connected && st.Follows {
				return nil
			}
			last = string(st.State)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: not connected to Telegram (%s): %w", name, last, ctx.Err())
		case <-changed:
		case <-moved:
		}
	}
}

// Statuses are those of all accounts of this daemon.
func (b *Bridge) Statuses() (all []account.Status) {
	b.mu.Lock()
	names := make([]string, 0, len(b.accounts))
	for name := range b.accounts {
		names = append(names, name)
	}
	b.mu.Unlock()
	for _, name := range names {
		if r := b.current(name); r != nil {
			all = append(all, r.Status())
		}
	}
	return all
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
