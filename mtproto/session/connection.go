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
	check   time.Time     // when to look for calls to ask for; zero: none in flight
	ping    ping
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

// dead is when the peer counts as dead (C35). What was sent meanwhile may have to creep through a thin line first.
func (l *connection) dead(limits *Limits) time.Time {
	if l.waiting.IsZero() {
		return time.Time{}
	}
	creep := time.Duration(l.unheard) * time.Second / thinLine
	return l.waiting.Add(max(limits.DeadAfter, rttFactor*l.rtt) + creep)
}

// pingAt is when to ping: after some silence, and in any case often enough that the server does not close (C33).
func (l *connection) pingAt(limits *Limits) time.Time {
	p := &l.ping
	if p.due {
		return time.Time{} // with the next packet
	}
	renew := p.sent.Add(limits.DisconnectAfter / 2)
	if p.open {
		return renew
	}
	return earliest(renew, l.heard.Add(limits.PingAfter))
}

// earliest is the earlier of two times, of which zero ones do not count.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// watch sets when to ask for a call's state if there is no word (C27).
func (l *connection) watch(c *call, at time.Time) {
	c.check = at
	if l.check.IsZero() || at.Before(l.check) {
		l.check = at
	}
}

// refused has another ping sent in place of the last one, if that is what the server has refused.
func (p *ping) refused(id int64) bool {
	if id == 0 || id != p.msgID && id != p.box {
		return false
	}
	p.msgID, p.box, p.due = 0, 0, true
	return true
}
