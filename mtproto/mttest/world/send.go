package world

import (
	"cmp"
	"slices"
)

// Sent is what the sender learns: the event in the box that the message went to, from the sender's side.
type Sent struct {
	Event Event
	// Again: the random_id was known, this is the first result once more.
	Again bool
}

// Send sends a message. Refusals are [*Error].
func (w *World) Send(from int64, to Peer, d Draft) (Sent, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.send(from, to, d)
}

func (w *World) send(from int64, to Peer, d Draft) (Sent, error) {
	u := w.users[from]
	switch {
	case u == nil:
		return Sent{}, refuse("USER_ID_INVALID")
	case d.Text == "" && d.Media == nil && d.action == nil:
		return Sent{}, refuse("MESSAGE_EMPTY")
	case len(d.Text) > 4096*4:
		return Sent{}, refuse("MESSAGE_TOO_LONG")
	}
	if before, known := u.sent[d.RandomID]; known && d.RandomID != 0 {
		if !w.cfg.RepeatSends {
			return Sent{}, &Error{Code: 500, Text: "RANDOM_ID_DUPLICATE"}
		}
		before.Again = true
		return before, nil
	}
	sent, err := w.place(u, to, d)
	if err == nil && d.RandomID != 0 {
		u.sent[d.RandomID] = sent
	}
	return sent, err
}

func (w *World) place(u *user, to Peer, d Draft) (Sent, error) {
	switch to.Kind {
	case KindUser:
		return w.sendToUser(u, to.ID, d)
	case KindChat:
		return w.sendToChat(u, to.ID, d)
	case KindChannel:
		return w.sendToChannel(u, to.ID, d)
	}
	return Sent{}, refuse("PEER_ID_INVALID")
}

// message makes what every copy of a new message has in common.
func (w *World) message(from int64, to Peer, d Draft) Message {
	w.lastID.uid++
	return Message{
		Peer: to, From: from, Silent: d.Silent, Date: w.Date(), Text: d.Text, Entities: d.Entities, Media: d.Media, Action: d.action, RandomID: d.RandomID,
		UID: w.lastID.uid,
	}
}

func (w *World) sendToUser(u *user, to int64, d Draft) (Sent, error) {
	other := w.users[to]
	if other == nil {
		return Sent{}, refuse("PEER_ID_INVALID")
	}
	m := w.message(u.ID, UserPeer(to), d)
	stamp := w.stamp()
	own := w.file(u, m, d, stamp)
	if other != u {
		m.Peer = UserPeer(u.ID)
		w.file(other, m, d, stamp)
	}
	return Sent{Event: own}, nil
}

func (w *World) sendToChat(u *user, to int64, d Draft) (Sent, error) {
	c := w.chats[to]
	if c == nil {
		return Sent{}, refuse("PEER_ID_INVALID")
	}
	if !slices.Contains(c.Members, u.ID) {
		return Sent{}, &Error{Code: 403, Text: "CHAT_WRITE_FORBIDDEN"}
	}
	m := w.message(u.ID, ChatPeer(to), d)
	stamp := w.stamp()
	own := w.file(u, m, d, stamp)
	for _, id := range c.Members {
		if id != u.ID {
			w.file(w.users[id], m, d, stamp)
		}
	}
	return Sent{Event: own}, nil
}

// file puts a copy of m into the common box of u and tells u.
func (w *World) file(u *user, m Message, d Draft, stamp int) Event {
	m.ID, m.Out = u.shelf.next(), m.From == u.ID
	m.ReplyTo = w.translate(m.From, d.ReplyTo, u.ID)
	if m.Out {
		m.RandomID = d.RandomID
	} else {
		m.RandomID = 0
	}
	u.shelf.put(&m)
	w.copies[m.UID] = append(w.copies[m.UID], copyOf{u.ID, m.ID})
	dialog := u.dialog(m.Peer)
	dialog.ids, dialog.last = append(dialog.ids, m.ID), &m
	if m.Out {
		dialog.readIn, dialog.unread = m.ID, 0
	} else {
		dialog.unread++
	}
	return w.record(u, Event{What: NewMessage, Peer: m.Peer, Msg: &m}, 1, stamp, m.From, d.Origin)
}

// record logs e in the common box of u and tells u. The origin is told to the causing user alone.
func (w *World) record(u *user, e Event, count, stamp int, by int64, origin any) Event {
	e.Date = stamp
	if u.ID == by {
		e.Origin = origin
	}
	e = u.box.add(e, count, w.cfg.LogLimit)
	w.deliver(u.ID, e)
	return e
}

// translate finds what message id of one user's box is called in another's.
func (w *World) translate(owner int64, id int, other int64) int {
	if id == 0 || owner == other {
		return id
	}
	m := w.users[owner].shelf.get(id)
	if m == nil {
		return 0
	}
	for _, c := range w.copies[m.UID] {
		if c.user == other {
			return c.id
		}
	}
	return 0
}

func (w *World) sendToChannel(u *user, to int64, d Draft) (Sent, error) {
	c, err := w.visible(u.ID, to)
	if err != nil {
		return Sent{}, err
	}
	if c.members[u.ID] == nil || !c.Megagroup && c.Creator != u.ID {
		return Sent{}, &Error{Code: 403, Text: "CHAT_WRITE_FORBIDDEN"}
	}
	m := w.message(u.ID, ChannelPeer(to), d)
	m.ID, m.Post, m.ReplyTo = c.shelf.next(), !c.Megagroup, d.ReplyTo
	if answered := c.shelf.get(d.ReplyTo); answered != nil && c.Megagroup {
		m.Top = cmp.Or(answered.Top, answered.ReplyTo)
	}
	c.shelf.put(&m)
	c.members[u.ID].readIn = m.ID
	return Sent{Event: w.recordChannel(c, Event{What: NewMessage, Msg: &m}, 1, u.ID, d.Origin)}, nil
}

// recordChannel logs e in the box of c and tells the members.
func (w *World) recordChannel(c *channel, e Event, count int, by int64, origin any) Event {
	e.Peer, e.Date = ChannelPeer(c.ID), w.stamp()
	c.mark = e.Date
	e = c.box.add(e, count, w.cfg.LogLimit)
	told := e
	told.Crowd = len(c.members)
	for id := range c.members {
		if id != by {
			told.Staff = id == c.Creator || w.users[id].Bot
			w.deliver(id, told)
		}
	}
	e.Origin, told.Origin = origin, origin
	told.Staff = true // who caused it is not kept waiting
	w.deliver(by, told)
	return e
}
