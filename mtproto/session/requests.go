package session

import (
	"time"

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

// putResends asks for messages of the server that it says it has sent (C29).
func (s *Session) putResends(now time.Time) {
	ids := s.asks.answers[:min(len(s.asks.answers), maxIDs)]
	if len(ids) == 0 {
		return
	}
	id := s.begin(now, false)
	(&mt.MsgResendReq{MsgIDs: ids}).Encode(&s.pack.w)
	s.end()
	s.log.add(record{kind: answersAsked, msgID: id}, ids)
	s.asks.answers = s.asks.answers[:copy(s.asks.answers, s.asks.answers[len(ids):])]
	s.pack.live = true
}

func (s *Session) putReplies(now time.Time) {
	q := &s.asks
	n := min(len(q.replies), maxReplies)
	for _, r := range q.replies[:n] {
		id := s.begin(now, r.content)
		s.pack.w.Raw(r.body)
		s.end()
		s.log.add(record{kind: replySent, msgID: id, body: r.body, content: r.content}, nil)
	}
	if q.replies = q.replies[n:]; len(q.replies) == 0 {
		q.replies = nil
	}
}

// wanted answers a msg_resend_req of the server with what we know of these messages (C30). Queries among them that are
// in flight may have been lost, or be under way still: their state is asked for, and what was lost goes again under a
// new id. Never under the old one: that ids ascend over each connection is what tells the lives of a session apart.
func (s *Session) wanted(f frame, r *bin.Reader) error {
	var m mt.MsgResendReq
	m.Decode(r)
	if unreadable(r) || len(m.MsgIDs) > maxIDs {
		return nil
	}
	for _, id := range m.MsgIDs {
		if c := s.calls.byMsg[id]; c != nil && c.where == inFlight {
			c.ask, s.calls.ask = true, true
		}
	}
	s.tellStates(f.id, m.MsgIDs)
	return nil
}

// states answers a msgs_state_req of the server (C26).
func (s *Session) states(f frame, r *bin.Reader) error {
	var m mt.MsgsStateReq
	m.Decode(r)
	if !unreadable(r) && len(m.MsgIDs) <= maxIDs {
		s.tellStates(f.id, m.MsgIDs)
	}
	return nil
}

func (s *Session) tellStates(req int64, ids []int64) {
	info := make([]byte, len(ids))
	for i, id := range ids {
		info[i] = s.self.window.state(id)
	}
	s.asks.reply(&mt.MsgsStateInfo{ReqMsgID: req, Info: info}, false)
}

// pinged answers a ping of the server (C32).
func (s *Session) pinged(f frame, r *bin.Reader) error {
	var m mt.Ping
	m.Decode(r)
	if !unreadable(r) {
		s.asks.reply(&mt.Pong{MsgID: f.id, PingID: m.PingID}, false)
	}
	return nil
}
