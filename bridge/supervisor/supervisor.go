// Package supervisor runs the accounts that fall to this daemon: it holds their leases, begins and ends each of them, gives away
// what another daemon is to have, and stores again what was lost. What falls to it package share decides.
package supervisor

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nuid"

	"github.com/natsgram/natsgram/bridge/account"
	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/backing"
	"github.com/natsgram/natsgram/bridge/lease"
	"github.com/natsgram/natsgram/bridge/pulse"
	"github.com/natsgram/natsgram/bridge/retry"
	"github.com/natsgram/natsgram/bridge/settings"
	"github.com/natsgram/natsgram/bridge/share"
	"github.com/natsgram/natsgram/bridge/stream"
)

// Config is what a supervisor stands on.
type Config struct {
	Account  account.Config // of every account, but for its name and its lease
	Services *backing.Services
	Leases   *lease.Leases
	Accounts *Accounts
}

// Supervisor runs the accounts of the vault that fall to this daemon.
type Supervisor struct {
	Config
	settings settings.Settings
	answers  *answer.Answers
	store    *stream.Store
	accounts *Accounts
	log      *slog.Logger

	table *lease.Table
	ctx   context.Context //nolint:containedctx // the daemon's life, for accounts
	work  sync.WaitGroup
	wake  chan struct{} // one token: look again who is to run what
	id    string        // of this process, by which the other daemons ask it
	until time.Time     // by when a planned end must be over; set before ctx ends

	serving context.Context         //nolint:containedctx // ends before ctx when this daemon can run nothing
	end     context.CancelCauseFunc // ends serving

	pings   pings
	formers formers

	pulse    pulse.Pulse // of share
	mu       sync.Mutex
	stored   map[string]bool    // accounts with a session in the vault
	unfollow context.CancelFunc // ends the following of the vault, which begins anew then
	machine  *share.Machine     // what falls to this daemon
}

// Join makes this daemon known to the others. It works until ctx ends; leave then takes it out of their sight.
func Join(ctx context.Context, c Config) (s *Supervisor, leave func(), err error) {
	s = &Supervisor{
		Config: c, settings: c.Account.Settings, answers: c.Account.Answers, store: c.Account.Store, log: c.Account.Log,
		accounts: c.Accounts,
		wake:     make(chan struct{}, 1), id: nuid.Next(),
		stored:  map[string]bool{},
		formers: formers{vault: c.Services.Vault, records: c.Account.Records, log: c.Account.Log, all: map[string]former{}},
		pings:   pings{conn: c.Services.Conn, scheme: c.Account.Settings.Scheme()},
	}
	unlisten, err := s.listen()
	if err != nil {
		return nil, nil, err
	}
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	var work sync.WaitGroup
	me := lease.Member{Instance: s.id, Capacity: s.settings.Capacity, Accounts: s.settings.Accounts}
	s.table, err = c.Leases.Join(ctx, life, me, &work)
	if err != nil {
		unlisten()
		end()
		work.Wait()
		return nil, nil, err
	}
	s.machine = share.New(share.Times{Lease: s.table.TTL(), Heir: lease.HeirTime})
	// The others hear that this daemon goes before it lets go of the first account.
	var stop context.CancelFunc
	s.ctx, stop = context.WithCancel(context.WithoutCancel(ctx))
	s.serving, s.end = context.WithCancelCause(s.ctx)
	told := make(chan struct{})
	context.AfterFunc(ctx, func() {
		defer close(told)
		s.until = time.Now().Add(stopWithin)
		s.table.Leave(life)
		unlisten()
		stop()
	})
	return s, func() {
		<-told
		end()
		work.Wait()
		brief, cancel := context.WithTimeout(context.WithoutCancel(ctx), goodbye)
		defer cancel()
		s.table.Gone(brief)
	}, nil
}

// A planned end fits into the 30 s that supervisors of processes are told to give it: the accounts end (account.Within), are
// given back, their requests are passed on for as long as there is, and the other daemons are told.
const (
	stopWithin = 28 * time.Second
	giveBack   = 3 * time.Second
	goodbye    = 2 * time.Second
)

// passing bounds the passing on of requests, where this daemon ends, by its time.
func (s *Supervisor) passing() (context.Context, context.CancelFunc) {
	ctx := context.WithoutCancel(s.ctx)
	if s.ctx.Err() == nil {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, s.until.Add(-goodbye))
}

// Run follows the vault and shares the accounts out until the context of Join ends. ready is called when those that are stored
// have been given to be started.
func (s *Supervisor) Run(ready func()) error {
	names, err := s.Services.Vault.Accounts(s.ctx)
	if err != nil {
		return err
	}
	for _, name := range names {
		s.noteSession(name, true)
	}
	s.Services.Storage.OnChange(s.lost)
	s.work.Go(s.share)
	ready()
	for {
		err := s.followVault()
		if s.serving.Err() != nil {
			return context.Cause(s.serving)
		}
		if !errors.Is(err, context.Canceled) { // begun anew on purpose: the bucket is another one
			s.log.Warn("following the vault", "err", err)
		}
		if err := retry.Pause(s.serving, time.Second); err != nil {
			return context.Cause(s.serving)
		}
	}
}

// Wait waits until the last account has ended.
func (s *Supervisor) Wait() {
	<-s.ctx.Done()
	s.work.Wait()
}
