package updates

import (
	"maps"
	"slices"
	"time"

	"github.com/natsgram/natsgram/tl/codec"
)

// poller looks whether anything was not pushed: Telegram promises nothing to ordinary members of large channels (E30, E36).
type poller struct {
	state patience // updates.getState (E19)
	round patience // a page of dialogs, and of other channels (E29)
	out   int      // questions of them that are out
	seen  []int64  // channels that the page of this round held
	last  int64    // channel compared last
	batch int      // channels in one call: fewer when Telegram refuses the call for one of them
	found bool     // this round found a channel that is further on than we
	idle  int      // rounds in a row that found nothing

	slow int       // intervals are twice as long, so many times, after floods
	calm time.Time // when they become shorter again
}

const (
	calmAfter = 5 * time.Minute
	mostSlow  = 5
)

// flooded makes all that is not urgent slower.
func (m *Machine) flooded() {
	m.poll.slow = min(m.poll.slow+1, mostSlow)
	m.poll.calm = m.now.Add(calmAfter)
}

// pace is how long something takes that should take d.
func (m *Machine) pace(d time.Duration) time.Duration {
	for p := &m.poll; p.slow > 0 && !p.calm.After(m.now); p.calm = p.calm.Add(calmAfter) {
		p.slow--
	}
	return d << m.poll.slow
}

// jittered is d and up to a fifth more.
func (m *Machine) jittered(d time.Duration) time.Time {
	part := 0.5
	if m.c.Rand != nil {
		part = min(max(m.c.Rand(), 0), 1)
	}
	return m.now.Add(m.pace(d) + time.Duration(float64(d/5)*part))
}

// begin plans the first looks.
func (p *poller) begin(m *Machine) {
	if p.state.at.IsZero() {
		p.state.at, p.round.at = m.jittered(m.c.Look.State), m.jittered(m.c.Look.Every)
		p.batch = m.c.Look.Page
	}
}

func (m *Machine) settlePolls() {
	p := &m.poll
	p.begin(m)
	if p.out > 0 || m.state.Empty() || m.account.cause == causeFirst {
		return
	}
	switch {
	case m.c.Look.State > 0 && m.due(p.state.at):
		m.askState()
	case m.comparing() && m.due(p.round.at):
		m.askDialogs()
	}
}

// comparing: bots have no dialogs (E25).
func (m *Machine) comparing() bool { return m.c.Look.Every > 0 && !m.c.Bot }

func (p *poller) wake(m *Machine, next time.Time) time.Time {
	if p.out > 0 || p.state.at.IsZero() {
		return next
	}
	if m.c.Look.State > 0 {
		next = m.upcoming(next, p.state.at)
	}
	if m.comparing() {
		next = m.upcoming(next, p.round.at)
	}
	return next
}

// upcoming leaves out what is due already: it waits for something else than the clock.
func (m *Machine) upcoming(next, at time.Time) time.Time {
	if at.After(m.now) {
		return m.sooner(next, at)
	}
	return next
}

// askState is a cheap look whether the account is behind (E19).
func (m *Machine) askState() {
	p := &m.poll
	p.state.ok(m.jittered(m.c.Look.State))
	m.lookAt(Box{Kind: Common}, "updates.getState", "updates.State", codec.M{}, func(v codec.View, _ *container, err error) {
		switch {
		case err != nil:
			p.state.failed(m, err)
			p.state.at = later(p.state.at, m.jittered(m.c.Look.State))
		case int(v.Int("pts")) > m.common.pts, int(v.Int("qts")) > m.secret.pts, int(v.Int("seq")) > m.state.Seq:
			m.want(&m.account)
		}
	})
}

// lookAt asks a question of the poller's.
func (m *Machine) lookAt(b Box, method, class string, call codec.M, then func(codec.View, *container, error)) {
	asked := m.ask(b, method, class, call, func(v codec.View, c *container, err error) {
		m.poll.out--
		then(v, c, err)
	})
	if asked {
		m.poll.out++
	}
}

// askDialogs looks at the dialogs in which something was written last.
func (m *Machine) askDialogs() {
	p := &m.poll
	p.seen, p.found = p.seen[:0], false
	p.round.at = m.jittered(m.lookEvery())
	call := dialogsCall(m.c.Look.Page)
	m.lookAt(Box{}, "messages.getDialogs", "messages.Dialogs", call, func(v codec.View, c *container, err error) {
		if err != nil {
			m.pollFailed(err)
			return
		}
		p.seen = m.dialogs(v, c, p.seen)
		if !m.askPeers() {
			m.looked()
		}
	})
}

// lookEvery is how long it is from one round to the next: the fewer find anything, the longer. No app of Telegram's looks at all,
// so that an account of which everything is pushed in time should not be looked at each minute of each day.
func (m *Machine) lookEvery() time.Duration {
	return max(m.c.Look.Every, min(m.c.Look.Every<<m.poll.idle, m.c.Look.Most))
}

// lookSoon makes rounds frequent again, after a time in which nothing may have been pushed.
func (m *Machine) lookSoon() {
	p := &m.poll
	p.idle = 0
	if soon := m.jittered(m.c.Look.Every); !p.round.at.IsZero() && p.round.fails == 0 && p.round.at.After(soon) {
		p.round.at = soon
	}
}

// mostIdle keeps lookEvery within its type.
const mostIdle = 10

// looked ends a round. Where it found something, there is likely to be more.
func (m *Machine) looked() {
	p := &m.poll
	if !p.found {
		p.idle = min(p.idle+1, mostIdle)
	} else if p.idle > 0 {
		p.idle, p.round.at = 0, m.jittered(m.c.Look.Every)
	}
}

func (m *Machine) pollFailed(err error) {
	p := &m.poll
	p.round.failed(m, err)
	p.round.at = later(p.round.at, m.jittered(m.lookEvery()))
}

func dialogsCall(limit int) codec.M {
	return codec.M{"offset_date": 0, "offset_id": 0, "offset_peer": codec.M{"_": "inputPeerEmpty"}, "limit": limit, "hash": 0}
}

// askPeers looks at some more of the channels, a few each time. False: there are none.
func (m *Machine) askPeers() bool {
	ids := m.nextPeers(m.poll.batch)
	if len(ids) == 0 {
		return false
	}
	peers := make([]codec.M, len(ids))
	for i, id := range ids {
		peers[i] = codec.M{"_": "inputDialogPeer", "peer": codec.M{
			"_": "inputPeerChannel", "channel_id": id, "access_hash": m.state.Channels[id].AccessHash,
		}}
	}
	m.lookAt(Box{}, "messages.getPeerDialogs", "messages.PeerDialogs", codec.M{"peers": peers},
		func(v codec.View, c *container, err error) { m.peersResult(ids, v, c, err) })
	return true
}

func (m *Machine) peersResult(ids []int64, v codec.View, c *container, err error) {
	p := &m.poll
	switch {
	case err == nil:
		m.dialogs(v, c, nil)
		p.round.fails, p.last = 0, ids[len(ids)-1]
		p.batch = min(2*p.batch, m.c.Look.Page)
		m.looked()
	case !inaccessible[refusal(err).Type]:
		m.pollFailed(err)
	case len(ids) > 1: // one of them is closed to us: which?
		p.batch = (len(ids) + 1) / 2
		m.askPeers()
	default:
		p.last = ids[0]
		m.shut(ids[0])
	}
}

// shut leaves a channel out of looking, until an update of it comes.
func (m *Machine) shut(id int64) {
	b := m.channel(id)
	b.closed = true
	m.parted(id)
	m.place(b)
	m.loosely(b)
}

// nextPeers are channels to look at: those behind the last one, that were not on the page.
func (m *Machine) nextPeers(n int) (ids []int64) {
	all := slices.Sorted(maps.Keys(m.state.Channels))
	from, _ := slices.BinarySearch(all, m.poll.last+1)
	for i := range all {
		id := all[(from+i)%len(all)]
		st := m.state.Channels[id]
		if st.AccessHash == 0 || st.Closed || st.Left || st.Pts == 0 || m.watch(id) != nil || slices.Contains(m.poll.seen, id) {
			continue
		}
		if ids = append(ids, id); len(ids) == n {
			break
		}
	}
	return ids
}

// dialogs compares dialogs with where the channels stand (E29), and adds to seen which channels they were.
func (m *Machine) dialogs(v codec.View, c *container, seen []int64) []int64 {
	for d := range v.Objects("dialogs") {
		peer, _ := d.Object("peer")
		if id := peer.Int("channel_id"); id != 0 {
			seen = append(seen, id)
			hash, part := entityOf(c.entities(), id)
			if _, known := m.state.Channels[id]; !known && part == outside {
				continue // to ask for a channel is not to be in it
			}
			m.dialog(id, int(d.Int("pts")), int(d.Int("top_message")), hash)
		}
	}
	return seen
}

// dialog is what Telegram says of a channel: where it is, and its newest message. Of one that is not known it is where
// we begin.
func (m *Machine) dialog(id int64, pts, top int, hash int64) {
	st := m.state.Channels[id]
	if pts == 0 || pts <= st.Pts && top <= st.Top && (hash == 0 || hash == st.AccessHash) {
		return
	}
	b := m.channel(id)
	if hash != 0 && hash != b.hash {
		b.hash, b.hashTold = hash, false
	}
	switch {
	case !b.known && !b.src.busy():
		b.top = max(b.top, top)
		m.move(b, pts, 0)
	case pts > b.pts:
		m.poll.found = true
		m.hinted(b, pts)
	default:
		b.top = max(b.top, top) // up to pts all is accounted for
	}
	if now := b.state(); b.known && now != st {
		m.place(b)
		m.loosely(b)
	}
}
