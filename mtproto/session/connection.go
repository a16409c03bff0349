package session

import (
	"time"

	"github.com/natsgram/natsgram/mtproto/mt"
	"github.com/natsgram/natsgram/tl/bin"
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

// Connected says that there is a connection: what waits may be sent.
func (s *Session) Connected(now time.Time) {
	s.Disconnected(now)
	s.conn.up = true
	s.conn.number++
	s.conn.heard = now
	// A ping tells the server at once when to give the connection up (C33), and us the time and the round trip.
	s.conn.ping.due = true
	s.askAll(now)
	s.acks.now = len(s.acks.ids) > 0
}

// Disconnected says that the connection is gone. Calls in flight are of unknown fate until the server was asked (C27).
func (s *Session) Disconnected(now time.Time) {
	s.conn.now = now
	if !s.conn.up {
		return
	}
	s.conn.up = false
	s.conn.waiting, s.conn.check, s.conn.partly, s.conn.unheard = time.Time{}, time.Time{}, time.Time{}, 0
	s.conn.ping = ping{id: s.conn.ping.id}
	// What the server would have sent again over this connection, it sends over the next anyway.
	s.asks.answers = s.asks.answers[:0]
	s.settleFormer()
}

// Alive says that bytes came, though no whole packet yet: the peer is not dead. That counts for some minutes. A length
// that was damaged on its way announces a packet that never ends, and with it nothing would be understood any more.
func (s *Session) Alive(now time.Time) {
	if s.conn.partly.IsZero() {
		s.conn.partly = now
	}
	if now.Sub(s.conn.partly) < longest {
		s.conn.hears(now, s.conn.partly)
	}
}

// LastHeard is when the server last said something, or the connection was made.
func (s *Session) LastHeard() time.Time { return s.conn.heard }

// hears notes that the peer lives; partly is when the packet began that is under way.
func (l *connection) hears(now, partly time.Time) {
	l.now, l.heard, l.waiting, l.unheard, l.partly = now, now, time.Time{}, 0, partly
}

// QuickAck takes a quick acknowledgement. It proves that the server lives, and nothing about any call (A8).
func (s *Session) QuickAck(token uint32) {
	for _, t := range s.pack.tokens {
		if t == token && token != 0 {
			s.conn.hears(s.conn.now, time.Time{})
		}
	}
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

func (s *Session) putPing(now time.Time) {
	p := &s.conn.ping
	if !p.due {
		return
	}
	*p = ping{id: p.id + 1, sent: now, open: true}
	p.msgID = s.begin(now, false)
	(&mt.PingDelayDisconnect{
		PingID: p.id, DisconnectDelay: int32(s.cfg.Limits.DisconnectAfter / time.Second),
	}).Encode(&s.pack.w)
	s.end()
	s.pack.ping, s.pack.live = true, true
}

// pong takes the answer to our ping (C32). It was just made, so it also shows the server's time: if ours was far ahead of
// it, it is set back (C11).
func (s *Session) pong(f frame, r *bin.Reader) error {
	var m mt.Pong
	m.Decode(r)
	p := &s.conn.ping
	if unreadable(r) || !p.open || m.PingID != p.id || m.MsgID != p.msgID {
		return nil
	}
	p.open = false
	s.self.known = p.msgID
	s.loop.ended()
	rtt := max(f.now.Sub(p.sent), time.Microsecond)
	if s.conn.rtt == 0 {
		s.conn.rtt = rtt
	}
	s.conn.rtt += (rtt - s.conn.rtt) / 4
	if off := s.clock.age(f.now, f.id) - rtt/2; off > rtt+farBehind || off < -maxFuture {
		s.clock.set(f.now, f.id)
	}
	s.events.add(Pong{rtt})
	return nil
}

// RTT is the smoothed time from ping to pong; 0 before the first.
func (s *Session) RTT() time.Duration { return s.conn.rtt }

// Wake is when [Session.Tick] is to be called, unless something else happens before; zero: not needed.
func (s *Session) Wake() time.Time {
	if !s.conn.up || s.err != nil {
		return time.Time{}
	}
	t := earliest(s.conn.pingAt(&s.cfg.Limits), s.conn.dead(&s.cfg.Limits))
	t = earliest(t, s.conn.check)
	t = earliest(t, s.acks.due)
	return earliest(t, s.former.until)
}

// earliest is the earlier of two times, of which zero ones do not count.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// Tick does what time brings. [ErrDead], and every other error, means: close the connection.
func (s *Session) Tick(now time.Time) error {
	s.conn.now = now
	if s.err != nil || !s.conn.up {
		return s.err
	}
	if at := s.conn.dead(&s.cfg.Limits); !at.IsZero() && !now.Before(at) {
		return ErrDead
	}
	s.acks.tick(now)
	if at := s.conn.pingAt(&s.cfg.Limits); !at.IsZero() && !now.Before(at) {
		s.conn.ping.due = true
		s.trim(now)
	}
	if at := s.conn.check; !at.IsZero() && !now.Before(at) {
		s.checkCalls(now)
	}
	if at := s.former.until; !at.IsZero() && !now.Before(at) {
		s.settleFormer()
	}
	return nil
}

// refusedWithin is how long after a service message the server may refuse it yet.
const refusedWithin = time.Minute

// trim gives up buffers that grew: a ping means that not much is going on.
func (s *Session) trim(now time.Time) {
	const small = 512
	if cap(s.pack.w.Buf) > small {
		s.pack.w.Buf = nil
	}
	s.in.ids, s.in.inner.Messages, s.pack.calls = nil, nil, nil
	before := idAt(s.clock.server(now) - int64(refusedWithin))
	s.log.shrink(before)
	s.ackLog.shrink(before)
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
