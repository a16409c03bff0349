package client

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/retry"
)

const (
	firstPause = 50 * time.Millisecond
	longPause  = 2 * time.Second
	mostAbsent = time.Second // between two looks whether somebody serves the account
	moreFlood  = 500 * time.Millisecond
)

// mend decides whether a call is made again, and after how long.
func (c *Client) mend(k *call, e *Error) (pause time.Duration, again bool) {
	switch {
	case errors.Is(e, ErrNoDaemon):
		if k.absent.IsZero() {
			k.absent = time.Now()
		}
		waited := time.Since(k.absent)
		pause = min(max(waited/4, firstPause), mostAbsent)
		return pause, waited+pause <= c.o.absence
	case e.Type != "":
		k.flooded += e.Wait
		return e.Wait + rand.N(moreFlood), e.Wait > 0 && k.flooded <= c.o.flood
	case e.Code < codeInternal || e.Sent == SentYes || errors.Is(e, nats.ErrConnectionClosed):
		return 0, false
	}
	k.absent = time.Time{}
	k.retries++
	return max(e.Wait, backoff(k.retries)), k.retries <= c.o.retries
}

// backoff is the pause before the n-th repetition, from 1: growing, and different for everybody.
func backoff(n int) time.Duration {
	d := min(firstPause<<min(n, 10), longPause)
	return d/2 + rand.N(d/2)
}

// sleep waits, or fails at once where ctx would end before.
func sleep(ctx context.Context, d time.Duration) error {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= d {
		return context.DeadlineExceeded
	}
	return retry.Pause(ctx, d)
}
