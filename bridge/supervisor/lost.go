package supervisor

import (
	"context"
	"errors"
	"time"

	"github.com/natsgram/natsgram/bridge/account"
	"github.com/natsgram/natsgram/bridge/retry"
	"github.com/natsgram/natsgram/bridge/storage"
	"github.com/natsgram/natsgram/bridge/vault"
)

// What the vault holds of an account that runs here is looked at whenever its record is written by somebody else, and when the
// bucket was lost: the session in memory is written back, unless a person signed in anew.

const (
	// checkTime bounds one look at a record.
	checkTime = 10 * time.Second
	// checkPause is how often at most an account's record is looked at: who writes rubbish a thousand times a second is not answered
	// as often.
	checkPause = 250 * time.Millisecond
)

// eachSecond is between attempts to read and write what has to be right.
var eachSecond = retry.Backoff{Min: time.Second, Max: time.Second}

// change is told of every writing in the vault: by a sign-in, by a runner that saves its session, here or elsewhere, by a
// removal, or by somebody who has no business there.
func (s *Supervisor) change(c vault.Change) {
	s.noteSession(c.Account, !c.Gone)
	if c.Gone {
		s.formers.forget(c.Account)
	}
	a := s.accounts.get(c.Account)
	if a == nil {
		return
	}
	if r := a.current(); r != nil && !r.Written(c.Revision) {
		s.check(a)
	}
}

// check has an account's record looked at, once more if that is being done.
func (s *Supervisor) check(a *supervised) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.holds.Err() != nil {
		return
	}
	a.again = true
	if !a.checking {
		a.checking = true
		a.checks.Go(func() { s.checks(a) })
	}
}

func (s *Supervisor) checks(a *supervised) {
	for a.holds.Err() == nil {
		a.mu.Lock()
		a.checking, a.again = a.again, false
		more, runner, restart := a.checking, a.runner, a.restart
		a.mu.Unlock()
		if !more {
			return
		}
		if runner != nil && s.reconcile(a.holds, runner) {
			s.log.Info("the session was replaced", "account", a.name)
			restart()
		}
		_ = retry.Pause(a.holds, checkPause) // its end is seen above
	}
}

// reconcile looks until it is known what stands in the vault, or the account is not this daemon's any more.
func (s *Supervisor) reconcile(ctx context.Context, r *account.Runner) (anew bool) {
	_ = retry.Do(ctx, eachSecond, func(ctx context.Context) (again bool, err error) {
		brief, cancel := context.WithTimeout(ctx, checkTime)
		defer cancel()
		anew, err = r.Reconcile(brief)
		if anew || err == nil || errors.Is(err, account.ErrLost) || s.accounts.Runner(r.Name) != r || ctx.Err() != nil {
			return false, err
		}
		s.Services.Storage.Suspect(err)
		s.log.Warn("looking at the session in the vault", "account", r.Name, "err", err)
		return true, err
	})
	return anew
}

// lost is told of storage that was lost, and has everything written again that is known here. The leases look after themselves.
func (s *Supervisor) lost(c storage.Change) {
	for _, a := range s.accounts.list() {
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

// putBack stores what is known of the accounts that ran here, where there is none any more.
func (s *Supervisor) putBack() {
	for _, name := range s.formers.names() {
		if s.accounts.get(name) == nil {
			s.again(func(ctx context.Context) error { return s.formers.putBack(ctx, name) })
		}
	}
}

// again does something until it succeeds, or the daemon ends.
func (s *Supervisor) again(do func(context.Context) error) {
	_ = retry.Do(s.ctx, eachSecond, func(ctx context.Context) (again bool, err error) {
		brief, cancel := context.WithTimeout(ctx, checkTime)
		defer cancel()
		if err = do(brief); err != nil && ctx.Err() == nil {
			s.Services.Storage.Suspect(err)
			s.log.Warn("writing again what was lost", "err", err)
		}
		return true, err
	})
}

// follow has run follow the vault anew.
func (s *Supervisor) follow() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.unfollow != nil {
		s.unfollow()
	}
}

// followVault follows the vault until it was lost, or this daemon is to run nothing any more. What is there is told anew each
// time.
func (s *Supervisor) followVault() error {
	ctx, cancel := context.WithCancel(s.serving)
	defer cancel()
	s.mu.Lock()
	s.unfollow = cancel
	s.mu.Unlock()
	return s.Services.Vault.Watch(ctx, s.change)
}
