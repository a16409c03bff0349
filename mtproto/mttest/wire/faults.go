package wire

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
)

// Fault is a way of going wrong.
type Fault uint8

// The ways a server goes wrong. Each says what its occasions are.
const (
	// Cut breaks a connection wherever it is; see [Faults.CutAfter] and [Faults.CutEvery].
	Cut Fault = iota
	// NewSalt, per packet of a client: the salts so far become invalid before it is looked at (C23).
	NewSalt
	// WrongSalt, per packet of a client: it is refused with a salt that is wrong itself (C23).
	WrongSalt
	// DestroySession, per packet of a client: its session was forgotten, with all that waited in it (C37).
	DestroySession
	// LoseAnswer, per answer: the query is executed, then the connection breaks; the answer waits in the session.
	LoseAnswer
	// LoseAck, per msgs_ack of the server: it is not sent.
	LoseAck
	// IgnoreAcks, per msgs_ack of a client: it is not noted, so all in it is sent again after a reconnect (C15).
	IgnoreAcks
	// Duplicate, per packet of the server: it is sent twice (C7).
	Duplicate
	// Reorder, per packet of the server: the next one overtakes it, if one is ready.
	Reorder
	// LoseUpdate, per push: it is not sent, a difference has to bring it (E6).
	LoseUpdate

	faultCount
)

// Rates says how often each fault happens: of its occasions, from 0 to 1.
type Rates map[Fault]float64

// Faults makes a server misbehave, by chance or by plan. It may be changed while the server runs. The zero value is of
// no use, see [NewFaults].
type Faults struct {
	on atomic.Bool // false: nothing was ever asked for

	mu     sync.Mutex
	random *rand.Rand
	rates  [faultCount]float64
	next   [faultCount]int
	counts [faultCount]int
	cuts   []int64
	every  int64
	codes  []int32
}

// NewFaults makes a Faults under which nothing goes wrong.
func NewFaults() *Faults { return &Faults{random: rand.New(rand.NewPCG(1, 0))} }

// Draw makes faults happen by chance from now on, in place of the rates before. The same seed draws the same numbers;
// which packet gets which is up to the order in which packets come.
func (f *Faults) Draw(seed uint64, r Rates) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.random = rand.New(rand.NewPCG(seed, 0))
	clear(f.rates[:])
	for fault, p := range r {
		f.rates[fault] = p
	}
	f.on.Store(true)
}

// Next makes a fault happen on its next n occasions.
func (f *Faults) Next(fault Fault, n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next[fault] += n
	f.on.Store(true)
}

// CutAfter cuts the connections that come next: the first after that many bytes of both directions, and so on.
func (f *Faults) CutAfter(bytes ...int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cuts = append(f.cuts, bytes...)
	f.on.Store(true)
}

// CutEvery cuts every connection to come, each after a number of bytes drawn between 1 and twice mean. 0: no more.
func (f *Faults) CutEvery(mean int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.every = mean
	f.on.Store(true)
}

// Refuse answers the first packet of the connections to come with these transport errors, one after the other, and closes them:
// -404, -429, -444 ... 0: that connection is served. Whoever is on the way can do so, as nothing proves such an error (A10, A12, A13).
func (f *Faults) Refuse(codes ...int32) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.codes = append(f.codes, codes...)
	f.on.Store(true)
}

// refusal is the transport error for a connection that begins now; 0: it is served.
func (f *Faults) refusal() (code int32) {
	if !f.on.Load() {
		return 0
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.codes) > 0 {
		code, f.codes = f.codes[0], f.codes[1:]
	}
	return code
}

// Count says how often a fault has happened so far.
func (f *Faults) Count(fault Fault) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.counts[fault]
}

// happens reports whether a fault happens on this occasion, and counts it.
func (f *Faults) happens(fault Fault) bool {
	if !f.on.Load() {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch p := f.rates[fault]; {
	case f.next[fault] > 0:
		f.next[fault]--
	case p <= 0 || f.random.Float64() >= p:
		return false
	}
	f.counts[fault]++
	return true
}

// cutter cuts one connection.
type cutter struct {
	faults *Faults
	limit  int64 // bytes; 0: never
	passed atomic.Int64
}

func (f *Faults) cutter() *cutter {
	c := &cutter{faults: f}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.cuts) > 0 {
		c.limit, f.cuts = f.cuts[0], f.cuts[1:]
	} else if f.every > 0 {
		c.limit = 1 + f.random.Int64N(2*f.every)
	}
	return c
}

// pass says how many of n bytes get through, and whether the connection is cut after them.
func (c *cutter) pass(n int) (through int, cut bool) {
	if c.limit == 0 {
		return n, false
	}
	before := c.passed.Add(int64(n)) - int64(n)
	if before+int64(n) < c.limit {
		return n, false
	}
	if before < c.limit {
		c.faults.mu.Lock()
		c.faults.counts[Cut]++
		c.faults.mu.Unlock()
	}
	return int(max(c.limit-before, 0)), true
}
