package bridge

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/natsgram/natsgram/bridge/account"
	"github.com/natsgram/natsgram/bridge/storage"
	"github.com/natsgram/natsgram/bridge/stream"
	"github.com/natsgram/natsgram/bridge/vault"
)

// What the vault holds of an account that runs here is looked at whenever its record is written by somebody else, and when the
// bucket was lost: the session in memory is written back, unless a person signed in anew.

const (
	// checkTime bounds one look at a record.
	checkTime = 10 * time.Second
	// checkPause is how often at most an account's record is looked at: who writes rubbish a thousand times a second is not answered as often.
	checkPause = 250 * time.Millisecond
)

// change is told of every writing in the vault: by a sign-in, by a runner that saves its session, here or elsewhere, by a
// removal, or by somebody who has no business there.
func (s *supervisor) change(c vault.Change) {
	s.has(c.Account, !c.Gone)
	if c.Gone {
		s.mu.Lock()
		delete(s.memories, c.Account)
		s.mu.Unlock()
	}
	a := s.b.running(c.Account)
	if a == nil {
		return
	}
	if r := a.current(); r != nil && !r.Written(c.Revision) {
		s.check(a)
	}
}

func (a *supervised) current() *account.Runner {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.runner
}

// check has an account's record looked at, once more if that is being done.
func (s *supervisor) check(a *supervised) {
	a.mu.Lock()
	a.again = true
	begin := !a.checking
	a.checking = true
	a.mu.Unlock()
	if begin {
		s.work.Go(func() { s.checks(a) })
	}
}

func (s *supervisor) checks(a *supervised) {
	for s.ctx.Err() == nil {
		a.mu.Lock()
		a.checking, a.again = a.again, false
		more, runner, restart := a.checking, a.runner, a.restart
		a.mu.Unlock()
		if !more {
			return
		}
		if runner != nil && s.reconcile(runner) {
			s.b.log.Info("the session was replaced", "account", a.name)
			restart()
		}
		_ = pause(s.ctx, checkPause) // its end is seen above
	}
}

// reconcile looks until it is known what stands in the vault, or the account is not this daemon's any more.
func (s *supervisor) reconcile(r *account.Runner) (anew bool) {
	for s.ctx.Err() == nil {
		ctx, cancel := context.WithTimeout(s.ctx, checkTime)
		anew, err := r.Reconcile(ctx)
		cancel()
		if anew || err == nil || errors.Is(err, account.ErrLost) || s.b.current(r.Name) != r {
			return anew
		}
		s.base.storage.Suspect(err)
		s.b.log.Warn("looking at the session in the vault", "account", r.Name, "err", err)
		_ = pause(s.ctx, time.Second)
	}
	return false
}

// lost is told of storage that was lost, and has everything written again that is known here. The leases look after themselves.
func (s *supervisor) lost(c storage.Change) {
	for _, a := range s.b.all() {
		r := a.current()
		if r == nil {
			continue
		}
		r.StorageLost(c)
		switch c.Name {
		case storage.Sessions:
			s.check(a)
		case storage.Positions, storage.Updates: // without the stream the position is all that an heir has
			s.work.Go(func() { s.again(r.WritePosition) })
		case storage.Limits:
			s.work.Go(func() { s.again(r.WriteLimits) })
		}
	}
	if c.Name == storage.Sessions || c.Name == storage.Positions {
		s.work.Go(s.putBack)
	}
	if c.Name == storage.Sessions {
		s.follow() // of what was made anew the one that follows hears nothing
	}
}

// memory is what this daemon knows of an account that ran here and does not now: the lease is lost when NATS is, and the rest may be too.
type memory struct {
	session  vault.Session
	position stream.Position
}

// remember keeps what is known of an account that ran here.
func (s *supervisor) remember(r *account.Runner) {
	m := memory{r.Session(), r.Position()}
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.session.State != nil {
		s.memories[r.Name] = m
	}
}

// putBack stores what is remembered, where there is none any more.
func (s *supervisor) putBack() {
	s.mu.Lock()
	names := slices.Sorted(maps.Keys(s.memories))
	s.mu.Unlock()
	for _, name := range names {
		if s.b.running(name) == nil {
			s.again(func(ctx context.Context) error { return s.recall(ctx, name) })
		}
	}
}

// recall puts back what is remembered of an account: the position first, or whoever finds the session would begin to count anew.
func (s *supervisor) recall(ctx context.Context, name string) error {
	s.mu.Lock()
	m, known := s.memories[name]
	s.mu.Unlock()
	if !known {
		return nil
	}
	if len(m.position.State) > 0 {
		if err := s.store.PutBackPosition(ctx, name, m.position); err != nil {
			return err
		}
	}
	back, err := s.base.vault.PutBack(ctx, name, m.session)
	if back {
		s.b.log.Warn("the session was lost with the bucket, and is stored again", "account", name)
	}
	return err
}

// again does something until it succeeds, or the daemon ends.
func (s *supervisor) again(do func(context.Context) error) {
	for s.ctx.Err() == nil {
		ctx, cancel := context.WithTimeout(s.ctx, checkTime)
		err := do(ctx)
		cancel()
		if err == nil {
			return
		}
		s.base.storage.Suspect(err)
		s.b.log.Warn("writing again what was lost", "err", err)
		_ = pause(s.ctx, time.Second)
	}
}

// follow has run follow the vault anew.
func (s *supervisor) follow() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.unfollow != nil {
		s.unfollow()
	}
}

// followVault follows the vault until it was lost, or this daemon is to run nothing any more. What is there is told anew each time.
func (s *supervisor) followVault() error {
	ctx, cancel := context.WithCancel(s.serving)
	defer cancel()
	s.mu.Lock()
	s.unfollow = cancel
	s.mu.Unlock()
	return s.base.vault.Watch(ctx, s.change)
}
