package session

import (
	"fmt"
	"time"

	"github.com/natsgram/natsgram/mtproto/crypto"
	"github.com/natsgram/natsgram/mtproto/mt"
)

// Connected says that there is a connection: what waits may be sent.
func (s *Session) Connected(now time.Time) {
	s.Disconnected(now)
	s.conn.begin(now)
	s.calls.enquireAll(now)
	s.acks.flush()
}

// Disconnected says that the connection is gone. Calls in flight are of unknown fate until the server was asked (C27).
func (s *Session) Disconnected(now time.Time) {
	s.conn.now = now
	if !s.conn.up {
		return
	}
	s.conn.end()
	s.calls.check = time.Time{}
	// What the server would have sent again over this connection, it sends over the next anyway.
	s.asks.answers = s.asks.answers[:0]
	s.succession.settle()
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
	if s.pack.acked(token) {
		s.conn.hears(s.conn.now, time.Time{})
	}
}

// RTT is the smoothed time from ping to pong; 0 before the first.
func (s *Session) RTT() time.Duration { return s.conn.rtt }

// Wake is when [Session.Tick] is to be called, unless something else happens before; zero: not needed.
func (s *Session) Wake() time.Time {
	if !s.conn.usable() {
		return time.Time{}
	}
	t := earliest(s.conn.pingAt(), s.conn.dead())
	t = earliest(t, s.calls.check)
	t = earliest(t, s.acks.due)
	return earliest(t, s.succession.former.until)
}

// Tick does what time brings. [ErrDead], and every other error, means: close the connection.
func (s *Session) Tick(now time.Time) error {
	s.conn.now = now
	if !s.conn.usable() {
		return s.conn.err
	}
	if at := s.conn.dead(); !at.IsZero() && !now.Before(at) {
		return ErrDead
	}
	s.acks.tick(now)
	if at := s.conn.pingAt(); !at.IsZero() && !now.Before(at) {
		s.conn.ping.due = true
		s.trim(now)
	}
	s.calls.tick(now)
	s.succession.tick(now)
	return nil
}

// refusedWithin is how long after a service message the server may refuse it yet.
const refusedWithin = time.Minute

// trim gives up buffers that grew: a ping means that not much is going on.
func (s *Session) trim(now time.Time) {
	s.pack.trim()
	s.fates.ids, s.inbox.inner.Messages = nil, nil
	before := idAt(s.clock.server(now) - int64(refusedWithin))
	s.sent.shrink(before)
	s.acks.sent.shrink(before)
}

// Due reports whether [Session.Append] has something to send, so that a loop need not be woken for every packet that came.
// It may be wrong in one direction: that Append finds nothing after all.
func (s *Session) Due() bool {
	return s.conn.usable() &&
		(s.calls.queue.head != nil || s.calls.ask || s.conn.ping.due || s.acks.ready() || s.asks.ready())
}

// Flush has the acknowledgements that are owed go with the next packet, for when no other one will: the session ends with
// its connection, and what is not acknowledged comes again in the next (C15).
func (s *Session) Flush() { s.acks.flush() }

// Close fails all calls, each with what is known of it. Nothing is sent any more.
func (s *Session) Close() {
	s.Disconnected(s.conn.now)
	s.succession.settle()
	s.calls.failAll(ErrClosed)
	s.conn.err = ErrClosed
}

// Destroy has the server told to forget another session of the same key, which somebody has left (C38).
func (s *Session) Destroy(sessionID int64) {
	if sessionID != s.self.id {
		s.asks.reply(&mt.DestroySession{SessionID: sessionID}, true)
	}
}

// Receive takes an encrypted packet, and decrypts it in place: its bytes are spent, and the caller's again afterwards, unless they are
// lent with a [Result]. An error means that the packet, or what is in it, failed a check: close the connection (C9).
func (s *Session) Receive(now time.Time, packet []byte) (lent bool, err error) {
	s.conn.now, s.unpack.done, s.answers.lent = now, 0, false
	plain, err := crypto.OpenInPlace(s.cfg.Key, crypto.Server, packet)
	if err != nil {
		return false, fmt.Errorf("%w: %w", ErrPacket, err)
	}
	err = s.inbox.decrypted(now, plain)
	if off, ok := s.clock.report(now); ok {
		s.events.add(TimeSynced{off})
	}
	return s.answers.lent, err
}

// Event takes the next event. Drain them after every input.
func (s *Session) Event() (Event, bool) { return s.events.take() }

// Append appends the next packet to dst, encrypted and ready for the framing. Call it after every input until it
// says that there is none.
//
// A packet holds all that is there to be sent, within limits: acknowledgements, service messages, then queries in the
// order of their calls (C16, C18). Ids are given here and not before, so nothing grows old in a queue (C12).
func (s *Session) Append(now time.Time, dst []byte) (packet []byte, ok bool) {
	s.conn.now = now
	return s.sender.one(now, dst)
}

// AppendPair is [Session.Append] of the next packet to the first of two buffers, and of the one after it to the second, if both carry parts of
// files: two are encrypted in less time together. If the second is nil, there is no such packet. It says how many packets there are.
func (s *Session) AppendPair(now time.Time, dst [2][]byte) (packets [2][]byte, n int) {
	s.conn.now = now
	return s.sender.pair(now, dst)
}
