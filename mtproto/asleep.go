package mtproto

import (
	"errors"
	"time"
)

// errSlept gives up a connection over which the machine has slept: nobody knows what became of it, and of all that was
// pushed meanwhile.
var errSlept = errors.New("mtproto: the machine was asleep")

// leapLeast is by how much the wall clock must run away from the monotonic one for that to mean something.
const leapLeast = 15 * time.Second

// nap is how long the loop sleeps at most, or PingAfter if that is longer, so that it learns soon that the machine slept.
const nap = 5 * time.Second

// clocks are the two clocks of a machine as they were last seen. The monotonic one stands still while the machine sleeps,
// and with it every timer; the wall clock does not, but may also be set, forwards or back.
type clocks struct{ now, wall time.Time }

// leap is how far the wall clock has run ahead of the monotonic one since the last time.
func (c *clocks) leap(now, wall time.Time) time.Duration {
	last := *c
	c.now, c.wall = now, wall
	if last.now.IsZero() {
		return 0
	}
	return wall.Sub(last.wall) - now.Sub(last.now)
}

// awake looks whether the clocks have parted. That the wall clock was set back is of no consequence, as nothing here runs by
// it, but for the offset that is kept. That it leaped ahead may mean that the machine slept.
func (l *link) awake(now time.Time) error {
	leap := l.tries.clocks.leap(now, l.c.life.wall())
	if leap.Abs() < leapLeast {
		return nil
	}
	l.c.o.Log.Info("the clock leaped", "by", leap)
	if leap > 0 {
		return errSlept
	}
	l.noteOffset(now)
	return nil
}

// noteOffset remembers the server's clock against ours as it is now (C11).
func (l *link) noteOffset(now time.Time) {
	l.mu.Lock()
	server := l.sess.ServerTime(now)
	l.mu.Unlock()
	offset := server.Sub(l.c.life.wall())
	if (offset - l.c.offset(l.id)).Abs() >= time.Second {
		l.c.keepOffset(l.id, offset)
	}
}

// ClockOffset is Telegram's clock minus this machine's, as far as it is known: 0 for less than a second.
func (c *Client) ClockOffset() time.Duration { return c.offset(c.Home()) }

// wallClock goes on while the machine sleeps.
func wallClock() time.Time { return time.Now().Round(0) }
