package mtproto

import (
	"testing"
	"time"

	"github.com/natsgram/natsgram/tl/codec"
)

// D17: whom a call is about.
func TestPeerOf(t *testing.T) {
	s := apiSchema(t)
	user := codec.M{"_": "inputUser", "user_id": 5, "access_hash": 6}
	channel := codec.M{"_": "inputPeerChannel", "channel_id": 7, "access_hash": 8}
	for _, tc := range []struct {
		call codec.M
		want peer
	}{
		{codec.M{"_": "help.getConfig"}, peer{}},
		{codec.M{"_": "messages.readHistory", "peer": channel, "max_id": 1}, peer{'c', 7}},
		{codec.M{"_": "messages.readHistory", "peer": codec.M{"_": "inputPeerSelf"}, "max_id": 1}, peer{kind: 'u'}},
		{codec.M{"_": "messages.forwardMessages", "from_peer": channel, "to_peer": codec.M{"_": "inputPeerChat", "chat_id": 9}, "id": []int{1}, "random_id": []int64{2}}, peer{'g', 9}},
		{codec.M{"_": "channels.joinChannel", "channel": codec.M{"_": "inputChannel", "channel_id": 7, "access_hash": 8}}, peer{'c', 7}},
		{codec.M{"_": "channels.joinChannel", "channel": codec.M{"_": "inputChannelFromMessage", "peer": channel, "msg_id": 1, "channel_id": 11}}, peer{'c', 11}},
		{codec.M{"_": "users.getFullUser", "id": user}, peer{'u', 5}},
		{codec.M{"_": "messages.addChatUser", "chat_id": 9, "user_id": user, "fwd_limit": 0}, peer{'u', 5}},
		{codec.M{"_": "messages.getFullChat", "chat_id": 9}, peer{'g', 9}},
	} {
		q, err := s.Encode(nil, tc.call)
		if err != nil {
			t.Fatal(err)
		}
		if got := peerOf(s, q); got != tc.want {
			t.Errorf("%v: %v, want %v", tc.call["_"], got, tc.want)
		}
	}
	if got := peerOf(s, []byte{1, 2, 3, 4}); got != (peer{}) {
		t.Errorf("of nothing: %v", got)
	}
}

// D17: what is over is forgotten.
func TestFloodsEnd(t *testing.T) {
	var f floods
	now := time.Now()
	about := func() peer { return peer{'u', 1} }
	f.set(1, about(), now, pause{now.Add(time.Minute), "FLOOD_WAIT"})
	f.set(2, peer{}, now, pause{now.Add(time.Hour), "FLOOD_WAIT"})
	if p, some := f.left(1, now, about); !some || p.until != now.Add(time.Minute) {
		t.Errorf("%v %v", p, some)
	}
	for _, after := range []time.Duration{time.Minute, time.Hour} {
		_, first := f.left(1, now.Add(after), about)
		_, second := f.left(2, now.Add(after), about)
		if first || second != (after < time.Hour) {
			t.Errorf("after %v: %v, %v", after, first, second)
		}
	}
	if len(f.methods) != 0 || f.some.Load() {
		t.Errorf("left over: %v", f.methods)
	}
}
