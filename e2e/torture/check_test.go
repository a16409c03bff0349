package torture

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// entry is a message of the updates stream, as far as it matters here.
type entry struct {
	seq     uint64
	account string
	owner   bool   // an owner record
	ownerID string // of an owner record
	fence   uint64 // the epoch that the message was published under; 0: the header says nothing
	inBatch bool   // a later one of an atomic batch, which the first one's fence holds for

	box      string
	typ      string
	pts      int
	index    int
	id       string // Nats-Msg-Id
	key      string // what the update is: m<message id>, p<pts> of another change, q<qts>, e<number> of a push without place
	msgID    int    // of the message it is about
	text     string
	request  string // Tg-Request-Id
	state    string // Tg-State
	backfill bool
	gap      *gap
	begins   bool // where the account begins
}

type gap struct {
	from, to int
	reason   string
}

// want is one update that the world holds.
type want struct {
	key string
	pts int // of its box; 0: none
}

// wanted is what the world holds for one account: by box, in order.
type wanted struct {
	account string
	boxes   map[string][]want
	// gone are messages that were deleted: whether they, and changes of them, are seen depends on when they are looked for.
	gone map[string]map[int]bool
}

// report is what a comparison found.
type report struct {
	problems []string
	updates  int // found as they should be
	missing  int
	gaps     int
	excused  int      // missing inside a said gap
	unfilled []string // of those, messages, which history could have brought
	owners   int      // owner records: takings of an account
	handed   int      // of those, by another daemon than the one before
}

const maxProblems = 40

func (r *report) wrong(format string, args ...any) {
	if len(r.problems) < maxProblems {
		r.problems = append(r.problems, fmt.Sprintf(format, args...))
	} else if len(r.problems) == maxProblems {
		r.problems = append(r.problems, "... and more")
	}
}

func (r *report) String() string { return strings.Join(r.problems, "\n") }

// check holds what stands in the stream against what the world holds.
func check(all []entry, worlds []wanted) *report {
	r := &report{}
	for _, w := range worlds {
		mine := slices.DeleteFunc(slices.Clone(all), func(e entry) bool { return e.account != w.account })
		boxes := map[string][]entry{}
		for _, e := range mine {
			if !e.owner {
				boxes[e.box] = append(boxes[e.box], e)
			}
		}
		for box := range w.boxes {
			r.order(w.account+" "+box, boxes[box])
			r.compare(w.account+" "+box, boxes[box], w.boxes[box], w.gone[box])
		}
		r.fences(w.account, mine)
		r.unique(w.account, mine)
		r.begins(w.account, mine)
	}
	return r
}

// fences: every update stands behind the owner record that it was published under, with no other in between (design §4).
func (r *report) fences(account string, all []entry) {
	epoch, owner := uint64(0), ""
	for _, e := range all {
		switch {
		case e.owner:
			r.owners++
			if owner != "" && owner != e.ownerID {
				r.handed++
			}
			epoch, owner = e.seq, e.ownerID
		case e.inBatch && e.fence == 0:
		case e.fence != epoch:
			r.wrong("%s: message %d (%s) was published under epoch %d, the owner's is %d", account, e.seq, e.id, e.fence, epoch)
		}
	}
}

// begins: an account begins once, and nothing of it stands before.
func (r *report) begins(account string, all []entry) {
	all = slices.DeleteFunc(slices.Clone(all), func(e entry) bool { return e.owner })
	for i, e := range all {
		if e.begins != (i == 0) {
			r.wrong("%s: message %d: begins is %v, and it is update %d of the account", account, e.seq, e.begins, i)
		}
	}
}

// unique: account, box, pts and index name an update for ever.
func (r *report) unique(account string, all []entry) {
	seen := map[string]uint64{}
	for _, e := range all {
		if e.owner {
			continue
		}
		if first, twice := seen[e.id]; twice || e.id == "" {
			r.wrong("%s: id %q stands at %d and at %d", account, e.id, first, e.seq)
		}
		seen[e.id] = e.seq
	}
}

// order: what is not out of history comes by pts and index; messages by their ids, other changes by their own pts.
func (r *report) order(where string, all []entry) {
	if strings.HasSuffix(where, " none") {
		return // no sequence
	}
	lastMessage := 0
	var last entry
	for _, e := range all {
		if e.backfill || e.begins {
			continue
		}
		if e.gap == nil && cmp.Or(cmp.Compare(last.pts, e.pts), cmp.Compare(last.index, e.index)) >= 0 {
			r.wrong("%s: %d/%d at %d stands behind %d/%d at %d", where, e.pts, e.index, e.seq, last.pts, last.index, last.seq)
		}
		last = e
		if strings.HasPrefix(e.key, "m") {
			if e.msgID <= lastMessage {
				r.wrong("%s: message %d at %d stands behind message %d", where, e.msgID, e.seq, lastMessage)
			}
			lastMessage = e.msgID
		}
	}
}

// compare: each once, or in a said gap.
func (r *report) compare(where string, all []entry, want []want, gone map[int]bool) {
	found := map[string]entry{}
	var gaps []gap
	for _, e := range all {
		if e.gap != nil {
			r.gaps++
			gaps = append(gaps, *e.gap)
			continue
		}
		if e.key == "" || e.begins {
			continue
		}
		if first, twice := found[e.key]; twice {
			r.wrong("%s: %s %q stands twice: at %d as %s and at %d as %s", where, e.key, e.text, first.seq, first.id, e.seq, e.id)
		}
		found[e.key] = e
	}
	known := map[string]bool{}
	for _, w := range want {
		known[w.key] = true
		if _, there := found[w.key]; there {
			r.updates++
			continue
		}
		if slices.ContainsFunc(gaps, func(g gap) bool { return g.from < w.pts && w.pts <= g.to }) {
			if r.excused++; strings.HasPrefix(w.key, "m") {
				r.unfilled = append(r.unfilled, where+" "+w.key)
			}
			continue
		}
		r.missing++
		r.wrong("%s: %s (pts %d) is missing", where, w.key, w.pts)
	}
	for _, e := range all {
		if e.key != "" && !known[e.key] && !gone[e.msgID] {
			r.wrong("%s: %s %q at %d never was", where, e.key, e.text, e.seq)
		}
	}
}
