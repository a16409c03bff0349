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
)

// Wait is what a call waits for. Until and Refusal are those of a flood wait: when it is over, and what whoever cannot wait for so
// long is told.
type Wait struct {
	For     WaitReason
	Until   time.Time
	Refusal *Error
}

type waitsKey struct{}

// WithWaits has a function called whenever a call made with the context begins to wait for something other than Telegram's
// answer. What it returns is called when that is over, and may block until the call may go on.
func WithWaits(ctx context.Context, begin func(Wait) (end func())) context.Context {
	return context.WithValue(ctx, waitsKey{}, begin)
}

// waiting tells that a call begins to wait.
func waiting(ctx context.Context, w Wait) (end func()) {
	if begin, ok := ctx.Value(waitsKey{}).(func(Wait) func()); ok {
		return begin(w)
	}
	return func() {}
}
