package lease

import "time"

// sureFor is how long after a renewal was asked for a lease is this daemon's beyond doubt: what is left of its lifetime is for
// ending what rests on it.
func sureFor(ttl time.Duration) time.Duration { return ttl * 3 / 4 }

// confirm notes a renewal that was asked for then.
func (m *membership) confirm(asked time.Time, ttl time.Duration) {
	m.confirmed = asked
	until := asked.Add(sureFor(ttl))
	m.sure.Store(&until)
}

// Sure says whether the account is this daemon's beyond doubt, at this instant. A process that was frozen, or a machine that
// slept, can go on working before anything has told it that time has passed: what must never be done by two daemons asks
// here first. It costs two looks at the clock.
func (l *Lease) Sure() bool {
	select {
	case <-l.lost:
		return false
	default:
		return within(time.Now(), *l.member.sure.Load())
	}
}

// within compares by both clocks: the monotonic one cannot be set, the wall clock goes on while the machine sleeps.
func within(now, until time.Time) bool {
	return now.Before(until) && now.Round(0).Before(until.Round(0))
}
