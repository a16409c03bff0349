package updates

import (
	"slices"

	"github.com/natsgram/natsgram/tl/codec"
)

// group is one slice of a difference. Its messages do not tell their pts, so its items have the pts at its end and are
// counted (see the package comment); none of them goes through E3 (E8).
type group struct {
	m    *Machine
	c    *container
	box  *box   // common, or the channel
	main ending // of that box, and of what is in none
	qts  ending // of the secret box
}

// ending is where the items of a slice stand in one box.
type ending struct {
	box   Box
	to    int // where the slice ends
	pts   int // of the items: to, unless items with a higher one were stored before a crash
	index int // of the next item
	part  *Partial

	first, last int // ids of new messages; 0: none so far
}

// newGroup begins a slice that ends at pts and qts.
func (m *Machine) newGroup(c *container, b *box, pts, qts int) *group {
	g := &group{m: m, c: c, box: b, main: m.ending(b, pts), qts: m.ending(&m.secret, qts)}
	m.w.whole, m.w.group = true, g
	return g
}

// ending counts on from the items that stand at the same place already.
func (m *Machine) ending(b *box, to int) ending {
	e := ending{box: b.id, to: to, pts: to, part: m.state.partial(b.id)}
	if to == b.pts {
		e.index = b.n
	}
	if e.part != nil {
		e.pts, e.index = max(to, e.part.Pts), max(e.index, e.part.N)
	}
	return e
}

// at is where the items of a box stand.
func (g *group) at(b Box) *ending {
	if b.Kind == Secret {
		return &g.qts
	}
	return &g.main
}

// end moves the boxes to where the slice ends.
func (g *group) end() {
	if g.box.id.Kind == Common {
		g.move(&g.m.secret, g.qts)
	}
	g.move(g.box, g.main)
}

func (g *group) move(b *box, e ending) {
	if e.last != 0 {
		g.m.raise(b, e.first, e.last)
	}
	if e.to != b.pts || e.index != b.n || e.last != 0 {
		b.closed = false
		g.m.move(b, e.to, e.index)
		g.m.loosely(b)
	}
	g.m.resumed(e)
}

// resumed counts the items of a difference that was cut by a crash: all of them, whatever slices it comes in now.
func (m *Machine) resumed(e ending) {
	if e.part != nil && (e.index != e.part.N || e.pts != e.part.Pts) {
		e.part.Pts, e.part.N = e.pts, e.index
		m.w.loose = appendPart(m.w.loose, e.box, e.pts, e.index-1)
	}
}

// fill publishes what the slice holds, in the order of E8.
func (g *group) fill(v codec.View) {
	for u := range v.Objects("other_updates") {
		if u.Name() == "updateMessageID" {
			g.update(u)
		}
	}
	wrap, encrypted := &g.m.r.newMessage, &g.m.r.newEncrypted
	if g.box.id.Kind == Channel {
		wrap = &g.m.r.newChannelMessage
	}
	for message := range v.Objects("new_messages") {
		g.message(message, wrap, g.box.id)
	}
	for message := range v.Objects("new_encrypted_messages") {
		g.message(message, encrypted, Box{Kind: Secret})
	}
	for u := range v.Objects("other_updates") {
		if u.Name() != "updateMessageID" {
			g.update(u)
		}
	}
	for _, raw := range g.c.lost {
		g.unknown(raw)
	}
}

// message publishes a bare message as the update that would have pushed it.
func (g *group) message(message codec.View, w *wrapper, box Box) {
	at := g.at(box)
	l := g.m.look(message)
	if id := int(l.Int("id")); id > 0 && box.Kind != Secret {
		if at.first == 0 || id < at.first {
			at.first = id
		}
		at.last = max(at.last, id)
	}
	if at.part != nil && at.part.has(messageKey(message)) {
		return
	}
	date := int(l.Int("date"))
	if date == 0 {
		date = g.c.date
	}
	g.item(Item{
		Update: w.wrap(message.Raw(), at.pts),
		Name:   w.name,
		Box:    box,
		Peer:   w.peer(l),
		Date:   date,
	}, message.Raw())
}

func (g *group) item(it Item, about []byte) {
	at := g.at(it.Box)
	it.Index = at.index
	at.index++
	if it.Box.Kind != None {
		it.Pts = at.pts
	}
	added := g.m.add(g.c, it, about)
	if len(g.m.owed) > 0 && added.Origin == "" {
		added.Origin = g.m.owed[g.m.r.key(it.Update)]
	}
}

// update publishes one of other_updates, or hands it to the box that it belongs to.
func (g *group) update(u codec.View) {
	rule := g.m.r.rule(u)
	box := g.m.r.boxOf(g.m.look(u), rule)
	switch {
	case rule.control:
		g.m.obey(u, g.c)
	case rule.live:
		g.m.emit(g.c, u, rule)
	case box.Kind == None || g.owns(box):
		g.hint(u, rule)
		g.own(u, rule, box)
	default:
		g.m.applyTo(box, u, rule, g.c)
	}
}

func (g *group) owns(b Box) bool {
	return b == g.box.id || b.Kind == Secret && g.box.id.Kind == Common
}

func (g *group) hint(u codec.View, rule *rule) {
	if id := u.Int("channel_id"); rule.hint && id != 0 && id != g.box.id.ID {
		g.m.hintChannel(id, u, g.c)
	}
}

func (g *group) own(u codec.View, rule *rule, box Box) {
	if at := g.at(box); at.part != nil && at.part.has(g.m.r.viewKey(u)) || g.m.repeated(u, rule) {
		return
	}
	it := Item{Update: u.Raw(), Name: rule.name, Box: box, Peer: peerOf(g.m.look(u), rule.peers), Date: dateOf(g.m.look(u), rule, g.c)}
	g.item(it, it.Update)
}

// has tells whether an item was stored before a crash between the batches of a slice.
func (p *Partial) has(key uint64) bool { return slices.Contains(p.Keys, key) }

// key is what an item was, so that it is known again in another answer. Messages are known by chat and id, because
// they may have been edited since; other updates by all their bytes.
func (r *Rules) key(update []byte) uint64 {
	v, err := r.s.View(update)
	if err != nil {
		return hash(hashStart, update) // Unknown
	}
	return r.viewKey(v)
}

func (r *Rules) viewKey(v codec.View) uint64 {
	switch v.Name() {
	case r.newMessage.name, r.newChannelMessage.name, r.newEncrypted.name:
		if message, ok := v.Object("message"); ok {
			return messageKey(message)
		}
	}
	return hash(hashStart, v.Raw())
}

func messageKey(message codec.View) uint64 {
	peer, ok := message.Object("peer_id")
	if !ok {
		return hash(hashStart, message.Raw())
	}
	p := peerValue(peer)
	k := hash(hashStart, p.Kind)
	k = hashInt(k, p.ID)
	return hashInt(k, message.Int("id"))
}

const hashStart = 0xcbf29ce484222325 // FNV-1a, 64 bit

func hash[T ~string | ~[]byte](k uint64, b T) uint64 {
	for i := 0; i < len(b); i++ {
		k = (k ^ uint64(b[i])) * 0x100000001b3
	}
	return k
}

func hashInt(k uint64, v int64) uint64 {
	for range 8 {
		k = (k ^ uint64(byte(v))) * 0x100000001b3
		v >>= 8
	}
	return k
}
