package updates

import (
	"cmp"
	"slices"
	"time"

	"github.com/natsgram/natsgram/tl/codec"
)

// MaxWatched is how many channels of an account may be watched at a time (E32).
const MaxWatched = 10

// watch is a channel that Telegram is asked about again and again, as an app does for the one that is on the screen: in
// return it is pushed in time (E26, E31, E32).
type watch struct {
	id    int64
	at    time.Time // zero: a difference is running
	fails int
}

// SetWatched tells which channels to watch from now on. Those it cannot take are returned: more than [MaxWatched], and
// for bots all, who are told of everything anyhow (E25). A channel whose access hash is not known yet is watched as
// soon as it is; see [Machine.AddChannel].
func (m *Machine) SetWatched(now time.Time, ids []int64) (left []int64) {
	m.begin(now)
	before := m.watched
	m.watched = nil
	for _, id := range ids {
		switch {
		case m.watch(id) != nil:
		case m.c.Bot || len(m.watched) == MaxWatched:
			left = append(left, id)
		default:
			m.watched = append(m.watched, &watch{id: id, at: now})
		}
	}
	for i, w := range m.watched {
		for _, old := range before {
			if old.id == w.id {
				m.watched[i] = old
			}
		}
	}
	slices.SortFunc(m.watched, func(a, b *watch) int { return cmp.Compare(a.id, b.id) })
	m.finish()
	return left
}

// Watched are the channels that are watched, in the order of their ids.
func (m *Machine) Watched() (ids []int64) {
	for _, w := range m.watched {
		ids = append(ids, w.id)
	}
	return ids
}

func (m *Machine) watch(id int64) *watch {
	for _, w := range m.watched {
		if w.id == id {
			return w
		}
	}
	return nil
}

// watchable: there is a way to ask.
func (m *Machine) watchable(id int64) bool {
	st := m.state.Channels[id]
	return st.AccessHash != 0 && !st.Closed
}

// settleWatches starts the differences of watched channels that are due.
func (m *Machine) settleWatches() {
	if m.state.Empty() {
		return
	}
	for _, w := range m.watched {
		if !m.due(w.at) || !m.watchable(w.id) {
			continue
		}
		w.at = time.Time{}
		if s := m.channel(w.id).src; !s.need {
			s.need, s.poll = true, true
		}
	}
}

func (m *Machine) wakeWatches(next time.Time) time.Time {
	for _, w := range m.watched {
		if !w.at.IsZero() && m.watchable(w.id) {
			next = m.upcoming(next, w.at)
		}
	}
	return next
}

// longestTimeout is the longest that is believed; Telegram says some minutes at most.
const longestTimeout = time.Hour

// watchAgain plans the next look at a channel after an answer: when the server says, in 1 s if it does not (E13).
func (m *Machine) watchAgain(b *box, v codec.View) {
	if w := m.watch(b.id.ID); w != nil {
		timeout := min(max(time.Duration(v.Int("timeout"))*time.Second, time.Second), longestTimeout)
		w.at, w.fails = m.now.Add(m.pace(timeout)), 0
	}
}

// unpoll ends a look that was refused. Nobody waits for it, so pushes must not either.
func (m *Machine) unpoll(b *box, err error) {
	b.src.need, b.src.poll = false, false
	if w := m.watch(b.id.ID); w != nil {
		p := patience{fails: w.fails}
		p.failed(m, err)
		w.at, w.fails = p.at, p.fails
	}
	m.replay(b)
}

// rest is a watched channel with nothing to do: however its difference ended, there will be another one.
func (m *Machine) rest(b *box) {
	if w := m.watch(b.id.ID); w != nil && w.at.IsZero() {
		w.at = m.now.Add(m.pace(time.Second))
	}
}
