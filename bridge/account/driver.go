package account

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/pulse"
	"github.com/natsgram/natsgram/bridge/room"
	"github.com/natsgram/natsgram/bridge/stream"
	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/updates"
)

// driver is the goroutine around the updates machine: it hands in what arrived and the time, and does what the machine
// asks for. Everything else only puts things into its inbox.
type driver struct {
	r       *Runner
	machine *updates.Machine
	log     *stream.Log
	writer  *writer
	client  Client
	ctx     context.Context //nolint:containedctx // the driver's life, for fetches
	fetches fetches
	owed    owed
	saving  saving
	peers   *directory

	watching sync.Mutex // one change at a time
	watch    watchList  // under mu
	watches  bool       // the machine knows them

	mu       sync.Mutex
	inbox    []input
	bytes    int64
	pressure pressure
	wake     chan struct{}

	pulse       pulse.Pulse
	durable     durable
	differences differences
	caughtUp    bool // it was told that no difference is due

	room      *room.Share // of the daemon's memory
	heldBytes int64       // of it, for what the machine holds
}

// saving is when the position was last saved, and what is to be done with the first.
type saving struct {
	last  time.Time
	begun bool // the stream holds where the account begins
}

// fetches are calls for the machine, and what else runs beside the driver.
type fetches struct {
	sync.WaitGroup
	held    []*updates.Fetch // until the log has room
	waiting []*updates.Fetch // until the daemon has room for the answer
	// roomless: some of them wait for it, since then.
	roomless atomic.Bool
	since    time.Time
}

// owed is what to call when an update may be acknowledged (C17), by the token that the machine has of it.
type owed struct {
	done map[uint64]func()
	last uint64
}

// durable is the state that the stream holds.
type durable struct {
	mu     sync.Mutex
	state  updates.State
	seq    uint64
	user   int64
	stored uint64 // groups since the position was saved
	total  uint64
	begun  bool // it is known where the account stands
}

const (
	// savePositionAfter and savePositionEvery say when a position is saved: it makes recovery short and nothing else.
	savePositionAfter = 5000
	savePositionEvery = 30 * time.Second
)

func newDriver(r *Runner) *driver {
	d := &driver{
		r: r, wake: make(chan struct{}, 1), owed: owed{done: map[uint64]func(){}}, differences: differences{late: r.differenceLate},
	}
	d.room = r.Room.Open(r.Settings.Pending, d.poke)
	return d
}

// reaches gives the driver its client, before either runs.
func (d *driver) reaches(c Client) {
	d.client = c
	d.writer.ahead = func() time.Duration { return ahead(c) }
}

func (d *driver) start()   { d.post(input{kind: inStart}) }
func (d *driver) drained() { d.post(input{kind: inDrained}) }

// push takes an update from the client.
func (d *driver) push(u mtproto.Update) {
	in := input{kind: inPush, at: u.Received, body: u.Body, done: u.Ack, again: u.Decline}
	if d.crowded() {
		d.turnAway(in)
		return
	}
	d.post(in)
}

// observe takes the result of a call of ours (D19).
func (d *driver) observe(call, result []byte, origin string) {
	if !d.r.Rules.Relevant(result) {
		return
	}
	if d.crowded() {
		d.hold(1, 0)
		return
	}
	d.post(input{kind: inResult, call: bytes.Clone(call), body: result, meta: updates.Meta{Origin: origin}})
}

// run drives the machine until ctx ends.
func (d *driver) run(ctx context.Context) {
	d.ctx = ctx
	defer d.fetches.Wait()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		d.arm(timer)
		d.pulse.End()
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			d.pulse.Begin()
			d.writer.received = time.Now()
			d.machine.Tick(d.writer.received)
			d.pump()
		case <-d.wake:
		}
		d.turn()
	}
}

// turn deals with what there is.
func (d *driver) turn() {
	for _, in := range d.take() {
		d.pulse.Begin()
		d.handle(in)
		d.pump()
		d.weighHeld()
		d.room.Give(in.size())
		if in.idle != nil {
			close(in.idle)
		}
	}
	d.pulse.Begin()
	d.fetchWaiting()
	if d.relieved() {
		d.resume(time.Now())
		d.pump()
	}
	d.judge(time.Now())
	d.tellUpToDate()
	d.maybeSave()
}

func (d *driver) take() []input {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := d.inbox
	d.inbox, d.bytes = nil, 0
	return all
}

// arm sets the timer to when the machine, or a position to save, is due.
func (d *driver) arm(timer *time.Timer) {
	wait := time.Hour
	if at := d.machine.Wake(); !at.IsZero() {
		wait = time.Until(at)
	}
	if d.unsaved() {
		wait = min(wait, time.Until(d.saving.last.Add(savePositionEvery)))
	}
	wait = min(wait, d.differences.wait(time.Now()), d.roomLate(time.Now()))
	timer.Reset(max(wait, 0))
}

func (d *driver) handle(in input) {
	now := time.Now()
	if d.writer.received = in.at; in.at.IsZero() {
		d.writer.received = now
	}
	switch in.kind {
	case inStart:
		d.machine.Start(now)
		d.startWatching(now)
	case inPush:
		d.handlePush(now, in)
	case inResult:
		d.handleResult(now, in)
	case inFetched:
		d.machine.Result(now, in.fetch.ID, in.body, in.err)
		d.learned(in.fetch, in.err)
	case inRelease:
		d.release(in.tokens)
	case inLast:
		d.lastCall(now)
	case inWatch:
		in.watch(now)
	}
}

func (d *driver) handlePush(now time.Time, in input) {
	if d.log.Full() {
		d.noRoom(now, in)
		return
	}
	d.pushNow(now, in)
}

func (d *driver) pushNow(now time.Time, in input) {
	d.owed.last++
	d.owed.done[d.owed.last] = in.done
	d.machine.Push(now, in.body, updates.Meta{Token: d.owed.last})
}

func (d *driver) handleResult(now time.Time, in input) {
	if d.log.Full() {
		d.noRoomForResult(now, in)
		return
	}
	d.machine.PushResult(now, in.call, in.body, in.meta)
}

// pump does what the machine asks for.
func (d *driver) pump() {
	for out, ok := d.machine.Next(); ok; out, ok = d.machine.Next() {
		switch out := out.(type) {
		case *updates.Batch:
			d.store(out)
		case *updates.Fetch:
			if d.log.Full() {
				d.hold(0, 0)
				d.fetches.held = append(d.fetches.held, out)
			} else {
				d.fetchIfRoom(out)
			}
		case *updates.Release:
			d.release(out.Tokens)
		case *updates.Unreadable:
			d.r.Log.Warn("an update that cannot be read", "box", out.Box, "err", out.Err)
			d.r.event("updates.unreadable", map[string]any{"box": out.Box.String(), "error": text(out.Err)})
			d.client.Reinit()
		}
	}
}

// store sends live items at once and gives the others to the log.
func (d *driver) store(b *updates.Batch) {
	d.learn(b)
	g := &stream.Group{Whole: b.Whole, State: b.State, Messages: make([]stream.Message, 0, len(b.Items))}
	for i := range b.Items {
		item := &b.Items[i]
		d.measure(item)
		if item.Gap != nil && item.Gap.Reason != updates.GapBeginning {
			d.r.event("gap", map[string]any{
				"box": item.Gap.Box.String(), "from": item.Gap.From, "to": item.Gap.To, "reason": item.Gap.Reason, "filled": item.Gap.Fill,
			})
		}
		if m := d.writer.message(item); item.Live {
			d.live(m)
		} else {
			g.Messages = append(g.Messages, m)
		}
	}
	if len(b.Release) > 0 {
		g.Done = func() { d.post(input{kind: inRelease, tokens: b.Release}) }
	}
	d.log.Add(g)
}

func (d *driver) live(m stream.Message) {
	if limits := stream.LimitsOf(d.r.Conn); !limits.Takes(m) {
		m = d.writer.smaller(m, limits, "")[0]
	}
	if err := d.r.Conn.PublishMsg(&nats.Msg{Subject: m.Subject, Header: m.Header, Data: m.Data}); err != nil {
		d.r.Log.Debug("publishing a live update", "err", err)
	}
}

func (d *driver) release(tokens []uint64) {
	for _, t := range tokens {
		if done := d.owed.done[t]; done != nil {
			done()
			delete(d.owed.done, t)
		}
	}
}

// fetch makes a call for the machine; weight is what was set aside for the answer. It judges FLOOD_WAIT by itself.
func (d *driver) fetch(f *updates.Fetch, weight int64) {
	if d.differences.counts(f) {
		d.differences.asked(time.Now())
	}
	d.fetches.Go(func() {
		defer d.room.Sent(weight)
		ctx, cancel := context.WithTimeout(d.ctx, fetchTime)
		defer cancel()
		body, err := d.client.Invoke(mtproto.WithRetries(mtproto.WithFloodWait(ctx, 0), 0), f.Query) // the machine has a rhythm of its own
		if d.ctx.Err() != nil {
			return
		}
		var e *mtproto.Error
		if errors.As(err, &e) && e.Code != 0 {
			err = &updates.Error{Code: e.Code, Type: e.Type}
		}
		d.post(input{kind: inFetched, fetch: f, body: body, err: err})
	})
}

// finish waits until everything in the inbox has gone through the machine, and what only this driver has into the log.
func (d *driver) finish(ctx context.Context) {
	idle := make(chan struct{})
	d.post(input{kind: inLast})
	d.post(input{kind: inBarrier, idle: idle})
	select {
	case <-idle:
	case <-ctx.Done():
	}
}
