package conn

import (
	"errors"
	"time"
)

// ErrSlept gives up a connection over which the machine has slept: nobody knows what became of it, and of all that was
// pushed meanwhile.
var ErrSlept = errors.New("mtproto: the machine was asleep")

// leapLeast is by how much the wall clock must run away from the monotonic one for that to mean something.
const leapLeast = 15 * time.Second

// clocks are the two clocks of a machine as they were last seen. The monotonic one stands still while the machine sleeps,
// and with it every timer; the wall clock does not, but may also be set, forwards or back.
type clocks struct{ now, wall time.Time }

// leap returns how far the wall clock has run ahead of the monotonic one since the last time.
func (c *clocks) leap(now, wall time.Time) time.Duration {
	last := *c
	c.now, c.wall = now, wall
	if last.now.IsZero() {
		return 0
	}
	return wall.Sub(last.wall) - now.Sub(last.now)
}

// checkClocks looks whether the clocks have parted. That the wall clock was set back is of no consequence here, as nothing runs
// by it. That it leaped ahead may mean that the machine slept.
func (c *Conn) checkClocks(seen *clocks, now time.Time) error {
	leap := seen.leap(now, c.o.Wall())
	if leap.Abs() < leapLeast {
		return nil
	}
	c.o.Owner.ClockLeaped(now, leap)
	if leap > 0 {
		return ErrSlept
	}
	return nil
}
