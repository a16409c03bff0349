package updates

import (
	"slices"
	"time"

	"github.com/natsgram/natsgram/tl/codec"
)

// resetDrop is by how much pts must fall to mean that Telegram counts anew; less is a late update (E10).
const resetDrop = 1_000_000

// box is one sequence at work. Channels have one only while they are not calm; the others are in State alone.
type box struct {
	id     Box
	src    *source // what fills its gaps: the account's difference, or the channel's own
	pts    int
	n      int       // items published at pts
	known  bool      // pts is
	held   []step    // by pts, then as they came
	gap    time.Time // a piece is missing: when to stop waiting for it; zero: none is
	hint   int       // a pts that somebody spoke of (E29)
	top    int       // id of its newest message that is accounted for; 0: not known
	seal   int       // id of the message that ended the box's hole, until an item has told it
	sealed bool      // a batch without items told it

	// Of channels only.
	own      source
	hash     int64
	hashTold bool // a state said it
	topTold  int  // what a state said last
	seen     int  // id of a message that somebody spoke of (E29)
	closed   bool // to us (E15)
	left     bool // the account is not in it
	asked    bool // the account's difference was asked to bring the access hash
	told     bool // some state said that it is behind
	kept     bool // and that state went with an item
}

// step is an update that moves a box.
type step struct {
	pts, count int
	u          codec.View // not valid: it moved by the result of a call (D19)
	rule       *rule
	c          *container
}

// apply judges a step by its pts (E3).
func (m *Machine) apply(b *box, s step) {
	s.count = max(s.count, 0)
	if b.src.busy() {
		m.hold(b, s) // E7
		return
	}
	if !b.known {
		b.pts, b.n, b.known = max(s.pts-s.count, 0), 0, true
	}
	switch ahead := s.pts - s.count - b.pts; {
	case ahead == 0:
		m.take(b, s)
		m.drain(b)
	case ahead > 0:
		m.hold(b, s)
		m.missing(b)
	case s.pts > b.pts: // it begins before what we have: part of it is known, and part is not
		m.hold(b, s)
		m.want(b.src)
	case b.id.Kind == Common && s.pts > 0 && b.pts-s.pts > resetDrop:
		m.wantState(causePtsChanged)
	}
}

// take publishes a step that fits.
func (m *Machine) take(b *box, s step) {
	index := 0
	if s.pts == b.pts {
		index = b.n
	}
	if !s.u.Valid() {
		m.move(b, s.pts, index)
		m.loosely(b)
		return
	}
	m.learn(b, s.c)
	if s.rule.fresh {
		id := int(m.look(s.u).inner(s.rule.message).Int("id"))
		m.raise(b, id, id)
	}
	b.closed = false
	m.move(b, s.pts, index+1)
	it := m.emit(s.c, s.u, s.rule)
	it.Box, it.Pts, it.Index, it.State = b.id, s.pts, index, m.token(b)
	if s.count == 0 {
		s.c.lossy = true // no difference counts it
	}
}

// drain publishes what was waiting for the step before.
func (m *Machine) drain(b *box) {
	for len(b.held) > 0 {
		s := b.held[0]
		ahead := s.pts - s.count - b.pts
		if ahead > 0 {
			return
		}
		if ahead < 0 && s.pts > b.pts {
			m.want(b.src)
			return
		}
		m.unhold(b)
		if ahead == 0 {
			m.take(b, s)
		}
	}
	if b.hint <= b.pts {
		b.gap = time.Time{}
	}
}

// missing starts the wait for a missing piece (E6).
func (m *Machine) missing(b *box) {
	if !b.gap.IsZero() {
		return
	}
	wait := m.c.GapWait
	if b.id.Kind == Channel {
		wait = m.c.ChannelWait
	}
	b.gap = later(m.now.Add(wait), b.src.at)
}

// hold keeps a step until the difference, or the missing piece, is there.
func (m *Machine) hold(b *box, s step) {
	if !m.room(s.c) {
		m.overflow(b)
		return
	}
	s.c.held = true
	m.owe(s)
	i, _ := slices.BinarySearchFunc(b.held, s.pts, func(h step, pts int) int {
		if h.pts <= pts {
			return -1
		}
		return 1
	})
	b.held = slices.Insert(b.held, i, s)
}

// owe notes whose call caused an update that has to wait: the difference that it waits for may bring the same one.
func (m *Machine) owe(s step) {
	if s.c.meta.Origin == "" || !s.u.Valid() {
		return
	}
	if m.owed == nil {
		m.owed = make(map[uint64]string)
	}
	m.owed[m.r.viewKey(s.u)] = s.c.meta.Origin
}

// room takes a place in the bounds of what may be held.
func (m *Machine) room(c *container) bool {
	if m.held.n >= m.c.MaxHeld || m.held.bytes+c.cost > m.c.MaxHeldBytes {
		return false
	}
	m.held.n++
	m.held.bytes += c.cost
	return true
}

func (m *Machine) unroom(c *container) {
	m.held.n--
	m.held.bytes -= c.cost
	if m.held.n == 0 {
		m.owed = nil
	}
}

func (m *Machine) unhold(b *box) {
	m.unroom(b.held[0].c)
	b.held[0] = step{}
	if b.held = b.held[1:]; len(b.held) == 0 {
		b.held = nil
	}
}

// overflow drops what a box holds: the difference brings it (E7).
func (m *Machine) overflow(b *box) {
	for len(b.held) > 0 {
		m.unhold(b)
	}
	m.want(b.src)
}

// replay judges what a box held again, after a difference.
func (m *Machine) replay(b *box) {
	b.gap, b.hint = time.Time{}, 0
	held := b.held
	b.held = nil
	for _, s := range held {
		m.unroom(s.c)
		m.apply(b, s)
	}
}

// move sets where a box stands.
func (m *Machine) move(b *box, pts, n int) {
	b.pts, b.n, b.known = pts, n, true
	m.place(b)
}

// place writes it into the state.
func (m *Machine) place(b *box) {
	switch b.id.Kind {
	case Common:
		m.state.Pts, m.state.N, m.state.Top = b.pts, b.n, b.top
	case Secret:
		m.state.Qts, m.state.QtsN = b.pts, b.n
	case Channel:
		m.state.Channels[b.id.ID] = b.state()
	}
}

func (b *box) state() ChannelState {
	return ChannelState{Pts: b.pts, N: b.n, Top: b.top, AccessHash: b.hash, Behind: b.told, Closed: b.closed, Left: b.left}
}

// raise notes new messages that are published as updates, from the first to the last id. Where the hole of their box
// had no end yet, it ends before them.
func (m *Machine) raise(b *box, first, last int) {
	if h := m.state.hole(b.id); h != nil && h.open() {
		b.seal, b.sealed = first, false
		m.state.fill(b.id, Range{Low: first - 1})
	}
	b.top = max(b.top, last)
}

// behind: something of the box is known to be missing, or is not yet known not to be.
func (b *box) behind() bool {
	return b.src.busy() && (!b.src.poll || len(b.held) > 0) || !b.gap.IsZero()
}

// hinted notes that a box should be at pts at least (E29).
func (m *Machine) hinted(b *box, pts int) {
	switch {
	case pts <= b.pts || !b.known:
	case b.src.fetch != 0:
		m.want(b.src) // it may have begun too early
	case !b.src.busy():
		b.hint = max(b.hint, pts)
		m.missing(b)
	}
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
