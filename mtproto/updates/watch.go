package updates

import (
	"cmp"
	"slices"
	"time"
)

// MaxWatched is how many channels of an account may be watched at a time (E32).
const MaxWatched = 10

// watcher keeps which channels are watched: Telegram is asked about them again and again, as an app does for the one that
// is on the screen. In return it is pushed in time (E26, E31, E32).
type watcher struct {
	*env
	state *State
	list  []*watch // by id
}

type watch struct {
	id    int64
	retry // zero: a difference is running
}

// set says which channels to watch, and returns those that cannot be.
func (w *watcher) set(ids []int64) (rejected []int64) {
	before := w.list
	w.list = nil
	for _, id := range ids {
		switch {
		case w.find(id) != nil:
		case w.c.Bot || len(w.list) == MaxWatched:
			rejected = append(rejected, id)
		default:
			w.list = append(w.list, &watch{id: id, retry: retry{at: w.now}})
		}
	}
	for i := range w.list {
		for _, old := range before {
			if old.id == w.list[i].id {
				w.list[i] = old
			}
		}
	}
	slices.SortFunc(w.list, func(a, b *watch) int { return cmp.Compare(a.id, b.id) })
	return rejected
}

func (w *watcher) ids() (ids []int64) {
	for _, one := range w.list {
		ids = append(ids, one.id)
	}
	return ids
}

// find is the watch of a channel, nil if it is not watched.
func (w *watcher) find(id int64) *watch {
	for _, one := range w.list {
		if one.id == id {
			return one
		}
	}
	return nil
}

// askable reports whether there is a way to ask.
func (w *watcher) askable(id int64) bool {
	st := w.state.Channels[id]
	return st.AccessHash != 0 && !st.Closed
}

// settle starts the differences of watched channels that are due.
func (w *watcher) settle(boxOf func(id int64) *box) {
	if w.state.Empty() {
		return
	}
	for _, one := range w.list {
		if !w.due(one.at) || !w.askable(one.id) {
			continue
		}
		one.at = time.Time{}
		if d := boxOf(one.id).diff; !d.pending {
			d.pending, d.watching = true, true
		}
	}
}

func (w *watcher) wake(next time.Time) time.Time {
	for _, one := range w.list {
		if !one.at.IsZero() && w.askable(one.id) {
			next = w.upcoming(next, one.at)
		}
	}
	return next
}

// longestTimeout is the longest that is believed; Telegram says some minutes at most.
const longestTimeout = time.Hour

// answered plans the next look at a channel: when the server says, in 1 s if it does not (E13).
func (w *watcher) answered(id int64, timeout time.Duration) {
	if one := w.find(id); one != nil {
		one.ok(w.now.Add(w.pace(min(max(timeout, time.Second), longestTimeout))))
	}
}

func (w *watcher) refused(id int64, err error) {
	if one := w.find(id); one != nil {
		one.failed(w.env, err)
	}
}

// rest is told of a channel with nothing to do: however its difference ended, there will be another one.
func (w *watcher) rest(id int64) {
	if one := w.find(id); one != nil && one.at.IsZero() {
		one.at = w.now.Add(w.pace(time.Second))
	}
}
