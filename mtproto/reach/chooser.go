package reach

import (
	"math"
	"slices"
	"sync"
	"time"
)

const (
	halfLife   = 2 * time.Minute        // in which a failure loses half its weight
	failCost   = 10 * time.Second       // what one fresh failure counts as
	placeCost  = time.Second            // what a place further down in the list counts as
	newLatency = 500 * time.Millisecond // assumed of a way that was never gone
	shortLife  = 30 * time.Second       // a connection that ends sooner counts a little as a failure:
	shortFail  = 0.05                   // once may be chance, four times is a reason to try the next way
	mostFails  = 8                      // more do not count: a way that is open again has to be found some time
)

// Chooser orders ways by their health: which to try first, and which after it. It starts with the order given, learns how
// long each way takes until Telegram answers, and puts off those that failed, the longer the more often; failures are
// forgotten with time. It takes the time as an argument and is safe for concurrent use.
type Chooser struct {
	ways []Way

	mu     sync.Mutex
	states []state
}

// state is what is known of a way.
type state struct {
	latency time.Duration // smoothed; 0: unknown
	success time.Time     // the last one; zero: never

	fails float64 // weight at the time of the last one
	at    time.Time
}

// NewChooser begins without experience. No ways are the direct one.
func NewChooser(ways []Way) *Chooser {
	if len(ways) == 0 {
		ways = []Way{{}}
	}
	return &Chooser{ways: slices.Clone(ways), states: make([]state, len(ways))}
}

// Len is how many ways there are, at least one.
func (c *Chooser) Len() int { return len(c.ways) }

// Way is the i-th way.
func (c *Chooser) Way(i int) Way { return c.ways[i] }

// Order lists the ways, by number, best first.
func (c *Chooser) Order(now time.Time) []int {
	c.mu.Lock()
	defer c.mu.Unlock()
	order := make([]int, len(c.ways))
	costs := make([]time.Duration, len(c.ways))
	for i := range order {
		order[i], costs[i] = i, c.states[i].cost(now)+time.Duration(i)*placeCost
	}
	slices.SortStableFunc(order, func(a, b int) int { return int(costs[a] - costs[b]) })
	return order
}

// Answered says that Telegram itself, not only a proxy, has answered over a way, and how long that took from the start.
func (c *Chooser) Answered(now time.Time, i int, took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := &c.states[i]
	if s.latency == 0 {
		s.latency = took
	}
	s.latency += (took - s.latency) / 4
	s.success = now
	s.fails, s.at = s.decayed(now)/4, now
}

// Failed says that a way did not lead to an answer.
func (c *Chooser) Failed(now time.Time, i int) { c.fail(now, i, 1) }

// Ended says that a connection on which Telegram had answered is gone after it lived so long. Where this happens at once,
// somebody on the way may be cutting it.
func (c *Chooser) Ended(now time.Time, i int, lived time.Duration) {
	if lived < shortLife {
		c.fail(now, i, shortFail)
	}
}

func (c *Chooser) fail(now time.Time, i int, weight float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := &c.states[i]
	s.fails, s.at = min(s.decayed(now)+weight, mostFails), now
}

// decayed is the weight of failures by now. A clock that was set back forgets nothing.
func (s *state) decayed(now time.Time) float64 {
	age := max(0, now.Sub(s.at))
	return s.fails * math.Exp2(-float64(age)/float64(halfLife))
}

// cost is the time that a way is expected to cost.
func (s *state) cost(now time.Time) time.Duration {
	latency := s.latency
	if latency == 0 {
		latency = newLatency
	}
	return latency + time.Duration(s.decayed(now)*float64(failCost))
}

// Health is what is known of a way, for people.
type Health struct {
	Way      string        // redacted
	Latency  time.Duration // until Telegram answers, smoothed; 0: unknown
	Success  time.Time     // the last one; zero: never
	Failures float64       // each counts 1 at first, and half as much every two minutes
}

// Health lists all ways in the order of the settings.
func (c *Chooser) Health(now time.Time) []Health {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []Health
	for i, s := range c.states {
		all = append(all, Health{Way: c.ways[i].String(), Latency: s.latency, Success: s.success, Failures: s.decayed(now)})
	}
	return all
}
