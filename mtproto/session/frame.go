package session

import (
	"encoding/binary"
	"time"

	"github.com/natsgram/natsgram/tl/bin"
)

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

// unreadable reports whether a service message cannot be read: [services.take] reports that, and whoever takes the message
// does nothing.
func unreadable(r *bin.Reader) bool { return r.Err() != nil }

// idOf is the constructor id of a message; 0: it has none.
func idOf(body []byte) uint32 {
	if len(body) < 4 {
		return 0
	}
	return binary.LittleEndian.Uint32(body)
}
