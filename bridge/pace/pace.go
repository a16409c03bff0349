// Package pace knows from how many waiting messages on an atomic batch is faster than one publish after the other. That is the
// server's affair: a batch has a fixed cost of several fsyncs, a plain publish one, none or a round of a quorum (BenchmarkPublish
// of bridge/stream: 16 messages on one disk with every write synced, 100 without, few at R3). So both are measured as they go.
package pace

import "time"

// Pace measures one stream. The zero value guesses. It is not safe for concurrent use.
type Pace struct {
	plain, fixed time.Duration // moving averages; 0: not yet seen
}

const (
	guessFrom = 16
	minFrom   = 3
	maxFrom   = 100
	// perMessage is what each message of a batch adds to its fixed cost.
	perMessage = 15 * time.Microsecond
)

// Plain notes how long some messages took that were published each by itself.
func (p *Pace) Plain(messages int, took time.Duration) {
	if messages > 0 {
		p.plain = average(p.plain, took/time.Duration(messages))
	}
}

// Batch notes how long a batch took.
func (p *Pace) Batch(messages int, took time.Duration) {
	p.fixed = average(p.fixed, max(took-time.Duration(messages)*perMessage, perMessage))
}

func average(old, now time.Duration) time.Duration {
	if old == 0 {
		return now
	}
	return old + (now-old)/8
}

// From is how many messages make a batch worth while.
func (p *Pace) From() int {
	if p.plain == 0 || p.fixed == 0 {
		return guessFrom
	}
	gain := max(p.plain-perMessage, time.Microsecond)
	return min(max(int(p.fixed/gain), minFrom), maxFrom)
}
