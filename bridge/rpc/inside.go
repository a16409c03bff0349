package rpc

import (
	"context"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/subjects"
)

// Call is a request that comes from inside the daemon. Headers mean what they mean in one that comes by NATS.
type Call struct {
	Method string // messages.sendMessage
	Header nats.Header
	Body   []byte
	Caller string            // with whom it shares its room; empty: with all whom NATS does not tell of
	Chat   *subjects.ChatRef // that it is about, and which it is held against; nil: it may be about any
}

// Reply is the answer to a [Call]: what would have been published.
type Reply struct {
	Header nats.Header
	Body   []byte
	Fault  *Fault // nil: the call succeeded
}

// Start makes a call in the order, and within the bounds, of all requests: after those to the same chat that were taken or
// started before. Wait gives its answer, and is to be called. When ctx ends the call is given up, and its answer says whether
// Telegram may have executed it. A call that is kept for the next owner has the fault 503, not sent, at once.
func (s *Service) Start(ctx context.Context, c Call) (wait func() Reply) {
	answered := make(chan Reply, 1)
	r := s.c.Answers.Inside(&nats.Msg{Subject: s.c.Scheme.RPC(s.c.Account, c.Method), Header: c.Header, Data: c.Body}, func(h nats.Header, body []byte) {
		answered <- Reply{Header: h, Body: body}
	})
	j := s.newJob(r)
	j.life, j.from, j.about = ctx, c.Caller, c.Chat
	s.sort(j)
	return func() Reply {
		reply := <-answered
		reply.Fault = j.fault
		return reply
	}
}

// Do is Start, and to wait for the answer.
func (s *Service) Do(ctx context.Context, c Call) Reply { return s.Start(ctx, c)() }
