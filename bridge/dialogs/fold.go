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
	form    form
	table   table
	pins    pins
	folders folders
	list    list
	newest  newest
	seq     uint64

	unlisted int // dialogs that Telegram counts, and did not list
}

// newest is which message was the newest outside of channels, whose ids one row counts.
type newest struct {
	id     int
	listed int // when the list was asked for that was read last
}

func (n *newest) see(chat updates.Peer, id int) {
	if chat.Kind != updates.PeerChannel {
		n.id = max(n.id, id)
	}
}

// New folds from nothing. The schema is given in both its forms; a nil rule withholds nothing. It is nil where the layer has no dialogs.
func New(s *codec.Schema, decl *tl.Schema, rule Rule) *Fold {
	dialog := decl.Constructor("dialog")
	if _, ok := s.Function("messages.getPeerDialogs"); !ok || dialog == nil {
		return nil
	}
	f := &Fold{form: form{s, dialog, rule}, table: newTable(), folders: folders{stale: true}, list: list{wanted: true}}
	f.pins = pins{order: map[int][]updates.Peer{}, told: f.moves, named: map[updates.Peer]bool{}, moved: map[updates.Peer]bool{}}
	return f
}

// moves notes that a chat has another place among those that are pinned.
func (f *Fold) moves(p updates.Peer) {
	if d := f.table.of[p]; d != nil {
		f.table.touch(d)
	}
}

// Seq is the sequence up to which everything is folded in.
func (f *Fold) Seq() uint64 { return f.seq }

// Through notes that nothing up to seq says anything about dialogs that was not folded in.
func (f *Fold) Through(seq uint64) { f.seq = max(f.seq, seq) }

// Apply folds in what an update says; seq is its sequence in the stream.
func (f *Fold) Apply(seq uint64, fact *Fact) {
	f.seq = max(f.seq, seq)
	read := readers[fact.Name]
	if read == nil {
		return
	}
	u := update{Fold: f, fact: fact}
	if fact.Update != nil {
		var err error
		if u.v, _, err = f.form.clean(fact.Update); err != nil {
			u.gap() // so does whoever finds it in the stream, without its contents
			return
		}
	}
	read(&u)
}

// Doubt notes that a dialog has to be asked for, because of something that no update tells: a call of the account's own.
func (f *Fold) Doubt(p updates.Peer) {
	if d := f.table.of[p]; d != nil {
		f.table.doubt(d)
	} else if p.ID != 0 {
		f.table.add(p)
	}
}

// DoubtAll notes that nobody knows what has happened.
func (f *Fold) DoubtAll() {
	f.Relist()
	for _, d := range f.table.all {
		f.table.doubt(d)
	}
}

// Relist has the list of all dialogs asked for anew, and those that are not as they are known. The folders belong to it: whoever has a list
// asked for because something may have been missed asks for no more than that.
func (f *Fold) Relist() {
	f.list.wanted = true
	f.folders.doubt()
}

// Gone takes a dialog out: Telegram does not show it, or it is none of the account's.
func (f *Fold) Gone(p updates.Peer) {
	if f.table.remove(p) {
		f.table.changed.push(p)
		f.pins.remove(p, noFolder)
	}
}

// Forget takes out what is known of a dialog, as if nothing of it had come yet, and writes nothing down of it.
func (f *Fold) Forget(p updates.Peer) {
	f.pins.remove(p, noFolder)
	f.table.remove(p)
	f.table.changed.remove(p)
}

// place is where a dialog is among the pinned ones of its folder, from 1; 0: it is not pinned.
func (f *Fold) place(d *dialog) int { return f.pins.place(d.folder, d.peer) }

// Len is how many dialogs there are.
func (f *Fold) Len() int { return len(f.table.all) }

// Unlisted is how many more dialogs Telegram counts than it has listed, when it was asked for the list last.
func (f *Fold) Unlisted() int { return f.unlisted }

// Complete reports whether nothing has to be asked.
func (f *Fold) Complete() bool { return f.Listed() && f.table.stale == 0 }

// Listed reports whether it is known which dialogs and folders there are, and which are pinned. What was not, and was not asked for either
// before a fold is read back, is to be asked for anew.
func (f *Fold) Listed() bool { return f.list == list{} && !f.folders.stale }

// Dialog is a dialog as Telegram would give it now, without the pts of its box; nil where that is not known. stale says that it is
// being asked for.
func (f *Fold) Dialog(p updates.Peer) (tl []byte, stale bool) {
	d := f.table.of[p]
	if d == nil || d.base == nil {
		return nil, d != nil
	}
	tl, err := f.form.write(d, f.place(d) > 0)
	if err != nil {
		return nil, true
	}
	return tl, d.stale
}

// Chats are all dialogs of a folder, in the order of a list: the pinned ones, then by their newest message.
func (f *Fold) Chats(folder int) []updates.Peer {
	pinned := map[updates.Peer]bool{}
	var list []updates.Peer
	for _, p := range f.pins.order[folder] {
		if d := f.table.of[p]; d != nil && d.folder == folder {
			pinned[p], list = true, append(list, p)
		}
	}
	var rest []*dialog
	for _, d := range f.table.all {
		if d.folder == folder && !pinned[d.peer] {
			rest = append(rest, d)
		}
	}
	slices.SortFunc(rest, func(a, b *dialog) int {
		return cmp.Or(cmp.Compare(b.date, a.date), cmp.Compare(b.top, a.top), cmp.Compare(a.peer.ID, b.peer.ID))
	})
	for _, d := range rest {
		list = append(list, d.peer)
	}
	return list
}
