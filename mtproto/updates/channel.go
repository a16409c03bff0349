package updates

import (
	"time"

	"github.com/natsgram/natsgram/tl/codec"
)

// channel is the box of a channel, at work from now until it is calm.
func (m *Machine) channel(id int64) *box {
	if b := m.boxes[id]; b != nil {
		return b
	}
	st := m.state.Channels[id]
	b := &box{
		id: Box{Kind: Channel, ID: id}, pts: st.Pts, n: st.N, known: st.Pts > 0,
		hash: st.AccessHash, hashTold: st.AccessHash != 0, told: st.Behind, kept: st.Behind,
		top: st.Top, topTold: st.Top, closed: st.Closed, left: st.Left,
	}
	b.src = &b.own
	m.boxes[id] = b
	m.restless = append(m.restless, b)
	return b
}

// AddChannel tells the machine of a channel from elsewhere, such as the dialogs at first login (E17): its pts, where the
// machine knows none yet, else as a hint (E29); and its access hash, unless 0.
func (m *Machine) AddChannel(now time.Time, id int64, pts int, accessHash int64) {
	m.begin(now)
	before := m.state.Channels[id]
	b := m.channel(id)
	if accessHash != 0 && accessHash != b.hash {
		b.hash, b.hashTold = accessHash, false
	}
	b.closed = false
	switch {
	case b.known:
		m.hinted(b, pts)
	case pts > 0 && !b.src.busy():
		m.move(b, pts, 0)
	}
	if b.state() != before {
		m.place(b)
		m.loosely(b)
	}
	m.finish()
}

// learn takes a channel's access hash from what came along with its update (E22).
func (m *Machine) learn(b *box, c *container) {
	if b.id.Kind == Channel && b.hash == 0 {
		b.hash = hashOf(c.entities(), b.id.ID)
	}
}

func hashOf(all []entity, channel int64) int64 {
	hash, _ := entityOf(all, channel)
	return hash
}

// entityOf is what came along of a channel: its access hash, and whether the account is in it.
func entityOf(all []entity, channel int64) (hash int64, part standing) {
	for i := range all {
		if all[i].id == channel && all[i].kind == PeerChannel {
			return all[i].hash, all[i].part
		}
	}
	return 0, unsaid
}

// hashes gives the channels that wait for their access hash what came along.
func (m *Machine) hashes(c *container) {
	m.memberships(c)
	for _, b := range m.restless {
		if b.hash == 0 {
			m.learn(b, c)
		}
	}
}

// obey does what an update asks that is not for anybody else (E8, E10).
func (m *Machine) obey(u codec.View, c *container) {
	if u.Name() == "updatePtsChanged" {
		m.wantState(causePtsChanged)
		return
	}
	b := m.channel(u.Int("channel_id"))
	m.learn(b, c)
	if pts := int(u.Int("pts")); pts == 0 || pts > b.pts || !b.known {
		m.want(b.src)
	}
}

// hintChannel notes a channel's pts, and a message that was read in it, in an update that does not move it (E29).
func (m *Machine) hintChannel(id int64, u codec.View, c *container) {
	st, pts, read := m.state.Channels[id], int(u.Int("pts")), int(u.Int("max_id"))
	unseen := st.Top > 0 && read > st.Top
	if st.Pts == 0 || pts <= st.Pts && !unseen {
		return
	}
	b := m.channel(id)
	m.learn(b, c)
	m.hinted(b, pts)
	if unseen && !b.src.busy() {
		b.seen = max(b.seen, read)
		m.missing(b)
	}
}

// channelResult is an answer to updates.getChannelDifference (E11).
func (m *Machine) channelResult(b *box, v codec.View, c *container) {
	if m.stranger(b) { // since it was asked
		b.own = source{}
		return
	}
	before := ChannelState{Pts: b.pts, N: b.n}
	m.watchAgain(b, v)
	switch v.Name() {
	case "updates.channelDifferenceEmpty":
		if pts := int(v.Int("pts")); pts > b.pts {
			m.move(b, pts, 0)
			m.loosely(b)
		}
	case "updates.channelDifference":
		m.channelSlice(b, v, c)
	case "updates.channelDifferenceTooLong":
		m.channelTooLong(b, v, c)
	default:
		m.unreadable(b.src, b, errClass)
		return
	}
	m.channelDone(b, b.pts != before.Pts || b.n != before.N, !v.Bool("final"))
}

func (m *Machine) channelSlice(b *box, v codec.View, c *container) {
	pts := int(v.Int("pts"))
	if b.src.cause != causeNone {
		m.gap(b, pts, gapReasons[b.src.cause])
		return
	}
	c.date = m.state.Date
	g := m.newGroup(c, b, max(pts, b.pts), m.secret.pts)
	g.fill(v)
	g.end()
}

// channelTooLong goes on from where the channel is now. The messages that come with the answer are only its newest; those
// before them are fetched from history (E12).
func (m *Machine) channelTooLong(b *box, v codec.View, c *container) {
	dialog, _ := v.Object("dialog")
	pts, top := int(dialog.Int("pts")), int(dialog.Int("top_message"))
	switch {
	case b.src.cause != causeNone:
		m.gapTo(b, pts, top, gapReasons[b.src.cause])
	case !b.known:
		m.gapTo(b, pts, top, GapUnknown)
	case pts > b.pts:
		m.gapTo(b, pts, top, GapTooLong)
	default:
		return
	}
	if h := m.state.hole(b.id); h != nil {
		for _, message := range m.historyOf(v, h) {
			id := int(message.Int("id"))
			m.backfill(b.id, c, message, Range{id - 1, id})
		}
	}
}

func (m *Machine) channelDone(b *box, moved, more bool) {
	s := b.src
	s.done(more)
	switch {
	case !s.need:
		if b.seen > b.top { // whatever it was, it is accounted for
			b.top = b.seen
			m.place(b)
			m.loosely(b)
		}
		b.seen = 0
		m.fruitless(s, moved, len(b.held) > 0)
		m.noPartial(b.id)
		m.replay(b)
	case moved:
		s.fails = 0
	default:
		m.backoff(s)
	}
}

// closed is a channel that Telegram does not show us any more (E15). Should an update of it come, it begins again
// from its pts.
func (m *Machine) closed(b *box, reason string) {
	known := b.closed && len(b.held) == 0
	for len(b.held) > 0 {
		m.unhold(b)
	}
	b.closed = true
	m.parted(b.id.ID)
	switch {
	case m.state.hole(b.id) != nil:
		m.giveUp(b.id, reason)
	case !known: // else it was said
		m.gap(b, b.pts, reason)
	}
	m.noPartial(b.id)
	b.own = source{}
	b.gap, b.hint = time.Time{}, 0
}

// skip gives up on what is missing of a channel, and says so.
func (m *Machine) skip(b *box, reason string) {
	to := b.pts
	if len(b.held) > 0 {
		to = max(to, b.held[0].pts-b.held[0].count)
	}
	m.gap(b, to, reason)
	b.own = source{}
	m.replay(b)
}
