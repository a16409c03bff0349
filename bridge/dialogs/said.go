package dialogs

import (
	"slices"

	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/tl/codec"
)

// What the updates say, one by one; which of them is read how stands in readers.

func (f *Fold) newMessage(fact *Fact, _ codec.View) {
	d := f.dialog(fact.Chat, fact)
	if d == nil || d.base == nil || fact.MsgID <= d.top {
		return
	}
	d.top, d.date = fact.MsgID, fact.Date
	switch {
	case fact.Out: // who writes has read
		d.readIn, d.unread, d.unreadIDs = max(d.readIn, fact.MsgID), 0, nil
	case fact.MsgID > d.readIn:
		d.count(fact.MsgID)
		if fact.Mentioned {
			d.mentions++
		}
	}
	f.touch(d)
}

// deleted doubts what the deleted messages counted for: the newest, and how many are not read.
func (f *Fold) deleted(fact *Fact, _ codec.View) {
	if fact.Chat.ID != 0 {
		f.without(f.known(fact.Chat, fact), fact.MsgIDs)
		return
	}
	for _, d := range f.dialogs { // it is not known which
		if d.peer.Kind != updates.PeerChannel {
			f.without(f.noted(d, fact), fact.MsgIDs)
		}
	}
}

func (f *Fold) without(d *dialog, ids []int64) {
	if d != nil && slices.ContainsFunc(ids, func(id int64) bool { return int(id) >= d.top || int(id) > d.readIn || d.mentions+d.reactions > 0 }) {
		f.doubt(d)
	}
}

// readInbox: what was read before is told by an answer that is newer. How many are left is counted: the update's own word of that
// (still_unread_count) is of its time, and a difference gives it behind messages that came later.
func (f *Fold) readInbox(fact *Fact, v codec.View) {
	d := f.known(fact.Chat, fact)
	to := int(v.Int("max_id"))
	if d == nil || v.Int("top_msg_id") != 0 || to <= d.readIn {
		return
	}
	d.readIn = to
	switch {
	case to >= d.top:
		d.unread, d.unreadIDs = 0, nil
	case to >= d.floor:
		d.unreadIDs = slices.DeleteFunc(d.unreadIDs, func(id int) bool { return id <= to })
		d.unread = len(d.unreadIDs)
	default:
		f.doubt(d)
	}
	f.touch(d)
}

// mostUnreadIDs is how many ids of what is not read are known of a dialog.
const mostUnreadIDs = 500

// count counts a new message that is not read.
func (d *dialog) count(id int) {
	d.unread++
	if d.unreadIDs = append(d.unreadIDs, id); len(d.unreadIDs) > mostUnreadIDs {
		d.floor = d.unreadIDs[mostUnreadIDs/2-1]
		d.unreadIDs = slices.Clone(d.unreadIDs[mostUnreadIDs/2:])
	}
}

func (f *Fold) readOutbox(fact *Fact, v codec.View) {
	d := f.known(fact.Chat, fact)
	if to := int(v.Int("max_id")); d != nil && to > d.readOut {
		d.readOut = to
		f.touch(d)
	}
}

// seen: mentions, or reactions, may not count any more.
func (f *Fold) seen(fact *Fact, _ codec.View) {
	doubt := func(d *dialog) {
		if d != nil && d.mentions+d.reactions > 0 {
			f.doubt(d)
		}
	}
	if fact.Chat.ID != 0 {
		doubt(f.known(fact.Chat, fact))
		return
	}
	for _, d := range f.dialogs {
		if d.peer.Kind != updates.PeerChannel {
			doubt(f.noted(d, fact))
		}
	}
}

func (f *Fold) reactions(fact *Fact, v codec.View) {
	d := f.known(fact.Chat, fact)
	if d == nil {
		return
	}
	news := d.reactions > 0
	all, _ := v.Object("reactions")
	for one := range all.Objects("recent_reactions") {
		news = news || one.Bool("unread")
	}
	if news {
		f.doubt(d)
	}
}

func (f *Fold) draft(fact *Fact, v codec.View) {
	if v.Has("top_msg_id") || v.Has("saved_peer_id") {
		return // of a topic
	}
	d := f.dialog(fact.Chat, fact)
	if d == nil {
		return
	}
	d.draft = nil
	if draft, _ := v.Object("draft"); draft.Name() != "draftMessageEmpty" {
		d.draft = slices.Clone(draft.Raw())
	}
	f.touch(d)
}

func (f *Fold) notify(fact *Fact, v codec.View) {
	whose, _ := v.Object("peer")
	peer, _ := whose.Object("peer")
	settings, ok := v.Object("notify_settings")
	if d := f.known(peerOf(peer), fact); d != nil && ok && whose.Name() == "notifyPeer" {
		d.notify = slices.Clone(settings.Raw())
		f.touch(d)
	}
}

// chatOf is the chat of a DialogPeer.
func chatOf(v codec.View) updates.Peer {
	peer, _ := v.Object("peer")
	return peerOf(peer)
}

// peerOf is a Peer.
func peerOf(v codec.View) updates.Peer {
	for field, kind := range map[string]updates.PeerKind{"user_id": updates.PeerUser, "chat_id": updates.PeerChat, "channel_id": updates.PeerChannel} {
		if id := v.Int(field); id != 0 {
			return updates.Peer{Kind: kind, ID: id}
		}
	}
	return updates.Peer{Kind: updates.PeerNone}
}

func (f *Fold) unreadMark(fact *Fact, v codec.View) {
	peer, _ := v.Object("peer")
	if d := f.dialog(chatOf(peer), fact); d != nil && !v.Has("saved_peer_id") {
		d.unreadMark = v.Bool("unread")
		f.touch(d)
	}
}

func (f *Fold) pinned(fact *Fact, v codec.View) {
	peer, _ := v.Object("peer")
	d := f.listed(chatOf(peer), fact)
	if d == nil {
		return
	}
	f.pins.changes++
	folder := int(v.Int("folder_id"))
	f.misplaced(d, folder)
	order := slices.DeleteFunc(slices.Clone(f.pins.order[folder]), func(p updates.Peer) bool { return p == d.peer })
	if v.Bool("pinned") {
		order = slices.Insert(order, 0, d.peer)
	}
	f.pins.set(folder, order)
}

// order: without it, it has to be asked for.
func (f *Fold) order(fact *Fact, v codec.View) {
	f.pins.changes++
	if !v.Has("order") {
		f.Relist()
		return
	}
	folder := int(v.Int("folder_id"))
	var order []updates.Peer
	for peer := range v.Objects("order") {
		if d := f.listed(chatOf(peer), fact); d != nil {
			f.misplaced(d, folder)
			order = append(order, d.peer)
		}
	}
	f.pins.set(folder, order)
}

// misplaced has the list asked for where a dialog is said to be pinned in a folder in which it is not: moves come in differences, pins do not, so
// that of two updates the older one may come last.
func (f *Fold) misplaced(d *dialog, folder int) {
	if d.base != nil && d.folder != folder {
		f.Relist()
	}
}

// moved: what is moved is not pinned any more.
func (f *Fold) moved(fact *Fact, v codec.View) {
	f.pins.changes++
	for one := range v.Objects("folder_peers") {
		peer, _ := one.Object("peer")
		d := f.listed(peerOf(peer), fact)
		if d == nil {
			continue
		}
		to := int(one.Int("folder_id"))
		f.pins.remove(d.peer, to)
		if f.seq > d.seq {
			d.folder = to
			f.touch(d)
		}
	}
}

func (f *Fold) membership(fact *Fact, _ codec.View) {
	if d := f.dialog(fact.Chat, fact); d != nil {
		f.doubt(d)
	}
}

func (f *Fold) filters(*Fact, codec.View) {
	f.folders.stale, f.folders.asked = true, false
}

// gap: nobody knows what happened in it.
func (f *Fold) gap(fact *Fact, _ codec.View) {
	if fact.Chat.ID != 0 {
		if d := f.known(fact.Chat, fact); d != nil {
			f.doubt(d)
		}
		return
	}
	f.Relist()
	for _, d := range f.dialogs {
		if d.peer.Kind != updates.PeerChannel {
			f.doubt(d)
		}
	}
}
