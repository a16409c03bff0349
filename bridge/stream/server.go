package stream

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/batch"
)

// server is the NATS server as one log knows it: how long its answers take.
type server struct {
	store   *Store
	wait    time.Duration // for one answer
	doubled atomic.Int32  // how often wait is
}

// Error codes of the server that this package answers to.
const (
	codeAccountFull    = jetstream.ErrorCode(10002)
	codeTooLarge       = jetstream.ErrorCode(10054)
	codeHeaderTooLarge = jetstream.ErrorCode(10097)
	codeWrongSequence  = jetstream.ErrorCode(10071) // the fence
	codeInProcess      = jetstream.ErrorCode(10164) // R3: another message with the same expectation is in flight
	codeIncomplete     = jetstream.ErrorCode(10176) // a batch lost one of its messages
	codeDuplicate      = jetstream.ErrorCode(10201) // a batch holds a message id that is known
	codeTooManyBatches = jetstream.ErrorCode(10210)
)

// codeOf is the server's error code, 0 for other errors.
func codeOf(err error) jetstream.ErrorCode {
	var api *jetstream.APIError
	if errors.As(err, &api) {
		return api.ErrorCode
	}
	return 0
}

// mostDoubled is how many times Options.AckWait doubles at most: 5 s become 40 s.
const mostDoubled = 3

// patiently bounds the wait for one answer. A server that did not answer in time is waited for twice as long the next time:
// one that is merely slow would else be asked again and again, and never be heard. The function given back is to be told
// what came of it.
func (s *server) patiently(ctx context.Context) (context.Context, func(error)) {
	wait, begun := s.wait<<s.doubled.Load(), time.Now()
	bounded, cancel := context.WithTimeout(ctx, wait)
	return bounded, func(err error) {
		cancel()
		n := s.doubled.Load()
		switch {
		case ctx.Err() != nil:
		case errors.Is(err, context.DeadlineExceeded):
			s.doubled.Store(min(n+1, mostDoubled))
		case err == nil && time.Since(begun) < wait/8:
			s.doubled.Store(0)
		}
	}
}

// publish stores messages, all or nothing, and waits for the server's word on them.
func (s *server) publish(ctx context.Context, all ...*nats.Msg) (batch.Ack, error) {
	ctx, answered := s.patiently(ctx)
	ack, err := batch.Publish(ctx, s.store.js.Conn(), all...)
	if refused := new(jetstream.APIError); errors.As(err, &refused) {
		answered(nil)
	} else {
		answered(err)
	}
	return ack, err
}
