package mttest

import (
	"slices"

	"github.com/natsgram/natsgram/mtproto/mttest/world"
)

// scene shows pieces of the world to one viewer, and gathers the users and chats that they mention.
type scene struct {
	s      *Server
	viewer int64
	people []int64
	rooms  []world.Peer
	min    bool // who is no contact is shown as a min user
}

func (s *Server) scene(viewer int64) *scene { return &scene{s: s, viewer: viewer} }

// mention has users and chats listed.
func (c *scene) mention(all ...world.Peer) {
	for _, p := range all {
		switch {
		case p.ID == 0:
		case p.Kind == world.KindUser && !slices.Contains(c.people, p.ID):
			c.people = append(c.people, p.ID)
		case p.Kind != world.KindUser && !slices.Contains(c.rooms, p):
			c.rooms = append(c.rooms, p)
		}
	}
}

// users shows everybody who was mentioned.
func (c *scene) users() []M {
	all := make([]M, len(c.people))
	for i, id := range c.people {
		all[i] = c.user(id)
	}
	return all
}

// chats shows the groups and channels that were mentioned.
func (c *scene) chats() []M {
	all := make([]M, len(c.rooms))
	for i, p := range c.rooms {
		all[i] = c.room(p)
	}
	return all
}

func optional[T comparable](m M, field string, v T) {
	var zero T
	if v != zero {
		m[field] = v
	}
}

func (c *scene) user(id int64) M {
	u, ok := c.s.world.User(id)
	if !ok {
		return M{"_": "userEmpty", "id": id}
	}
	m := M{
		"_": "user", "id": id, "access_hash": c.s.world.AccessHash(c.viewer, world.UserPeer(id)), "first_name": u.First,
		"self": id == c.viewer, "bot": u.Bot, "premium": u.Premium,
	}
	optional(m, "last_name", u.Last)
	optional(m, "username", u.Username)
	contact := slices.Contains(c.s.world.Contacts(c.viewer), id)
	if c.min && id != c.viewer && !contact && !u.Bot { // E21: its access hash is good for photos alone
		m["min"], m["access_hash"] = true, c.s.world.AccessHash(id, world.UserPeer(c.viewer))
		return m
	}
	switch {
	case u.Bot:
		m["bot_info_version"] = 1
	case id == c.viewer || contact:
		optional(m, "phone", u.Phone)
		m["contact"] = contact && id != c.viewer
		fallthrough
	default:
		m["status"] = status(u)
	}
	return m
}

func status(u world.User) M {
	switch {
	case u.Online:
		return M{"_": "userStatusOnline", "expires": u.Seen + 300}
	case u.Seen > 0:
		return M{"_": "userStatusOffline", "was_online": u.Seen}
	}
	return M{"_": "userStatusEmpty"}
}

func (c *scene) room(p world.Peer) M {
	if p.Kind == world.KindChannel {
		return c.channel(p.ID)
	}
	g, ok := c.s.world.Chat(c.viewer, p.ID)
	if !ok {
		return M{"_": "chatForbidden", "id": p.ID, "title": "?"}
	}
	return M{
		"_": "chat", "id": g.ID, "title": g.Title, "photo": M{"_": "chatPhotoEmpty"}, "participants_count": len(g.Members), "date": g.Date,
		"version": g.Version, "creator": g.Creator == c.viewer,
	}
}

func (c *scene) channel(id int64) M {
	ch, me, ok := c.s.world.Channel(c.viewer, id)
	hash := c.s.world.AccessHash(c.viewer, world.ChannelPeer(id))
	if !ok || !me.Member && ch.Username == "" {
		return M{"_": "channelForbidden", "id": id, "access_hash": hash, "title": ch.Title, "broadcast": !ch.Megagroup, "megagroup": ch.Megagroup}
	}
	m := M{
		"_": "channel", "id": id, "access_hash": hash, "title": ch.Title, "photo": M{"_": "chatPhotoEmpty"}, "date": ch.Date,
		"broadcast": !ch.Megagroup, "megagroup": ch.Megagroup, "creator": me.Creator, "left": !me.Member, "participants_count": ch.Members, "version": 0,
	}
	optional(m, "username", ch.Username)
	if me.Creator {
		m["admin_rights"] = M{
			"_": "chatAdminRights", "change_info": true, "post_messages": true, "edit_messages": true, "delete_messages": true,
			"ban_users": true, "invite_users": true, "pin_messages": true, "add_admins": true,
		}
	}
	return m
}

// peer writes a Peer.
func peer(p world.Peer) M {
	switch p.Kind {
	case world.KindChat:
		return M{"_": "peerChat", "chat_id": p.ID}
	case world.KindChannel:
		return M{"_": "peerChannel", "channel_id": p.ID}
	}
	return M{"_": "peerUser", "user_id": p.ID}
}

func (c *scene) messages(all []*world.Message) []M {
	shown := make([]M, len(all))
	for i, m := range all {
		shown[i] = c.message(m)
	}
	return shown
}

func (c *scene) message(m *world.Message) M {
	c.mention(m.Peer)
	out := m.From == c.viewer
	if m.Peer.Kind != world.KindChannel {
		out = c.out(m)
	}
	o := M{"_": "message", "id": m.ID, "peer_id": peer(m.Peer), "date": m.Date, "message": m.Text, "out": out, "post": m.Post, "silent": m.Silent}
	if !m.Post {
		o["from_id"] = peer(world.UserPeer(m.From))
		c.mention(world.UserPeer(m.From))
	}
	optional(o, "edit_date", m.EditDate)
	if m.Entities != nil {
		o["entities"] = m.Entities
	}
	if m.Media != nil {
		o["media"] = c.media(m.Media)
	}
	if m.ReplyTo != 0 {
		header := M{"_": "messageReplyHeader", "reply_to_msg_id": m.ReplyTo}
		optional(header, "reply_to_top_id", m.Top)
		o["reply_to"] = header
	}
	if m.Post {
		o["views"], o["forwards"] = 1, 0
	}
	if m.Action != nil {
		o["_"], o["action"] = "messageService", c.action(m.Action)
	}
	return o
}

// out is what Telegram says of who wrote a message outside of channels: of what the viewer saved in the chat with itself it does not.
func (c *scene) out(m *world.Message) bool { return m.Out && m.Peer != world.UserPeer(c.viewer) }

func (c *scene) action(a *world.Action) M {
	for _, id := range a.Users {
		c.mention(world.UserPeer(id))
	}
	switch a.What {
	case world.ChatCreated:
		return M{"_": "messageActionChatCreate", "title": a.Title, "users": a.Users}
	case world.ChannelCreated:
		return M{"_": "messageActionChannelCreate", "title": a.Title}
	case world.UsersAdded:
		return M{"_": "messageActionChatAddUser", "users": a.Users}
	case world.JoinedByLink:
		return M{"_": "messageActionChatJoinedByLink", "inviter_id": 0}
	}
	return M{"_": "messageActionEmpty"}
}

func (c *scene) media(f *world.File) M {
	if f.Photo {
		return M{"_": "messageMediaPhoto", "photo": c.photo(f)}
	}
	return M{"_": "messageMediaDocument", "document": c.document(f)}
}

func (c *scene) photo(f *world.File) M {
	return M{
		"_": "photo", "id": f.ID, "access_hash": c.s.fileHash(c.viewer, f.ID), "file_reference": c.s.fileReference(f.ID), "date": f.Date, "dc_id": f.DC,
		"sizes": []M{{"_": "photoSize", "type": "x", "w": 800, "h": 600, "size": len(f.Data)}},
	}
}

func (c *scene) document(f *world.File) M {
	return M{
		"_": "document", "id": f.ID, "access_hash": c.s.fileHash(c.viewer, f.ID), "file_reference": c.s.fileReference(f.ID), "date": f.Date, "dc_id": f.DC,
		"mime_type": f.MimeType, "size": int64(len(f.Data)), "attributes": []M{{"_": "documentAttributeFilename", "file_name": f.Name}},
	}
}

// dialog shows a conversation, and mentions what it needs.
func (c *scene) dialog(d world.Dialog) M {
	c.mention(d.Peer)
	m := M{
		"_": "dialog", "peer": peer(d.Peer), "top_message": 0, "read_inbox_max_id": d.ReadIn, "read_outbox_max_id": d.ReadOut, "unread_count": d.Unread,
		"unread_mentions_count": 0, "unread_reactions_count": 0, "notify_settings": M{"_": "peerNotifySettings"},
	}
	if d.Top != nil {
		m["top_message"] = d.Top.ID
	}
	if d.Peer.Kind == world.KindChannel {
		m["pts"] = d.Pts
	}
	m["pinned"], m["unread_mark"] = d.Pinned, d.UnreadMark
	optional(m, "folder_id", d.Folder)
	if d.Draft != nil {
		m["draft"] = d.Draft
	}
	if d.Notify != nil {
		m["notify_settings"] = d.Notify
	}
	return m
}
