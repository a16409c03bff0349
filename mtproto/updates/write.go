package updates

import (
	"slices"
	"strconv"
	"strings"

	"github.com/natsgram/natsgram/tl/codec"
)

// writer gathers what one call to the machine has to put out.
type writer struct {
	items   []Item
	stored  int    // of items: not live
	whole   bool   // the state moves with the last item
	group   *group // the difference that the items are of, for those that do not fit into one batch
	loose   []byte // changes that no item carries
	moved   []*box // channels that have changed since an item last told where they are: one for an id
	said    position
	stated  position // as said, or in a batch without items
	buf     []byte
	refs    [][]byte
	tokens  []uint64 // may go at once
	release []uint64 // may go once the items are stored
	out     []Output
}

// emit adds an update to the batch. What it returns is good until the next one.
func (m *Machine) emit(c *container, u codec.View, rule *rule) *Item {
	l := m.look(u)
	it := Item{Update: u.Raw(), Name: rule.name, Peer: peerOf(l, rule.peers), Date: dateOf(l, rule, c), Live: rule.live}
	return m.add(c, it, it.Update)
}

// add adds an item; about is the TL whose users and chats go with it.
func (m *Machine) add(c *container, it Item, about []byte) *Item {
	it.Origin, it.Era = c.meta.Origin, m.state.Era
	it.Users, it.Chats = m.mentioned(c, about)
	m.w.items = append(m.w.items, it)
	if !it.Live {
		m.w.stored++
	}
	return &m.w.items[len(m.w.items)-1]
}

func (m *Machine) mentioned(c *container, about []byte) (users, chats [][]byte) {
	all := c.entities()
	if len(all) == 0 || about == nil {
		return nil, nil
	}
	found := m.seek.seek(about, m.r, all)
	return m.pick(all, found, true), m.pick(all, found, false)
}

// pick takes slices off one large one, which the driver owns together with the items.
func (m *Machine) pick(all []entity, found []int, users bool) [][]byte {
	start := len(m.w.refs)
	for _, i := range found {
		if (all[i].kind == PeerUser) == users {
			m.w.refs = append(m.w.refs, all[i].raw)
		}
	}
	if len(m.w.refs) == start {
		return nil
	}
	return m.w.refs[start:len(m.w.refs):len(m.w.refs)]
}

// dateOf is when it happened, as far as the update tells.
func dateOf(u *looked, rule *rule, c *container) int {
	if rule.message != "" {
		message := u.inner(rule.message)
		if date := int(message.Int("edit_date")); date != 0 && strings.Contains(rule.name, "Edit") {
			return date
		}
		if date := int(message.Int("date")); date != 0 {
			return date
		}
	}
	if date := int(u.Int("date")); date != 0 {
		return date
	}
	return c.date
}

// token is the state that goes with an item that moved a box: the box, and what of the account is not said yet. Seq and
// date move at the end of a container, with the marks of channels that are behind; but the very first state goes whole.
func (m *Machine) token(b *box) string {
	w := &m.w
	now := m.state.position()
	if w.said.date != 0 {
		now.seq, now.date = w.said.seq, w.said.date
	}
	w.buf = appendSeal(appendState(w.buf[:0], w.said, now), &m.common, true) // the end of a hole goes with the pts
	w.said, w.stated = now, now
	if b.id.Kind == Channel {
		w.moved = without(w.moved, b)
		w.buf = appendBox(w.buf, b)
	}
	return string(w.buf)
}

// appendBox tells where a channel is, and what of it was never told.
func appendBox(dst []byte, b *box) []byte {
	st := b.state()
	if b.hashTold {
		st.AccessHash = 0
	}
	if b.topTold == b.top {
		st.Top = 0
	}
	b.hashTold = b.hashTold || b.hash != 0
	b.topTold = b.top
	return appendChannel(dst, b.id.ID, st)
}

// appendSeal tells that the hole of a box ends where updates have gone on: once without an item at most, and until an
// item has told it.
func appendSeal(dst []byte, b *box, item bool) []byte {
	if b.seal == 0 || b.sealed && !item {
		return dst
	}
	dst = appendRange(dst, "had", b.id, Range{Low: b.seal - 1})
	if b.sealed = true; item {
		b.seal, b.sealed = 0, false
	}
	return dst
}

// loosely notes a change that no item of its own carries. It is told at the end, as it is then, because items on the way
// there may tell of the channel too.
func (m *Machine) loosely(b *box) {
	if b.id.Kind == Channel {
		m.w.moved = append(without(m.w.moved, b), b)
	}
}

// without leaves out a channel, which may have come to rest and begun to move again as another box.
func without(moved []*box, b *box) []*box {
	return slices.DeleteFunc(moved, func(old *box) bool { return old.id == b.id })
}

// noPartial ends what is left of a difference that a crash cut.
func (m *Machine) noPartial(b Box) {
	if m.state.partial(b) != nil {
		m.state.dropPartial(b)
		m.w.loose = append(appendField(m.w.loose, "part"), b.String()...)
	}
}

// flush turns what was gathered into outputs.
func (m *Machine) flush() {
	w := &m.w
	if len(w.tokens) > 0 {
		m.out = append(m.out, &Release{Tokens: w.tokens})
	}
	if len(w.items) > m.c.MaxBatch {
		m.parts(w.items[:(len(w.items)-1)/m.c.MaxBatch*m.c.MaxBatch])
	}
	tail := m.tail()
	if w.stored > 0 {
		last := w.lastStored()
		last.State = joinState(last.State, string(tail))
	}
	m.batches(string(tail))
	m.out = append(m.out, w.out...)
	*w = writer{said: w.said, stated: w.stated, buf: w.buf, loose: w.loose[:0], moved: w.moved[:0], out: w.out[:0]}
}

// tail is the change of state at the end of a batch.
func (m *Machine) tail() []byte {
	w := &m.w
	now := m.state.position()
	since := w.said
	if w.stored == 0 && now == w.stated {
		since = now // told already; an item will repeat it
	}
	w.buf = append(w.buf[:0], w.loose...)
	for _, b := range w.moved {
		w.buf = appendBox(w.buf, b)
	}
	w.buf = appendSeal(w.buf, &m.common, w.stored > 0) // no channel's hole is open
	w.buf = appendState(w.buf, since, now)
	if now.date != since.date {
		w.buf = m.marks(w.buf)
	}
	w.stated = now
	if w.stored > 0 {
		w.said = now
	}
	return w.buf
}

// marks says which channels are behind, before the account's date moves past what made them so.
func (m *Machine) marks(dst []byte) []byte {
	for _, b := range m.restless {
		if b.kept || !b.behind() {
			continue
		}
		b.told, b.kept = true, m.w.stored > 0
		m.place(b)
		dst = appendBox(dst, b)
	}
	return dst
}

func (w *writer) lastStored() *Item {
	for i := len(w.items) - 1; ; i-- {
		if !w.items[i].Live {
			return &w.items[i]
		}
	}
}

func joinState(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + ";" + b
}

// batches cuts the items into batches.
func (m *Machine) batches(tail string) {
	w := &m.w
	if len(w.items) == 0 {
		if tail != "" || len(w.release) > 0 {
			m.out = append(m.out, &Batch{State: tail, Release: w.release})
		}
		return
	}
	for len(w.items) > m.c.MaxBatch {
		part := w.items[:m.c.MaxBatch:m.c.MaxBatch]
		m.out = append(m.out, newBatch(part, w.whole, nil, ""))
		w.items = w.items[m.c.MaxBatch:]
	}
	if w.stored > 0 {
		tail = "" // the last item has it
	}
	m.out = append(m.out, newBatch(w.items, w.whole, w.release, tail))
}

func newBatch(items []Item, whole bool, release []uint64, tail string) *Batch {
	b := &Batch{Items: items, Release: release}
	var last string
	stored, size := 0, len(tail)
	for i := range items {
		if !items[i].Live {
			stored++
		}
		if items[i].State != "" {
			last, size = items[i].State, size+len(items[i].State)+1
		}
	}
	b.Whole = whole && stored > 1
	if b.State = joinState(last, tail); size > len(last)+len(tail)+1 {
		b.State = joinStates(items, size, tail)
	}
	return b
}

func joinStates(items []Item, size int, tail string) string {
	all := make([]byte, 0, size)
	for i := range items {
		if s := items[i].State; s != "" {
			all = append(append(all, s...), ';')
		}
	}
	return strings.TrimSuffix(string(append(all, tail...)), ";")
}

// parts says of items whose state moves with a later batch what they are, for when that is never stored. Updates in
// none box count as the common box's: its difference brings them again.
func (m *Machine) parts(items []Item) {
	if !m.w.whole {
		return
	}
	var boxes []Box
	for i := range items {
		it := &items[i]
		if it.State != "" || it.Live {
			continue
		}
		at := ending{box: Box{Kind: Common}}
		if m.w.group != nil {
			at = *m.w.group.at(it.Box)
		}
		state := appendPart(nil, at.box, at.pts, it.Index)
		it.State = string(strconv.AppendUint(append(state, '/'), m.r.key(it.Update), 16))
		if !slices.Contains(boxes, at.box) {
			boxes = append(boxes, at.box)
		}
	}
	for _, b := range boxes {
		if m.state.partial(b) == nil { // else it ends with the difference
			m.w.loose = append(appendField(m.w.loose, "part"), b.String()...)
		}
	}
}
