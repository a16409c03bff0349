package mtproto

import (
	"time"

	"github.com/natsgram/natsgram/mtproto/dc"
	"github.com/natsgram/natsgram/mtproto/internal/conn"
	"github.com/natsgram/natsgram/mtproto/reach"
)

// connector makes the connections of a link, one after another, and decides what the end of each means. It belongs to the
// goroutine that runs it.
type connector struct {
	l       *link
	backoff backoff
	pause   time.Duration // before the next attempt
	via     *route        // the connection of the moment, nil for none; its reader may look too
}

// route is a connection, and the way that it came by.
type route struct {
	*reach.Conn
	way   int // for the Chooser
	began time.Time
}

// wire is a connection, and the address that it leads to.
type wire struct {
	*conn.Wire
	to dc.Option
}

// wire frames the connection.
func (r *route) wire(l Limits) (*wire, error) {
	w, err := conn.NewWire(r.Conn, r.Framing, conn.Patience{Write: l.Write, Receive: l.Handshake})
	return &wire{Wire: w, to: r.To}, err
}
