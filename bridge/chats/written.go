package chats

import (
	"cmp"
	"slices"

	"github.com/natsgram/natsgram/bridge/dialogs"
	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/subjects"
)

// written is which records of the account the stream has, as far as is known here: where the last of each subject stands that was read or written.
// What stands elsewhere somebody else has put there. Under Keeper.writing.
type written struct {
	chats   map[updates.Peer]uint64 // 0: one is to be written, as it was taken out, or may have been
	erased  map[updates.Peer]bool   // dialogs whose records somebody takes out
	folders uint64
	through uint64 // how far the others go
	looked  uint64 // up to which sequence the stream was looked through
}

func newWritten() *written {
	return &written{chats: map[updates.Peer]uint64{}, erased: map[updates.Peer]bool{}}
}

// is notes that a record is there, and reports whether that is known.
func (w *written) is(what string, p updates.Peer, seq uint64) (known bool) {
	switch what {
	case subjects.StateDialog:
		known = w.chats[p] == seq
		w.chats[p] = seq
		if !known {
			delete(w.erased, p)
		}
	case subjects.StateFolders:
		known, w.folders = w.folders == seq, seq
	case subjects.StateThrough:
		known, w.through = w.through == seq, seq
	}
	return known
}

// may notes that one may be there.
func (w *written) may(p updates.Peer) {
	if p.ID != 0 && w.chats[p] == 0 {
		w.owe(p)
	}
}

// owe notes that one was taken out.
func (w *written) owe(p updates.Peer) { w.chats[p] = 0 }

// erase notes that somebody takes out the record of a dialog.
func (w *written) erase(p updates.Peer) {
	if _, ok := w.chats[p]; ok {
		w.erased[p] = true
	}
}

// without are the dialogs whose records another look has not found, though nobody was to take them out.
func (w *written) without(other *written) (all []updates.Peer) {
	for p := range w.chats {
		if other.chats[p] == 0 && !w.erased[p] {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(a, b updates.Peer) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.ID, b.ID)) })
	return all
}

// damage is which records are not as they were written.
type damage struct {
	chats   []updates.Peer
	folders bool
	through bool
}

func (d *damage) any() bool { return d.count() > 0 }

// count is how many records.
func (d *damage) count() int {
	n := len(d.chats)
	for _, one := range []bool{d.folders, d.through} {
		if one {
			n++
		}
	}
	return n
}

// add notes a record.
func (d *damage) add(what string, p updates.Peer) {
	switch what {
	case subjects.StateDialog:
		d.chats = append(d.chats, p)
	case subjects.StateFolders:
		d.folders = true
	case subjects.StateThrough:
		d.through = true
	}
}

// mend has them written again, but the one of how far the others go, which goes along with each.
func (d *damage) mend(f *dialogs.Fold) {
	for _, p := range d.chats {
		f.Rewrite(p)
	}
	if d.folders {
		f.RewriteFolders()
	}
}

// look is one through all records that are there, or those that are newer than the last look.
type look struct {
	at     *written
	seen   written
	damage damage
}

func (w *written) look() *look { return &look{at: w, seen: *newWritten()} }

// record is told of one that is there.
func (l *look) record(what string, p updates.Peer, seq uint64) {
	l.seen.is(what, p, seq)
	if !l.at.is(what, p, seq) {
		l.damage.add(what, p)
	}
}

// missing ends a look through all: what was written and is not there somebody has taken out.
func (l *look) missing() {
	for _, p := range l.at.without(&l.seen) {
		if l.at.chats[p] > 0 {
			l.damage.add(subjects.StateDialog, p)
		}
		l.at.owe(p)
	}
	for p := range l.at.erased {
		if l.seen.chats[p] == 0 {
			delete(l.at.chats, p)
			delete(l.at.erased, p)
		}
	}
	for _, one := range []struct {
		what     string
		at, seen *uint64
	}{{subjects.StateFolders, &l.at.folders, &l.seen.folders}, {subjects.StateThrough, &l.at.through, &l.seen.through}} {
		if *one.at > 0 && *one.seen == 0 {
			*one.at = 0
			l.damage.add(one.what, updates.Peer{})
		}
	}
}
