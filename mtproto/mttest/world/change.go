package world

import "slices"

// Edit is a change of a message.
type Edit struct {
	Text     string
	Entities any
	Media    *File // nil: as it was
	Origin   any
}

// Edit changes a message of the user's own, in every box that has a copy.
func (w *World) Edit(by int64, in Peer, id int, edit Edit) (Event, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	u := w.users[by]
	if u == nil {
		return Event{}, refuse("USER_ID_INVALID")
	}
	if in.Kind == KindChannel {
		return w.editInChannel(u, in.ID, id, edit)
	}
	m := u.shelf.get(id)
	if err := editable(m, by, edit); err != nil {
		return Event{}, err
	}
	var own Event
	stamp := w.stamp()
	for _, c := range w.copies[m.UID] {
		owner := w.users[c.user]
		changed := changed(owner.shelf.get(c.id), edit, w.Date())
		if changed == nil {
			continue
		}
		owner.shelf.set(c.id, changed)
		e := w.record(owner, Event{What: EditMessage, Peer: changed.Peer, Msg: changed}, 1, stamp, by, edit.Origin)
		if c.user == by {
			own = e
		}
	}
	return own, nil
}

func editable(m *Message, by int64, edit Edit) error {
	switch {
	case m == nil || m.Action != nil:
		return refuse("MESSAGE_ID_INVALID")
	case m.From != by:
		return &Error{Code: 403, Text: "MESSAGE_AUTHOR_REQUIRED"}
	case edit.Text == m.Text && edit.Media == nil:
		return refuse("MESSAGE_NOT_MODIFIED")
	case edit.Text == "" && edit.Media == nil && m.Media == nil:
		return refuse("MESSAGE_EMPTY")
	}
	return nil
}

func changed(m *Message, edit Edit, date int) *Message {
	if m == nil {
		return nil
	}
	c := *m
	c.Text, c.Entities, c.EditDate = edit.Text, edit.Entities, date
	if edit.Media != nil {
		c.Media = edit.Media
	}
	return &c
}

func (w *World) editInChannel(u *user, channelID int64, id int, edit Edit) (Event, error) {
	c, err := w.visible(u.ID, channelID)
	if err != nil {
		return Event{}, err
	}
	m := c.shelf.get(id)
	if err := editable(m, u.ID, edit); err != nil {
		return Event{}, err
	}
	m = changed(m, edit, w.Date())
	c.shelf.set(id, m)
	return w.recordChannel(c, Event{What: EditMessage, Msg: m}, 1, u.ID, edit.Origin), nil
}

// Delete takes messages out of the user's common box, with revoke also out of the others'. Ids that are not there are
// passed over, as Telegram does. The event tells the pts after it; with nothing deleted it carries a count of 0.
func (w *World) Delete(by int64, ids []int, revoke bool, origin any) (Event, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	u := w.users[by]
	if u == nil {
		return Event{}, refuse("USER_ID_INVALID")
	}
	gone := map[int64][]int{}
	for _, id := range ids {
		m := u.shelf.get(id)
		if m == nil {
			continue
		}
		for _, c := range w.copies[m.UID] {
			if c.user == by || revoke {
				gone[c.user] = append(gone[c.user], c.id)
			}
		}
	}
	own := Event{What: DeleteMessage, Pts: u.box.pts}
	stamp := w.stamp()
	for id, ids := range gone {
		if e, dropped := w.drop(w.users[id], ids, stamp, by, origin); dropped && id == by {
			own = e
		}
	}
	return own, nil
}

func (w *World) drop(u *user, ids []int, stamp int, by int64, origin any) (Event, bool) {
	ids = slices.DeleteFunc(ids, func(id int) bool { return u.shelf.get(id) == nil })
	slices.Sort(ids)
	ids = slices.Compact(ids)
	if len(ids) == 0 {
		return Event{}, false
	}
	for _, id := range ids {
		m := u.shelf.get(id)
		d := u.dialogs[m.Peer]
		if id > d.readIn && !m.Out {
			d.unread--
		}
		d.ids = slices.DeleteFunc(d.ids, func(have int) bool { return have == id })
		u.shelf.set(id, nil)
	}
	return w.record(u, Event{What: DeleteMessage, IDs: ids}, len(ids), stamp, by, origin), true
}

// DeleteInChannel takes messages out of a channel. A user may delete its own, the creator everybody's.
func (w *World) DeleteInChannel(by, channelID int64, ids []int, origin any) (Event, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c, err := w.visible(by, channelID)
	if err != nil {
		return Event{}, err
	}
	var gone []int
	for _, id := range ids {
		m := c.shelf.get(id)
		if m == nil || slices.Contains(gone, id) {
			continue
		}
		if m.From != by && c.Creator != by {
			return Event{}, &Error{Code: 403, Text: "MESSAGE_DELETE_FORBIDDEN"}
		}
		gone = append(gone, id)
	}
	if len(gone) == 0 {
		return Event{What: DeleteMessage, Peer: ChannelPeer(channelID), Pts: c.box.pts}, nil
	}
	for _, id := range gone {
		c.shelf.set(id, nil)
	}
	return w.recordChannel(c, Event{What: DeleteMessage, IDs: gone}, len(gone), by, origin), nil
}

// Read marks a conversation of the common box as read up to maxID (0: all of it), and tells those whose messages were
// read.
func (w *World) Read(by int64, in Peer, maxID int, origin any) (Event, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	u := w.users[by]
	if u == nil || u.dialogs[in] == nil {
		return Event{}, refuse("PEER_ID_INVALID")
	}
	d := u.dialogs[in]
	if n := len(d.ids); n > 0 && (maxID == 0 || maxID > d.ids[n-1]) {
		maxID = d.ids[n-1]
	}
	if maxID <= d.readIn {
		return Event{What: ReadInbox, Peer: in, MaxID: d.readIn, Pts: u.box.pts}, nil
	}
	before := d.readIn
	d.readIn = maxID
	d.unread = u.countUnread(d)
	stamp := w.stamp()
	own := w.record(u, Event{What: ReadInbox, Peer: in, MaxID: maxID, Unread: d.unread}, 1, stamp, by, origin)
	w.tellWriters(u, in, before, maxID, stamp)
	return own, nil
}

// tellWriters says to everybody who wrote in that the messages from..to were read.
func (w *World) tellWriters(u *user, in Peer, from, to, stamp int) {
	read := map[int64]int{}
	for _, id := range u.dialogs[in].ids {
		if m := u.shelf.get(id); id > from && id <= to && m != nil && m.From != u.ID {
			read[m.From] = max(read[m.From], w.translate(u.ID, id, m.From))
		}
	}
	for writer, id := range read {
		other, peer := w.users[writer], in
		if in.Kind == KindUser {
			peer = UserPeer(u.ID)
		}
		if d := other.dialogs[peer]; d != nil && id > d.readOut {
			d.readOut = id
			w.record(other, Event{What: ReadOutbox, Peer: peer, MaxID: id}, 1, stamp, 0, nil)
		}
	}
}

func (u *user) countUnread(d *dialog) (n int) {
	for i := len(d.ids) - 1; i >= 0 && d.ids[i] > d.readIn; i-- {
		if m := u.shelf.get(d.ids[i]); m != nil && !m.Out {
			n++
		}
	}
	return n
}

// ReadChannel marks a channel as read up to maxID. The event carries the channel's pts, which it does not move.
func (w *World) ReadChannel(by, channelID int64, maxID int, origin any) (Event, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c, err := w.visible(by, channelID)
	if err != nil {
		return Event{}, err
	}
	m := c.members[by]
	if m == nil {
		return Event{}, refuse("CHANNEL_PRIVATE")
	}
	if top := len(c.shelf.all); maxID == 0 || maxID > top {
		maxID = top
	}
	m.readIn = max(m.readIn, maxID)
	e := Event{What: ReadInbox, Peer: ChannelPeer(channelID), MaxID: m.readIn, Unread: c.unread(by), Pts: c.box.pts, Date: w.Date(), Origin: origin}
	w.deliver(by, e)
	return e, nil
}

// Type tells the others in a conversation that a user is typing; body is passed through.
func (w *World) Type(by int64, in Peer, body any) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	others, err := w.audience(by, in)
	if err != nil {
		return err
	}
	e := Event{What: Typing, From: by, Peer: in, Body: []any{body}, Date: w.Date()}
	if in.Kind == KindUser {
		e.Peer = UserPeer(by)
	}
	for _, id := range others {
		if id != by {
			w.deliver(id, e)
		}
	}
	return nil
}

func (w *World) audience(by int64, in Peer) ([]int64, error) {
	switch in.Kind {
	case KindUser:
		if w.users[in.ID] != nil {
			return []int64{in.ID}, nil
		}
	case KindChat:
		if c := w.chats[in.ID]; c != nil && slices.Contains(c.Members, by) {
			return c.Members, nil
		}
	case KindChannel:
		c, err := w.visible(by, in.ID)
		if err != nil {
			return nil, err
		}
		var all []int64
		for id := range c.members {
			all = append(all, id)
		}
		return all, nil
	}
	return nil, refuse("PEER_ID_INVALID")
}
