package dialogs

import (
	"maps"
	"slices"
	"time"

	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/tl/codec"
)

// Question is what Telegram has to be asked.
type Question uint8

// The questions, in the order in which they are asked.
const (
	Nothing Question = iota
	List             // all dialogs: [Fold.Listing]
	Folders          // messages.getDialogFilters: [Fold.TakeFolders]
	Dialogs          // some dialogs: [Fold.Ask]
)

// Questions are how many there are, with none.
const Questions = Dialogs + 1

// Wants reports whether something is to be asked, or is being asked.
func (f *Fold) Wants(q Question) bool {
	switch q {
	case List:
		return f.list != list{}
	case Folders:
		return f.folders.stale
	case Dialogs:
		return f.table.stale > 0
	}
	return false
}

// Next is what to ask next. A question that has to wait holds up no other.
func (f *Fold) Next(waits ...Question) Question {
	switch may := func(q Question) bool { return !slices.Contains(waits, q) }; {
	case f.list.wanted && may(List):
		return List
	case f.folders.stale && !f.folders.asked && may(Folders):
		return Folders
	case f.table.ask.len() > 0 && may(Dialogs):
		return Dialogs
	}
	return Nothing
}

// Ask are up to most dialogs that have to be asked for. From now on what comes about them is noted.
func (f *Fold) Ask(most int, now time.Time) (all []updates.Peer) {
	for len(all) < most {
		p, ok := f.table.ask.take()
		if !ok {
			break
		}
		f.table.asked(f.table.of[p], f.pins.changes, now)
		all = append(all, p)
	}
	return all
}

// AskAgain asks for one that is being asked for once more, as if it had not been. False: it is not.
func (f *Fold) AskAgain(p updates.Peer, now time.Time) bool {
	d := f.table.of[p]
	if d == nil || !d.asked {
		return false
	}
	f.table.asked(d, f.pins.changes, now)
	return true
}

// Failed takes a question back: it was not answered.
func (f *Fold) Failed(all []updates.Peer) {
	for _, p := range all {
		if d := f.table.of[p]; d != nil && d.asked {
			f.table.answered(d, true)
		}
	}
}

// Take takes the answer to a question about dialogs: a messages.PeerDialogs. What of asked is not in it is gone, and so are channels
// that the account is not in.
func (f *Fold) Take(asked []updates.Peer, v codec.View) {
	with := answerOf(v)
	for one := range v.Objects("dialogs") {
		p := chatOf(one)
		d := f.table.of[p]
		if d == nil || !d.asked || one.Name() != "dialog" || with.outside[p] {
			continue
		}
		if d.missing && empty(one) && !d.again && len(d.later) == 0 {
			f.Gone(p)
			continue
		}
		if one, _, err := f.form.clean(one.Raw()); err == nil {
			d.name = with.names[p]
			f.adopt(d, one, with.dates[place{p, one.Int("top_message")}])
		}
	}
	for _, p := range asked {
		switch d := f.table.of[p]; {
		case d == nil || !d.asked: // it is answered
		case d.again || len(d.later) > 0: // it may be there by now
			f.table.answered(d, true)
		default:
			f.Gone(p)
		}
	}
}

// empty reports whether Telegram shows a dialog in no list, if the list does not have it: asked for a chat by itself it answers with a dialog
// whether there is one or not.
func empty(v codec.View) bool {
	return v.Int("top_message") == 0 && !v.Has("draft") && !v.Bool("pinned") && !v.Bool("unread_mark")
}

// adopt takes one dialog of an answer, and folds in again what came since the question.
func (f *Fold) adopt(d *dialog, v codec.View, date int) {
	was := d.inquiry
	d.missing = d.missing && empty(v)
	d.read(v, date)
	f.newest.see(d.peer, d.top)
	d.since = was.when
	f.pins.remove(d.peer, d.folder)
	f.table.answered(d, was.again)
	f.table.touch(d)
	now, order := f.seq, maps.Clone(f.pins.order) // which have all that came since
	for _, one := range was.later {
		if fact := one.fact; !listwide[fact.Name] {
			f.Apply(one.seq, &fact)
		}
	}
	f.seq, f.pins.order = now, order
	switch {
	case v.Bool("pinned") == (f.place(d) > 0):
	case was.pins == f.pins.changes:
		f.Relist() // where among them it is, only the list tells
	default: // which of the two is newer is not known
		f.table.outdate(d, true)
	}
}

// listwide are updates that are about the list: that has them already.
var listwide = map[string]bool{"updateDialogPinned": true, "updatePinnedDialogs": true}
