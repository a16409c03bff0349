package updates

import "github.com/natsgram/natsgram/tl/codec"

// lengthen makes an updateShortMessage, updateShortChatMessage or updateShortSentMessage whole (E5). False: something about
// it is not known.
func (e *env) lengthen(v, call codec.View) (codec.View, bool) {
	message := codec.M{"_": "message"}
	e.rules.short.copyTo(message, v)
	if v.Name() == "updateShortSentMessage" && !sentBy(message, call) || !e.setPeers(message, v, call) || !e.knowsAll(v) {
		return codec.View{}, false
	}
	update, err := e.rules.s.Encode(nil, codec.M{
		"_": "updateNewMessage", "message": message, "pts": v.Int("pts"), "pts_count": v.Int("pts_count"),
	})
	if err != nil {
		return codec.View{}, false // the message has a field now that the short form does not tell
	}
	u, err := e.rules.s.View(update)
	return u, err == nil
}

// sentBy adds what only the call that sent the message tells. A call that says more than its text is left to the
// difference.
func sentBy(message codec.M, call codec.View) bool {
	if call.Name() != "messages.sendMessage" {
		return false
	}
	for _, field := range []string{"reply_to", "schedule_date", "send_as", "quick_reply_shortcut", "effect", "reply_markup",
		"invert_media", "noforwards", "suggested_post", "allow_paid_stars", "schedule_repeat_period"} {
		if call.Has(field) {
			return false
		}
	}
	message["message"] = call.Str("message")
	message["out"] = true
	if call.Bool("silent") {
		message["silent"] = true
	}
	return true
}

// setPeers sets who wrote the message, and where.
func (e *env) setPeers(message codec.M, v, call codec.View) bool {
	self := e.c.SelfID
	if self == 0 {
		return false
	}
	peer, from := Peer{PeerUser, v.Int("user_id")}, self
	switch {
	case v.Has("chat_id"):
		peer, from = Peer{PeerChat, v.Int("chat_id")}, v.Int("from_id")
	case call.Valid():
		to, _ := call.Object("peer")
		if peer = peerValue(to); to.Name() == "inputPeerSelf" {
			peer = Peer{PeerUser, self}
		}
	case !v.Bool("out"):
		from = v.Int("user_id")
	}
	message["peer_id"] = peerM(peer)
	if e.rules.short.from {
		message["from_id"] = peerM(Peer{PeerUser, from})
	}
	return peer.ID != 0 && from != 0 && (peer.Kind == PeerUser || peer.Kind == PeerChat)
}

func peerM(p Peer) codec.M {
	if p.Kind == PeerChat {
		return codec.M{"_": "peerChat", "chat_id": p.ID}
	}
	return codec.M{"_": "peerUser", "user_id": p.ID}
}

// knowsAll reports whether all whom the message mentions are known.
func (e *env) knowsAll(v codec.View) bool {
	if e.c.Known == nil {
		return true
	}
	for _, p := range []Peer{
		{PeerUser, v.Int("user_id")}, {PeerUser, v.Int("from_id")}, {PeerUser, v.Int("via_bot_id")}, {PeerChat, v.Int("chat_id")},
	} {
		if p.ID != 0 && !e.c.Known(p) {
			return false
		}
	}
	return e.knowsInner(v)
}

func (e *env) knowsInner(v codec.View) bool {
	for entity := range v.Objects("entities") {
		if id := entity.Int("user_id"); id != 0 && !e.c.Known(Peer{PeerUser, id}) {
			return false
		}
	}
	for _, field := range [][2]string{{"fwd_from", "from_id"}, {"fwd_from", "saved_from_peer"}, {"reply_to", "reply_to_peer_id"}} {
		outer, _ := v.Object(field[0])
		if inner, ok := outer.Object(field[1]); ok && !e.c.Known(peerValue(inner)) {
			return false
		}
	}
	return true
}
