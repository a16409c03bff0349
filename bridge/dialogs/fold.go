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
	pins    map[int][]updates.Peer // by folder, the uppermost first
	folders folders
	changed map[updates.Peer]struct{}
	relist  bool // it is not known which dialogs there are, or which are pinned
	repins  int  // how often updates have changed what is pinned
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
	folder                      int
	unreadMark                  bool
	draft, notify               []byte // TL; nil: none

	asked bool
	later []later // came since it was asked for
	again bool    // more than that came
	pins  int     // Fold.repins when it was asked for
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
	return &Fold{
		schema: s, form: form, dialogs: map[updates.Peer]*dialog{}, pins: map[int][]updates.Peer{}, changed: map[updates.Peer]struct{}{},
		folders: folders{stale: true}, relist: true,
	}
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

func (f *Fold) newMessage(fact *Fact, _ codec.View) {
	d := f.dialog(fact.Chat, fact)
	if d == nil || d.base == nil || fact.MsgID <= d.top {
		return
	}
	d.top, d.date = fact.MsgID, fact.Date
	switch {
	case fact.Out: // who writes has read
		d.readIn, d.unread = max(d.readIn, fact.MsgID), 0
	case fact.MsgID > d.readIn:
		d.unread++
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

// readInbox: what was read before is told by an answer that is newer.
func (f *Fold) readInbox(fact *Fact, v codec.View) {
	d := f.known(fact.Chat, fact)
	to := int(v.Int("max_id"))
	if d == nil || v.Int("top_msg_id") != 0 || to <= d.readIn {
		return
	}
	d.readIn, d.unread = to, int(v.Int("still_unread_count"))
	f.touch(d)
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
	d := f.dialog(chatOf(peer), fact)
	if d == nil {
		return
	}
	f.repins++
	folder := int(v.Int("folder_id"))
	order := slices.DeleteFunc(slices.Clone(f.pins[folder]), func(p updates.Peer) bool { return p == d.peer })
	if v.Bool("pinned") {
		order = slices.Insert(order, 0, d.peer)
	}
	f.setPins(folder, order)
}

// order: without it, it has to be asked for.
func (f *Fold) order(fact *Fact, v codec.View) {
	f.repins++
	if !v.Has("order") {
		f.relist = true
		return
	}
	var order []updates.Peer
	for peer := range v.Objects("order") {
		if d := f.dialog(chatOf(peer), fact); d != nil {
			order = append(order, d.peer)
		}
	}
	f.setPins(int(v.Int("folder_id")), order)
}

// setPins sets which dialogs are pinned in a folder, in their order.
func (f *Fold) setPins(folder int, order []updates.Peer) {
	before := f.pins[folder]
	f.pins[folder] = order
	for _, list := range [][]updates.Peer{before, order} {
		for _, p := range list {
			if d := f.dialogs[p]; d != nil && slices.Index(before, p) != slices.Index(order, p) {
				f.touch(d)
			}
		}
	}
}

func (f *Fold) unpin(folder int, p updates.Peer) {
	if slices.Contains(f.pins[folder], p) {
		f.setPins(folder, slices.DeleteFunc(slices.Clone(f.pins[folder]), func(have updates.Peer) bool { return have == p }))
	}
}

func (f *Fold) moved(fact *Fact, v codec.View) {
	for one := range v.Objects("folder_peers") {
		peer, _ := one.Object("peer")
		d := f.dialog(peerOf(peer), fact)
		if d == nil {
			continue
		}
		to := int(one.Int("folder_id"))
		for folder := range f.pins {
			if folder != to {
				f.unpin(folder, d.peer)
			}
		}
		d.folder = to
		f.touch(d)
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
	f.relist = true
	for _, d := range f.dialogs {
		if d.peer.Kind != updates.PeerChannel {
			f.doubt(d)
		}
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

// Relist has the list of all dialogs asked for anew, and those that are not as they are known.
func (f *Fold) Relist() { f.relist, f.folders.stale = true, true }

// place is where a dialog is among the pinned ones of its folder, from 1; 0: it is not pinned.
func (f *Fold) place(d *dialog) int { return slices.Index(f.pins[d.folder], d.peer) + 1 }

// sorted is peers in an order that is always the same.
func sorted(all map[updates.Peer]struct{}) []updates.Peer {
	list := make([]updates.Peer, 0, len(all))
	for p := range all {
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b updates.Peer) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.ID, b.ID)) })
	return list
}
