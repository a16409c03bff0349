package stream

import (
	"context"
	"errors"
	"time"
)

// pace knows from how many waiting messages on an atomic batch is faster than one publish after the other. That is the
// server's affair: a batch has a fixed cost of several fsyncs, a plain publish one, none or a round of a quorum
// (BenchmarkPublish: 16 messages on one disk with every write synced, 100 without, few at R3). So both are measured as they go.
// The zero value guesses.
type pace struct {
	plain, fixed time.Duration // moving averages; 0: not yet seen
}

const (
	guessFrom = 16
	minFrom   = 3
	maxFrom   = 100
	// perMessage is what each message of a batch adds to its fixed cost.
	perMessage = 15 * time.Microsecond
)

func (p *pace) took(messages int, d time.Duration) {
	switch messages {
	case 0:
	case 1:
		p.plain = average(p.plain, d)
	default:
		p.fixed = average(p.fixed, max(d-time.Duration(messages)*perMessage, perMessage))
	}
}

func average(old, now time.Duration) time.Duration {
	if old == 0 {
		return now
	}
	return old + (now-old)/8
}

func (p *pace) batchFrom() int {
	if p.plain == 0 || p.fixed == 0 {
		return guessFrom
	}
	gain := max(p.plain-perMessage, time.Microsecond)
	return min(max(int(p.fixed/gain), minFrom), maxFrom)
}

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
