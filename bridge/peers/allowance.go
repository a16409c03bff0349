package peers

import (
	"fmt"
	"time"

	"github.com/natsgram/natsgram/bridge/answer"
)

// Telegram allows an account some hundred questions a day whose a name is, and forbids more of them for hours. A caller who writes another
// name each time is not to use that up for all others, nor for the account's own apps: of text so many questions come at once, and then
// one each askEvery, which is less than 200 in any day.
const (
	asksAtOnce = 50
	askEvery   = 10 * time.Minute
	// forWriters is how many of them are not for callers who may only read: who guesses names does not keep others from writing to somebody new.
	forWriters = 10
)

// allowance is what text may still ask Telegram. It begins full.
type allowance struct {
	Used  int       `json:"used"`  // and not come back
	Since time.Time `json:"since"` // when the next begins to come back
}

// back counts what has come back by now.
func (a *allowance) back(now time.Time) {
	if a.Since.After(now) { // the clock was put back, or is another daemon's
		a.Since = now
	}
	n := int(now.Sub(a.Since) / askEvery)
	if a.Used -= n; a.Used <= 0 {
		a.Used, a.Since = 0, now
		return
	}
	a.Since = a.Since.Add(time.Duration(n) * askEvery)
}

// spend uses one question, but leaves as many as are for others; or tells how long it takes until there is one.
func (a *allowance) spend(now time.Time, leave int) (wait time.Duration, ok bool) {
	a.back(now)
	if over := a.Used - (asksAtOnce - leave); over >= 0 {
		return a.Since.Add(time.Duration(over+1) * askEvery).Sub(now), false
	}
	a.Used++
	return 0, true
}

// refund takes back one that Telegram was not asked.
func (a *allowance) refund() { a.Used = max(a.Used-1, 0) }

// askedOut is the fault of a name or phone number that is one too many.
func askedOut(method string, leave int, wait time.Duration) *answer.Fault {
	f := answer.Refuse(429, fmt.Sprintf("names and numbers in calls have asked Telegram %d times of late (%s), as often as they may; "+
		"the next question is free in %s. Whom the account has met, and ids, are found without one", asksAtOnce-leave, method, wait.Round(time.Second)))
	f.RetryAfter = wait
	return f
}
