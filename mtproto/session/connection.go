package session

import (
	"time"
)

const (
	rttFactor = 3       // round trips without an answer until the peer counts as dead, if longer than DeadAfter (C35)
	thinLine  = 8 << 10 // bytes a second that are allowed for besides

	longest = 5 * time.Minute // that a packet may take to come in: 1 MiB, as long as answers are, at 3.5 KB/s
)

// connection is the one that the session has, and whether anybody is at its other end.
type connection struct {
	up      bool
	number  int           // of connections so far
	now     time.Time     // of the last input
	heard   time.Time     // when the server last said something, or the connection was made
	partly  time.Time     // since when bytes came, but no whole packet; zero: a whole one came last
	waiting time.Time     // when something was sent that must be answered, and nothing came since; zero: no such
	unheard int           // bytes sent since the server last said something
	rtt     time.Duration // smoothed; 0: unknown
	ping    ping
	err     error // nothing can be sent any more: randomness failed, or the session was closed

	limits *Limits
}

// ping is the last one.
type ping struct {
	id    int64 // ping_id; 0: none was sent
	msgID int64
	box   int64 // the container that it went in; 0: by itself
	sent  time.Time
	due   bool
	open  bool // no pong yet
}

// begin notes that there is a new one.
func (l *connection) begin(now time.Time) {
	l.up, l.heard = true, now
	l.number++
	// A ping tells the server at once when to give the connection up (C33), and us the time and the round trip.
	l.ping.due = true
}

// end notes that it is gone.
func (l *connection) end() {
	l.up = false
	l.waiting, l.partly, l.unheard = time.Time{}, time.Time{}, 0
	l.ping = ping{id: l.ping.id}
}

// usable reports whether something can be sent.
func (l *connection) usable() bool { return l.up && l.err == nil }

// hears notes that the peer lives; partly is when the packet began that is under way.
func (l *connection) hears(now, partly time.Time) {
	l.now, l.heard, l.waiting, l.unheard, l.partly = now, now, time.Time{}, 0, partly
}

// wrote notes that a packet of n bytes goes out.
func (l *connection) wrote(now time.Time, n int, live bool) {
	l.unheard += n
	if live && l.waiting.IsZero() {
		l.waiting = now
	}
}

// travelled takes the time of one round trip into the smoothed one.
func (l *connection) travelled(rtt time.Duration) {
	if l.rtt == 0 {
		l.rtt = rtt
	}
	l.rtt += (rtt - l.rtt) / 4
}

// dead is when the peer counts as dead (C35). What was sent meanwhile may have to creep through a thin line first.
func (l *connection) dead() time.Time {
	if l.waiting.IsZero() {
		return time.Time{}
	}
	creep := time.Duration(l.unheard) * time.Second / thinLine
	return l.waiting.Add(max(l.limits.DeadAfter, rttFactor*l.rtt) + creep)
}

// pingAt is when to ping: after some silence, and in any case often enough that the server does not close (C33).
func (l *connection) pingAt() time.Time {
	p := &l.ping
	if p.due {
		return time.Time{} // with the next packet
	}
	renew := p.sent.Add(l.limits.DisconnectAfter / 2)
	if p.open {
		return renew
	}
	return earliest(renew, l.heard.Add(l.limits.PingAfter))
}

// earliest is the earlier of two times, of which zero ones do not count.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// refused has another ping sent in place of the last one, if that is what the server has refused.
func (p *ping) refused(id int64) bool {
	if id == 0 || id != p.msgID && id != p.box {
		return false
	}
	p.msgID, p.box, p.due = 0, 0, true
	return true
}
