package session

import (
	"time"

	"github.com/natsgram/natsgram/mtproto/mt"
	"github.com/natsgram/natsgram/tl/bin"
)

// inbox has the buffers for receiving.
type inbox struct {
	inner mt.MsgContainer
	ids   []int64
	r     bin.Reader // of service messages, which have none inside

	unpacked int  // bytes that the present packet unpacked to
	lent     bool // the present packet has been given away
}

// frame is where a message came from.
type frame struct {
	now     time.Time
	session int64
	id      int64 // of the message
	former  bool  // in the session that was left
	nested  bool  // in a container, a copy or a gzip_packed: no container may be inside
	zipped  bool
	stale   bool // its packet is too old to bring anything (C8)
}

// unreadable reports whether a service message cannot be read: [Session.service] reports that, and whoever takes the message
// does nothing.
func unreadable(r *bin.Reader) bool { return r.Err() != nil }
