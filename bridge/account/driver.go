package account

import (
	"context"
	"time"

	"github.com/natsgram/natsgram/bridge/chats"
	"github.com/natsgram/natsgram/bridge/index"
	"github.com/natsgram/natsgram/bridge/pulse"
	"github.com/natsgram/natsgram/bridge/stream"
	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/mtproto/updates/loop"
)

// driver is the [loop.Owner] of an account: it has what the machine gives published, and sees to it that there is room for what
// comes in.
type driver struct {
	loop      *loop.Loop
	machine   *updates.Machine
	rules     *updates.Rules
	client    Client
	ask       func(ctx context.Context, query []byte) ([]byte, error) // makes the calls by which peers are found
	log       *stream.Log
	tell      *teller
	publisher publisher
	ledger    ledger
	memory    memory
	pressure  pressure
	fetches   fetches
	watched   watched
	chats     *chats.Keeper // of the dialogs; nil: they are not kept

	differences differences
	pulse       pulse.Pulse
}

// newDriver makes a driver that has yet to recover, and to get its client.
func (r *Runner) newDriver() *driver {
	c := &r.c
	d := &driver{rules: c.Rules, tell: &r.tell}
	d.loop = loop.New(&d.memory, &d.pulse)
	d.memory.pending, d.memory.share = c.Settings.Pending, c.Room.Open(c.Settings.Pending, d.loop.Poke)
	d.pressure.only, d.pressure.most, d.pressure.after = c.Rules.Unrecoverable, d.memory.parkable, r.heldAfter
	d.fetches.memory, d.fetches.call = &d.memory, d.call
	d.differences = differences{late: r.differenceLate, tell: &r.tell, changed: r.status.tell}
	d.ledger.name, d.ledger.records, d.ledger.tell, d.ledger.follows = c.Name, c.Records, &r.tell, r.status.follows
	d.ledger.places = &places{Index: index.New(), name: c.Name, records: c.Records, log: c.Log}
	d.watched.name, d.watched.records, d.watched.tell, d.watched.wait = c.Name, c.Records, &r.tell, d.loop.Wait
	d.publisher.conn, d.publisher.tell, d.publisher.release, d.publisher.places = c.Conn, &r.tell, d.loop.Release, d.ledger.places
	return d
}

// reaches gives the driver its client, before either runs.
func (d *driver) reaches(c Client) {
	d.client, d.publisher.writer.client = c, c
}

// start has the machine fetch what was missed.
func (d *driver) start() {
	d.loop.Post(func(now time.Time, m *updates.Machine) {
		m.Start(now)
		d.watched.start(now, m)
	})
}

// Store has a batch published.
func (d *driver) Store(b *updates.Batch) error {
	d.publisher.store(b, d.loop.At(), d.machine.Watched)
	return nil
}

// Fetch makes a call once there is room for what comes of it.
func (d *driver) Fetch(f *updates.Fetch) {
	if d.log.Full() {
		d.press()
		d.fetches.hold(f)
		return
	}
	d.fetches.make(time.Now(), f)
}

// call makes a call; weight is what was set aside for the answer.
func (d *driver) call(f *updates.Fetch, weight int64) {
	d.differences.asked(time.Now(), f)
	d.loop.Call(f, func() { d.memory.share.Sent(weight) })
}

// Unreadable tells of an update, and has the next connection tell Telegram the layer again.
func (d *driver) Unreadable(u *updates.Unreadable) {
	d.tell.log.Warn("an update that cannot be read", "box", u.Box, "err", u.Err)
	d.tell.event("updates.unreadable", map[string]any{"box": u.Box.String(), "error": text(u.Err)})
	d.client.Reinit()
}

// Turned looks whether there is room again, and what is due.
func (d *driver) Turned(now time.Time) error {
	d.fetches.again()
	if d.roomLate(now) <= 0 {
		d.press()
	}
	if d.relieved() {
		if err := d.resume(now); err != nil {
			return err
		}
	}
	d.differences.turned(now)
	d.ledger.turned(now, d.loop.Go)
	return nil
}

// Due is when Turned has to look again.
func (d *driver) Due(now time.Time) time.Duration {
	return min(d.ledger.due(now), d.differences.wait(now), d.roomLate(now))
}

// finish waits until everything in the inbox has gone through the machine, and what only this driver has into the log.
func (d *driver) finish(ctx context.Context) {
	d.loop.Post(d.lastCall)
	_ = d.loop.Wait(ctx, nothing)
}

func nothing(time.Time, *updates.Machine) {}
