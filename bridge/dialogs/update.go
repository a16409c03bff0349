package dialogs

import (
	"slices"
	"time"

	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/tl/codec"
)

// update is one as it is folded in; which of its methods reads which stands in readers.
type update struct {
	*Fold
	fact *Fact
	v    codec.View
}

// dialog is a chat's, made where there is none; nil where the update is folded in already.
func (u *update) dialog(p updates.Peer) *dialog {
	if p.ID == 0 || p.Kind == updates.PeerSecret {
		return nil
	}
	d := u.table.of[p]
	if d == nil {
		d = u.table.add(p)
	}
	return u.news(d)
}

// listed is a chat's dialog for an update about the list of them. That is folded in even where the dialog has it already: others may not
// have it, and as often as it is folded in, the list is the same.
func (u *update) listed(p updates.Peer) *dialog {
	if d := u.dialog(p); d != nil {
		return d
	}
	return u.table.of[p]
}

// known is a chat's dialog where there is one, and where the update is not folded in already.
func (u *update) known(p updates.Peer) *dialog { return u.news(u.table.of[p]) }

// news is a dialog, if the update is news to it. Where it is being asked for, that is noted.
func (u *update) news(d *dialog) *dialog {
	if d == nil || !u.newTo(d) {
		return nil
	}
	d.note(u.seq, u.fact)
	return d
}

// newTo reports whether what is known of a dialog may be without the update.
func (u *update) newTo(d *dialog) bool { return u.seq > d.seq && u.after(d.since) }

// after reports whether the update may have come after a question was asked. What had come before is in the answer, even if it was stored
// long after: nothing of it is undone that happened between the two.
func (u *update) after(question time.Time) bool {
	return u.fact.At.IsZero() || !u.fact.At.Before(question)
}

// each is the chat's dialog; or, where it is not known which, all that it may be.
func (u *update) each(do func(*dialog)) {
	if u.fact.Chat.ID != 0 {
		if d := u.known(u.fact.Chat); d != nil {
			do(d)
		}
		return
	}
	for _, d := range u.table.all {
		if d.peer.Kind != updates.PeerChannel && u.news(d) != nil {
			do(d)
		}
	}
}

func (u *update) newMessage() {
	u.newest.see(u.fact.Chat, u.fact.MsgID)
	if d := u.dialog(u.fact.Chat); d != nil && d.base != nil && u.fact.MsgID > d.top {
		d.add(u.fact.MsgID, u.fact.Date, u.fact.Out, u.fact.Mentioned)
		if u.table.touch(d); u.fact.Period { // a difference has the message, and not the update that says how long
			u.table.doubt(d)
		}
	}
}

// deleted doubts what the deleted messages counted for: the newest, and how many are not read. Where nobody knows their chat, a message that is
// newer than a dialog's newest may have come and gone unseen in it; if it was there before the list was asked for, then in the list.
func (u *update) deleted() {
	u.each(func(d *dialog) {
		if slices.ContainsFunc(u.fact.MsgIDs, func(id int64) bool { return d.counted(id) && (int(id) <= d.top || int(id) > u.newest.listed) }) {
			u.table.doubt(d)
		}
	})
}

// readInbox: what was read before is told by an answer that is newer. How many are left is counted: the update's own word of that
// (still_unread_count) is of its time, and a difference gives it behind messages that came later.
func (u *update) readInbox() {
	if u.v.Int("top_msg_id") != 0 {
		u.recount()
		return
	}
	d, to := u.known(u.fact.Chat), int(u.v.Int("max_id"))
	if d == nil || to <= d.readIn {
		return
	}
	if !d.readTo(to) {
		u.table.doubt(d)
	}
	u.table.touch(d)
}

// recount: what changes of the dialog nobody says. A topic, or thread, was read, of which there are many in it; or what is older than some message
// is not to be seen any more.
func (u *update) recount() {
	if d := u.known(u.fact.Chat); d != nil {
		u.table.doubt(d)
	}
}

func (u *update) readOutbox() {
	d := u.known(u.fact.Chat)
	if to := int(u.v.Int("max_id")); d != nil && to > d.readOut {
		d.readOut = to
		u.table.touch(d)
	}
}

// seen: mentions, reactions or votes may not count any more.
func (u *update) seen() {
	u.each(func(d *dialog) {
		if d.attention() {
			u.table.doubt(d)
		}
	})
}

func (u *update) reactions() {
	d := u.known(u.fact.Chat)
	if d == nil {
		return
	}
	news := d.counts.reactions > 0
	if news || unseen(u.v) {
		u.table.doubt(d)
	}
}

// unseen reports whether an update or a message has reactions that were not seen.
func unseen(v codec.View) bool {
	all, _ := v.Object("reactions")
	for one := range all.Objects("recent_reactions") {
		if one.Bool("unread") {
			return true
		}
	}
	return false
}

// edited: a message is edited for its reactions, too.
func (u *update) edited() {
	d := u.known(u.fact.Chat)
	if message, _ := u.v.Object("message"); d != nil && (u.fact.Mentioned || unseen(message)) {
		u.table.doubt(d)
	}
}

// poll: of a poll in a chat that nobody names any dialog may have one more.
func (u *update) poll() {
	results, _ := u.v.Object("results")
	news := results.Bool("has_unread_votes")
	if u.fact.Chat.ID != 0 {
		if d := u.known(u.fact.Chat); d != nil && (news || d.votes > 0) {
			u.table.doubt(d)
		}
		return
	}
	if news && u.after(u.pins.since) {
		u.Relist()
	}
	for _, d := range u.table.all {
		if d.votes > 0 && u.news(d) != nil {
			u.table.doubt(d)
		}
	}
}

func (u *update) lifetime() {
	if d := u.known(u.fact.Chat); d != nil {
		d.period = int(u.v.Int("ttl_period"))
		u.table.touch(d)
	}
}

func (u *update) forum() {
	if d := u.known(u.fact.Chat); d != nil {
		d.asMessages = u.v.Bool("enabled")
		u.table.touch(d)
	}
}

func (u *update) draft() {
	if u.v.Has("top_msg_id") || u.v.Has("saved_peer_id") {
		return // of a topic
	}
	if d := u.dialog(u.fact.Chat); d != nil {
		d.draft = raw(u.v, "draft")
		u.table.touch(d)
	}
}

func (u *update) notify() {
	whose, _ := u.v.Object("peer")
	peer, _ := whose.Object("peer")
	if d := u.known(peerOf(peer)); d != nil && u.v.Has("notify_settings") && whose.Name() == "notifyPeer" {
		d.notify = raw(u.v, "notify_settings")
		u.table.touch(d)
	}
}

func (u *update) unreadMark() {
	peer, _ := u.v.Object("peer")
	if d := u.dialog(chatOf(peer)); d != nil && !u.v.Has("saved_peer_id") {
		d.unreadMark = u.v.Bool("unread")
		u.table.touch(d)
	}
}

func (u *update) pinned() {
	if !u.after(u.pins.since) {
		return
	}
	peer, _ := u.v.Object("peer")
	d := u.listed(chatOf(peer))
	if d == nil {
		return
	}
	folder := int(u.v.Int("folder_id"))
	u.misplaced(d, folder)
	u.pins.pin(d.peer, folder, u.v.Bool("pinned"))
}

// order: without it, it has to be asked for.
func (u *update) order() {
	if !u.after(u.pins.since) {
		return
	}
	if !u.v.Has("order") {
		u.pins.changes++
		u.Relist()
		return
	}
	folder := int(u.v.Int("folder_id"))
	var order []updates.Peer
	for peer := range u.v.Objects("order") {
		if d := u.listed(chatOf(peer)); d != nil {
			u.misplaced(d, folder)
			order = append(order, d.peer)
		}
	}
	u.pins.changes++
	u.pins.set(folder, order)
}

// misplaced has the list asked for where a dialog is said to be pinned in a folder in which it is not, or may not be any more, or where what is
// known of it is newer.
func (u *update) misplaced(d *dialog, folder int) {
	if crossed(u.pins.named, u.pins.moved, d.peer) || d.base != nil && d.folder != folder || !u.after(d.since) {
		u.Relist()
	}
}

// moved: what is moved is not pinned any more.
func (u *update) moved() {
	news := u.after(u.pins.since)
	if news {
		u.pins.changes++
	}
	for one := range u.v.Objects("folder_peers") {
		d := u.listed(chatOf(one))
		if d == nil {
			continue
		}
		to := int(one.Int("folder_id"))
		if news {
			u.pins.remove(d.peer, to)
			if crossed(u.pins.moved, u.pins.named, d.peer) {
				u.Relist()
			}
		}
		if u.newTo(d) {
			d.folder = to
			u.table.touch(d)
		}
	}
}

func (u *update) membership() {
	if d := u.dialog(u.fact.Chat); d != nil {
		u.table.doubt(d)
	}
}

func (u *update) filters() { u.folders.doubt() }

// gap: nobody knows what happened in it.
func (u *update) gap() {
	if u.fact.Chat.ID == 0 {
		u.Relist()
	}
	u.each(u.table.doubt)
}
