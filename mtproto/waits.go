package mtproto

import (
	"context"
	"time"
)

// WaitReason is why a call waits before it is sent, or sent again.
type WaitReason uint8

// The reasons.
const (
	WaitFlood WaitReason = iota // Telegram said so
	WaitTurn                    // for the call before it in its [Sequence]
	WaitElse                    // something that is not the client's
	WaitStore                   // what is written down of the call: those behind it need not wait for that
)

// Wait is what a call waits for. Until and Refusal are those of a flood wait: when it is over, and what whoever cannot wait for so
// long is told.
type Wait struct {
	For     WaitReason
	Until   time.Time
	Refusal *Error
}

type waitsKey struct{}

// Waiter is told when a call begins to wait for something other than Telegram's answer. End is called when that is over, and may
// block until the call may go on.
type Waiter interface {
	BeginWait(w Wait) (end func())
}

// WithWaiter has somebody told of the waits of calls that are made with the context.
func WithWaiter(ctx context.Context, w Waiter) context.Context {
	return context.WithValue(ctx, waitsKey{}, w)
}

// BeginWait tells that whoever has the context begins to wait. The client does so, and whoever else has to do with calls may.
func BeginWait(ctx context.Context, w Wait) (end func()) {
	if waiter, ok := ctx.Value(waitsKey{}).(Waiter); ok {
		return waiter.BeginWait(w)
	}
	return func() {}
}
