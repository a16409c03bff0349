package updates

import (
	"slices"
	"time"
)

// resetDrop is by how much pts must fall to mean that Telegram counts anew; less is a late update (E10).
const resetDrop = 1_000_000

// sequencer publishes the updates of a box in the order of their pts.
type sequencer struct {
	*env
	ledger *ledger
	out    *publisher
	queue  *queue
}

// apply judges an update by its pts (E3).
func (q *sequencer) apply(b *box, u ptsUpdate) {
	u.count = max(u.count, 0)
	if b.diff.pending {
		q.postpone(b, u) // E7
		return
	}
	if !b.ptsKnown {
		b.pts, b.items, b.ptsKnown = max(u.pts-u.count, 0), 0, true
	}
	switch ahead := u.ahead(b.pts); {
	case ahead == 0:
		q.publish(b, u)
		q.drain(b)
	case ahead > 0:
		q.postpone(b, u)
		q.missing(b)
	case u.pts > b.pts: // it begins before what we have: part of it is known, and part is not
		q.postpone(b, u)
		b.diff.want()
	case b.id.Kind == Common && u.pts > 0 && b.pts-u.pts > resetDrop:
		b.diff.wantState(causePtsChanged)
	}
}

// publish takes an update that fits.
func (q *sequencer) publish(b *box, u ptsUpdate) {
	index := 0
	if u.pts == b.pts {
		index = b.items
	}
	if !u.view.Valid() {
		q.ledger.move(b, u.pts, index)
		q.ledger.writeLater(b)
		return
	}
	b.learnHash(u.c)
	if u.rule.fresh {
		id := int(q.out.read.look(u.view).inner(u.rule.message).Int("id"))
		q.ledger.published(b, id, id)
	}
	b.closed = false
	q.ledger.move(b, u.pts, index+1)
	it := q.out.emit(u.c, u.view, u.rule)
	it.Box, it.Pts, it.Index, it.State = b.id, u.pts, index, q.ledger.itemState(b)
	if u.count == 0 {
		u.c.unrecoverable = true // no difference counts it
	}
}

// drain publishes what was waiting for the update before.
func (q *sequencer) drain(b *box) {
	for len(b.postponed) > 0 {
		u := b.postponed[0]
		ahead := u.ahead(b.pts)
		if ahead > 0 {
			return
		}
		if ahead < 0 && u.pts > b.pts {
			b.diff.want()
			return
		}
		q.drop(b)
		if ahead == 0 {
			q.publish(b, u)
		}
	}
	if b.hint <= b.pts {
		b.gapEnds = time.Time{}
	}
}

// missing starts the wait for a missing update (E6).
func (q *sequencer) missing(b *box) {
	if !b.gapEnds.IsZero() {
		return
	}
	wait := q.c.GapWait
	if b.id.Kind == Channel {
		wait = q.c.ChannelWait
	}
	b.gapEnds = later(q.now.Add(wait), b.diff.at)
}

// postpone keeps an update until the difference, or the missing update, is there.
func (q *sequencer) postpone(b *box, u ptsUpdate) {
	if !q.queue.add(u.c) { // the difference brings it (E7)
		q.dropAll(b)
		b.diff.want()
		return
	}
	u.c.postponed = true
	if u.c.meta.Origin != "" && u.view.Valid() {
		q.queue.noteOrigin(q.rules.viewKey(u.view), u.c.meta.Origin)
	}
	i, _ := slices.BinarySearchFunc(b.postponed, u.pts, func(h ptsUpdate, pts int) int {
		if h.pts <= pts {
			return -1
		}
		return 1
	})
	b.postponed = slices.Insert(b.postponed, i, u)
}

// drop lets go of the first postponed update.
func (q *sequencer) drop(b *box) {
	q.queue.remove(b.postponed[0].c)
	b.postponed[0] = ptsUpdate{}
	if b.postponed = b.postponed[1:]; len(b.postponed) == 0 {
		b.postponed = nil
	}
}

func (q *sequencer) dropAll(b *box) {
	for len(b.postponed) > 0 {
		q.drop(b)
	}
}

// replay judges what a box has postponed once more, after a difference.
func (q *sequencer) replay(b *box) {
	b.gapEnds, b.hint = time.Time{}, 0
	postponed := b.postponed
	b.postponed = nil
	for _, u := range postponed {
		q.queue.remove(u.c)
		q.apply(b, u)
	}
}

// hinted notes that a box should be at pts at least (E29).
func (q *sequencer) hinted(b *box, pts int) {
	switch {
	case pts <= b.pts || !b.ptsKnown:
	case b.diff.fetch != 0:
		b.diff.want() // it may have begun too early
	case !b.diff.pending:
		b.hint = max(b.hint, pts)
		q.missing(b)
	}
}
