package mtproto

import (
	"math/rand/v2"
	"sync"
	"time"
)

const (
	backoffFirst = 500 * time.Millisecond // the second attempt; the first is made at once
	provenAfter  = 10 * time.Second       // a connection that lived this long owes nothing to the past
	flapStep     = 10 * time.Millisecond  // pause per connection that answered but was soon lost
	flapShort    = 250 * time.Millisecond // the longest pause of that sort, for a while
	flapMany     = 64                     // from here on a second, from twice as many on, five
)

// backoff decides on the pause before the next attempt to connect. There are two ways to fail: not to get an answer,
// which doubles the pause up to max, and to be cut soon after an answer, which costs little at first, because a network
// that comes and goes should not cost a minute each time.
type backoff struct {
	max      time.Duration
	failures int // in a row, without an answer
	flaps    int // in a row, cut soon after an answer
}

// failed notes a connection that was not made, or ended before the server proved itself.
func (b *backoff) failed() { b.failures++ }

// lost notes a connection that had answered and lived so long.
func (b *backoff) lost(lived time.Duration) {
	b.failures = 0
	if b.flaps++; lived >= provenAfter {
		b.flaps = 1
	}
}

// attempt returns how many failures there were since things last were well.
func (b *backoff) attempt() int { return b.failures + b.flaps }

// next returns how long to wait now. rnd in [0, 1) spreads clients that failed together.
func (b *backoff) next(rnd float64) time.Duration {
	return jitter(max(b.failurePause(), b.flapPause()), rnd)
}

// failurePause returns nothing, then 0.5 s, 1 s, 2 s ... max.
func (b *backoff) failurePause() time.Duration {
	switch {
	case b.failures < 2 && b.flaps == 0, b.failures == 0:
		return 0
	}
	n := b.failures - 1
	if b.flaps == 0 {
		n--
	}
	return min(b.max, backoffFirst<<min(n, 16))
}

// flapPause returns nothing after the first cut.
func (b *backoff) flapPause() time.Duration {
	switch n := b.flaps - 1; {
	case n >= 2*flapMany:
		return min(b.max, 5*time.Second)
	case n >= flapMany:
		return min(b.max, time.Second)
	default:
		return min(b.max, flapShort, time.Duration(max(n, 0))*flapStep)
	}
}

// jitter takes up to half of d away.
func jitter(d time.Duration, rnd float64) time.Duration {
	return d - time.Duration(float64(d)*rnd/2)
}

// TDLib's rule for how often a client in use connects, whatever became of the connections before: four times in a second, five
// times in five (flood_control_online in ConnectionCreator.cpp).
const (
	dialsSecond = 4
	dialsSpan   = 5
)

// dials are the last attempts to connect, the latest first.
type dials [dialsSpan]time.Time

// note notes that one begins.
func (d *dials) note(now time.Time) {
	copy(d[1:], d[:])
	d[0] = now
}

// wait returns how long the next one has to wait, 0 or less if it has not.
func (d *dials) wait(now time.Time) time.Duration {
	var wait time.Duration
	for _, r := range []struct {
		count int
		span  time.Duration
	}{{dialsSecond, time.Second}, {dialsSpan, dialsSpan * time.Second}} {
		if at := d[r.count-1]; !at.IsZero() {
			wait = max(wait, at.Add(r.span).Sub(now))
		}
	}
	return wait
}

// dialing is when connections were made, to each data centre and for each use of them: sessions that share these share the limit.
type dialing struct {
	mu sync.Mutex
	at map[dcPath]*dials
}

func (d *dialing) of(p dcPath) *dials {
	if d.at == nil {
		d.at = map[dcPath]*dials{}
	}
	if d.at[p] == nil {
		d.at[p] = new(dials)
	}
	return d.at[p]
}

// take returns how long somebody who wants to connect has to wait, who will do so then.
func (d *dialing) take(p dcPath, now time.Time) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := d.of(p)
	wait := max(all.wait(now), 0)
	all.note(now.Add(wait))
	return wait
}

func (d *dialing) wait(p dcPath, now time.Time) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.of(p).wait(now)
}

const (
	throttleFirst = 2 * time.Second
	throttleMax   = 2 * time.Minute
	throttleCalm  = 5 * time.Minute // without another -429, all is forgotten
	perSecond     = 10              // connections that are begun
)

// Throttle keeps clients that share an IP address from connecting too often: they begin no more than so many connections in
// a second, and a -429 for one of them makes all wait, 2, 4, 8 ... 120 s (A12). The zero value is ready. It is safe for
// concurrent use.
type Throttle struct {
	// PerSecond is how many connections are begun in a second by all; 0: 10, negative: any number. Telegram does not say how
	// many it bears from one address.
	PerSecond int

	mu    sync.Mutex
	level int
	last  time.Time
	until time.Time
	taken time.Time // the last place in the queue
}

var processThrottle Throttle

// flooded notes a -429.
func (t *Throttle) flooded(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now.Before(t.until) {
		return // several connections are told of the same flood
	}
	if t.last.IsZero() || now.Sub(t.last) > throttleCalm {
		t.level = 0
	}
	pause := min(throttleMax, throttleFirst<<min(t.level, 10))
	t.level++
	t.last = now
	t.until = now.Add(pause)
}

// wait returns how long nobody may connect yet, 0 or less if one may. Clients are spread over the second after the pause.
func (t *Throttle) wait(now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !now.Before(t.until) {
		return 0
	}
	return t.until.Sub(now) + time.Duration(rand.Int64N(int64(time.Second)))
}

// queue returns how long somebody who wants to connect now has to wait for his place; 0 or less: not at all.
func (t *Throttle) queue(now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	rate := t.PerSecond
	if rate == 0 {
		rate = perSecond
	}
	if rate < 0 {
		return 0
	}
	if idle := now.Add(-time.Second); t.taken.Before(idle) {
		t.taken = idle
	}
	t.taken = t.taken.Add(time.Second / time.Duration(rate))
	return t.taken.Sub(now)
}
