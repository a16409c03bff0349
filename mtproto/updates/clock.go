package updates

import "time"

// env is what all parts of a machine share: its limits, the rules, and the time.
type env struct {
	c     Config
	rules *Rules
	clock
}

// clock is the time that the machine was told last, and the pace of what nothing waits for.
type clock struct {
	now   time.Time
	heard time.Time // when something came in last (E18)
	slow  int       // intervals are twice as long, so many times, after floods
	calm  time.Time // when they become shorter again
}

const (
	calmAfter = 5 * time.Minute
	mostSlow  = 5
)

// due reports whether t has come. The zero time never does.
func (k *clock) due(t time.Time) bool { return !t.IsZero() && !t.After(k.now) }

// upcoming is the sooner of next and at. What is due already is left out: it waits for something else than the clock.
func (k *clock) upcoming(next, at time.Time) time.Time {
	if at.After(k.now) {
		return sooner(next, at)
	}
	return next
}

// flooded makes all that is not urgent slower.
func (k *clock) flooded() {
	k.slow = min(k.slow+1, mostSlow)
	k.calm = k.now.Add(calmAfter)
}

// pace is how long something takes that should take d.
func (k *clock) pace(d time.Duration) time.Duration {
	for ; k.slow > 0 && !k.calm.After(k.now); k.calm = k.calm.Add(calmAfter) {
		k.slow--
	}
	return d << k.slow
}

// jittered is the time after d and up to a fifth more.
func (e *env) jittered(d time.Duration) time.Time {
	part := 0.5
	if e.c.Rand != nil {
		part = min(max(e.c.Rand(), 0), 1)
	}
	return e.now.Add(e.pace(d) + time.Duration(float64(d/5)*part))
}

// backoff is when to try again after so many failures in a row: each time twice as long (E15).
func (e *env) backoff(fails int) time.Time {
	return e.now.Add(min(e.c.RetryMin<<min(fails, 16), e.c.RetryMax))
}

// retry is when to ask something again.
type retry struct {
	at    time.Time
	fails int // in a row
}

func (r *retry) ok(next time.Time) { r.at, r.fails = next, 0 }

// failed waits longer each time, or as long as Telegram says.
func (r *retry) failed(e *env, err error) {
	r.at = e.backoff(r.fails)
	r.fails++
	if flood := refusal(err).wait(); flood > 0 {
		r.at = e.now.Add(flood)
		e.flooded()
	}
}

// sooner is the earlier of a and b; the zero time is never.
func sooner(a, b time.Time) time.Time {
	if !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
