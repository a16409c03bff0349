package mttest

import (
	"github.com/natsgram/natsgram/mtproto/mttest/world"
	"github.com/natsgram/natsgram/tl/codec"
)

// draft reads what the queries that send have in common.
func (r *Request) draft() (to world.Peer, d world.Draft, err error) {
	to, err = r.peer("peer")
	d = world.Draft{Text: r.Args.Str("message"), RandomID: r.Args.Int("random_id"), Silent: r.Args.Bool("silent"), Origin: r.device}
	if d.RandomID == 0 && err == nil {
		err = refusal(400, "RANDOM_ID_EMPTY")
	}
	d.Entities = entities(r.Args)
	d.ReplyTo = int(r.Args.Int("reply_to_msg_id")) // older layers
	if v, ok := r.Args.Object("reply_to"); ok {
		d.ReplyTo = int(v.Int("reply_to_msg_id"))
	}
	return to, d, err
}

// entities keeps the formatting of a message as it came.
func entities(v codec.View) any {
	var all []codec.Raw
	for e := range v.Objects("entities") {
		all = append(all, append(codec.Raw(nil), e.Raw()...))
	}
	if len(all) == 0 {
		return nil
	}
	return all
}

func sendMessage(r *Request) (any, error) {
	to, d, err := r.draft()
	if err != nil {
		return nil, err
	}
	w, err := r.server.world.Send(r.Account.id, to, d)
	if err != nil {
		return nil, err
	}
	return r.sent(w), nil
}

func sendMedia(r *Request) (any, error) {
	to, d, err := r.draft()
	if err != nil {
		return nil, err
	}
	media, _ := r.Args.Object("media")
	if d.Media, err = r.media(media); err != nil {
		return nil, err
	}
	w, err := r.server.world.Send(r.Account.id, to, d)
	if err != nil {
		return nil, err
	}
	return r.sent(w), nil
}

func editMessage(r *Request) (any, error) {
	in, err := r.peer("peer")
	if err != nil {
		return nil, err
	}
	e, err := r.server.world.Edit(r.Account.id, in, int(r.Args.Int("id")), world.Edit{
		Text: r.Args.Str("message"), Entities: entities(r.Args), Origin: r.device,
	})
	if err != nil {
		return nil, err
	}
	return r.server.scene(r.Account.id).updates(e), nil
}

func affected(e world.Event) M {
	return M{"_": "messages.affectedMessages", "pts": e.Pts, "pts_count": e.Count}
}

func deleteMessages(r *Request) (any, error) {
	e, err := r.server.world.Delete(r.Account.id, ints(r.Args.Longs("id")), r.Args.Bool("revoke"), r.device)
	return affected(e), err
}

func readHistory(r *Request) (any, error) {
	in, err := r.peer("peer")
	if err != nil {
		return nil, err
	}
	e, err := r.server.world.Read(r.Account.id, in, int(r.Args.Int("max_id")), r.device)
	return affected(e), err
}

func setTyping(r *Request) (any, error) {
	in, err := r.peer("peer")
	if err != nil {
		return nil, err
	}
	action, _ := r.Args.Object("action")
	return true, r.server.world.Type(r.Account.id, in, append(codec.Raw(nil), action.Raw()...))
}

const maxHistory = 100

func getHistory(r *Request) (any, error) { return r.pageOf(0) }

func getReplies(r *Request) (any, error) { return r.pageOf(int(r.Args.Int("msg_id"))) }

// pageOf is a page of a history, or of a thread in it.
func (r *Request) pageOf(thread int) (any, error) {
	in, err := r.peer("peer")
	if err != nil {
		return nil, err
	}
	page := world.Page{
		OffsetID: int(r.Args.Int("offset_id")), OffsetDate: int(r.Args.Int("offset_date")), AddOffset: int(r.Args.Int("add_offset")),
		Limit: int(r.Args.Int("limit")), MaxID: int(r.Args.Int("max_id")), MinID: int(r.Args.Int("min_id")),
		Thread: thread,
	}
	if page.Limit <= 0 || page.Limit > maxHistory {
		page.Limit = maxHistory
	}
	h, err := r.server.world.History(r.Account.id, in, page)
	if err != nil {
		return nil, err
	}
	return r.history(in, h), nil
}

// history is the form that a piece of a conversation takes: the channel's, a slice, or all there is.
func (r *Request) history(in world.Peer, h world.History) M {
	c := r.server.scene(r.Account.id)
	m := M{"_": "messages.messages", "messages": c.messages(h.Messages)}
	c.mention(in)
	switch {
	case in.Kind == world.KindChannel:
		ch, _, _ := r.server.world.Channel(r.Account.id, in.ID)
		m["_"], m["pts"], m["count"] = "messages.channelMessages", ch.Pts, h.Count
	case len(h.Messages) < h.Count:
		m["_"], m["count"] = "messages.messagesSlice", h.Count
	}
	m["users"], m["chats"] = c.users(), c.chats()
	return m
}

// messageIDs reads a Vector<InputMessage>.
func messageIDs(v codec.View) (ids []int) {
	for o := range v.Objects("id") {
		ids = append(ids, int(o.Int("id")))
	}
	return ids
}

// listed shows messages by id; what is not there is empty.
func (r *Request) listed(ids []int, found []*world.Message) ([]M, *scene) {
	c := r.server.scene(r.Account.id)
	shown := make([]M, len(ids))
	for i, m := range found {
		if shown[i] = (M{"_": "messageEmpty", "id": ids[i]}); m != nil {
			shown[i] = c.message(m)
		}
	}
	return shown, c
}

func getMessages(r *Request) (any, error) {
	ids := messageIDs(r.Args)
	shown, c := r.listed(ids, r.server.world.Messages(r.Account.id, ids))
	return M{"_": "messages.messages", "messages": shown, "users": c.users(), "chats": c.chats()}, nil
}

// invited is the answer of what brings people into a group: recent layers list who could not be.
func (r *Request) invited(w world.Sent) M {
	if r.method.decl.Result.Name == "Updates" {
		return r.sent(w)
	}
	return M{"_": "messages.invitedUsers", "updates": r.sent(w), "missing_invitees": []M{}}
}

func createChat(r *Request) (any, error) {
	var members []int64
	for v := range r.Args.Objects("users") {
		p, err := r.peerOf(v)
		if err != nil {
			return nil, err
		}
		members = append(members, p.ID)
	}
	if len(members) == 0 {
		return nil, refusal(400, "USERS_TOO_FEW")
	}
	_, w, err := r.server.world.AddChat(r.Args.Str("title"), r.Account.id, members, r.device)
	if err != nil {
		return nil, err
	}
	return r.invited(w), nil
}

func addChatUser(r *Request) (any, error) {
	p, err := r.peer("user_id")
	if err != nil {
		return nil, err
	}
	w, err := r.server.world.AddToChat(r.Account.id, r.Args.Int("chat_id"), p.ID, r.device)
	if err != nil {
		return nil, err
	}
	return r.invited(w), nil
}

func getChats(r *Request) (any, error) {
	c := r.server.scene(r.Account.id)
	for _, id := range r.Args.Longs("id") {
		if _, ok := r.server.world.Chat(r.Account.id, id); !ok {
			return nil, refusal(400, "CHAT_ID_INVALID")
		}
		c.mention(world.ChatPeer(id))
	}
	return M{"_": "messages.chats", "chats": c.chats()}, nil
}

func getFullChat(r *Request) (any, error) {
	g, ok := r.server.world.Chat(r.Account.id, r.Args.Int("chat_id"))
	if !ok {
		return nil, refusal(400, "CHAT_ID_INVALID")
	}
	c := r.server.scene(r.Account.id)
	c.mention(world.ChatPeer(g.ID))
	var members []M
	for _, id := range g.Members {
		c.mention(world.UserPeer(id))
		if id == g.Creator {
			members = append(members, M{"_": "chatParticipantCreator", "user_id": id})
		} else {
			members = append(members, M{"_": "chatParticipant", "user_id": id, "inviter_id": g.Creator, "date": g.Date})
		}
	}
	return M{"_": "messages.chatFull", "users": c.users(), "chats": c.chats(), "full_chat": M{
		"_": "chatFull", "id": g.ID, "about": "", "notify_settings": M{"_": "peerNotifySettings"},
		"participants": M{"_": "chatParticipants", "chat_id": g.ID, "participants": members, "version": g.Version},
	}}, nil
}
