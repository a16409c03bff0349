package peers

import (
	"context"
	"sync"
	"time"
)

// allowances are those of an account, by method. They are kept: they are the account's, whichever daemon runs it, and a restart gives none back.
type allowances struct {
	account *accountStore

	mu     sync.Mutex
	all    map[string]*allowance
	known  bool       // what was used before is in it
	saving sync.Mutex // held while they are written, so that the last one stands
}

func (x *allowances) spend(ctx context.Context, method string, leave int) (wait time.Duration, ok bool) {
	x.load(ctx)
	x.mu.Lock()
	wait, ok = x.of(method).spend(time.Now(), leave)
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

// left is how many questions are left by method, of those that were asked since the directory was made or are known from before.
func (x *allowances) left(now time.Time) map[string]int {
	x.mu.Lock()
	defer x.mu.Unlock()
	left := make(map[string]int, len(x.all))
	for method, a := range x.all {
		a.back(now)
		left[method] = asksAtOnce - a.Used
	}
	return left
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
