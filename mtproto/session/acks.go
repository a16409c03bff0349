package session

import (
	"time"
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

// owe notes that the server is owed an acknowledgement, unless it is held.
func (a *acks) owe(now time.Time, id int64, limits *Limits) {
	if _, held := a.held[id]; held {
		return
	}
	a.ids = append(a.ids, id)
	if a.due.IsZero() {
		a.due = now.Add(limits.AckAfter)
	}
	a.now = a.now || len(a.ids) > limits.AckCount
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

// forget drops everything: acknowledgements hold for their session alone (C42).
func (a *acks) forget() {
	a.ids, a.due, a.now = a.ids[:0], time.Time{}, false
	clear(a.held)
	clear(a.declined)
}
