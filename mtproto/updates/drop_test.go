package updates

import "testing"

// What there is no room for is fetched, and nothing of it is published (E7, E17, D19).
func TestLeave(t *testing.T) {
	status := M{"_": "updateUserStatus", "user_id": 3, "status": M{"_": "userStatusOffline", "was_online": 1}}
	affected := M{"_": "messages.affectedMessages", "pts": 43, "pts_count": 2}
	inChannel := M{"_": "channels.deleteMessages", "channel": M{"_": "inputChannel", "channel_id": 77, "access_hash": 1}, "id": []int{1}}
	for _, c := range []struct {
		name         string
		push         M
		call, result M
		want         string
	}{
		{name: "common", push: short(newMessage(1, 101)), want: "getDifference pts=100 qts=10 date=50"},
		{name: "known", push: short(newMessage(1, 100))},
		{name: "secret", push: short(encrypted(1, 11)), want: "getDifference pts=100 qts=10 date=50"},
		{name: "channel", push: short(newChannelMessage(77, 1, 41)), want: "getChannelDifference 77/7700 pts=40 limit=100"},
		{name: "seq", push: updates(6, 51, userName(1)), want: "getDifference pts=100 qts=10 date=50"},
		{name: "of no use later", push: short(status)},
		{name: "too long", push: M{"_": "updatesTooLong"}, want: "getDifference pts=100 qts=10 date=50"},
		{name: "channel too long", push: short(M{"_": "updateChannelTooLong", "channel_id": 77, "pts": 50}), want: "getChannelDifference 77/7700 pts=40 limit=100"},
		{name: "first seen", push: withChats(updates(0, 50, newChannelMessage(88, 1, 7)), channel(88, 5)),
			want: "state c88=6.0/5\ngetChannelDifference 88/5 pts=6 limit=100"},
		{name: "result", call: M{"_": "help.getConfig"}, result: updates(0, 50, newMessage(1, 101)), want: "getDifference pts=100 qts=10 date=50"},
		{name: "affected", call: inChannel, result: affected, want: "getChannelDifference 77/7700 pts=40 limit=100"},
		{name: "affected, of somebody for whom a bot works", call: M{"_": "invokeWithBusinessConnection", "connection_id": "abc", "query": M{"_": "messages.deleteMessages", "id": []int{1}}},
			result: M{"_": "messages.affectedMessages", "pts": 103, "pts_count": 2}},
		{name: "no concern", call: M{"_": "help.getConfig"}, result: M{"_": "updates.state", "pts": 900, "qts": 0, "date": 0, "seq": 0, "unread_count": 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, at(), Config{})
			if c.push != nil {
				b.m.Drop(b.now, b.l.encode(c.push))
			} else {
				b.m.DropResult(b.now, b.l.encode(c.call), b.l.encode(c.result))
			}
			b.drain()
			expect(t, b.log, c.want)
		})
	}
}

// D3
func TestLeaveUnreadable(t *testing.T) {
	b := newBench(t, at(), Config{})
	b.m.Drop(b.now, []byte("what is this?"))
	b.drain()
	if len(b.fetch) != 1 {
		t.Errorf("%q", b.log)
	}
}
