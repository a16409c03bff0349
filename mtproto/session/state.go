package session

import (
	"fmt"
	"time"

	"github.com/natsgram/natsgram/mtproto/mt"
	"github.com/natsgram/natsgram/tl/bin"
)

const (
	maxAnswered = 3           // times that the server says it answered, without an answer, until it counts as lost
	checkEvery  = time.Second // at most so often are the calls looked through
)

// checkCalls finds the calls to ask for. The next look is when the first of the rest wants it.
func (s *Session) checkCalls(now time.Time) {
	s.conn.check = time.Time{}
	for c := s.calls.flight.head; c != nil; c = c.next {
		if !now.Before(c.check) {
			c.ask, s.calls.ask = true, true
			c.check = now.Add(s.cfg.Limits.CheckAfter)
		}
		s.conn.watch(c, c.check)
	}
	if soonest := now.Add(checkEvery); s.conn.check.Before(soonest) && !s.conn.check.IsZero() {
		s.conn.check = soonest
	}
}

// askAll wants the state of everything in flight: after a reconnect nobody knows what arrived (C27).
func (s *Session) askAll(now time.Time) {
	for c := s.calls.flight.head; c != nil; c = c.next {
		c.ask, s.calls.ask, c.answered = true, true, 0
		s.conn.watch(c, now.Add(s.cfg.Limits.CheckAfter))
	}
}

// withWitnesses adds, to the calls that are asked for, the messages that tell which life of the session answers. There is
// no need where it began on this connection: ids ascend over a connection, so a later life has nothing older than a call
// that an earlier one received, and of such the server says that it knows nothing (code 1).
func (s *Session) withWitnesses(ids []int64) []int64 {
	if s.self.born == s.conn.number {
		return ids
	}
	last := int64(0)
	for _, id := range ids {
		if w := s.calls.byMsg[id].witness; w != last {
			ids = append(ids, w)
			last = w
		}
	}
	s.in.ids = ids
	return ids
}

// witnesses finds out whether the life of the session that answers is one that had a message.
type witnesses struct {
	ids    []int64
	states []byte
	last   int64
	had    bool
}

func (x *witnesses) have(id int64) bool {
	if id != x.last {
		x.last, x.had = id, false
		for i := len(x.ids) - 1; i >= 0 && !x.had; i-- {
			x.had = x.ids[i] == id && x.states[i]&stateMask == stateReceived
		}
	}
	return x.had
}

// stateInfo takes the answer to our msgs_state_req: one byte for each id that we asked for (C26).
func (s *Session) stateInfo(f frame, r *bin.Reader) error {
	var m mt.MsgsStateInfo
	m.Decode(r)
	asked := s.log.find(m.ReqMsgID, statesAsked)
	if unreadable(r) || asked == nil {
		return nil
	}
	if len(asked.ids) != len(m.Info) {
		s.events.warn(fmt.Errorf("msgs_state_info of %d states for %d messages", len(m.Info), len(asked.ids)))
		return nil
	}
	s.loop.ended()
	req := asked.msgID
	asked.msgID = 0
	s.learnAll(f, req, asked.ids, m.Info)
	return nil
}

// allInfo takes states that the server tells unasked (C28). Messages may have been under way to it at that moment, so of
// those that it says it did not receive the state is asked for.
func (s *Session) allInfo(f frame, r *bin.Reader) error {
	var m mt.MsgsAllInfo
	m.Decode(r)
	if !unreadable(r) && len(m.MsgIDs) == len(m.Info) {
		s.learnAll(f, 0, m.MsgIDs, m.Info)
	}
	return nil
}

// learnAll takes what the server says of calls in answer to our message req; 0: unasked.
func (s *Session) learnAll(f frame, req int64, ids []int64, states []byte) {
	seen := witnesses{ids: ids, states: states}
	for i, id := range ids {
		c := s.calls.byMsg[id]
		if c == nil || c.where != inFlight {
			continue
		}
		switch state := states[i] & stateMask; state {
		case stateForgotten, stateNotReceived, stateTooHigh:
			sure := s.self.born == s.conn.number || seen.have(c.witness)
			s.missing(c, req, sure && s.self.proves(c, state))
		case stateReceived:
			s.received(f.now, c, states[i]&stateAnswered != 0)
		}
	}
}

// missing takes the word that a call was not received when the server read our message req; sure: by no life of the
// session.
func (s *Session) missing(c *call, req int64, sure bool) {
	switch {
	case req == 0: // it may have come since
		c.ask, s.calls.ask = true, true
	case sure:
		s.calls.enqueue(c) // to be sent again: this copy was not executed
	default:
		s.unresolved(c, ErrForgotten)
	}
}

// received notes that the server has a call. If it also says that it answered, and says so again and again while no
// answer comes, then the answer is lost.
func (s *Session) received(now time.Time, c *call, answered bool) {
	c.received, c.ask = true, false
	if !answered {
		s.conn.watch(c, now.Add(s.cfg.Limits.CheckReceived))
		return
	}
	s.conn.watch(c, now.Add(s.cfg.Limits.CheckAfter))
	if c.answered++; c.answered >= maxAnswered {
		s.unresolved(c, ErrAnswer)
	}
}

// acked takes acknowledgements of our messages (C15).
func (s *Session) acked(f frame, r *bin.Reader) error {
	m := mt.MsgsAck{MsgIDs: s.in.ids[:0]}
	m.Decode(r)
	if s.in.ids = m.MsgIDs[:0]; unreadable(r) {
		return nil
	}
	s.loop.ended()
	for _, id := range m.MsgIDs {
		c := s.calls.byMsg[id]
		if c == nil {
			continue
		}
		if c.received = true; c.where == inFlight {
			s.conn.watch(c, f.now.Add(s.cfg.Limits.CheckReceived))
		}
	}
	return nil
}

// detailed takes the news that a query was answered (C29).
func (s *Session) detailed(f frame, r *bin.Reader) error {
	var m mt.MsgDetailedInfo
	m.Decode(r)
	if unreadable(r) {
		return nil
	}
	c := s.calls.byMsg[m.MsgID]
	if c != nil && c.where == inFlight {
		c.received = true
		s.conn.watch(c, f.now.Add(s.cfg.Limits.CheckAfter))
	}
	s.fetch(f.now, m.AnswerMsgID, c != nil)
	return nil
}

// newDetailed takes the news of a message that is no answer (C29).
func (s *Session) newDetailed(f frame, r *bin.Reader) error {
	var m mt.MsgNewDetailedInfo
	m.Decode(r)
	if !unreadable(r) {
		s.fetch(f.now, m.AnswerMsgID, true)
	}
	return nil
}

// fetch asks for a message of the server, or acknowledges it if it was seen or nobody waits for it.
func (s *Session) fetch(now time.Time, id int64, needed bool) {
	if id&1 == 0 {
		return
	}
	if !needed || s.self.window.has(id) {
		s.acks.owe(now, id, &s.cfg.Limits)
		return
	}
	if len(s.asks.answers) < maxIDs {
		s.asks.answers = append(s.asks.answers, id)
	}
}
