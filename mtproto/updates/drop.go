package updates

import (
	"time"

	"github.com/natsgram/natsgram/tl/codec"
)

// Unrecoverable tells whether an Updates object holds anything that no difference would bring again, so that it must not be
// acknowledged to Telegram before it was stored (E27): an update without a sequence outside of a numbered container, or one
// that its box does not count. It may be called from any goroutine.
func (r *Rules) Unrecoverable(body []byte) bool {
	v, err := r.s.View(body)
	if err != nil || v.Class() != "Updates" {
		return false // the difference will be readable, or said to be a gap (D3)
	}
	numbered := v.Int("seq") != 0 || v.Int("seq_start") != 0
	for u := range v.Objects("updates") {
		if r.only(u, numbered) {
			return true
		}
	}
	u, ok := v.Object("update")
	return ok && r.only(u, false)
}

func (r *Rules) only(u codec.View, numbered bool) bool {
	rule := r.rule(u)
	switch {
	case rule.control || rule.live:
		return false
	case rule.kind == None:
		return !numbered
	}
	l := &looked{}
	l.Read(u)
	box := r.boxOf(l, rule)
	return box.Kind == None || box.Kind != Secret && u.Int("pts_count") == 0
}

// Relevant tells whether a machine has to be told the result of a call (D19). It may be called from any goroutine.
func (r *Rules) Relevant(result []byte) bool { return !r.resultOf(result).none() }

// Drop tells the machine of a push for which there is no room. What it was about is fetched as a difference: the machine
// asks for that at once, and whoever has no room answers later. Of what [Rules.Unrecoverable] is true for nothing remains.
func (m *Machine) Drop(now time.Time, body []byte) {
	m.begin(now)
	m.heard = now
	m.drop(body)
	m.finish()
}

// DropResult is the same with the result of a call of ours.
func (m *Machine) DropResult(now time.Time, call, result []byte) {
	found := m.r.resultOf(result)
	if found.none() {
		return
	}
	m.begin(now)
	switch v, err := m.r.s.View(result); {
	case found.updates:
		m.drop(result)
	case err != nil:
	case found.affected:
		c, _ := m.r.s.View(call)
		m.dropAt(boxOfCall(innermost(c)), int(v.Int("pts")), int(v.Int("pts_count")), newAnswer(v, len(result)))
	default:
		if updates, ok := v.Object(found.field); ok {
			m.drop(updates.Raw())
		}
	}
	m.finish()
}

func (m *Machine) drop(body []byte) {
	v, err := m.r.s.View(body)
	if err != nil {
		m.broken(Box{}, err)
		m.want(&m.account)
		return
	}
	c := newAnswer(v, len(body))
	switch {
	case c.f.Has("updates"):
		if c.f.Int("seq") != 0 {
			m.want(&m.account)
		}
		for u := range m.each(c) {
			m.dropUpdate(c, u)
		}
	case c.f.Has("update"):
		u, _ := c.f.Object("update")
		m.dropUpdate(c, u)
	default:
		m.want(&m.account)
	}
}

func (m *Machine) dropUpdate(c *container, u codec.View) {
	rule := m.r.rule(u)
	switch {
	case rule.control:
		m.obey(u, c)
	case rule.kind != None:
		l := m.look(u)
		m.dropAt(m.r.boxOf(l, rule), int(l.Int("pts")), int(l.Int("pts_count")), c)
	}
}

// dropAt has a box fetched that has moved to pts. A channel that nobody knew of begins before the update.
func (m *Machine) dropAt(id Box, pts, count int, c *container) {
	switch id.Kind {
	case Secret:
		m.want(&m.account)
	case Common:
		if pts > m.common.pts {
			m.want(&m.account)
		}
	case Channel:
		if id.ID == 0 {
			return
		}
		b := m.channel(id.ID)
		m.learn(b, c)
		if !b.known && !b.src.busy() {
			m.move(b, max(pts-max(count, 0), 0), 0)
			m.loosely(b)
		}
		if pts > b.pts {
			b.closed = false
			m.want(b.src)
		}
	}
}
