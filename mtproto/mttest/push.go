package mttest

import (
	"maps"

	"github.com/natsgram/natsgram/mtproto/mttest/world"
)

// deliver hands an event to the devices of a user. The world is locked: nothing is built here, the updates are when they
// are sent.
func (s *Server) deliver(user int64, e world.Event) {
	a := s.Account(user)
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, d := range a.devices {
		// Whoever caused it learns it from the answer to its query.
		if o, ok := e.Origin.(*device); ok && o == d {
			continue
		}
		build := func() []byte { return s.push(user, e) }
		if s.late(d, &e) {
			s.pushLater(d, build)
		} else {
			d.push(build)
		}
	}
}

// push builds what a device is told of an event.
func (s *Server) push(user int64, e world.Event) []byte {
	c := s.scene(user)
	m := c.short(e)
	if m == nil {
		m = c.updates(e)
	}
	b, err := s.enc.object(m)
	if err != nil {
		s.cfg.Log.Error("mttest: cannot write an update", "error", err)
		return nil
	}
	return b
}

// short is the form without users and chats, for what fits into it (E5); nil: it does not.
func (c *scene) short(e world.Event) M {
	switch e.What {
	case world.Typing, world.Status:
		return M{"_": "updateShort", "update": c.update(e), "date": e.Date}
	case world.Raw:
		if e.Seq == 0 && e.Qts == 0 {
			return M{"_": "updateShort", "update": c.update(e), "date": e.Date}
		}
	case world.NewMessage:
		return c.shortMessage(e)
	}
	return nil
}

func (c *scene) shortMessage(e world.Event) M {
	m := e.Msg
	if !c.s.cfg.Updates.Short || m.Media != nil || m.Action != nil || m.Peer.Kind == world.KindChannel || m.ReplyTo != 0 {
		return nil
	}
	o := M{"_": "updateShortMessage", "id": m.ID, "message": m.Text, "pts": e.Pts, "pts_count": e.Count, "date": m.Date, "out": c.out(m), "silent": m.Silent}
	if m.Entities != nil {
		o["entities"] = m.Entities
	}
	if m.Peer.Kind == world.KindChat {
		o["_"], o["chat_id"], o["from_id"] = "updateShortChatMessage", m.Peer.ID, m.From
	} else {
		o["user_id"] = m.Peer.ID
	}
	return o
}

// updates is the full form: the updates with all whom they mention. Extra updates go in front.
func (c *scene) updates(e world.Event, extra ...M) M {
	c.min = c.s.cfg.Updates.Min && e.Channel()
	all := append(extra, c.each(e)...) //nolint:gocritic // extra is the caller's variadic slice
	m := M{"_": "updates", "updates": all, "users": c.users(), "chats": c.chats(), "date": e.Date, "seq": e.Seq}
	if e.SeqStart < e.Seq {
		m["_"], m["seq_start"] = "updatesCombined", e.SeqStart
	}
	return m
}

// each is the Updates of an event: one, or what a script handed in.
func (c *scene) each(e world.Event) []M {
	if e.What != world.Raw {
		return []M{c.update(e)}
	}
	all := make([]M, 0, len(e.Body))
	for _, body := range e.Body {
		all = append(all, rawUpdate(body, e.Qts))
	}
	return all
}

// update is the Update of an event that has one.
func (c *scene) update(e world.Event) M {
	if e.Channel() {
		return c.channelUpdate(e)
	}
	switch e.What {
	case world.NewMessage:
		return M{"_": "updateNewMessage", "message": c.message(e.Msg), "pts": e.Pts, "pts_count": e.Count}
	case world.EditMessage:
		return M{"_": "updateEditMessage", "message": c.message(e.Msg), "pts": e.Pts, "pts_count": e.Count}
	case world.DeleteMessage:
		return M{"_": "updateDeleteMessages", "messages": e.IDs, "pts": e.Pts, "pts_count": e.Count}
	case world.ReadInbox:
		c.mention(e.Peer)
		return M{
			"_": "updateReadHistoryInbox", "peer": peer(e.Peer), "max_id": e.MaxID, "still_unread_count": e.Unread, "pts": e.Pts, "pts_count": e.Count,
		}
	case world.ReadOutbox:
		c.mention(e.Peer)
		return M{"_": "updateReadHistoryOutbox", "peer": peer(e.Peer), "max_id": e.MaxID, "pts": e.Pts, "pts_count": e.Count}
	case world.Moved:
		p, _ := e.Body[0].(world.Peer)
		c.mention(p)
		return M{
			"_": "updateFolderPeers", "folder_peers": []M{{"_": "folderPeer", "peer": peer(p), "folder_id": e.MaxID}}, "pts": e.Pts, "pts_count": e.Count,
		}
	case world.Typing:
		if e.Peer.Kind == world.KindChat {
			return M{"_": "updateChatUserTyping", "chat_id": e.Peer.ID, "from_id": peer(world.UserPeer(e.From)), "action": e.Body[0]}
		}
		return M{"_": "updateUserTyping", "user_id": e.From, "action": e.Body[0]}
	case world.Status:
		u, _ := c.s.world.User(e.From)
		u.Online, u.Seen = e.Online, e.Date
		return M{"_": "updateUserStatus", "user_id": e.From, "status": status(u)}
	}
	return c.each(e)[0]
}

// rawUpdate is what a script handed in, with its number filled in.
func rawUpdate(v any, qts int) M {
	body, _ := v.(M)
	m := M{}
	maps.Copy(m, body)
	if qts > 0 {
		m["qts"] = qts
	}
	return m
}

func (c *scene) channelUpdate(e world.Event) M {
	c.mention(e.Peer)
	switch e.What {
	case world.NewMessage:
		return M{"_": "updateNewChannelMessage", "message": c.message(e.Msg), "pts": e.Pts, "pts_count": e.Count}
	case world.EditMessage:
		return M{"_": "updateEditChannelMessage", "message": c.message(e.Msg), "pts": e.Pts, "pts_count": e.Count}
	case world.DeleteMessage:
		return M{"_": "updateDeleteChannelMessages", "channel_id": e.Peer.ID, "messages": e.IDs, "pts": e.Pts, "pts_count": e.Count}
	case world.ReadInbox:
		return M{"_": "updateReadChannelInbox", "channel_id": e.Peer.ID, "max_id": e.MaxID, "still_unread_count": e.Unread, "pts": e.Pts}
	case world.Typing:
		c.mention(world.UserPeer(e.From))
		return M{"_": "updateChannelUserTyping", "channel_id": e.Peer.ID, "from_id": peer(world.UserPeer(e.From)), "action": e.Body[0]}
	}
	return M{"_": "updateChannel", "channel_id": e.Peer.ID}
}

// sent is the answer to a query that sent a message (D19).
func (r *Request) sent(w world.Sent) M {
	c := r.server.scene(r.Account.id)
	e := w.Event
	if m := e.Msg; c.s.cfg.Updates.Short && m.Peer.Kind == world.KindUser && m.Media == nil && m.Action == nil {
		o := M{"_": "updateShortSentMessage", "id": m.ID, "pts": e.Pts, "pts_count": e.Count, "date": m.Date, "out": true}
		if m.Entities != nil {
			o["entities"] = m.Entities
		}
		return o
	}
	var extra []M
	if e.Msg.RandomID != 0 {
		extra = append(extra, M{"_": "updateMessageID", "id": e.Msg.ID, "random_id": e.Msg.RandomID})
	}
	return c.updates(e, extra...)
}

// TooLong tells every device of an account to ask for the difference (E10), and a channel's members with a channel.
func (a *Account) TooLong(channels ...*Channel) {
	if len(channels) == 0 {
		b := must(a.server.enc.object(M{"_": "updatesTooLong"}))
		a.mu.Lock()
		defer a.mu.Unlock()
		for _, d := range a.devices {
			d.push(func() []byte { return b })
		}
		return
	}
	for _, ch := range channels {
		a.Push(M{"_": "updateChannelTooLong", "channel_id": ch.id, "pts": ch.Pts()})
	}
}
