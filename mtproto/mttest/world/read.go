package world

import "slices"

// Page asks for a piece of a history, newest first, the way messages.getHistory means it.
type Page struct {
	OffsetID, OffsetDate int
	AddOffset, Limit     int
	MaxID, MinID         int // exclusive; 0: none
	Thread               int // messages that answer this one, and those that answer them; 0: all
}

// History is a piece of a conversation.
type History struct {
	Messages []*Message
	Count    int // of all messages of the conversation
}

// History reads a conversation as viewer sees it.
func (w *World) History(viewer int64, in Peer, p Page) (History, error) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	all, err := w.conversation(viewer, in)
	if err != nil {
		return History{}, err
	}
	if p.Thread > 0 {
		if all = thread(all, p.Thread); all == nil {
			return History{}, refuse("MSG_ID_INVALID")
		}
	}
	return History{Messages: p.cut(all), Count: len(all)}, nil
}

// thread are the messages that answer one, at whatever distance, newest first; nil: there is no such message.
func thread(all []*Message, root int) (in []*Message) {
	within := map[int]bool{}
	for _, m := range slices.Backward(all) {
		switch {
		case m.ID == root:
			within[root], in = true, []*Message{}
		case within[m.ReplyTo]:
			within[m.ID], in = true, append(in, m)
		}
	}
	slices.Reverse(in)
	return in
}

// conversation is all messages, newest first.
func (w *World) conversation(viewer int64, in Peer) ([]*Message, error) {
	u := w.users[viewer]
	switch {
	case u == nil:
		return nil, refuse("USER_ID_INVALID")
	case in.Kind == KindChannel:
		c, err := w.visible(viewer, in.ID)
		if err != nil {
			return nil, err
		}
		return c.shelf.newest(len(c.shelf.all)), nil
	case in.Kind == KindUser && w.users[in.ID] == nil, in.Kind == KindChat && w.chats[in.ID] == nil:
		return nil, refuse("PEER_ID_INVALID")
	}
	d := u.dialogs[in]
	if d == nil {
		return nil, nil
	}
	all := make([]*Message, 0, len(d.ids))
	for _, id := range slices.Backward(d.ids) {
		all = append(all, u.shelf.get(id))
	}
	return all, nil
}

func (p Page) cut(all []*Message) []*Message {
	start := 0
	if p.OffsetID > 0 || p.OffsetDate > 0 {
		start = len(all)
		for i, m := range all {
			if (p.OffsetID == 0 || m.ID < p.OffsetID) && (p.OffsetDate == 0 || m.Date < p.OffsetDate) {
				start = i
				break
			}
		}
	}
	start = min(max(start+p.AddOffset, 0), len(all))
	end := min(start+max(p.Limit, 0), len(all))
	var page []*Message
	for _, m := range all[start:max(start, end)] {
		if (p.MaxID == 0 || m.ID < p.MaxID) && m.ID > p.MinID {
			page = append(page, m)
		}
	}
	return page
}

// Messages finds messages of the viewer's common box by id; nil stands where there is none.
func (w *World) Messages(viewer int64, ids []int) []*Message {
	w.mu.RLock()
	defer w.mu.RUnlock()
	found := make([]*Message, len(ids))
	if u := w.users[viewer]; u != nil {
		for i, id := range ids {
			found[i] = u.shelf.get(id)
		}
	}
	return found
}

// ChannelMessages finds messages of a channel by id; nil stands where there is none.
func (w *World) ChannelMessages(viewer, channelID int64, ids []int) ([]*Message, error) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	c, err := w.visible(viewer, channelID)
	if err != nil {
		return nil, err
	}
	found := make([]*Message, len(ids))
	for i, id := range ids {
		found[i] = c.shelf.get(id)
	}
	return found, nil
}

// Dialog is a conversation in a user's list.
type Dialog struct {
	Peer                    Peer
	Top                     *Message // nil: empty
	Last                    *Message // the newest that ever was; nil: there never was one
	ReadIn, ReadOut, Unread int
	Pts                     int // of a channel
	Pinned, UnreadMark      bool
	Folder                  int
	Draft, Notify           any // nil: none was set
}

// Dialogs is the list of a user's conversations, the last spoken in first.
func (w *World) Dialogs(id int64) []Dialog {
	w.mu.RLock()
	defer w.mu.RUnlock()
	u := w.users[id]
	if u == nil {
		return nil
	}
	var all []Dialog
	for _, p := range u.order {
		all = append(all, w.dialogOf(u, p))
	}
	for _, c := range u.joined {
		all = append(all, w.dialogOf(u, ChannelPeer(c)))
	}
	u.marks.sort(all)
	return all
}

// Dialog is one conversation as a user has it; empty where the two never spoke.
func (w *World) Dialog(id int64, p Peer) Dialog {
	w.mu.RLock()
	defer w.mu.RUnlock()
	u := w.users[id]
	if u == nil {
		return Dialog{Peer: p}
	}
	return w.dialogOf(u, p)
}

// Place is where a conversation stands in the list: by its newest message, or, where all are deleted, by the newest that was there.
func (d Dialog) Place() (date, id int) {
	switch {
	case d.Top != nil:
		return d.Top.Date, d.Top.ID
	case d.Last != nil:
		return d.Last.Date, d.Last.ID
	}
	return 0, 0
}

func (w *World) dialogOf(u *user, p Peer) Dialog { return u.marks.mark(w.spoken(u, p)) }

// spoken is a conversation without what the user has set of it.
func (w *World) spoken(u *user, p Peer) Dialog {
	if p.Kind == KindChannel {
		c := w.channels[p.ID]
		if c == nil {
			return Dialog{Peer: p}
		}
		d := Dialog{Peer: p, Top: c.shelf.top(), Last: c.shelf.last, Unread: c.unread(u.ID), Pts: c.box.pts}
		if m := c.members[u.ID]; m != nil {
			d.ReadIn = m.readIn
		}
		return d
	}
	d := u.dialogs[p]
	if d == nil {
		return Dialog{Peer: p}
	}
	full := Dialog{Peer: p, Last: d.last, ReadIn: d.readIn, ReadOut: d.readOut, Unread: d.unread}
	if n := len(d.ids); n > 0 {
		full.Top = u.shelf.get(d.ids[n-1])
	}
	return full
}

// AddFile keeps an uploaded file and gives it an id.
func (w *World) AddFile(f File) *File {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lastID.file++
	f.ID, f.Date = w.lastID.file, w.Date()
	w.files[f.ID] = &f
	return &f
}

// File finds a file by id.
func (w *World) File(id int64) (*File, bool) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	f, ok := w.files[id]
	return f, ok
}
