package updates

import (
	"reflect"
	"slices"
	"strconv"
)

// ledger is where the account stands, and how much of that is written in the texts that are stored with the items: what is
// not written yet goes with the next one. So a state that was folded from what was stored is never ahead of it.
type ledger struct {
	state State

	inItems   Position // as written with the items
	inBatches Position // the same, or as written with a batch without items
	loose     []byte   // entries that no item carries
	changed   []*box   // channels that have changed since an item last carried where they are: one for an id

	// Where updates have gone on, the open end of the common box's hole is known: below which message. 0: nothing is to be
	// written. It is written once without an item at most, and until an item carries it.
	holeEnd        int
	holeEndWritten bool

	buf     []byte
	now     Position     // scratch: what is about to be written
	channel ChannelState // scratch
}

// newLedger goes on from a state. If the account begins, nothing of it was written.
func newLedger(st State, begins bool) ledger {
	l := ledger{state: st}
	if l.state.Channels == nil {
		l.state.Channels = make(map[int64]ChannelState)
	}
	if !begins {
		l.inItems = l.state.Position
	}
	l.inBatches = l.inItems
	return l
}

// move sets where a box stands.
func (l *ledger) move(b *box, pts, items int) {
	b.pts, b.items, b.ptsKnown = pts, items, true
	l.record(b)
}

// record writes where a box stands into the state.
func (l *ledger) record(b *box) {
	switch b.id.Kind {
	case Common:
		l.state.Pts, l.state.PtsItems, l.state.TopID = b.pts, b.items, b.topID
	case Secret:
		l.state.Qts, l.state.QtsItems = b.pts, b.items
	case Channel:
		l.state.Channels[b.id.ID] = b.state()
	}
}

// writeLater notes a change that no item of its own carries. It is written at the end, as it is then, because items on the
// way there may carry the channel too. The account's own boxes are compared.
func (l *ledger) writeLater(b *box) {
	if b.id.Kind == Channel {
		l.changed = append(without(l.changed, b), b)
	}
}

// recordAlone is record and writeLater.
func (l *ledger) recordAlone(b *box) {
	l.record(b)
	l.writeLater(b)
}

// without leaves out a channel, which may have come to rest and begun to move again as another box.
func without(changed []*box, b *box) []*box {
	return slices.DeleteFunc(changed, func(old *box) bool { return old.id == b.id })
}

// published notes new messages that are published as updates, from the first to the last id. Where the hole of their box
// had no end yet, it ends before them.
func (l *ledger) published(b *box, first, last int) {
	if h := l.state.hole(b.id); h != nil && h.isOpen() {
		if b.id.Kind == Common {
			l.holeEnd, l.holeEndWritten = first, false
		}
		l.state.fill(b.id, Range{Low: first - 1})
	}
	b.topID = max(b.topID, last)
}

// filled takes ids out of what is to be fetched of a box, where no item carries that.
func (l *ledger) filled(b Box, gone Range) {
	l.state.fill(b, gone)
	l.loose = appendRange(l.loose, "had", b, gone)
}

// endPartial ends what is left of a difference that a crash cut.
func (l *ledger) endPartial(b Box) {
	if l.state.partial(b) != nil {
		l.state.dropPartial(b)
		l.writePartialEnd(b)
	}
}

func (l *ledger) writePartialEnd(b Box) {
	l.loose = append(appendField(l.loose, "part"), b.String()...)
}

// listed notes that the dialogs were gone through.
func (l *ledger) listed() {
	l.state.Listed = true
	l.loose = listedEntry.append(appendField(l.loose, listedEntry.name), reflect.ValueOf(&l.state).Elem())
}

// forget takes a channel out of the state.
func (l *ledger) forget(id int64) {
	delete(l.state.Channels, id)
	l.loose = appendForgotten(l.loose, id)
}

// newEra begins to count anew, and appends that to text.
func (l *ledger) newEra(text []byte, atLeast uint64) []byte {
	l.state.Era = max(l.state.Era+1, atLeast)
	return eraEntry.append(appendField(text, eraEntry.name), reflect.ValueOf(&l.state).Elem())
}

// itemState is the text that goes with an item which moved a box: the box, and what of the account is not written yet. Seq and
// date move at the end of a container, with the marks of channels that are behind; but the very first state goes whole.
func (l *ledger) itemState(b *box) string {
	l.now = l.state.Position
	if l.inItems.Date != 0 {
		l.now.Seq, l.now.Date = l.inItems.Seq, l.inItems.Date
	}
	l.buf = l.appendHoleEnd(appendPosition(l.buf[:0], &l.inItems, &l.now), true) // the end of a hole goes with the pts
	l.inItems, l.inBatches = l.now, l.now
	if b.id.Kind == Channel {
		l.changed = without(l.changed, b)
		l.buf = l.appendBox(l.buf, b)
	}
	return string(l.buf)
}

// batchState is the change of state at the end of a batch, in which there are items or not. It is good until the next call.
func (l *ledger) batchState(item bool, active []*box) []byte {
	l.now = l.state.Position
	since := &l.inItems
	if !item && l.now == l.inBatches {
		since = &l.now // written already; an item will repeat it
	}
	l.buf = append(l.buf[:0], l.loose...)
	for _, b := range l.changed {
		l.buf = l.appendBox(l.buf, b)
	}
	l.buf = l.appendHoleEnd(l.buf, item)
	l.buf = appendPosition(l.buf, since, &l.now)
	if l.now.Date != since.Date {
		l.buf = l.appendBehind(l.buf, item, active)
	}
	l.inBatches = l.now
	if item {
		l.inItems = l.now
	}
	l.loose, l.changed = l.loose[:0], l.changed[:0]
	return l.buf
}

// appendBehind writes which channels are behind, before the account's date moves past what made them so.
func (l *ledger) appendBehind(dst []byte, item bool, active []*box) []byte {
	for _, b := range active {
		if b.written.behindInItem || !b.behind() {
			continue
		}
		b.written.behind, b.written.behindInItem = true, item
		l.record(b)
		dst = l.appendBox(dst, b)
	}
	return dst
}

// appendBox writes where a channel is, and what of it was never written.
func (l *ledger) appendBox(dst []byte, b *box) []byte {
	l.channel = b.state()
	if b.written.hash {
		l.channel.AccessHash = 0
	}
	if b.written.topID == b.topID {
		l.channel.TopID = 0
	}
	b.written.hash = b.written.hash || b.hash != 0
	b.written.topID = b.topID
	return appendChannel(dst, b.id.ID, &l.channel)
}

// appendHoleEnd writes where the hole of the common box ends; no other one is ever open.
func (l *ledger) appendHoleEnd(dst []byte, item bool) []byte {
	if l.holeEnd == 0 || l.holeEndWritten && !item {
		return dst
	}
	dst = appendRange(dst, "had", Box{Kind: Common}, Range{Low: l.holeEnd - 1})
	if l.holeEndWritten = true; item {
		l.holeEnd, l.holeEndWritten = 0, false
	}
	return dst
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

// endings are where the items of a slice stand.
type endings struct {
	main ending // in the common box or that of a channel, and of what is in none
	qts  ending // in the secret box
}

// at is where those of a box stand.
func (e *endings) at(b Box) *ending {
	if b.Kind == Secret {
		return &e.qts
	}
	return &e.main
}

// ending counts on from the items that stand at the same pts already.
func (l *ledger) ending(b *box, to int) ending {
	e := ending{box: b.id, to: to, pts: to, part: l.state.partial(b.id)}
	if to == b.pts {
		e.index = b.items
	}
	if e.part != nil {
		e.pts, e.index = max(to, e.part.Pts), max(e.index, e.part.N)
	}
	return e
}

// resumed counts the items of a difference that was cut by a crash: all of them, whatever slices it comes in now.
func (l *ledger) resumed(e ending) {
	if e.part != nil && (e.index != e.part.N || e.pts != e.part.Pts) {
		e.part.Pts, e.part.N = e.pts, e.index
		l.loose = appendPart(l.loose, e.box, e.pts, e.index-1)
	}
}

// appendItemOfPart writes what an item of a slice was, for when the batch with its state is never stored.
func appendItemOfPart(dst []byte, e *ending, index int, key uint64) []byte {
	return strconv.AppendUint(append(appendPart(dst, e.box, e.pts, index), '/'), key, 16)
}
