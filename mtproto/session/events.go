package session

import (
	"fmt"
	"time"

	"github.com/natsgram/natsgram/mtproto/mt"
)

// Event is something that came of the input: one of [Result], [Failed], [Update], [NewSession], [SaltsChanged],
// [TimeSynced], [Reset], [Pong] and [Warning].
type Event interface{ event() }

// Result is the answer to a call. Exactly one Result or [Failed] comes for every call that was not cancelled.
type Result struct {
	Call CallID
	Body []byte       // TL of the result, unpacked; belongs to the receiver. Nil with Err.
	Err  *mt.RPCError // the server's answer is an error
	Lent bool         // Body stands in the packet, which belongs to the receiver with it
}

// Failed says that a call will not be answered.
type Failed struct {
	Call CallID
	Err  error
	Sent Sent
}

// Update is a message from the server that is no answer and no service message.
type Update struct {
	MsgID int64  // for [Session.Release]
	Body  []byte // TL; belongs to the receiver
}

// NewSession says that the server has begun the session: pushes before it may have been lost, so getDifference is due
// (C36).
type NewSession struct{ FirstMsgID, UniqueID, Salt int64 }

// SaltsChanged has all salts that are known now, the current one first. They belong to the key and are worth keeping
// (C24).
type SaltsChanged struct{ Salts []Salt }

// TimeSynced says by how much the server's time differs from the local wall clock: server - local (C11).
type TimeSynced struct{ Offset time.Duration }

// Reset says that the session has a new session_id, because of a refusal with this code (C25).
type Reset struct {
	Code   int32
	Reason string
}

// Pong is the answer to a ping.
type Pong struct{ RTT time.Duration }

// Warning is something that should not happen and was survived, for the log.
type Warning struct{ Err error }

func (Result) event()       {}
func (Failed) event()       {}
func (Update) event()       {}
func (NewSession) event()   {}
func (SaltsChanged) event() {}
func (TimeSynced) event()   {}
func (Reset) event()        {}
func (Pong) event()         {}
func (Warning) event()      {}

// events is a queue of them.
type events struct {
	all  []Event
	next int
}

func (q *events) add(e Event) { q.all = append(q.all, e) }

func (q *events) take() (Event, bool) {
	if q.next == len(q.all) {
		return nil, false
	}
	e := q.all[q.next]
	q.all[q.next] = nil
	if q.next++; q.next == len(q.all) {
		q.all, q.next = q.all[:0], 0
	}
	return e, true
}

func (e *events) warn(err error) { e.add(Warning{fmt.Errorf("session: %w", err)}) }
