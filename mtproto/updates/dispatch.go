package updates

import (
	"slices"

	"github.com/natsgram/natsgram/tl/codec"
)

// dispatcher takes containers apart and hands each update to what it moves: a box, seq, or nothing.
type dispatcher struct {
	*env
	ledger   *ledger
	out      *publisher
	seqs     *sequencer
	seq      seqOrder
	channels *channels
	account  *diffState
	common   box
	secret   box

	spare      *container
	unknown    recent   // what could not be read
	unnumbered []uint64 // keys of updates without a number, see replayed
}

// push takes an Updates object, and the call that it answers if it answers one.
func (d *dispatcher) push(body []byte, meta Meta, call codec.View) {
	c := d.newContainer(len(body), meta)
	v, err := d.rules.s.View(body)
	var lost [][]byte
	if err != nil {
		v, lost, _ = d.rules.salvage(body)
	}
	if v.Valid() && v.Class() != "Updates" {
		v, err = codec.View{}, errClass
	}
	if v.Valid() {
		c.f.Read(v)
		c.date = int(c.f.Int("date"))
		d.container(c, call)
	}
	if err != nil {
		d.unreadable(c, lost)
		d.out.unreadable(Box{}, err)
		d.account.want() // D3, E18
	}
	d.settleToken(c)
}

// settleToken decides when the container may be acknowledged: at once, unless it held what only it can bring (E27).
func (d *dispatcher) settleToken(c *container) {
	switch {
	case c.meta.Token == 0:
	case c.unrecoverable:
		d.out.release = append(d.out.release, c.meta.Token)
	default:
		d.out.tokens = append(d.out.tokens, c.meta.Token)
	}
	if !c.postponed {
		d.spare = c
	}
}

func (d *dispatcher) newContainer(size int, meta Meta) *container {
	c := d.spare
	d.spare = nil
	if c == nil {
		c = new(container)
	}
	*c = container{f: c.f, item: c.item, meta: meta, cost: size, all: c.all[:0]}
	return c
}

// container takes an Updates object apart, by the fields that it has: a layer may add constructors.
func (d *dispatcher) container(c *container, call codec.View) {
	switch {
	case c.f.Has("updates"):
		d.updates(c)
	case c.f.Has("update"):
		if u, ok := c.f.Object("update"); ok {
			d.single(c, u)
		}
	case c.f.Has("pts_count"):
		d.short(c, call) // updateShortMessage and its kind (E5)
	default:
		d.account.want() // updatesTooLong (E10)
	}
}

// updates is E4: the boxes judge their updates first, whatever seq says.
func (d *dispatcher) updates(c *container) {
	p := newSeqPart(c)
	d.channels.learn(c)
	verdict := d.seq.judge(p)
	for u := range d.out.read.each(c, "updates") {
		rule := d.rules.rule(u)
		if rule.kind != None || rule.control {
			d.boxed(c, u, rule)
		} else if verdict == fits || verdict == unsequenced {
			d.boxless(c, u, rule, verdict == unsequenced)
		}
	}
	switch verdict {
	case fits:
		d.seq.move(p)
		d.seq.drain(d.seqPart)
	case early:
		d.seq.postpone(p)
	}
}

// seqPart publishes the updates of a container that move no box.
func (d *dispatcher) seqPart(p seqPart) {
	for u := range d.out.read.each(p.c, "updates") {
		if rule := d.rules.rule(u); rule.kind == None && !rule.control {
			d.boxless(p.c, u, rule, false)
		}
	}
}

// single is updateShort: one update, of no sequence but its box's.
func (d *dispatcher) single(c *container, u codec.View) {
	rule := d.rules.rule(u)
	if rule.kind != None || rule.control {
		d.boxed(c, u, rule)
		return
	}
	d.boxless(c, u, rule, true)
}

// short makes updateShortMessage and its kind whole (E5), or has the difference bring the message.
func (d *dispatcher) short(c *container, call codec.View) {
	u, ok := d.lengthen(c.f.View(), call)
	if !ok {
		d.account.want()
		return
	}
	d.boxUpdate(Box{Kind: Common}, u, d.rules.rule(u), c)
}

// boxed hands an update to its box.
func (d *dispatcher) boxed(c *container, u codec.View, rule *rule) {
	if rule.control {
		d.obey(u, c)
		return
	}
	d.boxUpdate(d.out.read.box(u, rule), u, rule, c)
}

func (d *dispatcher) boxUpdate(id Box, u codec.View, rule *rule, c *container) {
	l := d.out.read.look(u)
	up := ptsUpdate{pts: int(l.Int("pts")), count: int(l.Int("pts_count")), view: u, rule: rule, c: c}
	switch id.Kind {
	case None: // of a channel that it does not name, or without a number
		if !d.replayed(u, rule) {
			d.boxless(c, u, rule, true)
		}
	case Common:
		d.seqs.apply(&d.common, up)
	case Secret:
		up.pts, up.count = int(l.Int("qts")), 1
		d.seqs.apply(&d.secret, up)
	case Channel:
		b := d.channels.box(id.ID)
		b.learnHash(c)
		d.seqs.apply(b, up)
	}
}

// box is the box of an id at work; the common one where there is none.
func (d *dispatcher) box(id Box) *box {
	switch id.Kind {
	case Channel:
		return d.channels.box(id.ID)
	case Secret:
		return &d.secret
	default:
		return &d.common
	}
}

// mostUnnumbered is how many updates without a number are known: it is not known whether differences bring them time and
// again.
const mostUnnumbered = 256

// replayed notes an update without a number, and reports whether it was published before.
func (d *dispatcher) replayed(u codec.View, rule *rule) bool {
	if !unnumbered(d.out.read.look(u), rule) {
		return false
	}
	key := d.rules.viewKey(u)
	if slices.Contains(d.unnumbered, key) {
		return true
	}
	if len(d.unnumbered) == mostUnnumbered {
		d.unnumbered = slices.Delete(d.unnumbered, 0, mostUnnumbered/2)
	}
	d.unnumbered = append(d.unnumbered, key)
	return false
}

// boxless publishes an update that moves no box.
func (d *dispatcher) boxless(c *container, u codec.View, rule *rule, unrecoverable bool) {
	it := d.out.emit(c, u, rule)
	it.Index = c.next
	c.next++
	if !rule.live {
		c.unrecoverable = c.unrecoverable || unrecoverable
		d.out.whole = d.out.whole || !unrecoverable
	}
	if !rule.hint {
		return
	}
	if l := d.out.read.look(u); l.Has("channel_id") {
		d.channels.hint(l.Int("channel_id"), u, c)
	} else {
		d.seqs.hinted(&d.common, int(l.Int("pts")))
	}
}

// obey does what an update asks that is not for anybody else (E8, E10).
func (d *dispatcher) obey(u codec.View, c *container) {
	if u.Name() == "updatePtsChanged" {
		d.account.wantState(causePtsChanged)
		return
	}
	b := d.channels.box(u.Int("channel_id"))
	b.learnHash(c)
	if pts := int(u.Int("pts")); pts == 0 || pts > b.pts || !b.ptsKnown {
		b.diff.want()
	}
}

// result takes what one of our own calls was answered.
func (d *dispatcher) result(found result, call codec.View, body []byte, meta Meta) {
	if found.updates {
		d.push(body, meta, call)
		return
	}
	v, err := d.rules.s.View(body)
	switch {
	case err != nil:
	case found.affected:
		c := newAnswer(v, len(body))
		c.meta, c.date = meta, int(d.now.Unix()) // the answer has no date
		d.affected(call, v, c)
	case found.dialogs:
		d.channels.dialogs(v, newAnswer(v, len(body)), nil)
	default:
		if updates, ok := v.Object(found.field); ok {
			d.push(updates.Raw(), meta, call)
		}
	}
}

// affected takes a messages.affectedMessages, affectedHistory or affectedFoundMessages that is about a box (D19): as the update that it stands
// for, or else as no more than how far the box moved.
func (d *dispatcher) affected(call, v codec.View, c *container) {
	id := boxOfCall(call)
	if id.Kind == None {
		return
	}
	if u := d.ownUpdate(call, v, id); u.Valid() {
		c.cost += len(u.Raw()) // the call's list is in it
		d.boxUpdate(id, u, d.rules.rule(u), c)
		return
	}
	d.seqs.apply(d.box(id), ptsUpdate{pts: int(v.Int("pts")), count: int(v.Int("pts_count")), c: c})
}

// forSomebody is the wrapper by which a bot calls for a person who connected it: the numbers in the answer are that person's.
const forSomebody = "invokeWithBusinessConnection"

// innermost is the call that its wrappers (invokeWithoutUpdates and their kind) carry, or the one that a bot makes for somebody with its wrapper.
func innermost(call codec.View) codec.View {
	for {
		inner, ok := call.Object("query")
		if !ok || inner.Class() != "" || call.Name() == forSomebody {
			return call
		}
		call = inner
	}
}

// boxOfCall is the box of which a call's affectedMessages tells, none: of none of the account's.
func boxOfCall(call codec.View) Box {
	if call.Name() == forSomebody {
		return Box{}
	}
	for _, field := range []string{"channel", "peer", "parent_peer"} {
		if at, ok := call.Object(field); ok && at.Int("channel_id") != 0 {
			return Box{Kind: Channel, ID: at.Int("channel_id")}
		}
	}
	return Box{Kind: Common}
}

// unreadable publishes what could not be read of a push. It may be of a box: then a difference, which is fetched at once,
// brings it again, readable if the connection was only taken for one of another layer.
func (d *dispatcher) unreadable(c *container, lost [][]byte) {
	for _, raw := range lost {
		d.unknown.add(hash(hashStart, raw))
		d.out.add(c, Item{Update: raw, Name: Unknown, Date: c.date}, nil)
		c.unrecoverable = true
	}
}
