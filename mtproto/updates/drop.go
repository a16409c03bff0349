package updates

import "github.com/natsgram/natsgram/tl/codec"

// Unrecoverable reports whether an Updates object holds anything that no difference would bring again, so that it must not be
// acknowledged to Telegram before it was stored (E27): an update without a sequence outside of a numbered container, or one
// that its box does not count. It may be called from any goroutine.
func (r *Rules) Unrecoverable(body []byte) bool {
	v, err := r.s.View(body)
	if err != nil || v.Class() != "Updates" {
		return false // the difference will be readable, or said to be a gap (D3)
	}
	numbered := v.Int("seq") != 0 || v.Int("seq_start") != 0
	for u := range v.Objects("updates") {
		if r.unrecoverable(u, numbered) {
			return true
		}
	}
	u, ok := v.Object("update")
	return ok && r.unrecoverable(u, false)
}

func (r *Rules) unrecoverable(u codec.View, numbered bool) bool {
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

// Relevant reports whether a machine has to be told the result of a call (D19). It may be called from any goroutine.
func (r *Rules) Relevant(result []byte) bool { return !r.resultOf(result).none() }

// drop has fetched what a push was about for which there is no room.
func (d *dispatcher) drop(body []byte) {
	v, err := d.rules.s.View(body)
	if err != nil {
		d.out.unreadable(Box{}, err)
		d.account.want()
		return
	}
	c := newAnswer(v, len(body))
	switch {
	case c.f.Has("updates"):
		if c.f.Int("seq") != 0 {
			d.account.want()
		}
		for u := range d.out.read.each(c, "updates") {
			d.dropUpdate(c, u)
		}
	case c.f.Has("update"):
		u, _ := c.f.Object("update")
		d.dropUpdate(c, u)
	default:
		d.account.want()
	}
}

// dropResult is drop for the result of a call.
func (d *dispatcher) dropResult(found result, call codec.View, body []byte) {
	if found.updates {
		d.drop(body)
		return
	}
	v, err := d.rules.s.View(body)
	switch {
	case err != nil:
	case found.affected:
		d.dropUntil(boxOfCall(call), int(v.Int("pts")), int(v.Int("pts_count")), newAnswer(v, len(body)))
	default:
		if updates, ok := v.Object(found.field); ok {
			d.drop(updates.Raw())
		}
	}
}

func (d *dispatcher) dropUpdate(c *container, u codec.View) {
	rule := d.rules.rule(u)
	switch {
	case rule.control:
		d.obey(u, c)
	case rule.kind != None:
		l := d.out.read.look(u)
		d.dropUntil(d.rules.boxOf(l, rule), int(l.Int("pts")), int(l.Int("pts_count")), c)
	}
}

// dropUntil has a box fetched that has moved to pts. A channel that nobody knew of begins before the update.
func (d *dispatcher) dropUntil(id Box, pts, count int, c *container) {
	switch id.Kind {
	case Secret:
		d.account.want()
	case Common:
		if pts > d.common.pts {
			d.account.want()
		}
	case Channel:
		if id.ID == 0 {
			return
		}
		b := d.channels.box(id.ID)
		b.learnHash(c)
		if !b.ptsKnown && !b.diff.pending {
			d.ledger.move(b, max(pts-max(count, 0), 0), 0)
			d.ledger.writeLater(b)
		}
		if pts > b.pts {
			b.closed = false
			b.diff.want()
		}
	}
}
