package dialogs

import (
	"strings"

	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/tl/codec"
)

// answer is what came along with dialogs.
type answer struct {
	names   map[updates.Peer]string // of users and chats
	outside map[updates.Peer]bool   // channels that the account is not in
	dates   map[place]int           // of messages
}

// place is where a message is.
type place struct {
	in updates.Peer
	id int64
}

func answerOf(v codec.View) answer {
	a := answer{map[updates.Peer]string{}, map[updates.Peer]bool{}, map[place]int{}}
	for one := range v.Objects("users") {
		a.names[updates.Peer{Kind: updates.PeerUser, ID: one.Int("id")}] = nameOf(one)
	}
	for one := range v.Objects("chats") {
		p := updates.Peer{Kind: updates.PeerChat, ID: one.Int("id")}
		if strings.HasPrefix(one.Name(), "channel") {
			p.Kind = updates.PeerChannel
			a.outside[p] = one.Name() == "channelForbidden" || one.Bool("left")
		}
		a.names[p] = nameOf(one)
	}
	for one := range v.Objects("messages") {
		peer, _ := one.Object("peer_id")
		a.dates[place{peerOf(peer), one.Int("id")}] = int(one.Int("date"))
	}
	return a
}

func nameOf(v codec.View) string {
	return strings.TrimSpace(v.Str("title") + v.Str("first_name") + " " + v.Str("last_name"))
}
