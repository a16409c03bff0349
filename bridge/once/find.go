package once

import (
	"context"
	"slices"
	"time"

	"github.com/natsgram/natsgram/tl/codec"
)

// Telegram knows a random_id again and refuses the second call with RANDOM_ID_DUPLICATE, and does not say which message came of
// the first. No update tells it either: updateMessageID, which joins both, comes in the first call's answer alone. So the message is
// looked for in the chat's history, by what was sent. One that is the only one with the same text, answer to the same message, is
// the message; of several nobody can say which it is.

const (
	findIn = 100 // messages, the newest of the chat
	// findSkew is how much earlier than our clock Telegram's may say that the message was sent.
	findSkew = 2 * time.Minute
)

// Find looks for the message that a call sent before, not earlier than since. It answers as Telegram would have; false: it
// cannot be told, or only Telegram's refusal to look.
func Find(ctx context.Context, s *codec.Schema, invoke func(context.Context, []byte) ([]byte, error), call codec.View, since time.Time) ([]byte, bool) {
	peer, ok := call.Object("peer")
	name := call.Name()
	if !ok || name != "messages.sendMessage" && name != "messages.sendMedia" || call.Has("schedule_date") || call.Has("quick_reply_shortcut") {
		return nil, false
	}
	query, err := s.Encode(nil, codec.M{
		"_": "messages.getHistory", "peer": peer, "offset_id": 0, "offset_date": 0, "add_offset": 0, "limit": findIn, "max_id": 0, "min_id": 0, "hash": 0,
	})
	if err != nil {
		return nil, false
	}
	body, err := invoke(ctx, query)
	if err != nil {
		return nil, false
	}
	history, err := s.View(body)
	if err != nil {
		return nil, false
	}
	message, ok := theOne(call, history, since.Add(-findSkew))
	if !ok {
		return nil, false
	}
	result, err := s.Encode(nil, sentAs(call, message, history))
	return result, err == nil
}

// theOne is the message of a history that a call sent, if there is one and no other.
func theOne(call, history codec.View, since time.Time) (one codec.View, ok bool) {
	saved := self(history)
	for m := range history.Objects("messages") {
		if m.Name() != "message" || !m.Has("out") && !in(m, saved) || m.Int("date") < since.Unix() || !alike(call, m) {
			continue
		}
		if ok {
			return codec.View{}, false
		}
		one, ok = m, true
	}
	return one, ok
}

// self is the account's own user, 0 where nobody mentions it: of what an account writes to itself Telegram does not say `out`.
func self(history codec.View) int64 {
	for u := range history.Objects("users") {
		if u.Name() == "user" && u.Has("self") {
			return u.Int("id")
		}
	}
	return 0
}

// in reports whether a message stands in the chat with a user.
func in(m codec.View, user int64) bool {
	peer, ok := m.Object("peer_id")
	return ok && user != 0 && peer.Name() == "peerUser" && peer.Int("user_id") == user
}

// alike reports whether a message is what a call sends, as far as both can be compared.
func alike(call, m codec.View) bool {
	if call.Str("message") != m.Str("message") || answers(call) != answers(m) {
		return false
	}
	return call.Name() != "messages.sendMedia" || m.Has("media")
}

// answers is the id of the message that is answered.
func answers(v codec.View) int64 {
	reply, ok := v.Object("reply_to")
	if !ok {
		return 0
	}
	return reply.Int("reply_to_msg_id")
}

// sentAs is the answer to a call that sent a message, with no pts: where it stands among the updates the stream says.
func sentAs(call, message, history codec.View) codec.M {
	kind := "updateNewMessage"
	if peer, ok := message.Object("peer_id"); ok && peer.Name() == "peerChannel" {
		kind = "updateNewChannelMessage"
	}
	return codec.M{
		"_": "updates", "date": message.Int("date"), "seq": 0,
		"updates": []codec.M{
			{"_": "updateMessageID", "id": message.Int("id"), "random_id": call.Int("random_id")},
			{"_": kind, "message": message, "pts": 0, "pts_count": 0},
		},
		"users": slices.Collect(history.Objects("users")), "chats": slices.Collect(history.Objects("chats")),
	}
}

// Left is what is kept of an answer too large for that: of updates the ids of messages that were sent. Nil: nothing.
func Left(s *codec.Schema, result []byte) []byte {
	v, err := s.View(result)
	if err != nil || v.Class() != "Updates" {
		return nil
	}
	var ids []codec.View
	for u := range v.Objects("updates") {
		if u.Name() == "updateMessageID" {
			ids = append(ids, u)
		}
	}
	left, err := s.Encode(nil, codec.M{"_": "updates", "updates": ids, "users": []codec.M{}, "chats": []codec.M{}, "date": v.Int("date"), "seq": 0})
	if err != nil {
		return nil
	}
	return left
}
