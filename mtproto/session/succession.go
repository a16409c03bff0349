package session

import (
	"encoding/binary"
	"fmt"
	"io"
	"time"

	"github.com/natsgram/natsgram/mtproto/mt"
	"github.com/natsgram/natsgram/tl/bin"
)

// former is the session that was left last. Answers and refusals that are still under way in it are taken until some
// time (C5), nothing is sent in it (C42), and then the server is told to forget it (C38).
type former struct {
	id    int64
	until time.Time // zero: there is none
}

// succession begins sessions and leaves them, and takes the word of the server that it did so.
type succession struct {
	former former // the one before the present one, for late answers

	rand   io.Reader
	limits *Limits
	self   *self
	conn   *connection
	clock  *clock
	calls  *calls
	acks   *acks
	asks   *requests
	sent   *log
	rounds *rounds
	salts  *salts
	events *events
}

// begin makes the session a new one, with an id of its own.
func (x *succession) begin() {
	var b [8]byte
	for binary.LittleEndian.Uint64(b[:]) == 0 {
		if _, err := io.ReadFull(x.rand, b[:]); err != nil {
			x.conn.err = fmt.Errorf("session: random id: %w", err)
			return
		}
	}
	*x.self = self{id: int64(binary.LittleEndian.Uint64(b[:])), born: x.conn.number}
	if !x.conn.up {
		x.self.born++
	}
}

// renew leaves the session for a new one (C25). What was refused is queued already; the rest of the calls in flight
// waits for late answers.
func (x *succession) renew(now time.Time, code int32, reason string) {
	x.asks.forget()
	x.settle() // has something to ask for
	x.former = former{x.self.id, now.Add(x.limits.Linger)}
	x.calls.leave()
	x.acks.forget()
	x.sent.forget()
	if x.clock.rewind(now) {
		x.rounds.mark = 0
	}
	x.conn.ping.due = true
	x.begin()
	x.events.add(Reset{code, reason})
}

// settle ends the wait for late answers.
func (x *succession) settle() {
	if x.former.until.IsZero() {
		return
	}
	x.asks.reply(&mt.DestroySession{SessionID: x.former.id}, true)
	x.former = former{}
	for c := x.calls.former.head; c != nil; c = x.calls.former.head {
		x.calls.unresolved(c, ErrForgotten)
	}
}

// tick ends that wait when its time has come.
func (x *succession) tick(now time.Time) {
	if at := x.former.until; !at.IsZero() && !now.Before(at) {
		x.settle()
	}
}

// ours reports whether messages of a session are taken: of the present one, and for a while of the one before.
func (x *succession) ours(id int64) bool {
	return id == x.self.id || id == x.former.id && !x.former.until.IsZero()
}

// firstLife reports whether whatever was sent in this session can only have been received by its present life: it began on
// this connection, and the server has begun it not more than once.
func (x *succession) firstLife() bool { return x.self.lives <= 1 && x.self.born == x.conn.number }

// begun takes the notice that the server has begun the session, anew perhaps (C36).
func (x *succession) begun(f frame, r *bin.Reader) {
	var m mt.NewSessionCreated
	m.Decode(r)
	if unreadable(r) || !x.self.live(&m) {
		return
	}
	x.salts.adopt(f.now, m.ServerSalt)
	x.events.add(NewSession{m.FirstMsgID, m.UniqueID, m.ServerSalt})
	x.forgotten()
}

// forgotten deals with the calls that are older than the present life of the session.
func (x *succession) forgotten() {
	var next *call
	for c := x.calls.flight.head; c != nil; c = next {
		next = c.next
		switch {
		case c.top() >= x.self.first:
		case x.firstLife() && !c.received:
			x.calls.enqueue(c) // to be sent again: this copy was not executed
		default:
			x.calls.unresolved(c, ErrForgotten)
		}
	}
}
