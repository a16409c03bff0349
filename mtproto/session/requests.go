package session

import (
	"github.com/natsgram/natsgram/mtproto/mt"
	"github.com/natsgram/natsgram/tl/bin"
)

const (
	maxReplies = 16   // in one packet
	maxWaiting = 1024 // replies to the server that wait; more are not owed to anybody
	maxDrops   = 64   // the same, with requests to drop an answer among them
)

// requests are service messages that wait to be sent, besides acknowledgements, pings and salts.
type requests struct {
	answers []int64 // messages of the server to send again (C29)
	replies []reply
}

// reply is a small message that is made already.
type reply struct {
	body    []byte
	content bool
}

// forget drops everything, for a new session.
func (q *requests) forget() {
	q.answers, q.replies = q.answers[:0], nil
}

func (q *requests) reply(m mt.Object, content bool) {
	if len(q.replies) < maxWaiting {
		var w bin.Writer
		m.Encode(&w)
		q.replies = append(q.replies, reply{w.Buf, content})
	}
}

// dropAnswer asks the server not to send an answer (C31). The request is a query, answered by an rpc_result.
func (q *requests) dropAnswer(msgID int64) {
	if len(q.replies) < maxDrops {
		q.reply(&mt.RpcDropAnswer{ReqMsgID: msgID}, true)
	}
}
