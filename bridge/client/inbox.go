package client

import (
	"context"
	"maps"
	"strconv"
	"sync"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/parts"
	"github.com/natsgram/natsgram/subjects"
)

// inbox is where the answers to a client's calls come: one subscription for all of them, made by the first call. That of nats.go's own
// requests takes one message for each, and a subscription for each call costs two more messages at the server.
type inbox struct {
	mu     sync.Mutex
	prefix string // of the reply subjects; empty: there is no subscription yet
	sub    *nats.Subscription
	calls  map[string]*pending // by the last token of the reply subject
	last   uint64
}

// pending is a call that waits for its answer.
type pending struct {
	joiner parts.Joiner
	done   chan reply // has room for the one that comes
}

type reply struct {
	msg *nats.Msg
	err error
}

// request sends a message and waits for the answer, whole.
func (in *inbox) request(ctx context.Context, nc *nats.Conn, m *nats.Msg) (*nats.Msg, error) {
	token, p, err := in.open(nc, m)
	if err != nil {
		return nil, err
	}
	defer in.forget(token)
	if err := nc.PublishMsg(m); err != nil {
		return nil, err
	}
	select {
	case r := <-p.done:
		return r.msg, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// open gives a message its reply subject.
func (in *inbox) open(nc *nats.Conn, m *nats.Msg) (string, *pending, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.sub == nil || !in.sub.IsValid() {
		prefix := nc.NewInbox() + "."
		sub, err := nc.Subscribe(prefix+"*", in.sort)
		if err != nil {
			return "", nil, err
		}
		sub.SetClosedHandler(in.closed)
		in.prefix, in.sub, in.calls = prefix, sub, map[string]*pending{}
	}
	in.last++
	token, p := strconv.FormatUint(in.last, 36), &pending{done: make(chan reply, 1)}
	in.calls[token] = p
	m.Reply = in.prefix + token
	return token, p, nil
}

func (in *inbox) forget(token string) {
	in.mu.Lock()
	defer in.mu.Unlock()
	delete(in.calls, token)
}

// sort sorts in what comes. What nobody waits for is the end of an answer, or one that comes too late.
func (in *inbox) sort(m *nats.Msg) {
	in.mu.Lock()
	if len(m.Subject) <= len(in.prefix) {
		in.mu.Unlock()
		return
	}
	token := m.Subject[len(in.prefix):]
	p := in.calls[token]
	in.mu.Unlock()
	if p == nil {
		return
	}
	r := reply{}
	if parts.NoResponders(m) {
		r.err = nats.ErrNoResponders
	} else if r.msg, r.err = p.joiner.Add(m); r.msg == nil && r.err == nil {
		return
	}
	in.forget(token)
	p.done <- r
}

// closed fails the calls that wait when the subscription ends with its connection.
func (in *inbox) closed(string) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for token, p := range in.calls {
		delete(in.calls, token)
		p.done <- reply{err: nats.ErrConnectionClosed}
	}
}

func (in *inbox) close() {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.sub != nil {
		_ = in.sub.Unsubscribe() // the connection may be closed
	}
}

// Request makes any request to a daemon, such as a call in JSON, and waits for the answer until ctx ends; a large one comes in several
// messages, and is joined here. It subscribes for this one request; a
// [Client] keeps one for all of its calls.
func Request(ctx context.Context, nc *nats.Conn, m *nats.Msg) (*nats.Msg, error) {
	m.Reply = nc.NewInbox()
	m.Header = maps.Clone(m.Header)
	if m.Header == nil {
		m.Header = nats.Header{}
	}
	m.Header[subjects.HeaderReply] = []string{subjects.ReplyParts}
	sub, err := nc.SubscribeSync(m.Reply)
	if err != nil {
		return nil, err
	}
	defer sub.Unsubscribe() //nolint:errcheck // the connection may be closed
	if err := nc.PublishMsg(m); err != nil {
		return nil, err
	}
	var j parts.Joiner
	for {
		reply, err := sub.NextMsgWithContext(ctx)
		if err != nil {
			return nil, err
		}
		if parts.NoResponders(reply) {
			return nil, nats.ErrNoResponders
		}
		if whole, err := j.Add(reply); whole != nil || err != nil {
			return whole, err
		}
	}
}
