package dialogs

import (
	"slices"
	"time"

	"github.com/natsgram/natsgram/mtproto/updates"
)

// table is the dialogs, which of them have to be asked for, and which have changed since they were written down.
type table struct {
	of      map[updates.Peer]*dialog
	all     []*dialog
	stale   int   // how many are
	ask     queue // those that are, and are not asked for
	changed queue
}

func newTable() table {
	return table{of: map[updates.Peer]*dialog{}, ask: newQueue(), changed: newQueue()}
}

// add adds a dialog of which nothing is known.
func (t *table) add(p updates.Peer) *dialog {
	d := &dialog{peer: p}
	t.put(d, true)
	t.touch(d)
	return d
}

// put puts a dialog in, in the place of the one there is.
func (t *table) put(d *dialog, stale bool) {
	t.remove(d.peer)
	d.at = len(t.all)
	t.of[d.peer], t.all = d, append(t.all, d)
	t.outdate(d, stale)
}

// remove takes a dialog out, and reports whether there was one.
func (t *table) remove(p updates.Peer) bool {
	d := t.of[p]
	if d == nil {
		return false
	}
	t.outdate(d, false)
	last := t.all[len(t.all)-1]
	t.all[d.at], last.at = last, d.at
	t.all[len(t.all)-1] = nil
	t.all = t.all[:len(t.all)-1]
	delete(t.of, p)
	return true
}

// outdate notes whether more has changed of a dialog than is known.
func (t *table) outdate(d *dialog, stale bool) {
	switch {
	case stale && !d.stale:
		t.stale++
	case d.stale && !stale:
		t.stale--
	}
	if d.stale = stale; stale && !d.asked {
		t.ask.push(d.peer)
	} else {
		t.ask.remove(d.peer)
	}
}

// touch notes that a record changes.
func (t *table) touch(d *dialog) { t.changed.push(d.peer) }

// doubt notes that a dialog has to be asked for.
func (t *table) doubt(d *dialog) {
	if d.asked {
		d.again = true
	}
	if !d.stale {
		t.outdate(d, true)
		t.touch(d)
	}
}

// asked notes that a dialog is being asked for.
func (t *table) asked(d *dialog, pins int, now time.Time) {
	d.inquiry = inquiry{stale: d.stale, asked: true, pins: pins, when: now}
	t.ask.remove(d.peer)
}

// answered notes that it is not any more. stale: it has to be asked for once more.
func (t *table) answered(d *dialog, stale bool) {
	d.inquiry = inquiry{stale: d.stale}
	t.outdate(d, stale)
}

// queue is chats that wait, each once, the first that came first.
type queue struct {
	in    map[updates.Peer]struct{}
	order []updates.Peer // with those that were taken out
}

func newQueue() queue { return queue{in: map[updates.Peer]struct{}{}} }

func (q *queue) len() int { return len(q.in) }

func (q *queue) push(p updates.Peer) {
	if _, ok := q.in[p]; ok {
		return
	}
	if len(q.order) > 2*len(q.in)+16 {
		q.tidy()
	}
	q.in[p] = struct{}{}
	q.order = append(q.order, p)
}

// tidy leaves those out of the order that were taken out. One that is in again stands where it stood first.
func (q *queue) tidy() {
	left := make(map[updates.Peer]struct{}, len(q.in))
	q.order = slices.DeleteFunc(q.order, func(p updates.Peer) bool {
		_, in := q.in[p]
		_, again := left[p]
		left[p] = struct{}{}
		return !in || again
	})
}

func (q *queue) remove(p updates.Peer) {
	delete(q.in, p)
	if len(q.in) == 0 {
		q.order = nil
	}
}

// take takes the first out.
func (q *queue) take() (p updates.Peer, ok bool) {
	for len(q.order) > 0 {
		p, q.order = q.order[0], q.order[1:]
		if _, ok = q.in[p]; ok {
			q.remove(p)
			return p, true
		}
	}
	return p, false
}
