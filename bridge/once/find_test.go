package once

import (
	"context"
	"testing"
	"time"

	"github.com/natsgram/natsgram/tl/api"
	"github.com/natsgram/natsgram/tl/codec"
)

// TestFindInSavedMessages: of what an account writes to itself Telegram does not say `out`. What somebody else wrote to it is not taken for
// the account's own all the same.
func TestFindInSavedMessages(t *testing.T) {
	s, err := api.Schema()
	if err != nil {
		t.Fatal(err)
	}
	view := func(m codec.M) codec.View {
		b, err := s.Encode(nil, m)
		if err != nil {
			t.Fatal(err)
		}
		v, err := s.View(b)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	now := time.Now()
	for what, c := range map[string]struct {
		chat  int
		out   bool
		found bool
	}{
		"saved":                   {chat: 1, found: true},
		"sent":                    {chat: 5, out: true, found: true},
		"received":                {chat: 5},
		"as another layer has it": {chat: 1, out: true, found: true},
	} {
		call := view(codec.M{"_": "messages.sendMessage", "peer": codec.M{"_": "inputPeerUser", "user_id": c.chat, "access_hash": 7}, "message": "note", "random_id": 99})
		history := codec.M{
			"_": "messages.messages", "chats": []codec.M{}, "topics": []codec.M{},
			"messages": []codec.M{{"_": "message", "id": 8, "out": c.out, "peer_id": codec.M{"_": "peerUser", "user_id": c.chat}, "date": int(now.Unix()), "message": "note"}},
			"users":    []codec.M{{"_": "user", "id": 1, "self": true}, {"_": "user", "id": 5}},
		}
		invoke := func(context.Context, []byte) ([]byte, error) { return s.Encode(nil, history) }
		answer, found := Find(t.Context(), s, invoke, call, now)
		if found != c.found {
			t.Errorf("%s: found is %v", what, found)
		}
		if !found {
			continue
		}
		v, err := s.View(answer)
		if err != nil {
			t.Fatal(err)
		}
		for u := range v.Objects("updates") {
			if u.Name() == "updateMessageID" && (u.Int("id") != 8 || u.Int("random_id") != 99) {
				t.Errorf("%s: %v", what, u.Name())
			}
		}
	}
}
