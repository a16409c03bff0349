package session

import (
	"time"
)

const (
	maxFuture = 30 * time.Second  // C8
	maxPast   = 300 * time.Second // C8
	farBehind = 5 * time.Second   // by which our idea of the server's time may be ahead of a pong
	reportBy  = time.Second       // change of the offset that is worth an event
)

// clock is our idea of the server's time, and the message ids that follow from it.
//
// It runs with the monotonic part of the times it is given: a step of the wall clock changes nothing. A machine that
// slept makes it run late; the server's next message sets it right (C11), at the worst a refusal with code 16.
type clock struct {
	base     time.Time     // the first time we were given
	offset   time.Duration // server - local, since base
	last     int64         // the last id that was made
	synced   bool          // a message of the server has confirmed the offset
	reported time.Duration // offset in the last event
	spoke    bool          // there was such an event
}

// server is the server's time in nanoseconds since 1970.
func (c *clock) server(now time.Time) int64 {
	if c.base.IsZero() {
		c.base = now
	}
	return c.base.UnixNano() + int64(now.Sub(c.base)+c.offset)
}

// time is the server's time.
func (c *clock) time(now time.Time) time.Time { return time.Unix(0, c.server(now)) }

// next makes a message id: the server's time in 2^-32 s with a real fraction, a multiple of 4, greater than all before
// (C6, C10).
func (c *clock) next(now time.Time) int64 {
	c.last = max(idAt(c.server(now)), c.last+4)
	return c.last
}

func idAt(nanos int64) int64 {
	nanos = max(nanos, 0)
	return nanos/1e9<<32 | nanos%1e9<<32/1e9&^3
}

// timeOf is when a message id was made, in nanoseconds since 1970.
func timeOf(id int64) int64 {
	return (id>>32)*1e9 + (id&(1<<32-1))*1e9>>32
}

// observe lets the offset grow to what a message of the server shows; old messages come too, so it never shrinks here
// (C11). A leap is for [clock.set] to make, unless nothing is known yet.
func (c *clock) observe(now time.Time, id int64) {
	age := c.age(now, id)
	if age < 0 && (!c.synced || age >= -maxFuture) {
		c.offset -= age
	}
	c.synced = c.synced || age <= maxPast
}

// set takes over the server's time from a message that was just made, in both directions.
func (c *clock) set(now time.Time, id int64) {
	c.offset += time.Duration(timeOf(id) - c.server(now))
	c.synced = true
}

// age is how old a message of the server is; negative: from the future.
func (c *clock) age(now time.Time, id int64) time.Duration {
	return time.Duration(c.server(now) - timeOf(id))
}

// rewind lets ids start from the server's time again if those made so far lie in the future (code 17), and reports whether they did.
func (c *clock) rewind(now time.Time) bool {
	ahead := timeOf(c.last)-c.server(now) > int64(farBehind)
	if ahead {
		c.last = 0
	}
	return ahead
}

// report is the offset to the wall clock, if it changed enough to speak of since last time.
func (c *clock) report(now time.Time) (time.Duration, bool) {
	if !c.synced || c.spoke && (c.offset-c.reported).Abs() < reportBy {
		return 0, false
	}
	c.spoke, c.reported = true, c.offset
	return time.Duration(c.server(now) - now.UnixNano()), true
}
