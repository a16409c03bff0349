package session

import (
	"fmt"
	"time"

	"github.com/natsgram/natsgram/mtproto/mt"
	"github.com/natsgram/natsgram/tl/bin"
)

// refusals does what the table of reactions says, for calls and for service messages.
type refusals struct {
	limits     *Limits
	conn       *connection
	clock      *clock
	calls      *calls
	acks       *acks
	asks       *requests
	salts      *salts
	sent       *log
	succession *succession
	rounds     *rounds
	events     *events
}

// maxRefused is how often one call may be refused.
const maxRefused = 8

// badMsg takes a refusal (C25).
func (x *refusals) badMsg(f frame, r *bin.Reader) error {
	var m mt.BadMsgNotification
	m.Decode(r)
	if unreadable(r) {
		return nil
	}
	return x.refused(f, m.BadMsgID, m.ErrorCode, 0)
}

// badSalt takes a refusal that says which salt is right (C23).
func (x *refusals) badSalt(f frame, r *bin.Reader) error {
	var m mt.BadServerSalt
	m.Decode(r)
	if unreadable(r) {
		return nil
	}
	return x.refused(f, m.BadMsgID, m.ErrorCode, m.NewServerSalt)
}

// refused reacts to the refusal of our message id, or of the container id. Salt is 0 if the notice has none.
func (x *refusals) refused(f frame, id int64, code int32, salt int64) error {
	re := reactionTo(code)
	calls := x.refusedCalls(f, id)
	service := !f.former && x.refusedService(id)
	if len(calls) == 0 && !service {
		return nil
	}
	x.rounds.refused(id, x.clock.last)
	if re.bug {
		x.events.warn(fmt.Errorf("message refused with code %d: %s", code, re.says))
	}
	if re.time {
		x.clock.set(f.now, f.id)
	}
	if salt != 0 {
		x.salts.adopt(f.now, salt)
	}
	for _, c := range calls {
		x.remedy(f.now, c, re, code)
	}
	if re.renew && !f.former {
		x.succession.renew(f.now, code, re.says)
	}
	if x.rounds.count > maxRounds {
		*x.rounds = rounds{}
		return fmt.Errorf("%w: code %d, %s", ErrLoop, code, re.says)
	}
	return nil
}

// refusedCalls are the calls that a notice is about. Only such as were sent in the session that it came in (C25).
func (x *refusals) refusedCalls(f frame, id int64) (found []*call) {
	if c := x.calls.byMsg[id]; c != nil {
		if (c.where == inFormer) == f.former {
			found = append(found, c)
		}
		return found
	}
	from := x.calls.flight.head
	if f.former {
		from = x.calls.former.head
	}
	for c := from; c != nil && id != 0; c = c.next {
		if c.container == id {
			found = append(found, c)
		}
	}
	return found
}

// refusedService wants again what service messages asked for that were refused.
func (x *refusals) refusedService(id int64) bool {
	ping := x.conn.ping.refused(id)
	acks := x.acks.refused(x.conn.now, id)
	return x.sent.take(id, x.wantAgain) || acks || ping
}

func (x *refusals) wantAgain(r *record) {
	switch r.kind {
	case saltsAsked:
		x.salts.askAt = time.Time{}
	case answersAsked:
		x.asks.answers = append(x.asks.answers, r.ids...)
	case replySent:
		x.asks.replies = append(x.asks.replies, reply{r.body, r.content})
	case statesAsked:
		for _, id := range r.ids {
			if c := x.calls.flying(id); c != nil {
				x.calls.enquire(c)
			}
		}
	}
}

// remedy does for one call what its refusal asks for.
func (x *refusals) remedy(now time.Time, c *call, re reaction, code int32) {
	if c.refused++; re.then == enquire {
		if c.where == inFlight { // in a session that was left nothing can be asked
			x.calls.enquire(c)
			x.calls.watch(c, now.Add(x.limits.CheckAfter))
		}
		return
	}
	c.alone = c.alone || re.then == alone
	x.calls.enqueue(c)
	if c.refused >= maxRefused {
		x.calls.fail(c, fmt.Errorf("%w: code %d, %s", ErrRefused, code, re.says))
	}
}
