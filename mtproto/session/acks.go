package session

import (
	"time"

	"github.com/natsgram/natsgram/mtproto/mt"
)

// maxIDs is how many ids one service message may list (C16, C26).
const maxIDs = 8192

// acks are the acknowledgements that are owed (C15 to C17).
type acks struct {
	ids  []int64
	due  time.Time          // when they go by themselves; zero: nothing is owed
	now  bool               // they are due, or too many to wait
	held map[int64]struct{} // updates that wait for Release

	declined map[int64]struct{} // updates that were not taken: they will be when they come again
}

// maxDeclined bounds what is remembered of them. One more stays unacknowledged, but is not taken when it comes again.
const maxDeclined = 1 << 16

// acknowledge owes the server an acknowledgement, unless it is held.
func (s *Session) acknowledge(now time.Time, id int64) {
	a := &s.acks
	if _, held := a.held[id]; held {
		return
	}
	a.ids = append(a.ids, id)
	if a.due.IsZero() {
		a.due = now.Add(s.cfg.Limits.AckAfter)
	}
	a.now = a.now || len(a.ids) > s.cfg.Limits.AckCount
}

func (a *acks) hold(id int64) {
	if a.held == nil {
		a.held = make(map[int64]struct{})
	}
	a.held[id] = struct{}{}
}

// Release lets the acknowledgement of a held update go with what is sent next, or soon (C17). Ids that are not held are
// ignored. The time of the last input counts as now.
func (s *Session) Release(msgID int64) {
	if _, held := s.acks.held[msgID]; held {
		delete(s.acks.held, msgID)
		s.acknowledge(s.conn.now, msgID)
	}
}

// Decline gives back a held update that could not be taken: it is not acknowledged, and is as new when the server sends it
// again, which it does on the next connection (C15, E27).
func (s *Session) Decline(msgID int64) {
	a := &s.acks
	if _, held := a.held[msgID]; !held || len(a.declined) >= maxDeclined {
		return
	}
	delete(a.held, msgID)
	if a.declined == nil {
		a.declined = make(map[int64]struct{})
	}
	a.declined[msgID] = struct{}{}
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

// forget drops everything: acknowledgements hold for their session alone (C42).
func (a *acks) forget() {
	a.ids, a.due, a.now = a.ids[:0], time.Time{}, false
	clear(a.held)
	clear(a.declined)
}

// putAcks writes what is owed into the packet, if it is due or the packet goes anyway (C16).
func (s *Session) putAcks(now time.Time, anyway bool) {
	a := &s.acks
	if len(a.ids) == 0 || !anyway && !a.now {
		return
	}
	ids := a.ids[:min(len(a.ids), maxIDs)]
	id := s.begin(now, false)
	(&mt.MsgsAck{MsgIDs: ids}).Encode(&s.pack.w)
	s.end()
	s.ackLog.add(record{kind: acksSent, msgID: id}, ids)
	a.ids = a.ids[:copy(a.ids, a.ids[len(ids):])]
	if len(a.ids) == 0 {
		a.due, a.now = time.Time{}, false
	}
}
