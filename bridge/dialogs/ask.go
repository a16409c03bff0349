package dialogs

import (
	"maps"
	"slices"
	"strings"

	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/tl/codec"
)

// Question is what Telegram has to be asked.
type Question uint8

// The questions, in the order in which they are asked.
const (
	Nothing Question = iota
	List             // all dialogs: [Fold.Listed] when that is done
	Folders          // messages.getDialogFilters: [Fold.TakeFolders]
	Dialogs          // some dialogs: [Fold.Ask]
)

// Next is what to ask next.
func (f *Fold) Next() Question {
	switch {
	case f.relist:
		return List
	case f.folders.stale && !f.folders.asked:
		return Folders
	}
	for _, d := range f.dialogs {
		if d.stale && !d.asked {
			return Dialogs
		}
	}
	return Nothing
}

// Ask are up to most dialogs that have to be asked for. From now on what comes about them is noted.
func (f *Fold) Ask(most int) []updates.Peer {
	stale := map[updates.Peer]struct{}{}
	for p, d := range f.dialogs {
		if d.stale && !d.asked {
			stale[p] = struct{}{}
		}
	}
	all := sorted(stale)
	all = all[:min(most, len(all))]
	for _, p := range all {
		d := f.dialogs[p]
		d.asked, d.again, d.later, d.pins = true, false, nil, f.pins.changes
	}
	return all
}

// Failed takes a question back: it was not answered.
func (f *Fold) Failed(all []updates.Peer) {
	for _, p := range all {
		if d := f.dialogs[p]; d != nil {
			d.asked, d.later = false, nil
		}
	}
}

// Gone takes a dialog out: Telegram does not show it, or it is none of the account's.
func (f *Fold) Gone(p updates.Peer) {
	d := f.dialogs[p]
	if d == nil {
		return
	}
	f.pins.remove(p, noFolder)
	delete(f.dialogs, p)
	f.touch(d)
}

// Forget takes out what is known of a dialog, as if nothing of it had come yet, and writes nothing down of it.
func (f *Fold) Forget(p updates.Peer) {
	f.pins.remove(p, noFolder)
	delete(f.dialogs, p)
	delete(f.changed, p)
}

// Take takes the answer to a question about dialogs: a messages.PeerDialogs. What of asked is not in it is gone, and so are channels
// that the account is not in.
func (f *Fold) Take(asked []updates.Peer, v codec.View) {
	answered := map[updates.Peer]bool{}
	outside := outsideOf(v)
	for one := range v.Objects("dialogs") {
		p := chatOf(one)
		d := f.dialogs[p]
		if d == nil || !d.asked || one.Name() != "dialog" || outside[p] {
			continue
		}
		answered[p] = true
		d.name = nameOf(v, p)
		f.take(d, one, dateOf(v, p, one.Int("top_message")))
	}
	for _, p := range asked {
		switch d := f.dialogs[p]; {
		case answered[p] || d == nil:
		case d.again || len(d.later) > 0: // it may be there by now
			d.asked, d.later = false, nil
		default:
			f.Gone(p)
		}
	}
}

// outsideOf are channels that came along and that the account is not in.
func outsideOf(v codec.View) map[updates.Peer]bool {
	all := map[updates.Peer]bool{}
	for c := range v.Objects("chats") {
		if strings.HasPrefix(c.Name(), "channel") && (c.Name() == "channelForbidden" || c.Bool("left")) {
			all[updates.Peer{Kind: updates.PeerChannel, ID: c.Int("id")}] = true
		}
	}
	return all
}

// nameOf is the name of a user or chat that came along.
func nameOf(v codec.View, p updates.Peer) string {
	field := "chats"
	if p.Kind == updates.PeerUser {
		field = "users"
	}
	for one := range v.Objects(field) {
		if one.Int("id") == p.ID && (p.Kind == updates.PeerChannel) == strings.HasPrefix(one.Name(), "channel") {
			return strings.TrimSpace(one.Str("title") + one.Str("first_name") + " " + one.Str("last_name"))
		}
	}
	return ""
}

// dateOf is the date of a message that came along.
func dateOf(v codec.View, in updates.Peer, id int64) int {
	for m := range v.Objects("messages") {
		if m.Int("id") == id && id != 0 && inChat(m) == in {
			return int(m.Int("date"))
		}
	}
	return 0
}

func inChat(message codec.View) updates.Peer {
	peer, _ := message.Object("peer_id")
	return peerOf(peer)
}

// take takes one dialog of an answer, and folds in again what came since the question.
func (f *Fold) take(d *dialog, v codec.View, date int) {
	again, later := d.again, d.later
	d.read(v, date)
	f.pins.remove(d.peer, d.folder)
	d.asked, d.again, d.later, d.stale = false, false, nil, again
	f.touch(d)
	now, order := f.seq, maps.Clone(f.pins.order) // which have all that came since
	for _, one := range later {
		if fact := one.fact; !listwide[fact.Name] {
			f.Apply(one.seq, &fact)
		}
	}
	f.seq, f.pins.order = now, order
	switch {
	case v.Bool("pinned") == (f.place(d) > 0):
	case d.pins == f.pins.changes:
		f.Relist() // where among them it is, only the list tells
	default: // which of the two is newer is not known
		d.stale = true
	}
}

// listwide are updates that are about the list: that has them already.
var listwide = map[string]bool{"updateDialogPinned": true, "updatePinnedDialogs": true}

// read takes the fields of a dialog.
func (d *dialog) read(v codec.View, date int) {
	d.base, d.date = slices.Clone(v.Raw()), date
	d.top, d.readIn, d.readOut = int(v.Int("top_message")), int(v.Int("read_inbox_max_id")), int(v.Int("read_outbox_max_id"))
	d.unread, d.mentions, d.reactions = int(v.Int("unread_count")), int(v.Int("unread_mentions_count")), int(v.Int("unread_reactions_count"))
	d.unreadIDs, d.floor = nil, d.top
	d.unreadMark, d.folder = v.Bool("unread_mark"), int(v.Int("folder_id"))
	d.draft, d.notify = raw(v, "draft"), raw(v, "notify_settings")
}

func raw(v codec.View, field string) []byte {
	o, ok := v.Object(field)
	if !ok || o.Name() == "draftMessageEmpty" {
		return nil
	}
	return slices.Clone(o.Raw())
}

// Listing is a list of all dialogs as it is being read.
type Listing struct {
	f       *Fold
	seen    map[updates.Peer]bool
	pinned  map[int][]updates.Peer
	changes int // of what is pinned, when it began
}

// Listing begins to read the list.
func (f *Fold) Listing() *Listing {
	f.relist, f.listing = false, true // from now on
	return &Listing{f: f, seen: map[updates.Peer]bool{}, pinned: map[int][]updates.Peer{}, changes: f.pins.changes}
}

// Pinned takes the pinned dialogs of a folder, in their order: a messages.PeerDialogs.
func (l *Listing) Pinned(folder int, v codec.View) {
	l.pinned[folder] = []updates.Peer{}
	for one := range v.Objects("dialogs") {
		if one.Name() == "dialog" {
			l.pinned[folder] = append(l.pinned[folder], chatOf(one))
		}
	}
	l.Page(v)
}

// Last is where a page of the list ends.
type Last struct {
	Chat     updates.Peer
	ID, Date int // of its newest message
}

// Page takes dialogs of the list.
func (l *Listing) Page(v codec.View) (last Last) {
	for one := range v.Objects("dialogs") {
		if one.Name() != "dialog" {
			continue
		}
		p := chatOf(one)
		l.seen[p] = true
		l.f.compare(p, one)
		last = Last{p, int(one.Int("top_message")), dateOf(v, p, one.Int("top_message"))}
	}
	return last
}

// compare doubts a dialog that is in the list as it is not known.
func (f *Fold) compare(p updates.Peer, v codec.View) {
	d := f.dialogs[p]
	if d == nil {
		f.Doubt(p)
		return
	}
	if d.base == nil || d.stale {
		return
	}
	is := dialog{peer: p}
	is.read(v, d.date)
	if is.top != d.top || is.readIn != d.readIn || is.readOut != d.readOut || is.unread != d.unread || is.mentions != d.mentions ||
		is.reactions != d.reactions || is.folder != d.folder || is.unreadMark != d.unreadMark || !slices.Equal(is.draft, d.draft) || !slices.Equal(is.notify, d.notify) {
		f.doubt(d)
	}
}

// Done ends the list. Dialogs that are not in it are doubted. Where updates have changed meanwhile what is pinned, all is asked anew.
func (l *Listing) Done() {
	l.f.listing = false
	for folder, order := range l.pinned {
		l.f.pins.set(folder, order)
	}
	if l.changes != l.f.pins.changes {
		l.f.Relist()
	}
	for p, d := range l.f.dialogs {
		if !l.seen[p] {
			l.f.doubt(d)
		}
	}
}

// AskFolders notes that the folders are asked for.
func (f *Fold) AskFolders() { f.folders.asked = true }

// FailedFolders takes the question back.
func (f *Fold) FailedFolders() { f.folders.asked = false }

// TakeFolders takes the answer: messages.dialogFilters; nil: there is none.
func (f *Fold) TakeFolders(answer []byte) {
	if !f.folders.asked { // they have changed since
		return
	}
	f.folders.asked, f.folders.stale = false, false
	if _, err := f.schema.View(answer); err != nil {
		return // a layer that has none, or has them as a list
	}
	if !slices.Equal(answer, f.folders.answer) {
		f.folders.answer, f.folders.changed = slices.Clone(answer), true
	}
}
