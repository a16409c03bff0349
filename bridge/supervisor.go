package bridge

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nuid"

	"github.com/natsgram/natsgram/bridge/account"
	"github.com/natsgram/natsgram/bridge/lease"
	"github.com/natsgram/natsgram/bridge/pulse"
	"github.com/natsgram/natsgram/bridge/stream"
	"github.com/natsgram/natsgram/bridge/vault"
)

// supervisor runs the accounts of the vault that fall to this daemon.
type supervisor struct {
	b     *Bridge
	base  *base
	store *stream.Store
	lease *lease.Leases
	crew  *lease.Crew
	ctx   context.Context //nolint:containedctx // the daemon's life, for accounts
	work  sync.WaitGroup
	wake  chan struct{} // one token: look again who is to run what
	id    string        // of this process, by which the other daemons ask it
	took  time.Time     // when it took an account last; of share alone
	until time.Time     // by when a planned end must be over; set before ctx ends

	serving context.Context         //nolint:containedctx // ends before ctx when this daemon can run nothing
	end     context.CancelCauseFunc // ends serving

	pulse    pulse.Pulse // of share
	mu       sync.Mutex
	stored   map[string]bool    // accounts with a session in the vault
	memories map[string]memory  // of accounts that ran here
	unfollow context.CancelFunc // ends the following of the vault, which begins anew then
	known    map[string]*candidate
	heard    map[string]hearing // of other daemons, by instance
}

// candidate is an account that there is, run here or not.
type candidate struct {
	name  string
	found time.Time     // when this daemon learned of it
	after time.Time     // not before: it failed here
	wait  time.Duration // the next pause after a failure
	err   error         // how it failed last; nil: it does not
}

// supervised is one account that runs here, or is about to.
type supervised struct {
	name    string
	since   time.Time
	mu      sync.Mutex
	runner  *account.Runner
	restart context.CancelFunc // ends the present runner
	heir    string             // the daemon it was asked to give the account to
	leaving bool               // it was told to let go

	checking, again bool // its session in the vault is being looked at; and is to be once more
	closing         bool // and nobody is to take it: the account is being removed
}

// newSupervisor makes this daemon known to the others. It works until ctx ends; leave then takes it out of their sight.
func (b *Bridge) newSupervisor(ctx context.Context, base *base, store *stream.Store, leases *lease.Leases) (s *supervisor, leave func(), err error) {
	s = &supervisor{
		b: b, base: base, store: store, lease: leases, wake: make(chan struct{}, 1), id: nuid.Next(),
		stored: map[string]bool{}, memories: map[string]memory{}, known: map[string]*candidate{}, heard: map[string]hearing{},
	}
	deaf, err := s.answer()
	if err != nil {
		return nil, nil, err
	}
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	var work sync.WaitGroup
	s.crew, err = leases.Join(ctx, life, lease.Member{Instance: s.id, Capacity: b.settings.Capacity, Accounts: b.settings.Accounts}, &work)
	if err != nil {
		deaf()
		end()
		work.Wait()
		return nil, nil, err
	}
	// The others hear that this daemon goes before it lets go of the first account.
	var stop context.CancelFunc
	s.ctx, stop = context.WithCancel(context.WithoutCancel(ctx))
	s.serving, s.end = context.WithCancelCause(s.ctx)
	told := make(chan struct{})
	context.AfterFunc(ctx, func() {
		defer close(told)
		s.until = time.Now().Add(stopWithin)
		s.crew.Leave(life)
		deaf()
		stop()
	})
	return s, func() {
		<-told
		end()
		work.Wait()
		brief, cancel := context.WithTimeout(context.WithoutCancel(ctx), goodbye)
		defer cancel()
		s.crew.Gone(brief)
	}, nil
}

// A planned end fits into the 30 s that supervisors of processes are told to give it: the accounts end (account.Within), are given
// back, their requests are passed on for as long as there is, and the other daemons are told.
const (
	stopWithin = 28 * time.Second
	giveBack   = 3 * time.Second
	goodbye    = 2 * time.Second
)

// passing bounds the passing on of requests, where this daemon ends, by its time.
func (s *supervisor) passing() (context.Context, context.CancelFunc) {
	ctx := context.WithoutCancel(s.ctx)
	if s.ctx.Err() == nil {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, s.until.Add(-goodbye))
}

// run follows the vault and shares the accounts out until ctx ends.
func (s *supervisor) run() error {
	names, err := s.base.vault.Accounts(s.ctx)
	if err != nil {
		return err
	}
	for _, name := range names {
		s.has(name, true)
	}
	s.base.storage.OnChange(s.lost)
	s.work.Go(s.share)
	close(s.b.ready)
	for {
		err := s.followVault()
		if s.serving.Err() != nil {
			return context.Cause(s.serving)
		}
		if !errors.Is(err, context.Canceled) { // begun anew on purpose: the bucket is another one
			s.b.log.Warn("following the vault", "err", err)
		}
		if err := pause(s.serving, time.Second); err != nil {
			return context.Cause(s.serving)
		}
	}
}

const (
	retryMin = time.Second
	retryMax = time.Minute
)

// tend runs an account while this daemon has its lease.
func (s *supervisor) tend(a *supervised) {
	begun := time.Now()
	held, err := s.take(a.name)
	if err == nil && held != nil {
		err = s.once(a, held)
		s.unfit(err)
	}
	s.b.drop(a)
	if err == nil && held == nil {
		s.later(a.name, turn) // it is somebody's, or may be, as will be seen soon
	}
	s.ended(a.name, time.Since(begun), err)
	s.stir()
}

// exists: the account has a record, is named by the settings, or has a session. Of a session that was removed together with
// the record the news may still be on its way.
func (s *supervisor) exists(name string) (bool, error) {
	if s.crew.Seat(name, time.Now()).Known || slices.Contains(s.b.settings.Accounts, name) {
		return true, nil
	}
	_, err := s.base.vault.Load(s.ctx, name)
	if errors.Is(err, vault.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// ended plans when the account may be tried again here.
func (s *supervisor) ended(name string, took time.Duration, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.known[name]
	if c == nil {
		return
	}
	if err == nil || took > retryMax {
		c.wait = retryMin
	}
	c.err = err
	if err == nil || s.ctx.Err() != nil {
		return
	}
	s.b.log.Error("account stopped", "account", name, "err", err, "again_in", c.wait)
	c.after = time.Now().Add(c.wait)
	c.wait = min(2*c.wait, retryMax)
}

// failures are the accounts that failed here, and have not begun again since.
func (s *supervisor) failures() (all []Problem) {
	failed := map[string]error{}
	s.mu.Lock()
	for name, c := range s.known {
		if c.err != nil {
			failed[name] = c.err
		}
	}
	s.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(failed)) {
		if r := s.b.current(name); r == nil || r.Starting() {
			all = append(all, Problem{kindAccount, name, "it cannot be run here: " + failed[name].Error()})
		}
	}
	return all
}

// whyNotHere is how an account failed here last; empty: it did not.
func (s *supervisor) whyNotHere(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.known[name]; c != nil && c.err != nil {
		return c.err.Error()
	}
	return ""
}

// later keeps this daemon from trying an account for a while, at least.
func (s *supervisor) later(name string, d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.known[name]; c != nil {
		if at := time.Now().Add(d); at.After(c.after) {
			c.after = at
		}
	}
}

// once runs an account until it is to be let go, or begun anew with another session.
func (s *supervisor) once(a *supervised, held *lease.Lease) error {
	ctx, restart := context.WithCancel(s.ctx)
	defer restart()
	r := s.runner(a, restart, held)
	err := s.recall(ctx, a.name)
	if err == nil {
		err = r.Run(ctx)
		s.remember(r)
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = nil // told to end before it had begun: its session was replaced, or it goes elsewhere
	}
	brief, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), giveBack)
	defer cancel()
	if a.closes() {
		held.Close(brief)
	} else {
		held.Release(brief, a.whose())
	}
	s.work.Go(func() {
		ctx, cancel := s.passing()
		defer cancel()
		r.PassOn(ctx)
	})
	return err
}

func (a *supervised) whose() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.heir
}

// closes: nobody is to have the account.
func (a *supervised) closes() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.closing
}

func (s *supervisor) runner(a *supervised, restart context.CancelFunc, held *lease.Lease) *account.Runner {
	b := s.b
	r := account.New(account.Config{
		Name: a.name, Settings: b.settings, Env: b.env, Conn: s.base.nc, Answers: s.base.answers, Store: s.store, Vault: s.base.vault, Once: s.base.once, Floods: s.base.floods, Limits: s.base.limits, Rates: b.layer.rates,
		Methods: b.layer.methods, Budget: b.budget, Room: b.room, Rules: b.layer.rules, Version: b.options.Version, Metrics: b.metrics, Clock: &b.clock, Log: b.log, Lost: held.Lost(), Sure: held.Sure,
		Successor: func() bool { return !a.closes() && s.successor(a.name) },
	})
	a.mu.Lock()
	a.runner, a.restart = r, restart
	leaving := a.leaving
	a.mu.Unlock()
	if leaving {
		restart()
	}
	b.tell()
	return r
}

// drop forgets an account that does not run here any more.
func (b *Bridge) drop(a *supervised) {
	b.mu.Lock()
	if b.accounts[a.name] == a {
		delete(b.accounts, a.name)
	}
	b.mu.Unlock()
	b.tell()
}

// running is an account that runs here, or nil.
func (b *Bridge) running(name string) *supervised {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.accounts[name]
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
	a := b.running(name)
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
			if st.State == account.Connected && r.UpToDate() {
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
	for _, r := range b.runners() {
		all = append(all, r.Status())
	}
	return all
}

// runners are those of all accounts of this daemon.
func (b *Bridge) runners() (all []*account.Runner) {
	for _, a := range b.all() {
		a.mu.Lock()
		if a.runner != nil {
			all = append(all, a.runner)
		}
		a.mu.Unlock()
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
