package updates

import (
	"strconv"

	"github.com/natsgram/natsgram/tl/codec"
)

// accountResult is an answer to updates.getState or updates.getDifference (E8).
func (m *Machine) accountResult(v codec.View, c *container) {
	switch v.Name() {
	case "updates.state":
		m.stateResult(v)
	case "updates.differenceEmpty":
		moved := m.state.Date != int(v.Int("date")) || m.state.Seq != int(v.Int("seq"))
		m.state.Date, m.state.Seq = int(v.Int("date")), int(v.Int("seq"))
		m.accountDone(moved, false)
	case "updates.difference":
		st, _ := v.Object("state")
		m.accountDone(m.accountSlice(v, st, c), false)
	case "updates.differenceSlice":
		st, _ := v.Object("intermediate_state")
		m.accountDone(m.accountSlice(v, st, c), true)
	case "updates.differenceTooLong":
		pts := int(v.Int("pts"))
		moved := pts > m.common.pts
		if moved {
			m.gap(&m.common, pts, GapTooLong)
		}
		m.accountDone(moved, true)
	default:
		m.unreadable(&m.account, &m.common, errClass)
	}
}

// accountSlice publishes a slice and moves to its end; it tells whether that is further on.
func (m *Machine) accountSlice(v, st codec.View, c *container) (moved bool) {
	before := m.state.position()
	pts := m.notBack(&m.common, int(st.Int("pts")))
	qts := m.notBack(&m.secret, int(st.Int("qts")))
	c.date = int(st.Int("date"))
	g := m.newGroup(c, &m.common, pts, qts)
	g.fill(v)
	g.end()
	m.state.Seq, m.state.Date = int(st.Int("seq")), c.date
	return m.state.position() != before
}

// notBack is the pts that a difference leads to. A little less than what we have is an answer from a server that lags;
// much less means that Telegram counts anew (E10).
func (m *Machine) notBack(b *box, pts int) int {
	if pts >= b.pts {
		return pts
	}
	if b.pts-pts > resetDrop {
		m.gap(b, pts, GapReset)
	}
	return b.pts
}

// accountDone goes on after an answer. An answer that leads nowhere is not asked for again at once.
func (m *Machine) accountDone(moved, more bool) {
	s := &m.account
	s.done(more)
	if !s.need {
		m.fruitless(s, moved, len(m.common.held) > 0 || len(m.secret.held) > 0 || len(m.seq.held) > 0)
		m.noPartial(m.common.id)
		m.noPartial(m.secret.id)
		m.replay(&m.common)
		m.replay(&m.secret)
		m.replaySeq()
		m.openHistory()
		m.listedTop()
		return
	}
	if moved {
		s.fails = 0
	} else if more {
		m.backoff(s)
	}
}

// stateResult is where Telegram stands. Why it was asked decides what that means.
func (m *Machine) stateResult(st codec.View) {
	s := &m.account
	pts, qts := int(st.Int("pts")), int(st.Int("qts"))
	switch s.cause {
	case causeFirst:
		m.move(&m.common, pts, 0)
		m.move(&m.secret, qts, 0)
		m.state.Seq, m.state.Date = int(st.Int("seq")), int(st.Int("date"))
		m.sayBeginning()
		m.accountDone(true, false)
	case causePtsChanged:
		if pts < m.common.pts {
			m.gap(&m.common, pts, GapReset)
		}
		m.accountDone(true, true)
	default:
		m.gap(&m.common, pts, gapReasons[s.cause])
		if qts != m.secret.pts {
			m.gap(&m.secret, qts, gapReasons[s.cause])
		}
		m.state.Seq, m.state.Date = int(st.Int("seq")), int(st.Int("date"))
		s.done(true)
		m.backoff(s) // should the next difference be refused too
	}
}

var gapReasons = map[cause]string{causeInvalid: GapInvalid, causeUnreadable: GapUnreadable}

// gap publishes a hole and moves behind it.
func (m *Machine) gap(b *box, to int, reason string) { m.gapTo(b, to, 0, reason) }

// gapTo is a gap behind which top is the box's newest message, 0 if that is not known. Messages in it are to be fetched
// from history where it is known from where to where.
func (m *Machine) gapTo(b *box, to, top int, reason string) {
	g := Gap{Box: b.id, From: b.pts, To: to, Reason: reason, Above: b.top, UpTo: max(top, b.top)}
	if top == 0 {
		g.UpTo = 0
	}
	var state []byte
	if r := (Range{g.Above, g.UpTo}); m.fillable(b, r) {
		g.Fill = true
		m.state.dig(b.id, r)
		state = appendRange(nil, "hole", b.id, r)
	}
	b.top = max(b.top, top)
	m.say(b, g, state)
}

// sayBeginning publishes where the account begins, once it is known, if somebody wants to be told.
func (m *Machine) sayBeginning() {
	if m.c.Begin == "" || m.begun {
		return
	}
	m.begun = true
	m.say(&m.common, Gap{Box: m.common.id, To: m.common.pts, Reason: m.c.Begin}, m.newEra(nil))
}

// newEra tells what comes from what came under the same pts before.
func (m *Machine) newEra(state []byte) []byte {
	m.state.Era = max(m.state.Era+1, m.c.Era)
	return strconv.AppendUint(appendField(state, "era"), m.state.Era, 10)
}

// say publishes a gap. The state says more than where the box is.
func (m *Machine) say(b *box, g Gap, state []byte) {
	if g.To < g.From {
		state = m.newEra(state)
	}
	at := m.ending(b, g.To)
	at.index++
	m.move(b, g.To, at.index)
	peer := Peer{Kind: PeerNone}
	if b.id.Kind == Channel {
		peer = Peer{PeerChannel, b.id.ID}
	}
	it := m.add(&container{}, Item{Name: "gap", Box: b.id, Pts: at.pts, Index: at.index - 1, Peer: peer, Date: int(m.now.Unix()), Gap: &g}, nil)
	it.State = joinState(m.token(b), string(state))
	m.resumed(at)
}
