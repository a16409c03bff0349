package session

import (
	"slices"

	"github.com/natsgram/natsgram/mtproto/mt"
)

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

// seqNo numbers a message (C13).
func (x *self) seqNo(content bool) int32 {
	if !content {
		return 2 * x.content
	}
	x.content++
	return 2*x.content - 1
}

// live notes a notice that the server has begun the session (C36), and reports whether it is new. Each counts once.
func (x *self) live(m *mt.NewSessionCreated) bool {
	if x.lives > 0 && slices.Contains(x.uniques[:min(x.lives, len(x.uniques))], m.UniqueID) {
		return false
	}
	x.uniques[x.lives%len(x.uniques)] = m.UniqueID
	x.lives++
	x.first = max(x.first, m.FirstMsgID) // notices may overtake each other
	return true
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
