package session

import (
	"slices"
	"time"

	"github.com/natsgram/natsgram/mtproto/mt"
	"github.com/natsgram/natsgram/tl/bin"
)

// renew leaves the session for a new one (C25). What was refused is queued already; the rest of the calls in flight
// waits for late answers.
func (s *Session) renew(now time.Time, code int32, reason string) {
	s.asks.forget()
	s.settleFormer() // has something to ask for
	s.former = former{s.self.id, now.Add(s.cfg.Limits.Linger)}
	s.calls.leave()
	s.calls.ask = false
	s.conn.check = time.Time{}
	s.acks.forget()
	s.log.forget()
	s.ackLog.forget()
	if timeOf(s.clock.last)-s.clock.server(now) > int64(farBehind) {
		s.clock.last, s.loop.mark = 0, 0 // the ids of the old session lie in the future (code 17)
	}
	s.conn.ping.due = true
	s.begun()
	s.events.add(Reset{code, reason})
}

// settleFormer ends the wait for late answers.
func (s *Session) settleFormer() {
	if s.former.until.IsZero() {
		return
	}
	s.asks.reply(&mt.DestroySession{SessionID: s.former.id}, true)
	s.former = former{}
	for c := s.calls.former.head; c != nil; c = s.calls.former.head {
		s.unresolved(c, ErrForgotten)
	}
}

// firstLife reports whether whatever was sent in this session can only have been received by its present life: it began on
// this connection, and the server has begun it not more than once.
func (s *Session) firstLife() bool { return s.self.lives <= 1 && s.self.born == s.conn.number }

// newSession takes the notice that the server has begun the session, anew perhaps (C36). Each counts once.
func (s *Session) newSession(f frame, r *bin.Reader) error {
	var m mt.NewSessionCreated
	m.Decode(r)
	x := &s.self
	if unreadable(r) || x.lives > 0 && slices.Contains(x.uniques[:min(x.lives, len(x.uniques))], m.UniqueID) {
		return nil
	}
	x.uniques[x.lives%len(x.uniques)] = m.UniqueID
	x.lives++
	x.first = max(x.first, m.FirstMsgID) // notices may overtake each other
	s.adoptSalt(f.now, m.ServerSalt)
	s.events.add(NewSession{m.FirstMsgID, m.UniqueID, m.ServerSalt})
	s.forgotten()
	return nil
}

// forgotten deals with the calls that are older than the present life of the session.
func (s *Session) forgotten() {
	var next *call
	for c := s.calls.flight.head; c != nil; c = next {
		next = c.next
		switch {
		case c.top() >= s.self.first:
		case s.firstLife() && !c.received:
			s.calls.enqueue(c) // to be sent again: this copy was not executed
		default:
			s.unresolved(c, ErrForgotten)
		}
	}
}
