package mttest

import (
	"slices"

	"github.com/natsgram/natsgram/mtproto/mttest/world"
	"github.com/natsgram/natsgram/tl/codec"
)

// archive is the folder that everybody has.
const archive = 1

func getDialogs(r *Request) (any, error) {
	folder := int(r.Args.Int("folder_id"))
	all := slices.DeleteFunc(r.server.world.Dialogs(r.Account.id), func(d world.Dialog) bool {
		return d.Folder != folder || d.Pinned && r.Args.Bool("exclude_pinned")
	})
	total := len(all)
	all = all[r.dialogOffset(all):]
	limit := int(r.Args.Int("limit"))
	if limit <= 0 || limit > maxHistory {
		limit = maxHistory
	}
	all = all[:min(limit, len(all))]
	m := r.dialogs("messages.dialogs", all)
	if len(all) < total {
		m["_"], m["count"] = "messages.dialogsSlice", total
	}
	return m, nil
}

// dialogOffset is where the page begins: behind the dialog that is named, by its peer (the access hash does not matter: TDLib
// sends 0) or else by the date and id of its last message, or of the last that it had.
func (r *Request) dialogOffset(all []world.Dialog) int {
	date, id := int(r.Args.Int("offset_date")), int(r.Args.Int("offset_id"))
	if v, ok := r.Args.Object("offset_peer"); ok {
		if p, ok := bareInput(v); ok {
			i := slices.IndexFunc(all, func(d world.Dialog) bool {
				of, top := d.Place()
				return d.Peer == p && (!r.server.cfg.Dialogs.ByPlace || of == date && top == id)
			})
			if i >= 0 {
				return i + 1
			}
		}
	}
	if date == 0 && id == 0 {
		return 0
	}
	for i, d := range all {
		of, top := d.Place()
		if !d.Pinned && (of == 0 || date > 0 && of < date || (date == 0 || of == date) && id > 0 && top < id) {
			return i
		}
	}
	return len(all)
}

// bareInput is whom an InputPeer means, without looking whether the access hash is right.
func bareInput(v codec.View) (world.Peer, bool) {
	switch v.Name() {
	case "inputPeerUser":
		return world.UserPeer(v.Int("user_id")), true
	case "inputPeerChat":
		return world.ChatPeer(v.Int("chat_id")), true
	case "inputPeerChannel":
		return world.ChannelPeer(v.Int("channel_id")), true
	}
	return world.Peer{}, false
}

func getPinnedDialogs(r *Request) (any, error) {
	folder := int(r.Args.Int("folder_id"))
	all := slices.DeleteFunc(r.server.world.Dialogs(r.Account.id), func(d world.Dialog) bool { return d.Folder != folder || !d.Pinned })
	m := r.dialogs("messages.peerDialogs", all)
	m["state"] = state(r.server.world.State(r.Account.id))
	return m, nil
}

func (r *Request) dialogs(form string, all []world.Dialog) M {
	c := r.server.scene(r.Account.id)
	var dialogs, messages []M
	for _, d := range all {
		dialogs = append(dialogs, c.dialog(d))
		if d.Top != nil && !r.Account.hides(d.Peer) {
			messages = append(messages, c.message(d.Top))
		}
	}
	return M{"_": form, "dialogs": dialogs, "messages": messages, "users": c.users(), "chats": c.chats()}
}

func getPeerDialogs(r *Request) (any, error) {
	var all []world.Dialog
	for v := range r.Args.Objects("peers") {
		p, err := r.peerOf(v)
		if err != nil {
			return nil, err
		}
		all = append(all, r.server.world.Dialog(r.Account.id, p))
	}
	m := r.dialogs("messages.peerDialogs", all)
	m["state"] = state(r.server.world.State(r.Account.id))
	return m, nil
}

// marked changes a mark, and tells the account's devices but the one that asked.
func (a *Account) marked(change func(*world.Marks), update M, origin any) error {
	return a.server.world.Mark(a.id, change, update, origin)
}

func (a *Account) pin(p world.Peer, on bool, origin any) error {
	u := M{"_": "updateDialogPinned", "pinned": on, "peer": M{"_": "dialogPeer", "peer": peer(p)}}
	optional(u, "folder_id", a.server.world.Marks(a.id).Folder[p])
	return a.marked(func(m *world.Marks) { m.Pin(p, on) }, u, origin)
}

func (a *Account) markUnread(p world.Peer, on bool, origin any) error {
	return a.marked(func(m *world.Marks) {
		if m.Unread[p] = on; !on {
			delete(m.Unread, p)
		}
	}, M{"_": "updateDialogUnreadMark", "unread": on, "peer": M{"_": "dialogPeer", "peer": peer(p)}}, origin)
}

func (a *Account) saveDraft(p world.Peer, text string, origin any) error {
	draft := M{"_": "draftMessage", "message": text, "date": a.server.world.Date()}
	if text == "" {
		draft = M{"_": "draftMessageEmpty", "date": a.server.world.Date()}
	}
	return a.marked(func(m *world.Marks) {
		if m.Drafts[p] = draft; text == "" {
			delete(m.Drafts, p)
		}
	}, M{"_": "updateDraftMessage", "peer": peer(p), "draft": draft}, origin)
}

// Pin puts a conversation at the top of the account's list, or takes it from there, as another device does it.
func (a *Account) Pin(in Peer, on bool) { must(0, a.pin(in.Peer(), on, nil)) }

// OrderPinned sets which conversations of a folder are pinned, in which order; those of another folder are left out.
func (a *Account) OrderPinned(folder int, all ...Peer) {
	var order []world.Peer
	var peers []M
	marks := a.server.world.Marks(a.id)
	for _, p := range all {
		if marks.Folder[p.Peer()] != folder {
			continue
		}
		order = append(order, p.Peer())
		peers = append(peers, M{"_": "dialogPeer", "peer": peer(p.Peer())})
	}
	u := M{"_": "updatePinnedDialogs", "order": peers}
	optional(u, "folder_id", folder)
	must(0, a.marked(func(m *world.Marks) { m.Pinned[folder] = order }, u, nil))
}

// MarkUnread marks a conversation as unread, or takes the mark away.
func (a *Account) MarkUnread(in Peer, on bool) { must(0, a.markUnread(in.Peer(), on, nil)) }

// Archive puts a conversation into the archive, or back into the list.
func (a *Account) Archive(in Peer, on bool) {
	folder := 0
	if on {
		folder = archive
	}
	must(a.server.world.Move(a.id, in.Peer(), folder, nil))
}

// Draft leaves a text that is not sent yet; empty: none.
func (a *Account) Draft(in Peer, text string) { must(0, a.saveDraft(in.Peer(), text, nil)) }

// HideNewest has lists name a conversation's newest message without having it, or not any more.
func (a *Account) HideNewest(in Peer, on bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.hidden == nil {
		a.hidden = map[world.Peer]bool{}
	}
	a.hidden[in.Peer()] = on
}

func (a *Account) hides(p world.Peer) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.hidden[p]
}

// Mute silences a conversation until then, Unix seconds; 0: not any more.
func (a *Account) Mute(in Peer, until int) {
	p, settings := in.Peer(), M{"_": "peerNotifySettings", "mute_until": until}
	must(0, a.marked(func(m *world.Marks) { m.Notify[p] = settings },
		M{"_": "updateNotifySettings", "peer": M{"_": "notifyPeer", "peer": peer(p)}, "notify_settings": settings}, nil))
}

// SetFilters sets the account's folders (DialogFilter).
func (a *Account) SetFilters(filters ...M) {
	must(0, a.marked(func(m *world.Marks) { m.Filters = items(filters) }, M{"_": "updateDialogFilters"}, nil))
}

func getDialogFilters(r *Request) (any, error) {
	return M{"_": "messages.dialogFilters", "filters": r.server.world.Marks(r.Account.id).Filters}, nil
}

// dialogPeer reads the InputDialogPeer of a call.
func (r *Request) dialogPeer() (world.Peer, error) {
	v, _ := r.Args.Object("peer")
	return r.peerOf(v)
}

func toggleDialogPin(r *Request) (any, error) {
	p, err := r.dialogPeer()
	if err != nil {
		return nil, err
	}
	return true, r.Account.pin(p, r.Args.Bool("pinned"), r.device)
}

func markDialogUnread(r *Request) (any, error) {
	p, err := r.dialogPeer()
	if err != nil {
		return nil, err
	}
	return true, r.Account.markUnread(p, r.Args.Bool("unread"), r.device)
}

func saveDraft(r *Request) (any, error) {
	p, err := r.peer("peer")
	if err != nil {
		return nil, err
	}
	return true, r.Account.saveDraft(p, r.Args.Str("message"), r.device)
}

// editPeerFolders moves one conversation.
func editPeerFolders(r *Request) (any, error) {
	for v := range r.Args.Objects("folder_peers") {
		in, _ := v.Object("peer")
		p, err := r.peerOf(in)
		if err != nil {
			return nil, err
		}
		e, err := r.server.world.Move(r.Account.id, p, int(v.Int("folder_id")), r.device)
		if err != nil {
			return nil, err
		}
		return r.server.scene(r.Account.id).updates(e), nil
	}
	return nil, refusal(400, "PEER_ID_INVALID")
}
