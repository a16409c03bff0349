// Package dialogs folds updates into the account's dialogs as they are now: a machine without socket, goroutine and clock, which is
// told what updates say ([Fold.Apply]) and what Telegram answers ([Fold.Take]), and tells what to ask ([Fold.Ask]) and what has changed
// ([Fold.Changed]).
//
// What an update does not say has to be asked: which message is the newest after that one was deleted, what a chat is like that was
// never seen, what happened in a gap. Such a dialog is stale until it was asked for. An answer is newer than all that was folded
// before the question, and as new or newer than what came meanwhile: that is folded once more on top of the answer, and message ids
// tell what it holds already.
package dialogs

import (
	"cmp"
	"slices"

	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/tl"
	"github.com/natsgram/natsgram/tl/codec"
)

// Fold is the dialogs of one account. It is not safe for concurrent use.
type Fold struct {
	schema  *codec.Schema
	form    *tl.Combinator // dialog
	dialogs map[updates.Peer]*dialog
	pins    pins
	folders folders
	changed map[updates.Peer]struct{}
	relist  bool // it is not known which dialogs there are, or which are pinned
	listing bool // that is being asked for
	seq     uint64
}

// dialog is one as it is now.
type dialog struct {
	peer  updates.Peer
	base  []byte // the dialog as Telegram gave it last, of which the fields below have changed since; nil: never
	date  int    // of the newest message
	name  string // of the user or chat, when it was asked for
	stale bool   // more has changed than is known
	seq   uint64 // of the update that is folded in last, where it was loaded

	top, readIn, readOut        int
	unread, mentions, reactions int
	unreadIDs                   []int // of what is not read and newer than floor
	floor                       int   // what is older is counted and not known by its id
	folder                      int
	unreadMark                  bool
	draft, notify               []byte // TL; nil: none

	asked bool
	later []later // came since it was asked for
	again bool    // more than that came
	pins  int     // pins.changes when it was asked for
}

type later struct {
	seq  uint64
	fact Fact
}

// mostLater is how much of what came since a question is folded in again; after more it is asked anew.
const mostLater = 200

// folders are the account's, which show dialogs by rules.
type folders struct {
	answer       []byte // messages.dialogFilters; nil: not known
	stale, asked bool
	changed      bool
}

// New folds from nothing. The schema is given in both its forms. It is nil where the layer has no dialogs.
func New(s *codec.Schema, decl *tl.Schema) *Fold {
	form := decl.Constructor("dialog")
	if _, ok := s.Function("messages.getPeerDialogs"); !ok || form == nil {
		return nil
	}
	f := &Fold{
		schema: s, form: form, dialogs: map[updates.Peer]*dialog{}, changed: map[updates.Peer]struct{}{}, folders: folders{stale: true}, relist: true,
	}
	f.pins = pins{order: map[int][]updates.Peer{}, moved: f.moves}
	return f
}

// Seq is the sequence up to which everything is folded in.
func (f *Fold) Seq() uint64 { return f.seq }

// Len is how many dialogs there are.
func (f *Fold) Len() int { return len(f.dialogs) }

// Apply folds in what an update says; seq is its sequence in the stream.
func (f *Fold) Apply(seq uint64, fact *Fact) {
	f.seq = max(f.seq, seq)
	read := readers[fact.Name]
	if read == nil {
		return
	}
	var v codec.View
	if fact.Update != nil {
		var err error
		if v, err = f.schema.View(fact.Update); err != nil {
			return
		}
	}
	read(f, fact, v)
}

// Through notes that nothing up to seq says anything about dialogs that was not folded in.
func (f *Fold) Through(seq uint64) { f.seq = max(f.seq, seq) }

// dialog is a chat's, made where there is none; nil where the update is folded in already, or what it says is noted for later.
func (f *Fold) dialog(p updates.Peer, fact *Fact) *dialog {
	if p.ID == 0 || p.Kind == updates.PeerSecret {
		return nil
	}
	d := f.dialogs[p]
	if d == nil {
		d = &dialog{peer: p, stale: true}
		f.dialogs[p] = d
		f.touch(d)
	}
	return f.noted(d, fact)
}

// listed is a chat's dialog for an update about the list of them. That is folded in even where the dialog has it already: others may not
// have it, and as often as it is folded in, the list is the same.
func (f *Fold) listed(p updates.Peer, fact *Fact) *dialog {
	if d := f.dialog(p, fact); d != nil {
		return d
	}
	return f.dialogs[p]
}

// known is a chat's dialog where there is one.
func (f *Fold) known(p updates.Peer, fact *Fact) *dialog {
	if d := f.dialogs[p]; d != nil {
		return f.noted(d, fact)
	}
	return nil
}

func (f *Fold) noted(d *dialog, fact *Fact) *dialog {
	switch {
	case f.seq <= d.seq:
		return nil
	case d.asked && len(d.later) < mostLater:
		d.later = append(d.later, later{f.seq, *fact})
	case d.asked:
		d.again = true
	}
	return d
}

func (f *Fold) touch(d *dialog) { f.changed[d.peer] = struct{}{} }

// moves notes that a chat has another place among those that are pinned.
func (f *Fold) moves(p updates.Peer) {
	if d := f.dialogs[p]; d != nil {
		f.touch(d)
	}
}

// doubt notes that a dialog has to be asked for.
func (f *Fold) doubt(d *dialog) {
	if d.asked {
		d.again = true
	}
	if !d.stale {
		d.stale = true
		f.touch(d)
	}
}

// Doubt notes that a dialog has to be asked for, because of something that no update tells: a call of the account's own.
func (f *Fold) Doubt(p updates.Peer) {
	if d := f.dialogs[p]; d != nil {
		f.doubt(d)
	} else if p.ID != 0 {
		d = &dialog{peer: p, stale: true}
		f.dialogs[p] = d
		f.touch(d)
	}
}

// DoubtAll notes that nobody knows what has happened.
func (f *Fold) DoubtAll() {
	f.Relist()
	for _, d := range f.dialogs {
		f.doubt(d)
	}
}

// Relist has the list of all dialogs asked for anew, and those that are not as they are known. The folders belong to it: whoever has a list
// asked for because something may have been missed asks for no more than that.
func (f *Fold) Relist() { f.relist, f.folders.stale, f.folders.asked = true, true, false }

// place is where a dialog is among the pinned ones of its folder, from 1; 0: it is not pinned.
func (f *Fold) place(d *dialog) int { return f.pins.place(d.folder, d.peer) }

// sorted is peers in an order that is always the same.
func sorted(all map[updates.Peer]struct{}) []updates.Peer {
	list := make([]updates.Peer, 0, len(all))
	for p := range all {
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b updates.Peer) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.ID, b.ID)) })
	return list
}
