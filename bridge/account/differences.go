package account

import (
	"sync"
	"time"

	"github.com/natsgram/natsgram/mtproto/updates"
)

// differenceLate is how long the account's difference may be due without a good answer before it is said to fail.
const differenceLate = 3 * time.Minute

// Events of an account whose difference fails, and of its recovery.
const (
	eventBehind   = "updates.behind"
	eventCaughtUp = "updates.caught_up"
)

// differences notes how the account's own differences go: who cannot fetch what was missed does not follow the account's updates,
// however well it is connected. It is safe for concurrent use.
type differences struct {
	mu     sync.Mutex
	late   time.Duration
	due    time.Time // when the first was asked for that was not answered well yet; zero: none is due
	good   time.Time // when the last was
	err    error     // of the last that failed, since the last good one
	behind bool      // it is said that they fail

	tell     *teller
	changed  func() // is called when Status may say something else
	caughtUp bool   // of the loop's goroutine: changed was called when no difference was due
}

// counts reports whether f tells how the account does: its difference or state, not those of a channel.
func (x *differences) counts(f *updates.Fetch) bool {
	return f.Method == "updates.getDifference" || f.Method == "updates.getState"
}

// asked notes a call.
func (x *differences) asked(now time.Time, f *updates.Fetch) {
	if !x.counts(f) {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.due.IsZero() {
		x.due = now
	}
}

// answered notes an answer, and reports whether it ends a time in which there was none.
func (x *differences) answered(now time.Time, err error) (caughtUp bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if err != nil {
		x.err = err
		return false
	}
	caughtUp = x.behind
	x.due, x.err, x.behind, x.good = time.Time{}, nil, false, now
	return caughtUp
}

// overdue reports, once, that there was no good answer for too long.
func (x *differences) overdue(now time.Time) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.due.IsZero() || x.behind || now.Sub(x.due) < x.late {
		return false
	}
	x.behind = true
	return true
}

// wait is how long until it has to be looked whether there was an answer.
func (x *differences) wait(now time.Time) time.Duration {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.due.IsZero() || x.behind {
		return time.Hour
	}
	return x.due.Add(x.late).Sub(now)
}

// upToDate reports whether an answer came and none is due.
func (x *differences) upToDate() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.due.IsZero() && !x.good.IsZero()
}

// told is what Status says: when the last good answer came, and why there was none since, if they fail.
func (x *differences) told() (good time.Time, behind bool, why string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.behind {
		if why = text(x.err); why == "" {
			why = "Telegram does not answer"
		}
	}
	return x.good, x.behind, why
}

// turned says it when the differences fail, and tells who waits when none is due any more. The loop's goroutine calls it.
func (x *differences) turned(now time.Time) {
	if x.overdue(now) {
		good, _, why := x.told()
		x.tell.log.Warn("updates are not followed: Telegram gives no difference", "last_good", good, "err", why)
		x.tell.event(eventBehind, map[string]any{"error": why, "last_difference": good})
		x.changed()
	}
	if upToDate := x.upToDate(); upToDate != x.caughtUp {
		x.caughtUp = upToDate
		x.changed()
	}
}

// learned notes the answer to a fetch, and says it when that ends a time in which there was none.
func (x *differences) learned(now time.Time, f *updates.Fetch, err error) {
	if !x.counts(f) || !x.answered(now, err) {
		return
	}
	x.tell.log.Info("updates are followed again")
	x.tell.event(eventCaughtUp, nil)
	x.changed()
}
