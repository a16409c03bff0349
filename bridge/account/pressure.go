package account

import (
	"time"

	"github.com/natsgram/natsgram/mtproto/updates"
)

// pressure is what is done while JetStream does not take what Telegram sends: slow, full or away. Updates that a difference
// brings are acknowledged and left with Telegram; those that only their push brings (E27) are parked, within a limit, and
// not acknowledged; beyond the limit Telegram is to send them again. Driver.mu guards it.
type pressure struct {
	since    time.Time // when it began; zero: there is room
	reason   string    // why the log stores nothing, as far as it is known
	left     int       // updates, and results of our calls, that a difference brings
	declined int       // updates that Telegram sends again on the next connection
	parked   []input
	bytes    int64 // of parked
}

// Held is what Status tells of it.
type Held struct {
	Since    time.Time `json:"since"`
	Reason   string    `json:"reason"`   // why JetStream stores nothing, or that it is slow
	Waiting  int       `json:"waiting"`  // here, for JetStream
	Left     int       `json:"left"`     // to be fetched as a difference
	Parked   int       `json:"parked"`   // waiting here as they came, not acknowledged
	Declined int       `json:"declined"` // to be sent again by Telegram
}

// Events of updates that have to wait.
const (
	eventHeld    = "updates.held"
	eventResumed = "updates.resumed"
)

// parkedShare is how much may be parked: this part of what may wait for JetStream.
const parkedShare = 4

// inputWeight is what an input weighs beside its body, in bytes.
const inputWeight = 256

func (in *input) size() int64 { return inputWeight + int64(len(in.body)+len(in.call)) }

// held tells of the pressure; nil: there is none.
func (d *driver) held() *Held {
	reason, queued := d.reason(), d.log.Queued()
	d.mu.Lock()
	defer d.mu.Unlock()
	p := &d.pressure
	if p.since.IsZero() {
		return nil
	}
	return &Held{Since: p.since.UTC(), Reason: reason, Waiting: queued, Left: p.left, Parked: len(p.parked), Declined: p.declined}
}

// Slow reports that JetStream stores what it is given, only too slowly.
func (h *Held) Slow() bool { return h.Reason == tooSlow || h.Reason == noRoomHere }

// tooSlow is the reason where JetStream stores what it is given, and Telegram sends faster.
const tooSlow = "JetStream stores updates slower than Telegram sends them"

// noRoomHere is the reason where the daemon has no room for more, of all its accounts together (NATSGRAM_UPDATES_PENDING_TOTAL).
const noRoomHere = "updates of all accounts of this daemon take the memory that they may"

func (d *driver) reason() string {
	if err := d.log.Doing().Err; err != nil {
		return err.Error()
	}
	if d.fetches.roomless.Load() || d.room.Full() && d.log.Waiting() < d.r.Settings.Pending/2 {
		return noRoomHere
	}
	return tooSlow
}

// heldAfter is how long JetStream may refuse updates before that is said, however few wait.
const heldAfter = 3 * time.Second

// troubled is stream.Options.Troubled.
func (d *driver) troubled() {
	doing := d.log.Doing()
	if doing.Err == nil || time.Since(doing.Failing) < d.r.heldAfter {
		return
	}
	d.hold(0, 0)
	d.mu.Lock()
	told := d.pressure.reason != ""
	d.pressure.reason = doing.Err.Error()
	d.mu.Unlock()
	if !told {
		d.sayHeld()
	}
}

func (d *driver) sayHeld() {
	reason, waiting := d.reason(), d.log.Waiting()
	d.r.Log.Warn("JetStream does not take updates: they wait, and are left with Telegram where there is no room", "reason", reason, "waiting_bytes", waiting)
	d.r.event(eventHeld, map[string]any{"reason": reason, "waiting_bytes": waiting})
}

// hold notes that there is no room, and for how many updates more. The first to do so says it, and has it looked at.
func (d *driver) hold(left, declined int) {
	failing := text(d.log.Doing().Err)
	d.mu.Lock()
	p := &d.pressure
	first := p.since.IsZero()
	if first {
		p.since, p.reason = time.Now(), failing
	}
	p.left, p.declined = p.left+left, p.declined+declined
	d.mu.Unlock()
	if first {
		d.sayHeld()
		d.post(input{kind: inBarrier})
	}
}

// crowded says that the inbox is full.
func (d *driver) crowded() bool {
	if d.room.Full() {
		return true
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.bytes > d.r.Settings.Pending
}

// turnAway deals with a push for which the inbox has no room: the machine is busy, or stuck.
func (d *driver) turnAway(in input) {
	switch {
	case !d.r.Rules.Unrecoverable(in.body):
		d.leave(in)
	case !d.park(in):
		d.decline(in)
	}
}

// noRoom deals with a push for which the log has no room.
func (d *driver) noRoom(now time.Time, in input) {
	switch {
	case !d.r.Rules.Unrecoverable(in.body):
		d.machine.Drop(now, in.body)
		d.leave(in)
	case !d.park(in):
		d.machine.Drop(now, in.body) // what else it holds
		d.decline(in)
	}
}

// noRoomForResult deals with the result of a call of ours, which nobody sends again: what of it no difference brings, the
// caller has in the reply.
func (d *driver) noRoomForResult(now time.Time, in input) {
	if !d.park(in) {
		d.machine.DropResult(now, in.call, in.body)
		d.leave(in)
	}
}

// park keeps an input until there is room, if it may.
func (d *driver) park(in input) bool {
	d.hold(0, 0)
	most := d.r.Settings.Pending / parkedShare
	if d.room != nil {
		most = min(most, d.room.Sure()/2) // so that what is parked alone never keeps others waiting
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	p := &d.pressure
	if p.bytes+in.size() > most {
		return false
	}
	p.parked, p.bytes = append(p.parked, in), p.bytes+in.size()
	d.room.Take(in.size())
	return true
}

// leave has an update fetched as a difference later.
func (d *driver) leave(in input) {
	d.hold(1, 0)
	if in.done != nil {
		in.done()
	}
}

// decline has Telegram send an update again.
func (d *driver) decline(in input) {
	d.hold(0, 1)
	in.again()
}

// relieved says whether there was pressure, and is room again.
func (d *driver) relieved() bool {
	d.mu.Lock()
	pressed := !d.pressure.since.IsZero()
	d.mu.Unlock()
	if !pressed || d.fetches.roomless.Load() || d.log.Full() && d.log.Waiting() > 0 { // an empty log has nothing more to give back
		return false
	}
	return d.log.Doing().Err == nil
}

// resume goes on after there was no room: what was parked is taken, and what was left with Telegram is fetched.
func (d *driver) resume(now time.Time) {
	d.mu.Lock()
	p := d.pressure
	d.pressure = pressure{}
	d.mu.Unlock()
	d.unpark(now, p.parked)
	var held []*updates.Fetch
	held, d.fetches.held = d.fetches.held, nil
	for _, f := range held {
		d.fetchIfRoom(f)
	}
	if p.left > 0 {
		d.machine.Start(now)
	}
	if p.declined > 0 {
		d.client.Reinit()
	}
	d.r.Log.Info("JetStream takes updates again", "after", now.Sub(p.since), "left", p.left, "parked", len(p.parked), "declined", p.declined)
	d.r.event(eventResumed, map[string]any{
		"held_ms": milliseconds(now.Sub(p.since)), "left": p.left, "parked": len(p.parked), "declined": p.declined,
	})
}

// unpark gives the machine what was parked.
func (d *driver) unpark(now time.Time, parked []input) {
	for _, in := range parked {
		d.writer.received = now
		if !in.at.IsZero() {
			d.writer.received = in.at
		}
		if in.kind == inResult {
			d.machine.PushResult(now, in.call, in.body, in.meta)
		} else {
			d.pushNow(now, in)
		}
		d.pump()
		d.room.Give(in.size())
	}
}

// lastCall puts what is parked into the log, however full that is: nobody else has it (E27).
func (d *driver) lastCall(now time.Time) {
	d.mu.Lock()
	parked := d.pressure.parked
	d.pressure.parked, d.pressure.bytes = nil, 0
	d.mu.Unlock()
	d.unpark(now, parked)
}
