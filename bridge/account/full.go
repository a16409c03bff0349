package account

import (
	"time"

	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/mtproto/updates/loop"
)

// Admit admits what there is room for in the log, with all that comes of it.
func (d *driver) Admit(now time.Time, in loop.Input) bool {
	switch {
	case in.Kind == loop.Answer:
		d.differences.learned(now, in.Fetch, in.Err)
	case d.log.Full():
		d.withoutRoom(now, in)
		return false
	}
	return true
}

// press notes that there is no room. The first to do so says it, and has it looked at.
func (d *driver) press() {
	if d.pressure.begin(time.Now(), d.log.Doing().Err) {
		d.sayHeld()
		d.loop.Poke()
	}
}

// noRoom decides about something for which there is no room.
func (d *driver) noRoom(in *loop.Input) decision {
	d.press()
	made := d.pressure.decide(in, true)
	if made == park {
		d.memory.share.Take(in.Size())
	}
	return made
}

// withoutRoom deals with something for which the log has no room.
func (d *driver) withoutRoom(now time.Time, in loop.Input) {
	made := d.noRoom(&in)
	if made == park {
		return
	}
	if in.Kind == loop.Result {
		d.machine.DropResult(now, in.Call, in.Body)
		return
	}
	d.machine.Drop(now, in.Body) // what else it holds
	if made == decline {
		in.Decline()
	} else {
		in.Ack()
	}
}

// troubled is stream.Options.Troubled.
func (d *driver) troubled() {
	if d.pressure.failing(time.Now(), d.log.Doing()) {
		d.sayHeld()
		d.loop.Poke()
	}
}

func (d *driver) sayHeld() {
	reason, waiting := d.reason(), d.log.Waiting()
	d.tell.log.Warn("JetStream does not take updates: they wait, and are left with Telegram where there is no room",
		"reason", reason, "waiting_bytes", waiting)
	d.tell.event(eventHeld, map[string]any{"reason": reason, "waiting_bytes": waiting})
}

// reason is why there is no room.
func (d *driver) reason() string {
	if err := d.log.Doing().Err; err != nil {
		return err.Error()
	}
	if d.fetches.roomless.Load() || d.memory.share.Full() && d.log.Waiting() < d.memory.pending/2 {
		return noRoomHere
	}
	return tooSlow
}

// held tells of the pressure; nil: there is none.
func (d *driver) held() *Held { return d.pressure.held(d.reason(), d.log.Queued()) }

// roomLate is how long until it has to be said that there is no room, if there is none until then.
func (d *driver) roomLate(now time.Time) time.Duration {
	if d.pressure.holds() {
		return time.Hour
	}
	return d.fetches.late(now, d.pressure.after)
}

// relieved reports whether there was pressure, and is room again.
func (d *driver) relieved() bool {
	if !d.pressure.holds() || d.fetches.roomless.Load() {
		return false
	}
	if d.log.Full() && d.log.Waiting() > 0 { // an empty log has nothing more to give back
		return false
	}
	return d.log.Doing().Err == nil
}

// resume goes on after there was no room: what was parked is taken, and what was left with Telegram is fetched.
func (d *driver) resume(now time.Time) error {
	was := d.pressure.end()
	if err := d.unpark(now, was.parked); err != nil {
		return err
	}
	d.fetches.resume(now)
	if was.left > 0 {
		d.machine.Start(now)
	}
	if was.declined > 0 {
		d.client.Reinit()
	}
	lasted := now.Sub(was.since)
	d.tell.log.Info("JetStream takes updates again",
		"after", lasted, "left", was.left, "parked", len(was.parked), "declined", was.declined)
	d.tell.event(eventResumed, map[string]any{
		"held_ms": milliseconds(lasted), "left": was.left, "parked": len(was.parked), "declined": was.declined,
	})
	return nil
}

// unpark gives the machine what was parked.
func (d *driver) unpark(now time.Time, parked []loop.Input) error {
	for _, in := range parked {
		if err := d.loop.Give(now, in); err != nil {
			return err
		}
		d.memory.share.Give(in.Size())
	}
	return nil
}

// lastCall puts what is parked into the log, however full that is: nobody else has it (E27).
func (d *driver) lastCall(now time.Time, _ *updates.Machine) {
	_ = d.unpark(now, d.pressure.unpark()) // Store finds no fault
}
