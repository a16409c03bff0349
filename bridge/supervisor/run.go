package supervisor

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/natsgram/natsgram/bridge/account"
	"github.com/natsgram/natsgram/bridge/lease"
	"github.com/natsgram/natsgram/bridge/share"
	"github.com/natsgram/natsgram/bridge/vault"
)

// tend runs an account while this daemon has its lease.
func (s *Supervisor) tend(a *supervised) {
	begun := time.Now()
	held, err := s.acquire(a.name)
	if err == nil && held != nil {
		err = s.once(a, held)
		s.unfit(err)
	}
	a.endChecks()
	s.accounts.drop(a)
	if err == nil && held == nil {
		s.later(a.name, share.Turn) // it is somebody's, or may be, as will be seen soon
	}
	s.ended(a.name, time.Since(begun), err)
	s.wakeShare()
}

// once runs an account until it is to be let go, or begun anew with another session.
func (s *Supervisor) once(a *supervised, held *lease.Lease) error {
	ctx, restart := context.WithCancel(s.ctx)
	defer restart()
	r := s.runner(a, restart, held)
	err := s.formers.putBack(ctx, a.name)
	if err == nil {
		err = r.Run(ctx)
	}
	a.endChecks()
	s.formers.keep(r)
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = nil // told to end before it had begun: its session was replaced, or it goes elsewhere
	}
	brief, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), giveBack)
	defer cancel()
	if a.isClosing() {
		held.Close(brief)
	} else {
		held.Release(brief, a.heirID())
	}
	s.work.Go(func() {
		ctx, cancel := s.passing()
		defer cancel()
		r.PassOn(ctx)
	})
	return err
}

func (s *Supervisor) runner(a *supervised, restart context.CancelFunc, held *lease.Lease) *account.Runner {
	c := s.Account
	c.Name, c.Lost, c.Sure = a.name, held.Lost(), held.Sure
	c.Successor = func() bool { return !a.isClosing() && s.Successor(a.name) }
	r := account.New(c)
	a.mu.Lock()
	a.runner, a.restart = r, restart
	leaving := a.leaving
	a.mu.Unlock()
	if leaving {
		restart()
	}
	s.accounts.tell()
	return r
}

// later leaves an account alone for a while, at least.
func (s *Supervisor) later(name string, d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.machine.Later(time.Now(), name, d)
}

// ended has the machine plan when the account may be tried again here.
func (s *Supervisor) ended(name string, ran time.Duration, err error) {
	s.mu.Lock()
	wait := s.machine.Ended(time.Now(), name, ran, err)
	s.mu.Unlock()
	if err != nil && wait > 0 && s.ctx.Err() == nil {
		s.log.Error("account stopped", "account", name, "err", err, "again_in", wait)
	}
}

// unfit ends the daemon when an account could not be run because this is the wrong place for all of them: when it began, there
// may have been no session yet to see that by.
func (s *Supervisor) unfit(why error) {
	if !errors.Is(why, vault.ErrSealed) {
		return
	}
	if err := s.Services.Fits(s.ctx); errors.Is(err, vault.ErrSealed) {
		s.end(err)
	}
}

// exists reports whether there is such an account: it has a record, is named by the settings, or has a session. Of a session that
// was removed together with the record the news may still be on its way.
func (s *Supervisor) exists(name string) (bool, error) {
	if s.table.Holding(name, time.Now()).Known || slices.Contains(s.settings.Accounts, name) {
		return true, nil
	}
	_, err := s.Services.Vault.Load(s.ctx, name)
	if errors.Is(err, vault.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}
