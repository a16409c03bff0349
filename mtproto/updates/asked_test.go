package updates

import (
	"fmt"
	"testing"
)

// Messages that somebody asked for are as the updates that they would be, oldest first, with those alone whom they mention.
func TestAsked(t *testing.T) {
	l := api(t)
	eve, max := M{"_": "user", "id": int64(5), "first_name": "Eve"}, M{"_": "user", "id": int64(6), "first_name": "Max"}
	from := func(id int, user int64) M {
		m := message(id, peerChannel(77))
		m["from_id"] = peerUser(user)
		return m
	}
	answer := M{
		"_": "messages.channelMessages", "pts": 3, "count": 9, "messages": []M{from(12, 5), empty(11), from(10, 6), message(3, peerUser(5))},
		"topics": []M{}, "chats": []M{}, "users": []M{eve, max},
	}
	v, err := l.s.View(l.encode(answer))
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, it := range l.rules.Asked(v) {
		update, err := l.s.View(it.Update)
		if err != nil {
			t.Fatal(err)
		}
		inner, _ := update.Object("message")
		got += fmt.Sprintf("%s %s %d %v.%d users=%d pts=%d/%d message=%d about=%d\n", it.Name, it.Box, it.Index, it.Peer.Kind, it.Peer.ID, len(it.Users), it.Pts, update.Int("pts"), inner.Int("id"), it.MsgID)
	}
	want := `updateNewMessage common 3 user.5 users=1 pts=0/0 message=3 about=3
updateNewChannelMessage channel.77 10 channel.77 users=1 pts=0/0 message=10 about=10
updateNewChannelMessage channel.77 12 channel.77 users=1 pts=0/0 message=12 about=12
`
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}
