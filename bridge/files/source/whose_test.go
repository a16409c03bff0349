package source

import (
	"fmt"
	"testing"

	"github.com/natsgram/natsgram/tl/api"
	"github.com/natsgram/natsgram/tl/codec"
)

// A file is everybody's who stands in the message that it came from, and who was asked for it.
func TestWhose(t *testing.T) {
	schema, err := api.Schema()
	if err != nil {
		t.Fatal(err)
	}
	peer := func(kind string, id int64) codec.M {
		return codec.M{"_": "peer" + kind, map[string]string{"User": "user_id", "Chat": "chat_id", "Channel": "channel_id"}[kind]: id}
	}
	view := func(m codec.M) codec.View {
		t.Helper()
		b, err := schema.Encode(nil, m)
		if err != nil {
			t.Fatal(err)
		}
		v, err := schema.View(b)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	m := view(codec.M{"_": "message", "id": 1, "date": 1, "message": "", "peer_id": peer("Channel", 7), "from_id": peer("User", 5), "saved_peer_id": peer("Chat", 3), "fwd_from": codec.M{
		"_": "messageFwdHeader", "date": 1, "from_id": peer("User", 6), "saved_from_peer": peer("User", 5), "saved_from_msg_id": 2,
	}})
	f := new(Found).from(m).by(codec.M{"_": "inputPeerUser", "user_id": int64(9), "access_hash": int64(1)}).by(codec.M{"_": "inputPeerSelf"})
	if got := fmt.Sprint(f.Of); got != "[channel.7 user.5 chat.3 user.6 user.9]" {
		t.Error(got)
	}
	if (*Found)(nil).from(m) != nil || (*Found)(nil).by(nil) != nil {
		t.Error("of none some")
	}
}
