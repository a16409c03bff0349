package chats

import (
	"math/rand/v2"
	"time"
)

// chance is what falls to the parts of a run. Each part has a generator of its own, in which nobody else draws: what happens to one of them does
// not depend on which of two goroutines runs first.
type chance struct{ writes, reads, asks *rand.Rand }

// The parts of a run.
const (
	partDriver = iota
	partSeqs
	partWrites
	partReads
	partAsks
	partStores
	partJitter
	partSpread
)

// part is the generator of a part, of one daemon's life.
func part(seed uint64, part, life int) *rand.Rand {
	return rand.New(rand.NewPCG(seed, uint64(part)<<32|uint64(life))) //nolint:gosec // small
}

func newChance(seed uint64, life int) chance {
	return chance{part(seed, partWrites, life), part(seed, partReads, life), part(seed, partAsks, life)}
}

// upTo draws a time, to the nanosecond: no two things happen in the same one.
func upTo(r *rand.Rand, d time.Duration) time.Duration { return time.Duration(1 + r.Int64N(int64(d))) }

// slow is how long a write, or half of a call, may take.
const slow = 400 * time.Millisecond
