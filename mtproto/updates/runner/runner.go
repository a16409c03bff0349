// Package runner is a client of Telegram that hands out the updates of its account in order: each at least once, with a Gap
// where Telegram has lost some, and from where the last run ended.
//
//	r, err := runner.New(mtproto.Options{API: api, Env: dc.Production(), State: saved, Save: save}, runner.Config{
//		Store:  runner.File("updates.json"),
//		Handle: func(it updates.Item) error { ... },
//	})
//	err = r.Run(ctx)
//
// Calls go through [Runner.Invoke], so that a message which the program itself sends is an item too.
//
// # At least once
//
// The state is saved after each item, never before it was handled. So an item is handled twice only where the program crashed
// after Handle had returned and before the state was saved. Handle has to bear that, as by the id of a message: what comes
// a second time in a difference may have another Pts and Index than before.
package runner

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/mtproto/updates/loop"
	"github.com/natsgram/natsgram/tl/api"
)

// Config says what to do with updates. Handle and Store are needed.
type Config struct {
	// Handle is given each item, one after another, also those that are of use only at once (Item.Live). After an error
	// [Runner.Run] ends; the item was not handled then, and is given to the next run once more. While Handle works nothing
	// else of the updates goes on, but calls do, also its own.
	Handle func(updates.Item) error

	// Store keeps where the account stands.
	Store Store

	// Rules are those of the client's schema. Nil: of the default one.
	Rules *updates.Rules

	// Updates are limits of the machine. SelfID, Bot and Begin are filled in, Rand where it is nil. MaxBatch is 1 by default: where
	// it is more, the state is saved less often while much was missed, and an error of Handle has up to so many items handled twice.
	Updates updates.Config

	// MaxWaiting is how many bytes of updates wait while Handle works, 16 MiB by default. Telegram keeps what is more.
	MaxWaiting int
}

const defaultWaiting = 16 << 20

// Runner is a client with its updates in order.
type Runner struct {
	c      Config
	client *mtproto.Client
	loop   *loop.Loop

	signedIn chan struct{} // one token: somebody may be
	declined atomic.Bool   // Telegram is to send updates again
	ran      atomic.Bool
}

// New makes a client and its runner. Options.Updates has to be nil; Options.Events is told what it would be told without the
// runner.
func New(o mtproto.Options, c Config) (*Runner, error) {
	switch {
	case c.Handle == nil:
		return nil, errors.New("runner: Config.Handle is missing")
	case c.Store == nil:
		return nil, errors.New("runner: Config.Store is missing; MemoryStore forgets with the process")
	case o.Updates != nil:
		return nil, errors.New("runner: Options.Updates is set, but updates go to Config.Handle")
	case o.Schema != nil && c.Rules == nil:
		return nil, errors.New("runner: Options.Schema is set, so Config.Rules is needed (updates.Compile)")
	}
	if c.Rules == nil {
		var err error
		if c.Rules, err = defaultRules(); err != nil {
			return nil, err
		}
	}
	c.Updates.MaxBatch = cmp.Or(c.Updates.MaxBatch, 1)
	c.MaxWaiting = cmp.Or(c.MaxWaiting, defaultWaiting)
	r := &Runner{c: c, loop: loop.New(nil, nil), signedIn: make(chan struct{}, 1)}
	o.Updates = r.push
	o.Events = r.events(o.Events)
	var err error
	r.client, err = mtproto.New(o)
	return r, err
}

var defaultRules = sync.OnceValues(func() (*updates.Rules, error) {
	decl, err := api.Declared()
	if err != nil {
		return nil, err
	}
	s, err := api.Schema()
	if err != nil {
		return nil, err
	}
	return updates.Compile(s, decl)
})

// Client is the client below, for its login, files and state. The runner runs it.
func (r *Runner) Client() *mtproto.Client { return r.client }

// Invoke is [mtproto.Client.Invoke]; updates in the answer are handled in their order. It makes the runner a tg.Invoker.
func (r *Runner) Invoke(ctx context.Context, query []byte) ([]byte, error) {
	result, err := r.client.Invoke(ctx, query)
	if err == nil && r.c.Rules.Relevant(result) {
		r.loop.Result(bytes.Clone(query), bytes.Clone(result), updates.Meta{})
	}
	return result, err
}

// events tells the machine what it has to know, and passes all on.
func (r *Runner) events(next func(mtproto.Event)) func(mtproto.Event) {
	return func(e mtproto.Event) {
		switch e := e.(type) {
		case mtproto.Connected:
			r.loop.Post(func(now time.Time, m *updates.Machine) {
				if e.DC == r.client.Home() {
					m.Start(now)
				}
			})
		case mtproto.Migrated, mtproto.NewSession:
			r.loop.Post(start) // pushes may have been lost (C36, E18)
		case mtproto.Authorized:
			select {
			case r.signedIn <- struct{}{}:
			default:
			}
		}
		if next != nil {
			next(e)
		}
	}
}

func start(now time.Time, m *updates.Machine) { m.Start(now) }

// push takes an update of the client's, or has Telegram keep it where there is no room.
func (r *Runner) push(u mtproto.Update) {
	if r.loop.Waiting() < int64(r.c.MaxWaiting) {
		r.loop.Push(u)
		return
	}
	r.declined.Store(true)
	u.Decline()
	r.loop.Poke()
}

// Run runs the client and hands out its updates, once somebody is signed in, until ctx ends, the client does, or Handle or
// Store fails. When it returns all connections are closed and nothing runs any more. A Runner runs once.
func (r *Runner) Run(ctx context.Context) error {
	if r.ran.Swap(true) {
		return errors.New("runner: a Runner runs once")
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		stop(r.client.Run(ctx)) // the first cause stays
	}()
	err := r.follow(ctx)
	stop(err)
	<-ended
	return err
}

// follow hands out updates until ctx ends, and returns why.
func (r *Runner) follow(ctx context.Context) error {
	who := r.client.State()
	for who.UserID == 0 {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-r.signedIn:
			who = r.client.State()
		}
	}
	f := &follower{r: r, ctx: ctx}
	if err := f.open(who); err != nil {
		return err
	}
	f.machine.Start(time.Now())
	return errors.Join(r.loop.Run(ctx, f.machine, r.client, f), f.saveUnsaved())
}

// open goes on from the state that was saved.
func (f *follower) open(who mtproto.State) (err error) {
	c := f.r.c.Updates
	if f.state, err = f.r.c.Store.Load(); err != nil {
		return fmt.Errorf("runner: loading the state: %w", err)
	}
	if f.state.Date == 0 && f.state.Pts == 0 {
		c.Begin = updates.GapBeginning
	}
	c.SelfID, c.Bot = who.UserID, who.Bot
	if c.Rand == nil {
		c.Rand = rand.Float64
	}
	f.machine, err = updates.New(f.r.c.Rules, f.state, c)
	return err
}
