package mtproto

import (
	"context"
	"time"
)

type floodKey struct{}

// WithFloodWait sets for the calls made with a context how long a FLOOD_WAIT they sit out by themselves; 0: none.
func WithFloodWait(ctx context.Context, limit time.Duration) context.Context {
	return context.WithValue(ctx, floodKey{}, limit)
}

// FloodWaitOf returns how long a FLOOD_WAIT calls made with a context sit out by themselves; false: as long as the client does.
func FloodWaitOf(ctx context.Context) (limit time.Duration, ok bool) {
	limit, ok = ctx.Value(floodKey{}).(time.Duration)
	return limit, ok
}

// floodLimit returns how long a call may wait by itself.
func (a *attempts) floodLimit(ctx context.Context) time.Duration {
	if d, ok := FloodWaitOf(ctx); ok {
		return d
	}
	return a.c.o.Limits.FloodWait
}

type retriesKey struct{}

// WithRetries sets for the calls made with a context how often they are made again after errors of Telegram's side that may
// pass, in place of Limits.Retries: 0 for somebody who has a rhythm of his own.
func WithRetries(ctx context.Context, most int) context.Context {
	return context.WithValue(ctx, retriesKey{}, most)
}

// retries returns how often a call is made again.
func (a *attempts) retries(ctx context.Context) int {
	if n, ok := ctx.Value(retriesKey{}).(int); ok {
		return n
	}
	return a.c.o.Limits.Retries
}
