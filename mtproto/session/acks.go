package session

import (
	"time"

	"github.com/natsgram/natsgram/mtproto/mt"
)

// acks are the acknowledgements that are owed (C15 to C17).
type acks struct {
	ids  []int64
	due  time.Time          // when they go by themselves; zero: nothing is owed
	now  bool               // they are due, or too many to wait
	held map[int64]struct{} // updates that wait for Release

	declined map[int64]struct{} // updates that were not taken: they will be when they come again

	sent   log // those that went, in case they are refused; there are many
	limits *Limits
}

// maxDeclined bounds what is remembered of them. One more stays unacknowledged, but is not taken when it comes again.
const maxDeclined = 1 << 16

// owe notes that the server is owed an acknowledgement, unless it is held.
func (a *acks) owe(now time.Time, id int64) {
	if _, held := a.held[id]; held {
		return
	}
	a.ids = append(a.ids, id)
	if a.due.IsZero() {
		a.due = now.Add(a.limits.AckAfter)
	}
	a.now = a.now || len(a.ids) > a.limits.AckCount
}

func (a *acks) hold(id int64) {
	if a.held == nil {
		a.held = make(map[int64]struct{})
	}
	a.held[id] = struct{}{}
}

// release takes an update out of those that are held, and reports whether it was there.
func (a *acks) release(id int64) bool {
	_, held := a.held[id]
	delete(a.held, id)
	return held
}

// decline gives a held update back: it is not acknowledged, and taken when it comes again.
func (a *acks) decline(id int64) {
	if _, held := a.held[id]; !held || len(a.declined) >= maxDeclined {
		return
	}
	delete(a.held, id)
	if a.declined == nil {
		a.declined = make(map[int64]struct{})
	}
	a.declined[id] = struct{}{}
}

// again reports whether a message is an update that was declined before.
func (a *acks) again(id int64) bool {
	_, declined := a.declined[id]
	delete(a.declined, id)
	return declined
}

// tick makes acknowledgements due.
func (a *acks) tick(now time.Time) {
	a.now = a.now || !a.due.IsZero() && !now.Before(a.due)
}

// flush makes them due, if any are owed.
func (a *acks) flush() { a.now = len(a.ids) > 0 }

// ready reports whether some have to go.
func (a *acks) ready() bool { return a.now && len(a.ids) > 0 }

// put writes what is owed into the packet, if it is due or the packet goes anyway (C16).
func (a *acks) put(p *packer, now time.Time, anyway bool) {
	if len(a.ids) == 0 || !anyway && !a.now {
		return
	}
	ids := a.ids[:min(len(a.ids), maxIDs)]
	id := p.begin(now, false)
	(&mt.MsgsAck{MsgIDs: ids}).Encode(&p.w)
	p.end()
	a.sent.add(record{kind: acksSent, msgID: id}, ids)
	a.ids = a.ids[:copy(a.ids, a.ids[len(ids):])]
	if len(a.ids) == 0 {
		a.due, a.now = time.Time{}, false
	}
}

// refused owes again what was in a message that the server refused, or in the container with this id.
func (a *acks) refused(now time.Time, id int64) (found bool) {
	return a.sent.take(id, func(r *record) {
		for _, id := range r.ids {
			a.owe(now, id)
		}
	})
}

// forget drops everything: acknowledgements hold for their session alone (C42).
func (a *acks) forget() {
	a.ids, a.due, a.now = a.ids[:0], time.Time{}, false
	clear(a.held)
	clear(a.declined)
	a.sent.forget()
}
