package sim

import (
	"time"

	"github.com/natsgram/natsgram/mtproto/handshake"
	"github.com/natsgram/natsgram/mtproto/transport"
)

// connection is one: the bytes on their way, and the server's end of it.
type connection struct {
	number     int
	up, down   []byte // towards the server, towards the client
	mute, deaf bool   // half-open: no byte arrives at the server, at the client
	left       bool   // by the client; what is still in up may arrive
	closed     bool   // by the server; what is still in down may arrive

	framing  *transport.Conn
	exchange *handshake.Server
	life     *sessionLife
	deadline time.Time // when the server closes it, unless there is a ping (C33)
	packets  [][]byte  // of the server, for whoever wants to send them again
}

// take removes a beginning of the bytes on their way: some, or all of them.
func take(r *source, b *[]byte) []byte {
	n := len(*b)
	if n > 1 && r.one(3) {
		n = 1 + r.n(n)
	}
	piece := (*b)[:n:n]
	*b = (*b)[n:]
	return piece
}

// flip damages a bit of what is on its way.
func (l *connection) flip(r *source) {
	at := l.up
	if len(at) == 0 || r.one(2) && len(l.down) > 0 {
		at = l.down
	}
	if len(at) > 0 {
		at[r.n(len(at))] ^= 1 << r.n(8)
	}
}
