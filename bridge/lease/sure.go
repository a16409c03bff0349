package lease

import (
	"errors"
	"fmt"
	"time"
)

// sureFor is how long after a renewal was asked for a lease is this daemon's beyond doubt: what is left of its lifetime is for
// ending what rests on it.
func sureFor(ttl time.Duration) time.Duration { return ttl * 3 / 4 }

// confirm notes a renewal that was asked for then, and sets the timer to the end of what it gives.
func (m *membership) confirm(asked time.Time) {
	until := asked.Add(sureFor(m.table.leases.ttl))
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.over {
		return
	}
	if m.trouble != nil {
		m.table.leases.log.Info("the lease is renewed again", "after", time.Since(m.renewed))
	}
	m.renewed, m.trouble = asked, nil
	m.sure.Store(&until)
	if m.timer == nil {
		m.timer = time.AfterFunc(time.Until(until), m.expire)
	} else {
		m.timer.Reset(time.Until(until))
	}
}

// doubt notes that a renewal was not confirmed.
func (m *membership) doubt(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.trouble == nil && !m.over {
		m.table.leases.log.Warn("renewing the lease", "err", err)
	}
	m.trouble = err
	m.table.leases.storage.Suspect(err)
}

// expire ends the membership when no renewal was confirmed in time.
func (m *membership) expire() {
	m.mu.Lock()
	sure, trouble := time.Now().Before(*m.sure.Load()), m.trouble // renewed while the timer went off?
	m.mu.Unlock()
	if sure {
		return
	}
	if trouble == nil {
		trouble = errors.New("no answer")
	}
	m.end(fmt.Errorf("no renewal was confirmed in time: %w", trouble))
}

func (m *membership) isSure() bool { return !m.isOver() && within(time.Now(), *m.sure.Load()) }

func (m *membership) isOver() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.over
}

// Standing is how this daemon's own lease does.
type Standing struct {
	ID      string    // empty: it has none now, and may run nothing
	Renewed time.Time // when the last renewal that was confirmed was asked for; zero: it has none
	Err     error     // why it has none, or why no renewal was confirmed since
}

// Standing tells how this daemon's own lease does.
func (c *Table) Standing() Standing {
	ls := c.leases
	ls.mu.Lock()
	m, outside := ls.now, ls.outside
	ls.mu.Unlock()
	if m == nil {
		return Standing{Err: outside}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return Standing{ID: m.id, Renewed: m.renewed, Err: m.trouble}
}

// Sure reports whether the account is this daemon's beyond doubt, at this instant. A process that was frozen, or a machine that
// slept, can go on working before anything has told it that time has passed: what must never be done by two daemons asks
// here first. It costs a few looks at the clock.
func (l *Lease) Sure() bool {
	select {
	case <-l.lost:
		return false
	default:
		return within(time.Now(), *l.member.sure.Load()) && l.leases.recordsSure()
	}
}

// within compares by both clocks: the monotonic one cannot be set, the wall clock goes on while the machine sleeps.
func within(now, until time.Time) bool {
	return now.Before(until) && now.Round(0).Before(until.Round(0))
}
