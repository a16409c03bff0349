// Package answer is how the daemon answers: the one place that publishes where a message's reply says.
//
// A NATS server checks whether a caller may publish a request, and does not check the reply subject that the request names. The
// daemon publishes there with its own rights, so without a rule whoever may make one call could have it write into
// $KV buckets, streams and other accounts (design §10). Therefore every message that wants an answer goes through Take, before
// anything is done; only what Take lets through can be answered, by the methods of Request. cmd/natsgram/house_test.go keeps the
// other packages of the daemon from publishing to a reply in any other way.
package answer

import (
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/subjects"
)

// Answers answers the requests that come by one connection.
type Answers struct {
	conn    *nats.Conn
	replies subjects.Replies
	dropped func() // may be nil
	log     *slog.Logger

	mu     sync.Mutex
	all    int       // that were dropped
	silent int       // of them since the last line in the log
	logged time.Time // when that was
}

// New makes them. dropped is told of every request whose answer would go where none may; it and log may be nil.
func New(conn *nats.Conn, replies subjects.Replies, dropped func(), log *slog.Logger) *Answers {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Answers{conn: conn, replies: replies, dropped: dropped, log: log}
}

// Conn is the connection.
func (a *Answers) Conn() *nats.Conn { return a.conn }

// Accept makes a request of a message. False: its answer may not go where it says, or nobody has asked, and nothing is to be done.
// A message without a reply is a request all the same: its caller does not wait for the answer.
func (a *Answers) Accept(m *nats.Msg) (Request, bool) {
	if m.Reply != "" && !a.replies.Allow(m.Reply) || nobody(m) {
		a.drop(m)
		return Request{}, false
	}
	return Request{msg: m, to: a}, true
}

// nobody reports whether a message has neither a body nor a reply. JetStream sends such, with rights of its own, wherever a user
// of its API has it: heartbeats to the subject that a push consumer delivers to, and what tells of an acknowledgement, or that
// there are no more messages. One of these on tg.ctl.<account>.logout is not the wish of somebody who may sign out.
func nobody(m *nats.Msg) bool { return m.Reply == "" && len(m.Data) == 0 }

// Subscribe takes the requests of a subject; with a queue, one of all that name it gets each. take must not wait.
func (a *Answers) Subscribe(subject, queue string, take func(Request)) (*nats.Subscription, error) {
	return a.conn.QueueSubscribe(subject, queue, func(m *nats.Msg) {
		if r, ok := a.Accept(m); ok {
			take(r)
		}
	})
}

// logEvery is how often dropped requests are logged at most: whoever sends one sends many.
const logEvery = time.Minute

func (a *Answers) drop(m *nats.Msg) {
	if a.dropped != nil {
		a.dropped()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.all++
	a.silent++
	if now := time.Now(); now.Sub(a.logged) >= logEvery {
		a.log.Warn("a request was dropped: its answer may not go there (NATSGRAM_REPLIES), or it has neither a body nor a reply",
			"request", short(m.Subject), "reply", short(m.Reply), "dropped", a.silent)
		a.silent, a.logged = 0, now
	}
}

// Dropped is how many requests were dropped because of where their answer was to go.
func (a *Answers) Dropped() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.all
}

// short is the beginning of a text that a caller chose, for the log.
func short(text string) string {
	const most = 120
	if len(text) > most {
		return text[:most] + "..."
	}
	return text
}
