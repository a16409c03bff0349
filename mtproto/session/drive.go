package session

import (
	"time"

	"github.com/natsgram/natsgram/mtproto/mt"
)

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

// QuickAck takes a quick acknowledgement. It proves that the server lives, and nothing about any call (A8).
func (s *Session) QuickAck(token uint32) {
	for _, t := range s.pack.tokens {
		if t == token && token != 0 {
			s.conn.hears(s.conn.now, time.Time{})
		}
	}
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

// Due reports whether [Session.Append] has something to send, so that a loop need not be woken for every packet that came.
// It may be wrong in one direction: that Append finds nothing after all.
func (s *Session) Due() bool {
	if !s.conn.up || s.err != nil {
		return false
	}
	return s.calls.queue.head != nil || s.calls.ask || s.conn.ping.due || s.acks.now && len(s.acks.ids) > 0 ||
		len(s.asks.answers) > 0 || len(s.asks.replies) > 0
}

// Flush has the acknowledgements that are owed go with the next packet, for when no other one will: the session ends with
// its connection, and what is not acknowledged comes again in the next (C15).
func (s *Session) Flush() { s.acks.now = len(s.acks.ids) > 0 }

// Destroy has the server told to forget another session of the same key, which somebody has left (C38).
func (s *Session) Destroy(sessionID int64) {
	if sessionID != s.self.id {
		s.asks.reply(&mt.DestroySession{SessionID: sessionID}, true)
	}
}
