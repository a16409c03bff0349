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

	sent *log
}

// ready reports whether something waits.
func (q *requests) ready() bool { return len(q.answers) > 0 || len(q.replies) > 0 }

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

// answer asks for a message of the server that it says it has sent (C29).
func (q *requests) answer(msgID int64) {
	if len(q.answers) < maxIDs {
		q.answers = append(q.answers, msgID)
	}
}

// putAnswers writes which messages of the server are asked for.
func (q *requests) putAnswers(p *packer, now time.Time) {
	ids := q.answers[:min(len(q.answers), maxIDs)]
	if len(ids) == 0 {
		return
	}
	id := p.begin(now, false)
	(&mt.MsgResendReq{MsgIDs: ids}).Encode(&p.w)
	p.end()
	q.sent.add(record{kind: answersAsked, msgID: id}, ids)
	q.answers = q.answers[:copy(q.answers, q.answers[len(ids):])]
	p.live = true
}

func (q *requests) putReplies(p *packer, now time.Time) {
	n := min(len(q.replies), maxReplies)
	for _, r := range q.replies[:n] {
		id := p.begin(now, r.content)
		p.w.Raw(r.body)
		p.end()
		q.sent.add(record{kind: replySent, msgID: id, body: r.body, content: r.content}, nil)
	}
	if q.replies = q.replies[n:]; len(q.replies) == 0 {
		q.replies = nil
	}
}
