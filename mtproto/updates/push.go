package updates

import (
	"slices"
	"time"

	"github.com/natsgram/natsgram/tl/codec"
)

// container is what updates came in: a push, or a difference. Its users and chats belong to all of them.
type container struct {
	f      codec.Fields
	item   codec.Fields // one of its users and chats after the other
	meta   Meta
	date   int
	cost   int // bytes that holding any part of it keeps in memory
	all    []entity
	loaded bool
	next   int      // index of its next update without a box
	held   bool     // somebody holds a part of it
	lost   [][]byte // what a newer layer wrote in it
	lossy  bool     // something of it was published that no difference would give back (E27)
}

func (c *container) entities() []entity {
	if !c.loaded {
		c.all, c.loaded = entitiesOf(c.all, &c.f, &c.item), true
	}
	return c.all
}

// sequel is the part of a container that moves seq: its updates without a box (E4).
type sequel struct {
	start, seq int
	c          *container
}

// Push takes an Updates object as Telegram sent it. The body belongs to the machine and to what it puts out.
func (m *Machine) Push(now time.Time, body []byte, meta Meta) {
	m.begin(now)
	m.heard = now
	m.push(body, meta, codec.View{})
	m.finish()
}

// push takes an Updates object, and the call that it answers if it answers one.
func (m *Machine) push(body []byte, meta Meta, call codec.View) {
	c := m.newContainer(len(body), meta)
	v, err := m.r.s.View(body)
	var lost [][]byte
	if err != nil {
		v, lost, _ = m.salvage(body)
	}
	if v.Valid() && v.Class() != "Updates" {
		v, err = codec.View{}, errClass
	}
	if v.Valid() {
		c.f.Read(v)
		c.date = int(c.f.Int("date"))
		m.container(c, call)
	}
	if err != nil {
		m.unreadableParts(c, lost)
		m.broken(Box{}, err)
		m.want(&m.account) // D3, E18
	}
	m.settleToken(c)
}

// settleToken decides when the container may be acknowledged: at once, unless it held what only it can bring (E27).
func (m *Machine) settleToken(c *container) {
	switch {
	case c.meta.Token == 0:
	case c.lossy:
		m.w.release = append(m.w.release, c.meta.Token)
	default:
		m.w.tokens = append(m.w.tokens, c.meta.Token)
	}
	if !c.held {
		m.spare = c
	}
}

func (m *Machine) newContainer(size int, meta Meta) *container {
	c := m.spare
	m.spare = nil
	if c == nil {
		c = new(container)
	}
	*c = container{f: c.f, item: c.item, meta: meta, cost: size, all: c.all[:0]}
	return c
}

// newAnswer is an answer as a container.
func newAnswer(v codec.View, size int) *container {
	c := &container{cost: size}
	c.f.Read(v)
	return c
}

// container takes an Updates object apart, by the fields that it has: a layer may add constructors.
func (m *Machine) container(c *container, call codec.View) {
	switch {
	case c.f.Has("updates"):
		m.updates(c)
	case c.f.Has("update"):
		if u, ok := c.f.Object("update"); ok {
			m.single(c, u)
		}
	case c.f.Has("pts_count"):
		m.short(c, call) // updateShortMessage and its kind (E5)
	default:
		m.want(&m.account) // updatesTooLong (E10)
	}
}

// updates is E4: the boxes judge their updates first, whatever seq says.
func (m *Machine) updates(c *container) {
	s := sequel{start: int(c.f.Int("seq_start")), seq: int(c.f.Int("seq")), c: c}
	if s.start == 0 {
		s.start = s.seq
	}
	m.hashes(c)
	verdict := m.judge(s)
	for u := range m.each(c) {
		rule := m.r.rule(u)
		if rule.kind != None || rule.control {
			m.boxed(c, u, rule)
		} else if verdict == fits || verdict == unsequenced {
			m.boxless(c, u, rule, verdict == unsequenced)
		}
	}
	switch verdict {
	case fits:
		m.moveSeq(s)
		m.drainSeq()
	case early:
		m.holdSeq(s)
	}
}

// single is updateShort: one update, of no sequence but its box's.
func (m *Machine) single(c *container, u codec.View) {
	rule := m.r.rule(u)
	if rule.kind != None || rule.control {
		m.boxed(c, u, rule)
		return
	}
	m.boxless(c, u, rule, true)
}

// boxed hands an update to its box.
func (m *Machine) boxed(c *container, u codec.View, rule *rule) {
	if rule.control {
		m.obey(u, c)
		return
	}
	m.applyTo(m.r.boxOf(m.look(u), rule), u, rule, c)
}

func (m *Machine) applyTo(id Box, u codec.View, rule *rule, c *container) {
	l := m.look(u)
	s := step{pts: int(l.Int("pts")), count: int(l.Int("pts_count")), u: u, rule: rule, c: c}
	switch id.Kind {
	case None: // of a channel that it does not name, or without a number
		if !m.repeated(u, rule) {
			m.boxless(c, u, rule, true)
		}
	case Common:
		m.apply(&m.common, s)
	case Secret:
		s.pts, s.count = int(l.Int("qts")), 1
		m.apply(&m.secret, s)
	case Channel:
		b := m.channel(id.ID)
		m.learn(b, c)
		m.apply(b, s)
	}
}

// repeats is how many updates without a number are known again: it is not known whether differences bring them time and again.
const repeats = 256

// repeated notes an update without a number, and says whether it was published before.
func (m *Machine) repeated(u codec.View, rule *rule) bool {
	if !unnumbered(m.look(u), rule) {
		return false
	}
	key := m.r.viewKey(u)
	if slices.Contains(m.unnumbered, key) {
		return true
	}
	if len(m.unnumbered) == repeats {
		m.unnumbered = slices.Delete(m.unnumbered, 0, repeats/2)
	}
	m.unnumbered = append(m.unnumbered, key)
	return false
}

// boxless publishes an update that moves no box.
func (m *Machine) boxless(c *container, u codec.View, rule *rule, lossy bool) {
	it := m.emit(c, u, rule)
	it.Index = c.next
	c.next++
	if !rule.live {
		c.lossy = c.lossy || lossy
		m.w.whole = m.w.whole || !lossy
	}
	if !rule.hint {
		return
	}
	if l := m.look(u); l.Has("channel_id") {
		m.hintChannel(l.Int("channel_id"), u, c)
	} else {
		m.hinted(&m.common, int(l.Int("pts")))
	}
}

type verdict uint8

const (
	unsequenced verdict = iota // seq 0
	fits
	late
	early
)

func (m *Machine) judge(s sequel) verdict {
	switch {
	case s.start == 0:
		return unsequenced
	case m.account.busy():
		return early // E7
	case s.start == m.state.Seq+1:
		return fits
	case s.start <= m.state.Seq:
		return late
	default:
		return early
	}
}

func (m *Machine) moveSeq(s sequel) {
	m.state.Seq, m.state.Date = s.seq, s.c.date
}

// holdSeq keeps a container's part until the ones before it are there (E6, E7).
func (m *Machine) holdSeq(s sequel) {
	if !m.room(s.c) {
		m.overflowSeq()
		return
	}
	s.c.held = true
	i, _ := slices.BinarySearchFunc(m.seq.held, s.start, func(h sequel, start int) int { return h.start - start })
	m.seq.held = slices.Insert(m.seq.held, i, s)
	if m.seq.gap.IsZero() && !m.account.busy() {
		m.seq.gap = later(m.now.Add(m.c.GapWait), m.account.at)
	}
}

func (m *Machine) overflowSeq() {
	for _, s := range m.seq.held {
		m.unroom(s.c)
	}
	m.seq.held = nil
	m.want(&m.account)
}

// drainSeq publishes what was waiting for the container before.
func (m *Machine) drainSeq() {
	for len(m.seq.held) > 0 {
		s := m.seq.held[0]
		verdict := m.judge(s)
		if verdict == early {
			return
		}
		m.unroom(s.c)
		m.seq.held = slices.Delete(m.seq.held, 0, 1)
		if verdict == fits {
			m.sequel(s)
		}
	}
	m.seq.gap = time.Time{}
}

// sequel publishes the updates of a container that move no box.
func (m *Machine) sequel(s sequel) {
	for u := range m.each(s.c) {
		if rule := m.r.rule(u); rule.kind == None && !rule.control {
			m.boxless(s.c, u, rule, false)
		}
	}
	m.moveSeq(s)
}

// replaySeq judges what was held again, after a difference.
func (m *Machine) replaySeq() {
	m.seq.gap = time.Time{}
	held := m.seq.held
	m.seq.held = nil
	for _, s := range held {
		m.unroom(s.c)
		switch m.judge(s) {
		case fits:
			m.sequel(s)
		case early:
			m.holdSeq(s)
		}
	}
}
