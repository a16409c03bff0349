package peers

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/natsgram/natsgram/bridge/answer"
)

// Telegram allows an account some hundred questions a day whose a name is, and forbids more of them for hours. A caller who writes another
// name each time is not to use that up for all others, nor for the account's own apps: of text so many questions come at once, and then
// one each askEvery, which is less than 200 in any day.
const (
	asksAtOnce = 50
	askEvery   = 10 * time.Minute
)

// allowance is what text may still ask Telegram. It begins full.
type allowance struct {
	Used  int       `json:"used"`  // and not come back
	Since time.Time `json:"since"` // when the next begins to come back
}

// back counts what has come back by now.
func (a *allowance) back(now time.Time) {
	n := int(now.Sub(a.Since) / askEvery)
	if a.Used -= n; a.Used <= 0 {
		a.Used, a.Since = 0, now
		return
	}
	a.Since = a.Since.Add(time.Duration(n) * askEvery)
}

// spend uses one question, or tells how long it takes until there is one.
func (a *allowance) spend(now time.Time) (wait time.Duration, ok bool) {
	if a.back(now); a.Used >= asksAtOnce {
		return a.Since.Add(askEvery).Sub(now), false
	}
	a.Used++
	return 0, true
}

// refund takes back one that Telegram was not asked.
func (a *allowance) refund() { a.Used = max(a.Used-1, 0) }

// allowances are those of an account, by method. They are kept: they are the account's, whichever daemon runs it, and a restart gives none back.
type allowances struct {
	account *accountStore

	mu     sync.Mutex
	all    map[string]*allowance
	known  bool       // what was used before is in it
	saving sync.Mutex // held while they are written, so that the last one stands
}

func (x *allowances) spend(ctx context.Context, method string) (wait time.Duration, ok bool) {
	x.load(ctx)
	x.mu.Lock()
	wait, ok = x.of(method).spend(time.Now())
	x.mu.Unlock()
	if ok {
		x.save(ctx) // before the question is asked
	}
	return wait, ok
}

func (x *allowances) refund(ctx context.Context, method string) {
	x.mu.Lock()
	x.of(method).refund()
	x.mu.Unlock()
	x.save(ctx)
}

// of is that of a method, with mu held.
func (x *allowances) of(method string) *allowance {
	a := x.all[method]
	if a == nil {
		a = &allowance{}
		x.all[method] = a
	}
	return a
}

// load reads what was used before, once. Where that cannot be read now, it is asked for again with the next question.
func (x *allowances) load(ctx context.Context) {
	x.mu.Lock()
	known := x.known
	x.mu.Unlock()
	if known {
		return
	}
	before, err := x.account.asked(ctx)
	if err != nil {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.known {
		return
	}
	x.known = true
	now := time.Now()
	for method, a := range before {
		if a.Since.After(now) {
			a.Since = now // by the clock of another daemon
		}
		a.back(now)
		own := x.of(method)
		own.Used, own.Since = min(max(a.Used, 0)+own.Used, asksAtOnce), a.Since
	}
}

// save writes them down. That it fails costs no more than what it would have remembered.
func (x *allowances) save(ctx context.Context) {
	x.saving.Lock()
	defer x.saving.Unlock()
	x.mu.Lock()
	all, known := make(map[string]allowance, len(x.all)), x.known
	for method, a := range x.all {
		all[method] = *a
	}
	x.mu.Unlock()
	if known { // or it would be written over
		x.account.putAsked(ctx, all)
	}
}

// askedOut is the fault of a name or phone number that is one too many.
func askedOut(method string, wait time.Duration) *answer.Fault {
	f := answer.Refuse(429, fmt.Sprintf("names and numbers in calls have asked Telegram %d times of late (%s), as often as they may; "+
		"the next question is free in %s. Whom the account has met, and ids, are found without one", asksAtOnce, method, wait.Round(time.Second)))
	f.RetryAfter = wait
	return f
}
