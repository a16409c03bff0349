package updates

import (
	"slices"

	"github.com/natsgram/natsgram/tl/codec"
)

// diffSlice is one slice of a difference. Its messages do not tell their pts, so its items have the pts at its end and are
// counted (see the package comment); none of them goes through E3 (E8).
type diffSlice struct {
	d   *dispatcher
	c   *container
	box *box // common, or the channel
	endings
}

// newSlice begins a slice that ends at pts and qts.
func (d *dispatcher) newSlice(c *container, b *box, pts, qts int) *diffSlice {
	s := &diffSlice{d: d, c: c, box: b, endings: endings{main: d.ledger.ending(b, pts), qts: d.ledger.ending(&d.secret, qts)}}
	d.out.whole, d.out.ends = true, &s.endings
	return s
}

// end moves the boxes to where the slice ends.
func (s *diffSlice) end() {
	if s.box.id.Kind == Common {
		s.move(&s.d.secret, s.qts)
	}
	s.move(s.box, s.main)
}

func (s *diffSlice) move(b *box, e ending) {
	ledger := s.d.ledger
	if e.last != 0 {
		ledger.published(b, e.first, e.last)
	}
	if e.to != b.pts || e.index != b.items || e.last != 0 {
		b.closed = false
		ledger.move(b, e.to, e.index)
		ledger.writeLater(b)
	}
	ledger.resumed(e)
}

// publish publishes what the slice holds, in the order of E8.
func (s *diffSlice) publish() {
	out := s.d.out
	out.expect(s.c.f.Len("new_messages") + s.c.f.Len("new_encrypted_messages") + s.c.f.Len("other_updates"))
	for u := range s.c.f.Objects("other_updates") {
		if u.Name() == "updateMessageID" {
			s.update(u)
		}
	}
	wrap, encrypted := &s.d.rules.newMessage, &s.d.rules.newEncrypted
	if s.box.id.Kind == Channel {
		wrap = &s.d.rules.newChannelMessage
	}
	for message := range out.read.each(s.c, "new_messages") {
		s.message(message, wrap, s.box.id)
	}
	for message := range out.read.each(s.c, "new_encrypted_messages") {
		s.message(message, encrypted, Box{Kind: Secret})
	}
	for u := range out.read.each(s.c, "other_updates") {
		if u.Name() != "updateMessageID" {
			s.update(u)
		}
	}
	for _, raw := range s.c.lost {
		s.unknown(raw)
	}
}

// message publishes a bare message as the update that would have pushed it.
func (s *diffSlice) message(message codec.View, w *wrapper, box Box) {
	at := s.at(box)
	l := s.d.out.read.look(message)
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
		date = s.c.date
	}
	s.item(Item{
		Update: w.wrap(message.Raw(), at.pts),
		Name:   w.name,
		Box:    box,
		Peer:   w.peer(l),
		Date:   date,
		About:  aboutMessage(&l.Fields),
	}, message.Raw())
}

func (s *diffSlice) item(it Item, about []byte) {
	at := s.at(it.Box)
	it.Index = at.index
	at.index++
	if it.Box.Kind != None {
		it.Pts = at.pts
	}
	added := s.d.out.add(s.c, it, about)
	if origins := s.d.seqs.queue.origins; len(origins) > 0 && added.Origin == "" {
		added.Origin = origins[s.d.rules.key(it.Update)]
	}
}

// update publishes one of other_updates, or hands it to the box that it belongs to.
func (s *diffSlice) update(u codec.View) {
	rule := s.d.rules.rule(u)
	box := s.d.out.read.box(u, rule)
	switch {
	case rule.control:
		s.d.obey(u, s.c)
	case rule.live:
		s.d.out.emit(s.c, u, rule)
	case box.Kind == None || s.owns(box):
		s.hint(u, rule)
		s.own(u, rule, box)
	default:
		s.d.boxUpdate(box, u, rule, s.c)
	}
}

func (s *diffSlice) owns(b Box) bool {
	return b == s.box.id || b.Kind == Secret && s.box.id.Kind == Common
}

func (s *diffSlice) hint(u codec.View, rule *rule) {
	if id := u.Int("channel_id"); rule.hint && id != 0 && id != s.box.id.ID {
		s.d.channels.hint(id, u, s.c)
	}
}

func (s *diffSlice) own(u codec.View, rule *rule, box Box) {
	if at := s.at(box); at.part != nil && at.part.has(s.d.rules.viewKey(u)) || s.d.replayed(u, rule) {
		return
	}
	l := s.d.out.read.look(u)
	it := Item{Update: u.Raw(), Name: rule.name, Box: box, Peer: peerOf(l, rule.peers), Date: dateOf(l, rule, s.c), About: aboutOf(l, rule)}
	s.item(it, it.Update)
}

// unknown publishes what could not be read of a difference, unless its push was published.
func (s *diffSlice) unknown(raw []byte) {
	key := hash(hashStart, raw)
	if part := s.main.part; part != nil && part.has(key) || slices.Contains(s.d.unknown.keys, key) {
		return
	}
	s.item(Item{Update: raw, Name: Unknown, Box: s.box.id, Date: s.c.date}, nil)
}
