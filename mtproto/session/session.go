package session

import (
	"encoding/binary"
	"fmt"
	"io"
	"time"
)

// maxQuery is the longest query in bytes. It leaves room in a packet of 16 MiB (A34) for all that may go along with it:
// lists of ids, of up to 64 KiB each, and replies.
const maxQuery = 15 << 20

// Session is one encrypted session. See the package comment.
type Session struct {
	cfg    Config
	clock  clock
	self   self   // the session as the server knows it
	former former // the one before, for late answers
	conn   connection
	salts  salts
	acks   acks
	calls  calls
	asks   requests // what else is to be sent
	loop   loop     // refusals in a row
	log    log      // service messages sent, in case they are refused
	ackLog log      // the same for acknowledgements, of which there are many
	pack   packer
	in     inbox
	events events
	err    error // randomness failed: nothing can be sent
}

// self is a session id and what is counted under it.
type self struct {
	id      int64
	content int32 // content-related messages sent so far (C13)
	window  received
	born    int      // number of the connection on which it began
	known   int64    // a message of ours that the server has in it, the last that it proved; 0: none
	lives   int      // new_session_created so far
	first   int64    // first_msg_id of the latest of them
	uniques [8]int64 // their unique ids, the last 8
}

// proves reports whether "not received" means that the call was not executed. It does, unless the session was begun anew
// after the call went out: then it was another life of the session that might have received it. Code 1, older than all
// that is remembered, is just what a new life says of messages before it, and may overtake the notice of that. Codes 2 and
// 3 may be said by a new life too, if it began with what came late over an earlier connection. So it also takes a witness:
// a message that the session was known to have before the call went. The life that has it was there before the call and
// is there still.
func (x *self) proves(c *call, state byte) bool {
	return !c.received && state != stateForgotten && c.top() >= x.first
}

// seqNo numbers a message (C13).
func (x *self) seqNo(content bool) int32 {
	if !content {
		return 2 * x.content
	}
	x.content++
	return 2*x.content - 1
}

// New begins a session with a new random id. It fails if the Config is incomplete or its Rand fails.
func New(c Config) (*Session, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	s := &Session{cfg: c, salts: newSalts(&c), log: log{size: 32}, ackLog: log{size: 32}}
	s.clock.offset = c.TimeOffset
	s.calls.byID, s.calls.byMsg = make(map[CallID]*call), make(map[int64]*call)
	s.begun()
	return s, s.err
}

// begun makes the session a new one, with an id of its own.
func (s *Session) begun() {
	var b [8]byte
	for binary.LittleEndian.Uint64(b[:]) == 0 {
		if _, err := io.ReadFull(s.cfg.Rand, b[:]); err != nil {
			s.err = fmt.Errorf("session: random id: %w", err)
			return
		}
	}
	s.self = self{id: int64(binary.LittleEndian.Uint64(b[:])), born: s.conn.number}
	if !s.conn.up {
		s.self.born++
	}
}

// SessionID is the present session_id.
func (s *Session) SessionID() int64 { return s.self.id }

// Pending is how many calls wait for an answer.
func (s *Session) Pending() int { return len(s.calls.byID) }

// Call queues a query: one TL function, wrapped as the API wants it. The session keeps the slice until the call ends.
func (s *Session) Call(now time.Time, query []byte, o CallOptions) CallID {
	s.conn.now = now
	c := s.calls.make()
	c.query, c.opts = query, o
	id := c.id
	if p := s.calls.byID[o.After]; p != nil {
		p.follower = id
	}
	s.calls.enqueue(c)
	switch {
	case s.err != nil:
		s.fail(c, s.err)
	case o.Build == nil && !(sound(query) && len(o.Before)%4 == 0 && c.size() <= maxQuery):
		s.fail(c, fmt.Errorf("%w: %d bytes", ErrQuery, c.size()))
	}
	return id
}

func sound(query []byte) bool {
	return len(query) >= 4 && len(query)%4 == 0 && len(query) <= maxQuery
}

// Cancel forgets a call: neither [Result] nor [Failed] will come. It tells whether the server received it. If that may
// be so, the server is asked not to send the answer (C31). A call that has ended already is Unknown.
func (s *Session) Cancel(now time.Time, id CallID) Sent {
	s.conn.now = now
	c := s.calls.byID[id]
	if c == nil {
		return Unknown
	}
	fate := c.fate()
	if c.where == inFlight && s.conn.up && !c.ask {
		s.asks.dropAnswer(c.msgID)
	}
	s.calls.drop(c)
	return fate
}

// Close fails all calls, each with what is known of it. Nothing is sent any more.
func (s *Session) Close() {
	s.Disconnected(s.conn.now)
	s.settleFormer()
	for _, l := range []*list{&s.calls.flight, &s.calls.queue} {
		for l.head != nil {
			s.fail(l.head, ErrClosed)
		}
	}
	s.err = ErrClosed
}

// fail ends a call without an answer.
func (s *Session) fail(c *call, err error) {
	s.events.add(Failed{Call: c.id, Err: err, Sent: c.fate()})
	s.calls.drop(c)
}

// unresolved decides about a call whose fate cannot be found out.
func (s *Session) unresolved(c *call, err error) {
	if !c.opts.Resendable {
		s.fail(c, err)
		return
	}
	c.past = c.past.or(c.fate())
	s.calls.enqueue(c)
}

// Release lets the acknowledgement of a held update go with what is sent next, or soon (C17). Ids that are not held are
// ignored. The time of the last input counts as now.
func (s *Session) Release(msgID int64) {
	if s.acks.release(msgID) {
		s.acks.owe(s.conn.now, msgID, &s.cfg.Limits)
	}
}

// Decline gives back a held update that could not be taken: it is not acknowledged, and is as new when the server sends it
// again, which it does on the next connection (C15, E27).
func (s *Session) Decline(msgID int64) { s.acks.decline(msgID) }

// ServerTime is the server's time as far as we know.
func (s *Session) ServerTime(now time.Time) time.Time { return time.Unix(0, s.clock.server(now)) }

// former is the session that was left last. Answers and refusals that are still under way in it are taken until some
// time (C5), nothing is sent in it (C42), and then the server is told to forget it (C38).
type former struct {
	id    int64
	until time.Time // zero: there is none
}
