package updates

import "time"

// diffState is of a difference that can be fetched: the account's, or one channel's. No two fetches of one run at a time (E7).
type diffState struct {
	pending    bool    // a fetch is due, or running; what arrives has to wait
	repeat     bool    // and another one after that which is running
	watching   bool    // only because the channel is watched: nothing is known to be missing
	fetch      FetchID // running; 0: none
	cause      cause   // what for, if not simply to catch up
	unreadable int     // answers in a row
	retry
}

// cause is why something else than the plain difference is fetched.
type cause uint8

const (
	causeNone       cause = iota
	causeFirst            // getState: nothing is known yet
	causePtsChanged       // getState: the pts may have been reset
	causeInvalid          // getState, or a channel's newest: Telegram does not know our pts
	causeUnreadable       // the same: what lies between cannot be read
)

// ready reports whether a fetch may go out now.
func (d *diffState) ready(now time.Time) bool { return d.pending && d.fetch == 0 && !d.at.After(now) }

// wake is the sooner of next and the next try. One whose time has come waits for a place, not for the clock.
func (d *diffState) wake(now, next time.Time) time.Time {
	if d.pending && d.fetch == 0 && d.at.After(now) {
		return sooner(next, d.at)
	}
	return next
}

// want asks for a difference, or for another one when one is running that may have begun too early.
func (d *diffState) want() {
	if d.fetch != 0 {
		d.repeat = true
	}
	d.pending, d.watching = true, false
}

// wantState asks for updates.getState.
func (d *diffState) wantState(why cause) {
	d.want()
	if d.cause == causeNone {
		d.cause = why
	}
}

// done ends a fetch: what comes next is known.
func (d *diffState) done(more bool) {
	d.pending = more || d.repeat
	d.repeat, d.watching = false, false
	d.cause = causeNone
}

// delay puts the next try off, each time twice as long (E15).
func (d *diffState) delay(e *env) {
	d.at = e.backoff(d.fails)
	d.fails++
}

// tryLater asks once more, after a delay.
func (d *diffState) tryLater(e *env) {
	d.pending = true
	d.delay(e)
}

// settled ends a run of fetches. It slows down where the difference did not bring what is missing
// (PERSISTENT_TIMESTAMP_OUTDATED without the error): Telegram's servers do not all know the same.
func (d *diffState) settled(e *env, moved, waiting bool) {
	if moved || !waiting {
		d.ok(time.Time{})
		return
	}
	d.delay(e)
}

// refused is E15.
func (d *diffState) refused(e *env, err error) {
	switch refused := refusal(err); {
	case invalidPts(refused) && d.cause != causeNone:
		d.tryLater(e) // it was asked already where Telegram stands
	case invalidPts(refused): // where Telegram stands itself is found out, and what lies between is a gap
		d.pending, d.cause = true, causeInvalid
	case refused.wait() > 0:
		d.pending, d.at = true, e.now.Add(refused.wait())
	default:
		d.tryLater(e)
	}
}

// invalidPts: Telegram does not know our pts.
func invalidPts(e *Error) bool {
	return e.Type == "PERSISTENT_TIMESTAMP_INVALID" || e.Type == "PERSISTENT_TIMESTAMP_EMPTY"
}
