package session

import (
	"github.com/natsgram/natsgram/mtproto/mt"
	"github.com/natsgram/natsgram/tl/bin"
)

// informer answers the server's own questions.
type informer struct {
	self  *self
	calls *calls
	asks  *requests
}

// again answers a msg_resend_req of the server with what we know of these messages (C30). Queries among them that are
// in flight may have been lost, or be under way still: their state is asked for, and what was lost goes again under a
// new id. Never under the old one: that ids ascend over each connection is what tells the lives of a session apart.
func (x *informer) again(f frame, r *bin.Reader) {
	var m mt.MsgResendReq
	m.Decode(r)
	if unreadable(r) || len(m.MsgIDs) > maxIDs {
		return
	}
	for _, id := range m.MsgIDs {
		if c := x.calls.flying(id); c != nil {
			x.calls.enquire(c)
		}
	}
	x.tell(f.id, m.MsgIDs)
}

// states answers a msgs_state_req of the server (C26).
func (x *informer) states(f frame, r *bin.Reader) {
	var m mt.MsgsStateReq
	m.Decode(r)
	if !unreadable(r) && len(m.MsgIDs) <= maxIDs {
		x.tell(f.id, m.MsgIDs)
	}
}

func (x *informer) tell(req int64, ids []int64) {
	info := make([]byte, len(ids))
	for i, id := range ids {
		info[i] = x.self.window.state(id)
	}
	x.asks.reply(&mt.MsgsStateInfo{ReqMsgID: req, Info: info}, false)
}

// ping answers a ping of the server (C32).
func (x *informer) ping(f frame, r *bin.Reader) {
	var m mt.Ping
	m.Decode(r)
	if !unreadable(r) {
		x.asks.reply(&mt.Pong{MsgID: f.id, PingID: m.PingID}, false)
	}
}
