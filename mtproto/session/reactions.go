package session

import (
	"fmt"
	"time"

	"github.com/natsgram/natsgram/mtproto/mt"
	"github.com/natsgram/natsgram/tl/bin"
)

// reaction is what a refusal leads to.
type reaction struct {
	says  string
	then  remedy // for the calls that were refused
	time  bool   // the notice itself shows the server's time; take it over
	renew bool   // leave this session for a new one (C42): its ids or its numbering are spoilt
	bug   bool   // cannot happen unless we have a bug; it is reported
}

type remedy uint8

const (
	again   remedy = iota // not executed: send it again, with a new id
	enquire               // not known whether it was received: ask
	alone                 // not executed: send it again, but not in a container
)

// reactions has the reaction to each error_code of bad_msg_notification and bad_server_salt (C23, C25).
//
// A message that is refused was not executed, with the one exception of code 20. So calls are always sent again, the
// codes differ in what has to be put right before. A code about a container is about all messages in it.
var reactions = map[int32]reaction{
	16: {says: "msg_id too low", then: again, time: true},
	17: {says: "msg_id too high", then: again, time: true, renew: true},
	18: {says: "msg_id not divisible by 4", then: again, renew: true, bug: true},
	19: {says: "container msg_id used before", then: again, renew: true, bug: true},
	20: {says: "message too old to know whether it was received", then: enquire},
	32: {says: "seq_no too low", then: again, renew: true},
	33: {says: "seq_no too high", then: again, renew: true},
	34: {says: "seq_no odd, should be even", then: again, renew: true, bug: true},
	35: {says: "seq_no even, should be odd", then: again, renew: true, bug: true},
	48: {says: "wrong server salt", then: again},
	64: {says: "invalid container", then: alone, renew: true, bug: true},
}

// otherwise is the reaction to codes that are not in the table.
var otherwise = reaction{says: "unknown code", then: again, renew: true, bug: true}

func reactionTo(code int32) reaction {
	if r, ok := reactions[code]; ok {
		return r
	}
	return otherwise
}

// maxRefused is how often one call may be refused.
const maxRefused = 8

// badMsg takes a refusal (C25).
func (s *Session) badMsg(f frame, r *bin.Reader) error {
	var m mt.BadMsgNotification
	m.Decode(r)
	if unreadable(r) {
		return nil
	}
	return s.refused(f, m.BadMsgID, m.ErrorCode, 0)
}

// badSalt takes a refusal that says which salt is right (C23).
func (s *Session) badSalt(f frame, r *bin.Reader) error {
	var m mt.BadServerSalt
	m.Decode(r)
	if unreadable(r) {
		return nil
	}
	return s.refused(f, m.BadMsgID, m.ErrorCode, m.NewServerSalt)
}

// refused reacts to the refusal of our message id, or of the container id. Salt is 0 if the notice has none.
func (s *Session) refused(f frame, id int64, code int32, salt int64) error {
	re := reactionTo(code)
	calls := s.refusedCalls(f, id)
	service := !f.former && s.refusedService(id)
	if len(calls) == 0 && !service {
		return nil
	}
	s.loop.refused(id, s.clock.last)
	if re.bug {
		s.events.warn(fmt.Errorf("message refused with code %d: %s", code, re.says))
	}
	if re.time {
		s.clock.set(f.now, f.id)
	}
	if salt != 0 {
		s.adoptSalt(f.now, salt)
	}
	for _, c := range calls {
		s.remedy(f.now, c, re, code)
	}
	clear(calls)
	if re.renew && !f.former {
		s.renew(f.now, code, re.says)
	}
	if s.loop.rounds > maxRounds {
		s.loop = loop{}
		return fmt.Errorf("%w: code %d, %s", ErrLoop, code, re.says)
	}
	return nil
}

// refusedCalls are the calls that a notice is about. Only such as were sent in the session that it came in (C25).
func (s *Session) refusedCalls(f frame, id int64) []*call {
	found, from := s.pack.calls[:0], s.calls.flight.head
	if f.former {
		from = s.calls.former.head
	}
	if c := s.calls.byMsg[id]; c != nil {
		if (c.where == inFormer) == f.former {
			found = append(found, c)
		}
		return found
	}
	for c := from; c != nil && id != 0; c = c.next {
		if c.container == id {
			found = append(found, c)
		}
	}
	s.pack.calls = found[:0]
	return found
}

// refusedService wants again what service messages asked for that were refused.
func (s *Session) refusedService(id int64) bool {
	found := s.conn.ping.refused(id)
	found = s.ackLog.take(id, func(r *record) {
		for _, id := range r.ids {
			s.acks.owe(s.conn.now, id, &s.cfg.Limits)
		}
	}) || found
	return s.log.take(id, s.wantAgain) || found
}

func (s *Session) wantAgain(r *record) {
	switch r.kind {
	case saltsAsked:
		s.salts.askAt = time.Time{}
	case answersAsked:
		s.asks.answers = append(s.asks.answers, r.ids...)
	case replySent:
		s.asks.replies = append(s.asks.replies, reply{r.body, r.content})
	case statesAsked:
		for _, id := range r.ids {
			if c := s.calls.byMsg[id]; c != nil && c.where == inFlight {
				c.ask, s.calls.ask = true, true
			}
		}
	}
}

// remedy does for one call what its refusal asks for.
func (s *Session) remedy(now time.Time, c *call, re reaction, code int32) {
	if c.refused++; re.then == enquire {
		if c.where == inFlight { // in a session that was left nothing can be asked
			c.ask, s.calls.ask = true, true
			s.conn.watch(c, now.Add(s.cfg.Limits.CheckAfter))
		}
		return
	}
	c.alone = c.alone || re.then == alone
	s.calls.enqueue(c)
	if c.refused >= maxRefused {
		s.fail(c, fmt.Errorf("%w: code %d, %s", ErrRefused, code, re.says))
	}
}
