package session

import (
	"fmt"
	"time"

	"github.com/natsgram/natsgram/mtproto/mt"
	"github.com/natsgram/natsgram/tl/bin"
)

// fates finds out what became of calls: by asking the server, and by what it says of messages.
type fates struct {
	ids []int64 // a buffer for lists of them

	limits *Limits
	conn   *connection
	self   *self
	calls  *calls
	acks   *acks
	asks   *requests
	sent   *log
	rounds *rounds
	events *events
}

// put asks for the state of calls (C26).
func (x *fates) put(p *packer, now time.Time) {
	if !x.calls.ask {
		return
	}
	x.ids = x.calls.asked(x.ids[:0])
	if len(x.ids) == 0 {
		return
	}
	x.withWitnesses()
	id := p.begin(now, false)
	(&mt.MsgsStateReq{MsgIDs: x.ids}).Encode(&p.w)
	p.end()
	x.sent.add(record{kind: statesAsked, msgID: id}, x.ids)
	p.live = true
}

// withWitnesses adds, to the calls that are asked for, the messages that tell which life of the session answers. There is
// no need where it began on this connection: ids ascend over a connection, so a later life has nothing older than a call
// that an earlier one received, and of such the server says that it knows nothing (code 1).
func (x *fates) withWitnesses() {
	if x.self.born == x.conn.number {
		return
	}
	last := int64(0)
	for _, id := range x.ids {
		if w := x.calls.byMsg[id].witness; w != last {
			x.ids = append(x.ids, w)
			last = w
		}
	}
}

// witnesses finds out whether the life of the session that answers is one that had a message.
type witnesses struct {
	ids    []int64
	states []byte
	last   int64
	had    bool
}

func (w *witnesses) have(id int64) bool {
	if id != w.last {
		w.last, w.had = id, false
		for i := len(w.ids) - 1; i >= 0 && !w.had; i-- {
			w.had = w.ids[i] == id && w.states[i]&stateMask == stateReceived
		}
	}
	return w.had
}

// stateInfo takes the answer to our msgs_state_req: one byte for each id that we asked for (C26).
func (x *fates) stateInfo(f frame, r *bin.Reader) {
	var m mt.MsgsStateInfo
	m.Decode(r)
	asked := x.sent.find(m.ReqMsgID, statesAsked)
	if unreadable(r) || asked == nil {
		return
	}
	if len(asked.ids) != len(m.Info) {
		x.events.warn(fmt.Errorf("msgs_state_info of %d states for %d messages", len(m.Info), len(asked.ids)))
		return
	}
	x.rounds.ended()
	req := asked.msgID
	asked.msgID = 0
	x.learnAll(f, req, asked.ids, m.Info)
}

// allInfo takes states that the server tells unasked (C28). Messages may have been under way to it at that moment, so of
// those that it says it did not receive the state is asked for.
func (x *fates) allInfo(f frame, r *bin.Reader) {
	var m mt.MsgsAllInfo
	m.Decode(r)
	if !unreadable(r) && len(m.MsgIDs) == len(m.Info) {
		x.learnAll(f, 0, m.MsgIDs, m.Info)
	}
}

// learnAll takes what the server says of calls in answer to our message req; 0: unasked.
func (x *fates) learnAll(f frame, req int64, ids []int64, states []byte) {
	seen := witnesses{ids: ids, states: states}
	for i, id := range ids {
		c := x.calls.flying(id)
		if c == nil {
			continue
		}
		switch state := states[i] & stateMask; state {
		case stateForgotten, stateNotReceived, stateTooHigh:
			sure := x.self.born == x.conn.number || seen.have(c.witness)
			x.missing(c, req, sure && x.self.proves(c, state))
		case stateReceived:
			x.calls.received(f.now, c, states[i]&stateAnswered != 0)
		}
	}
}

// missing takes the word that a call was not received when the server read our message req; sure: by no life of the
// session.
func (x *fates) missing(c *call, req int64, sure bool) {
	switch {
	case req == 0: // it may have come since
		x.calls.enquire(c)
	case sure:
		x.calls.enqueue(c) // to be sent again: this copy was not executed
	default:
		x.calls.unresolved(c, ErrForgotten)
	}
}

// acked takes acknowledgements of our messages (C15).
func (x *fates) acked(f frame, r *bin.Reader) {
	m := mt.MsgsAck{MsgIDs: x.ids[:0]}
	m.Decode(r)
	if x.ids = m.MsgIDs[:0]; unreadable(r) {
		return
	}
	x.rounds.ended()
	for _, id := range m.MsgIDs {
		c := x.calls.byMsg[id]
		if c == nil {
			continue
		}
		if c.received = true; c.where == inFlight {
			x.calls.watch(c, f.now.Add(x.limits.CheckReceived))
		}
	}
}

// detailed takes the news that a query was answered (C29).
func (x *fates) detailed(f frame, r *bin.Reader) {
	var m mt.MsgDetailedInfo
	m.Decode(r)
	if unreadable(r) {
		return
	}
	c := x.calls.byMsg[m.MsgID]
	if c != nil && c.where == inFlight {
		c.received = true
		x.calls.watch(c, f.now.Add(x.limits.CheckAfter))
	}
	x.fetch(f.now, m.AnswerMsgID, c != nil)
}

// newDetailed takes the news of a message that is no answer (C29).
func (x *fates) newDetailed(f frame, r *bin.Reader) {
	var m mt.MsgNewDetailedInfo
	m.Decode(r)
	if !unreadable(r) {
		x.fetch(f.now, m.AnswerMsgID, true)
	}
}

// fetch asks for a message of the server, or acknowledges it if it was seen or nobody waits for it.
func (x *fates) fetch(now time.Time, id int64, needed bool) {
	if id&1 == 0 {
		return
	}
	if !needed || x.self.window.has(id) {
		x.acks.owe(now, id)
		return
	}
	x.asks.answer(id)
}
