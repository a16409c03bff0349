package session

import (
	"time"
)

// CallID names a call of one session; ids ascend in the order of the calls. 0 is none.
type CallID uint64

// Sent says whether the server received a call.
type Sent uint8

// The zero Sent is Unknown, the careful answer.
const (
	Unknown Sent = iota // it may have been received and executed
	No                  // it was not received, or refused: to try again is safe
	Yes                 // it was received, and executed or about to be
)

func (s Sent) String() string {
	switch s {
	case No:
		return "no"
	case Yes:
		return "yes"
	}
	return "unknown"
}

// or is what is known of a call of which two copies were sent.
func (s Sent) or(o Sent) Sent {
	switch {
	case s == Yes || o == Yes:
		return Yes
	case s == No && o == No:
		return No
	}
	return Unknown
}

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

// maxQuery is the longest query in bytes. It leaves room in a packet of 16 MiB (A34) for all that may go along with it:
// lists of ids, of up to 64 KiB each, and replies.
const maxQuery = 15 << 20

// sound reports whether a query can be one.
func sound(query []byte) bool {
	return len(query) >= 4 && len(query)%4 == 0 && len(query) <= maxQuery
}

// tailLeast is how long a query is from which on it is encrypted from where it is.
const tailLeast = 64 << 10

// bulky reports whether the call ends its packet, to be encrypted from where it is.
func (c *call) bulky() bool { return c.opts.NoGzip && !c.single() && len(c.query) >= tailLeast }
