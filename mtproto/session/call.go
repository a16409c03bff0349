package session

import (
	"time"
)

// CallID names a call of one session; ids ascend in the order of the calls. 0 is none.
type CallID uint64

// CallOptions say how a call may be treated.
type CallOptions struct {
	// Resendable says that executing the query twice does no harm, because it only reads or a random_id guards it (D18).
	// Such a call is sent again even where the server may have executed it.
	Resendable bool
	// Before stands right before the query, which it wraps: so a query need not be copied behind its wrappers. The session keeps it as
	// long as the query.
	Before []byte
	// NoGzip sends the query as it is, as for parts of files (C21).
	NoGzip bool
	// After is an earlier call that the server has to execute first (C39). If that has failed when this one is to be sent, was
	// cancelled, or was sent in a session that was left, this one fails with [ErrTurn] and is not sent, or not again.
	After CallID
	// Lend gives the receiver of a large answer the packet that it came in, instead of a copy: see [Result].
	Lend bool
	// Build, if set, makes the query each time it is sent, for what has to contain its own msg_id (B22). Such a query is
	// sent outside of containers.
	Build func(sessionID, msgID int64) ([]byte, error)
}

// call is a query without an answer. It is in one list: queue, flight or left.
type call struct {
	id    CallID
	query []byte
	opts  CallOptions

	msgID     int64
	container int64 // in which it went; 0: by itself
	follower  CallID
	seq       int32
	witness   int64 // a message that the server was known to have when this one went; 0: none was known
	where     where
	received  bool      // the server said that it has it
	ask       bool      // its state is to be asked for
	alone     bool      // not in a container again (code 64)
	answered  uint8     // how often the server said that it answered
	refused   uint8     // how often it was refused
	past      Sent      // of earlier copies: No, or what became of those given up for lost
	sent      time.Time // last
	check     time.Time // when to ask, if there is no word

	prev, next *call
}

type where uint8

const (
	free     where = iota
	inQueue        // not with the server, as far as this copy goes
	inFlight       // sent in this session
	inFormer       // sent in the session that was left last
)

// fate is whether the server received the call.
func (c *call) fate() Sent {
	switch {
	case c.where == inQueue:
		return c.past
	case c.received:
		return Yes
	}
	return Unknown.or(c.past)
}

// top is the id that counts against first_msg_id: that of the container, if it went in one (C36).
func (c *call) top() int64 { return max(c.msgID, c.container) }

// single reports whether the call must be a packet of its own.
func (c *call) single() bool { return c.alone || c.opts.Build != nil }

// size is how many bytes go.
func (c *call) size() int { return len(c.opts.Before) + len(c.query) }

// tailLeast is how long a query is from which on it is encrypted from where it is.
const tailLeast = 64 << 10

// bulky reports whether the call ends its packet, to be encrypted from where it is.
func (c *call) bulky() bool { return c.opts.NoGzip && !c.single() && len(c.query) >= tailLeast }

// calls are all that wait for an answer.
type calls struct {
	byID   map[CallID]*call
	byMsg  map[int64]*call // those in flight, and in the former session
	queue  list            // to be sent, by ascending id
	flight list            // by ascending msgID
	former list
	last   CallID
	spare  []*call
	ask    bool // some are to be asked for
}

// maxSpare is how many finished entries are kept for use again.
const maxSpare = 64

func (t *calls) make() *call {
	t.last++
	var c *call
	if n := len(t.spare); n > 0 {
		c, t.spare = t.spare[n-1], t.spare[:n-1]
	} else {
		c = &call{}
	}
	*c = call{id: t.last, past: No}
	t.byID[c.id] = c
	return c
}

// drop forgets a call.
func (t *calls) drop(c *call) {
	t.unplace(c)
	delete(t.byID, c.id)
	*c = call{}
	if len(t.spare) < maxSpare {
		t.spare = append(t.spare, c)
	}
}

func (t *calls) unplace(c *call) {
	switch c.where {
	case inQueue:
		t.queue.remove(c)
	case inFlight:
		t.flight.remove(c)
	case inFormer:
		t.former.remove(c)
	}
	if c.msgID != 0 {
		delete(t.byMsg, c.msgID)
	}
	c.where, c.msgID, c.container = free, 0, 0
	c.received, c.ask, c.answered = false, false, 0
}

// enqueue puts a call where its turn is: before all that were made later.
func (t *calls) enqueue(c *call) {
	t.unplace(c)
	c.where = inQueue
	t.queue.insert(c)
}

// fly notes that a queued call is being sent under an id.
func (t *calls) fly(c *call, msgID int64, seq int32, now time.Time) {
	t.queue.remove(c)
	c.where, c.msgID, c.seq, c.sent = inFlight, msgID, seq, now
	t.byMsg[msgID] = c
	t.flight.push(c)
}

// leave moves what is in flight to the session that is left.
func (t *calls) leave() {
	for c := t.flight.head; c != nil; c = t.flight.head {
		t.flight.remove(c)
		c.where, c.ask = inFormer, false
		t.former.push(c)
	}
}

// list is a doubly linked list of calls.
type list struct {
	head, tail *call
	hint       *call // inserted last: what is sent again comes in order
}

func (l *list) push(c *call) { l.after(l.tail, c) }

// insert puts c where its id belongs. New calls go to the end, repeated ones near the head.
func (l *list) insert(c *call) {
	if l.tail == nil || l.tail.id < c.id {
		l.push(c)
		return
	}
	at := l.head
	if l.hint != nil && l.hint.id < c.id {
		at = l.hint
	}
	for at.id < c.id {
		at = at.next
	}
	l.after(at.prev, c)
	l.hint = c
}

// after puts c behind p, or at the head if p is nil.
func (l *list) after(p, c *call) {
	c.prev = p
	if p == nil {
		c.next, l.head = l.head, c
	} else {
		c.next, p.next = p.next, c
	}
	if c.next == nil {
		l.tail = c
	} else {
		c.next.prev = c
	}
}

func (l *list) remove(c *call) {
	if l.hint == c {
		l.hint = c.prev
	}
	if c.prev == nil {
		l.head = c.next
	} else {
		c.prev.next = c.next
	}
	if c.next == nil {
		l.tail = c.prev
	} else {
		c.next.prev = c.prev
	}
	c.prev, c.next = nil, nil
}
