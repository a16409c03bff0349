package stream

import (
	"context"
	"errors"
	"time"
)

// mostPatience is how many times Options.AckWait doubles at most: 5 s become 40 s.
const mostPatience = 3

// patiently bounds the wait for one answer. A server that did not answer in time is waited for twice as long the next time:
// one that is merely slow would else be asked again and again, and never be heard. The function given back is to be told
// what came of it.
func (l *Log) patiently(ctx context.Context) (context.Context, func(error)) {
	wait, begun := l.ackWait<<l.patience.Load(), time.Now()
	bounded, cancel := context.WithTimeout(ctx, wait)
	return bounded, func(err error) {
		cancel()
		n := l.patience.Load()
		switch {
		case ctx.Err() != nil:
		case errors.Is(err, context.DeadlineExceeded):
			l.patience.Store(min(n+1, mostPatience))
		case err == nil && time.Since(begun) < wait/8:
			l.patience.Store(0)
		}
	}
}
