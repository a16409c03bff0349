package session

import (
	"time"

	"github.com/natsgram/natsgram/mtproto/mt"
	"github.com/natsgram/natsgram/tl/bin"
)

// pinger asks the server whether it is there, and learns from its answers how far it is and what its clock says.
type pinger struct {
	limits *Limits
	conn   *connection
	self   *self
	clock  *clock
	rounds *rounds
	events *events
}

// put writes a ping if one is due.
func (x *pinger) put(pack *packer, now time.Time) {
	p := &x.conn.ping
	if !p.due {
		return
	}
	*p = ping{id: p.id + 1, sent: now, open: true}
	p.msgID = pack.begin(now, false)
	(&mt.PingDelayDisconnect{
		PingID: p.id, DisconnectDelay: int32(x.limits.DisconnectAfter / time.Second),
	}).Encode(&pack.w)
	pack.end()
	pack.ping, pack.live = true, true
}

// pong takes the answer to our ping (C32). It was just made, so it also shows the server's time: if ours was far ahead of
// it, it is set back (C11).
func (x *pinger) pong(f frame, r *bin.Reader) {
	var m mt.Pong
	m.Decode(r)
	p := &x.conn.ping
	if unreadable(r) || !p.open || m.PingID != p.id || m.MsgID != p.msgID {
		return
	}
	p.open = false
	x.self.known = p.msgID
	x.rounds.ended()
	rtt := max(f.now.Sub(p.sent), time.Microsecond)
	x.conn.travelled(rtt)
	if off := x.clock.age(f.now, f.id) - rtt/2; off > rtt+farBehind || off < -maxFuture {
		x.clock.set(f.now, f.id)
	}
	x.events.add(Pong{rtt})
}
