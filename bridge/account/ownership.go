package account

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/natsgram/natsgram/bridge/files"
	"github.com/natsgram/natsgram/bridge/history"
	"github.com/natsgram/natsgram/bridge/rpc"
	"github.com/natsgram/natsgram/bridge/settings"
	"github.com/natsgram/natsgram/bridge/stream"
	"github.com/natsgram/natsgram/bridge/uploads"
	"github.com/natsgram/natsgram/mtproto"
)

// ownership is the time from taking an account to letting go of it, and what runs in it.
type ownership struct {
	c          *Config
	tell       *teller
	status     *status
	log        *stream.Log
	client     Client
	driver     *driver
	service    *rpc.Service
	calls      calls
	files      *files.Service
	uploads    *uploads.Uploads // nil: no call may name a file
	history    *history.Service // nil: none is fetched
	online     presence
	keeping    keeping
	relearning relearning
	erasing    erasing
	kept       *kept           // what is to be passed on; set by run before it returns
	hard       context.Context //nolint:containedctx // the ownership's life: ends when nothing may go on
	stop       context.CancelFunc
	work       sync.WaitGroup
	ended      chan error // of the log
	lost       chan error // of the client
}

// begin takes the account: from the owner record on nobody else can write its updates.
func (r *Runner) begin(ctx context.Context, state mtproto.State) (*ownership, error) {
	if r.c.Settings.APIID == 0 {
		return nil, settings.ErrNoAPI
	}
	o := &ownership{
		c: &r.c, tell: &r.tell, status: &r.status, driver: r.newDriver(), ended: make(chan error, 1), lost: make(chan error, 1),
	}
	o.hard, o.stop = context.WithCancel(context.WithoutCancel(ctx))
	o.calls.floods = r.c.Floods.Account(r.Name, r.tell.log)
	err := o.open(ctx, state)
	if err == nil {
		o.client, err = r.newClient(ctx, state, o)
	}
	if err == nil {
		err = r.serve(ctx, state, o)
	}
	if err != nil {
		o.stop()
		o.calls.floods.Close(o.hard)
		o.driver.memory.share.Close()
		return nil, err
	}
	r.mu.Lock()
	r.owned = o
	r.mu.Unlock()
	r.status.owned(state)
	r.tell.event(eventGained, map[string]any{"epoch": o.log.Epoch(), "owner": o.log.OwnerID()})
	return o, nil
}

// open takes the account's log, and makes the machine that goes on with it.
func (o *ownership) open(ctx context.Context, state mtproto.State) (err error) {
	d := o.driver
	o.log, err = o.c.Store.Open(ctx, stream.Options{
		Account: o.c.Name, User: state.UserID, Pending: o.c.Settings.Pending, Log: o.tell.log, Stored: d.stored, Drained: d.loop.Poke,
		Smaller: d.publisher.smaller, Troubled: d.troubled, Sure: o.c.Sure, Room: d.memory.share,
		Tried: func(took time.Duration, err error) { o.tell.metrics.Published(o.c.Name, took, err) },
	})
	if err != nil {
		return err
	}
	return d.recover(ctx, o.c, o.log, state)
}

// run starts everything and waits for the first reason to end.
func (o *ownership) run(ctx context.Context) error {
	o.work.Go(func() { o.ended <- o.log.Run(o.hard) })
	d := o.driver
	o.work.Go(func() { _ = d.loop.Run(o.hard, d.machine, d.client, d) }) // until o.hard ends: the driver itself finds no reason
	client, disconnect := context.WithCancel(o.hard)
	defer disconnect()
	o.work.Go(func() { o.lost <- o.client.Run(client) })
	if k := d.chats; k != nil {
		o.work.Go(func() { k.Run(o.hard) })
	}
	if d.ledger.places.lost {
		o.work.Go(func() { d.ledger.places.rebuild(o.hard, o.log) })
	}
	o.work.Go(func() { o.relearning.run(o.hard) })
	o.work.Go(func() { o.calls.jobs.run(o.hard) })
	o.files.Start()
	o.runHistory()
	offline := o.online.appear(o.hard, &o.work)
	for {
		select {
		case <-ctx.Done():
			return o.release(offline, disconnect)
		case <-o.c.Lost:
			return o.abandon(disconnect, ErrLost)
		case err := <-o.ended:
			return o.abandon(disconnect, err)
		case err := <-o.lost:
			if !signedOut(err) {
				return o.abandon(disconnect, fmt.Errorf("%s: the client of Telegram ended: %w", o.c.Name, err))
			}
			// Nobody can help but a person, by a new sign-in. Requests are refused with what happened until then.
			o.tell.log.Error("account is signed out of Telegram", "err", err)
			o.status.set(SignedOut, err)
		}
	}
}

// release lets go in order: requests answered, updates stored, connection closed, position saved.
func (o *ownership) release(offline, disconnect func()) error {
	grace, cancel := context.WithTimeout(o.hard, Grace)
	defer cancel()
	o.work.Go(func() {
		select {
		case <-o.c.Lost:
			o.stop()
		case <-o.hard.Done():
		}
	})
	o.status.set(Stopping, nil)
	o.calls.jobs.finish(grace)
	o.endHistory()
	o.files.Close()
	if passing := o.c.Successor != nil && o.c.Successor(); passing {
		o.kept = keep(grace, o.c, o.tell, o.service, o.log.OwnerID())
	} else {
		o.service.Stop(grace)
	}
	if o.kept == nil {
		o.files.PassOn(false)
	}
	o.uploads.Close()
	offline()
	disconnect()
	o.calls.close(grace)
	o.driver.finish(grace)
	o.driver.publisher.directory.Close(grace)
	err := o.log.Flush(grace)
	if err == nil {
		o.driver.ledger.save(grace)
		o.keeping.finish(grace)
	}
	o.tell.event("owner.lost", map[string]any{"epoch": o.log.Epoch(), "reason": "released"})
	o.end()
	return err
}

// abandon ends at once: the account is somebody else's, or cannot go on.
func (o *ownership) abandon(disconnect func(), err error) error {
	disconnect()
	o.status.set(Stopped, err)
	now, cancel := context.WithCancel(o.hard)
	cancel()
	o.stop()
	o.endHistory()
	o.files.Close()
	o.uploads.Close()
	o.service.Stop(now)
	o.files.PassOn(false)
	o.calls.close(now)
	o.driver.publisher.directory.Close(now)
	var fenced *stream.FencedError
	if errors.As(err, &fenced) {
		o.tell.event("owner.lost", map[string]any{"epoch": o.log.Epoch(), "reason": "taken over", "by": fenced.By.ID})
	}
	o.end()
	return err
}

func (o *ownership) end() {
	o.stop()
	o.work.Wait()
	o.driver.memory.share.Close()
}

// PassOn gives the requests that were kept to the next owner. To be called after Run has returned and the account was given
// back; it takes until somebody has it, 10 s at most, and ends in time for the limit of ctx.
func (r *Runner) PassOn(ctx context.Context) {
	o := r.ownership()
	if o == nil || o.kept == nil {
		return
	}
	begun := time.Now()
	n, served := o.kept.passOn(ctx)
	o.files.PassOn(served)
	r.tell.log.Info("requests passed on to the next owner", "requests", n, "served", served, "took", time.Since(begun))
}

func (r *Runner) newClient(ctx context.Context, state mtproto.State, o *ownership) (Client, error) {
	options, err := ClientOptions(r.c.Settings, r.c.Env, r.Name, r.c.Version)
	if err != nil {
		return nil, err
	}
	options.Schema, options.State, options.Save = r.c.Methods.Schema(), state, r.keeper.save
	options.Updates, options.Events, options.Log = o.driver.push, o.clientEvent, r.tell.log
	options.Pauses, options.Paused = o.calls.floods.Load(ctx), o.calls.floods.Note
	if r.c.Sure != nil {
		options.Dial = fenced(new(net.Dialer).DialContext, r.c.Sure)
	}
	return r.c.NewClient(options)
}
