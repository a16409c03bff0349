package session

// maxIDs is how many ids one service message may list (C16, C26).
const maxIDs = 8192

// kind is what a service message was about.
type kind uint8

const (
	acksSent kind = iota
	saltsAsked
	statesAsked
	answersAsked
	replySent
)

// record is a service message that was sent. As the server does not answer for each, it is kept for a while and then
// overwritten.
type record struct {
	kind      kind
	content   bool
	msgID     int64
	container int64
	ids       []int64 // what it listed
	body      []byte  // of a reply
}

// log is the last service messages: a ring.
type log struct {
	size  int
	all   []record
	next  int
	fresh int // of the packet that is being made
}

// keepIDs is how many ids a record keeps room for.
const keepIDs = 64

// add notes a message; ids are copied.
func (l *log) add(r record, ids []int64) {
	if len(l.all) < l.size {
		l.all = append(l.all, record{})
	}
	at := &l.all[l.next]
	if r.ids = at.ids[:0]; cap(r.ids) > keepIDs {
		r.ids = nil // a burst of messages was acknowledged with it
	}
	r.ids = append(r.ids, ids...)
	*at = r
	l.next = (l.next + 1) % l.size
	l.fresh = min(l.fresh+1, l.size)
}

// packed names the container of the messages that were added since the last packet.
func (l *log) packed(container int64) {
	for i := range l.fresh {
		l.all[(l.next-1-i+l.size)%l.size].container = container
	}
	l.fresh = 0
}

// find is the message with this id and kind, or nil.
func (l *log) find(id int64, k kind) *record {
	for i := range l.all {
		if r := &l.all[i]; r.msgID == id && r.kind == k && id != 0 {
			return r
		}
	}
	return nil
}

// take hands out, once, the messages that had this id or were in the container with this id.
func (l *log) take(id int64, each func(*record)) (found bool) {
	for i := range l.all {
		if r := &l.all[i]; id != 0 && (r.msgID == id || r.container == id) {
			found = true
			r.msgID, r.container = 0, 0
			each(r)
		}
	}
	return found
}

// forget empties the log, for a new session.
func (l *log) forget() {
	for i := range l.all {
		l.all[i] = record{}
	}
	l.fresh = 0
}

// shrink lets go of the room that bursts took, and of records from before an id, which nobody asks about any more.
func (l *log) shrink(before int64) {
	for i := range l.all {
		switch r := &l.all[i]; {
		case r.msgID < before:
			*r = record{}
		case cap(r.ids) > max(keepIDs, 2*len(r.ids)):
			r.ids = append([]int64(nil), r.ids...)
		}
	}
}
