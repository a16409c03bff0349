package mttest

import (
	"github.com/natsgram/natsgram/mtproto/mttest/world"
)

func createChannel(r *Request) (any, error) {
	_, w, err := r.server.world.AddChannel(world.NewChannel{
		Title: r.Args.Str("title"), About: r.Args.Str("about"), Megagroup: r.Args.Bool("megagroup"), Creator: r.Account.id, Origin: r.device,
	})
	if err != nil {
		return nil, err
	}
	c := r.server.scene(r.Account.id)
	return c.updates(w.Event, M{"_": "updateChannel", "channel_id": w.Event.Peer.ID}), nil
}

// membership is the answer to joining and leaving.
func (r *Request) membership(p world.Peer) M {
	c := r.server.scene(r.Account.id)
	return c.updates(world.Event{What: world.Membership, Peer: p, Date: r.server.world.Date()})
}

func joinChannel(r *Request) (any, error) {
	p, err := r.peer("channel")
	if err != nil {
		return nil, err
	}
	if err := r.server.world.Join(r.Account.id, p.ID); err != nil {
		return nil, err
	}
	return r.membership(p), nil
}

func leaveChannel(r *Request) (any, error) {
	p, err := r.peer("channel")
	if err != nil {
		return nil, err
	}
	if err := r.server.world.Leave(r.Account.id, p.ID); err != nil {
		return nil, err
	}
	return r.membership(p), nil
}

func getChannels(r *Request) (any, error) {
	c := r.server.scene(r.Account.id)
	for v := range r.Args.Objects("id") {
		p, err := r.peerOf(v)
		if err != nil {
			return nil, err
		}
		c.mention(p)
	}
	return M{"_": "messages.chats", "chats": c.chats()}, nil
}

func getFullChannel(r *Request) (any, error) {
	p, err := r.peer("channel")
	if err != nil {
		return nil, err
	}
	ch, _, _ := r.server.world.Channel(r.Account.id, p.ID)
	d := r.server.world.Dialog(r.Account.id, p)
	c := r.server.scene(r.Account.id)
	c.mention(p)
	return M{"_": "messages.chatFull", "users": c.users(), "chats": c.chats(), "full_chat": M{
		"_": "channelFull", "id": ch.ID, "about": ch.About, "participants_count": ch.Members, "read_inbox_max_id": d.ReadIn, "read_outbox_max_id": d.ReadOut,
		"unread_count": d.Unread, "chat_photo": M{"_": "photoEmpty", "id": 0}, "notify_settings": M{"_": "peerNotifySettings"}, "bot_info": []M{},
		"pts": ch.Pts,
	}}, nil
}

func getChannelMessages(r *Request) (any, error) {
	p, err := r.peer("channel")
	if err != nil {
		return nil, err
	}
	ids := messageIDs(r.Args)
	found, err := r.server.world.ChannelMessages(r.Account.id, p.ID, ids)
	if err != nil {
		return nil, err
	}
	shown, c := r.listed(ids, found)
	c.mention(p)
	ch, _, _ := r.server.world.Channel(r.Account.id, p.ID)
	return M{
		"_": "messages.channelMessages", "pts": ch.Pts, "count": len(shown), "messages": shown, "users": c.users(), "chats": c.chats(),
	}, nil
}

func readChannel(r *Request) (any, error) {
	p, err := r.peer("channel")
	if err != nil {
		return nil, err
	}
	_, err = r.server.world.ReadChannel(r.Account.id, p.ID, int(r.Args.Int("max_id")), r.device)
	return true, err
}

func deleteChannelMessages(r *Request) (any, error) {
	p, err := r.peer("channel")
	if err != nil {
		return nil, err
	}
	e, err := r.server.world.DeleteInChannel(r.Account.id, p.ID, ints(r.Args.Longs("id")), r.device)
	return affected(e), err
}
