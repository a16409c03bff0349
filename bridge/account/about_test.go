package account

import (
	"testing"

	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/tl/codec"
)

// The chat that a call names is known however it names it: of somebody who is min, it is not the chat in which he was seen.
func TestCallIsAbout(t *testing.T) {
	s, _ := layer()
	channel := codec.M{"_": "inputPeerChannel", "channel_id": 3, "access_hash": 33}
	seen := codec.M{"_": "inputPeerUserFromMessage", "peer": channel, "msg_id": 7, "user_id": 9}
	x := keeping{self: 1}
	for _, c := range []struct {
		call codec.M
		want updates.Peer
	}{
		{codec.M{"_": "messages.saveDraft", "peer": codec.M{"_": "inputPeerSelf"}, "message": "hm"}, updates.Peer{Kind: updates.PeerUser, ID: 1}},
		{codec.M{"_": "messages.saveDraft", "peer": channel, "message": "hm"}, updates.Peer{Kind: updates.PeerChannel, ID: 3}},
		{codec.M{"_": "messages.saveDraft", "peer": seen, "message": "hm"}, updates.Peer{Kind: updates.PeerUser, ID: 9}},
		{codec.M{"_": "messages.toggleDialogPin", "peer": codec.M{"_": "inputDialogPeer", "peer": channel}}, updates.Peer{Kind: updates.PeerChannel, ID: 3}},
		{codec.M{"_": "messages.toggleDialogPin", "peer": codec.M{"_": "inputDialogPeer", "peer": seen}}, updates.Peer{Kind: updates.PeerUser, ID: 9}},
		{codec.M{"_": "channels.readHistory", "channel": codec.M{"_": "inputChannelFromMessage", "peer": channel, "msg_id": 7, "channel_id": 4}, "max_id": 0}, updates.Peer{Kind: updates.PeerChannel, ID: 4}},
		{codec.M{"_": "messages.reorderPinnedDialogs", "folder_id": 0, "order": []codec.M{}}, updates.Peer{}},
	} {
		b, err := s.Encode(nil, c.call)
		if err != nil {
			t.Fatal(err)
		}
		v, err := s.View(b)
		if err != nil {
			t.Fatal(err)
		}
		if got := x.about(v); got != c.want {
			t.Errorf("%v: %v, want %v", c.call, got, c.want)
		}
	}
}
