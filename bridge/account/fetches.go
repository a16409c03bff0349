package account

import (
	"sync/atomic"
	"time"

	"github.com/natsgram/natsgram/mtproto/updates"
)

// fetches are calls that the machine wants, and for which there is no room yet. The loop's goroutine uses them.
type fetches struct {
	memory *memory
	call   func(f *updates.Fetch, weight int64) // weight is what was set aside for the answer

	held    []*updates.Fetch // until the log has room
	waiting []*updates.Fetch // until the daemon has room for the answer
	since   time.Time        // when the first of waiting came
	// roomless: some are waiting. Every goroutine may ask for it.
	roomless atomic.Bool
}

// hold keeps a call until the log has room.
func (x *fetches) hold(f *updates.Fetch) { x.held = append(x.held, f) }

// resume makes the calls that were held.
func (x *fetches) resume(now time.Time) {
	held := x.held
	x.held = nil
	for _, f := range held {
		x.make(now, f)
	}
}

// make makes a call once the daemon has room for the answer.
func (x *fetches) make(now time.Time, f *updates.Fetch) {
	if weight := x.memory.answer(); x.memory.share.Try(weight) {
		x.call(f, weight)
		return
	}
	if len(x.waiting) == 0 {
		x.since = now
	}
	x.waiting = append(x.waiting, f)
	x.roomless.Store(true)
}

// again makes the calls for which there was no room, as far as there is some.
func (x *fetches) again() {
	for len(x.waiting) > 0 {
		weight := x.memory.answer()
		if !x.memory.share.Try(weight) {
			break
		}
		f := x.waiting[0]
		x.waiting = x.waiting[1:]
		x.call(f, weight)
	}
	x.roomless.Store(len(x.waiting) > 0)
}

// late is how long until it has to be said that there is no room, if there is none until then.
func (x *fetches) late(now time.Time, after time.Duration) time.Duration {
	if len(x.waiting) == 0 {
		return time.Hour
	}
	return x.since.Add(after).Sub(now)
}
