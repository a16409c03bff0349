package mttest

import (
	"github.com/natsgram/natsgram/mtproto/mttest/world"
	"github.com/natsgram/natsgram/tl/codec"
)

// peerOf reads an InputPeer, InputUser, InputChannel or InputDialogPeer and checks that the asker may use it (E22).
func (r *Request) peerOf(v codec.View) (world.Peer, error) {
	switch v.Name() {
	case "inputPeerSelf", "inputUserSelf":
		return world.UserPeer(r.Account.id), nil
	case "inputPeerUser", "inputUser":
		return r.userOf(v)
	case "inputPeerChat":
		if _, ok := r.server.world.Chat(r.Account.id, v.Int("chat_id")); !ok {
			return world.Peer{}, refusal(400, "PEER_ID_INVALID")
		}
		return world.ChatPeer(v.Int("chat_id")), nil
	case "inputPeerChannel", "inputChannel":
		return r.channelOf(v)
	case "inputDialogPeer":
		inner, _ := v.Object("peer")
		return r.peerOf(inner)
	case "inputPeerUserFromMessage", "inputUserFromMessage", "inputPeerChannelFromMessage", "inputChannelFromMessage":
		return r.fromMessage(v)
	}
	return world.Peer{}, refusal(400, "PEER_ID_INVALID")
}

func (r *Request) userOf(v codec.View) (world.Peer, error) {
	p := world.UserPeer(v.Int("user_id"))
	_, known := r.server.world.User(p.ID)
	// Bots may leave the access hash out, as with Telegram.
	right := v.Int("access_hash") == r.server.world.AccessHash(r.Account.id, p) || r.Account.token != "" && v.Int("access_hash") == 0
	if !known || !right && p.ID != r.Account.id {
		if v.Name() == "inputUser" {
			return world.Peer{}, refusal(400, "USER_ID_INVALID")
		}
		return world.Peer{}, refusal(400, "PEER_ID_INVALID")
	}
	return p, nil
}

func (r *Request) channelOf(v codec.View) (world.Peer, error) {
	p := world.ChannelPeer(v.Int("channel_id"))
	ch, me, ok := r.server.world.Channel(r.Account.id, p.ID)
	right := v.Int("access_hash") == r.server.world.AccessHash(r.Account.id, p) || r.Account.token != "" && v.Int("access_hash") == 0
	switch {
	case !ok || !right:
		return world.Peer{}, refusal(400, "CHANNEL_INVALID")
	case !me.Member && ch.Username == "":
		return world.Peer{}, refusal(400, "CHANNEL_PRIVATE")
	}
	return p, nil
}

// fromMessage allows a user or channel that a message of a known conversation mentions (E21).
func (r *Request) fromMessage(v codec.View) (world.Peer, error) {
	inner, _ := v.Object("peer")
	in, err := r.peerOf(inner)
	if err != nil {
		return world.Peer{}, err
	}
	found, err := r.find(in, []int{int(v.Int("msg_id"))})
	if err != nil {
		return world.Peer{}, err
	}
	want := world.UserPeer(v.Int("user_id"))
	if v.Has("channel_id") {
		want = world.ChannelPeer(v.Int("channel_id"))
	}
	if m := found[0]; m != nil && (m.Peer == want || world.UserPeer(m.From) == want) {
		return want, nil
	}
	return world.Peer{}, refusal(400, "PEER_ID_INVALID")
}

// find finds messages by id where a conversation keeps them.
func (r *Request) find(in world.Peer, ids []int) ([]*world.Message, error) {
	if in.Kind == world.KindChannel {
		return r.server.world.ChannelMessages(r.Account.id, in.ID, ids)
	}
	return r.server.world.Messages(r.Account.id, ids), nil
}

// peer reads the peer in a field.
func (r *Request) peer(field string) (world.Peer, error) {
	v, ok := r.Args.Object(field)
	if !ok {
		return world.Peer{}, refusal(400, "PEER_ID_INVALID")
	}
	return r.peerOf(v)
}

func ints(all []int64) []int {
	out := make([]int, len(all))
	for i, v := range all {
		out[i] = int(v)
	}
	return out
}
