package updates

import (
	"slices"
	"testing"
	"time"
)

func gone(c M) M {
	c["left"] = true
	return c
}

func aboutChannel(id int64, chats ...M) M {
	return withChats(updates(0, 50, M{"_": "updateChannel", "channel_id": id}), chats...)
}

// E26: a public channel answers also those who have left it. They did not leave to be told.
func TestLeftChannels(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(b *bench)
		want string
	}{
		{"a channel that was left is neither fetched nor looked at", func(b *bench) {
			b.push(aboutChannel(77, gone(channel(77, 7700))))
			b.push(short(newChannelMessage(77, 9, 45)))
			b.push(short(M{"_": "updateChannelTooLong", "channel_id": 77}))
			b.push(short(M{"_": "updateReadChannelInbox", "channel_id": 77, "max_id": 5, "still_unread_count": 0, "pts": 60}))
			b.wait(2 * time.Minute)
			b.reply(dialogsOf("messages.dialogs", nil))
			b.wait(5 * time.Minute)
		}, `
			updateChannel none 0.0 [c77=40x]
			updateReadChannelInbox none 0.0
			getDialogs folder=0 from=0/0/none.0
			getDialogs folder=0 from=0/0/none.0`},
		{"what is pushed of it and fits is published", func(b *bench) {
			b.push(aboutChannel(77, gone(channel(77, 7700))))
			b.push(short(newChannelMessage(77, 9, 41)))
		}, `
			updateChannel none 0.0 [c77=40x]
			updateNewChannelMessage channel.77 41.0 [c77=41x]`},
		{"forbidden", func(b *bench) {
			b.push(aboutChannel(77, M{"_": "channelForbidden", "id": 77, "access_hash": 1, "title": "c"}))
			b.push(short(newChannelMessage(77, 9, 45)))
		}, `
			updateChannel none 0.0 [c77=40x]`},
		{"a min object says nothing", func(b *bench) {
			min := gone(channel(77, 7700))
			min["min"] = true
			b.push(aboutChannel(77, min))
			b.push(short(newChannelMessage(77, 9, 45)))
		}, `
			updateChannel none 0.0
			getChannelDifference 77/7700 pts=40 limit=100`},
		{"left while its difference is running", func(b *bench) {
			b.push(short(newChannelMessage(77, 9, 45)))
			b.push(aboutChannel(77, gone(channel(77, 7700))))
			b.answer(ch77, channelDifference(true, 45, []M{message(9, peerChannel(77))}, nil))
			b.wait(time.Minute)
		}, `
			getChannelDifference 77/7700 pts=40 limit=100
			updateChannel none 0.0 [c77=40x]`},
		{"one that is watched is looked at all the same", func(b *bench) {
			b.push(aboutChannel(77, gone(channel(77, 7700))))
			b.m.SetWatched(b.now, []int64{77})
			b.drain()
			b.answer(ch77, channelDifference(true, 41, []M{message(9, peerChannel(77))}, nil))
		}, `
			updateChannel none 0.0 [c77=40x]
			getChannelDifference 77/7700 pts=40 limit=100
			updateNewChannelMessage channel.77 41.0 [c77=41x]`},
		{"joined again: it goes on, and what was missed is fetched", func(b *bench) {
			b.push(aboutChannel(77, gone(channel(77, 7700))))
			b.push(aboutChannel(77, channel(77, 7700)))
			b.push(short(newChannelMessage(77, 9, 45)))
		}, `
			updateChannel none 0.0 [c77=40x]
			updateChannel none 0.0 [c77=40]
			getChannelDifference 77/7700 pts=40 limit=100`},
		{"forgotten after a day, and new when it is joined again", func(b *bench) {
			b.push(aboutChannel(77, gone(channel(77, 7700))))
			b.wait(23 * time.Hour)
			b.log = nil
			b.wait(2 * time.Hour)
			b.log = slices.DeleteFunc(b.log, func(s string) bool { return s[:3] == "get" })
			b.push(withChats(updates(0, 50, newChannelMessage(77, 90, 500)), channel(77, 7700)))
		}, `
			state c77=
			updateNewChannelMessage channel.77 500.0 [c77=500/7700]`},
		{"closed to us: the same", func(b *bench) {
			b.push(short(newChannelMessage(77, 9, 45)))
			b.fail(ch77, &Error{400, "CHANNEL_PRIVATE"})
			b.wait(23 * time.Hour)
			b.log = nil
			b.wait(2 * time.Hour)
			b.log = slices.DeleteFunc(b.log, func(s string) bool { return s[:3] == "get" })
		}, `
			state c77=`},
		{"asked for by somebody else's call: the account is not in it", func(b *bench) {
			call := b.l.encode(M{"_": "messages.getPeerDialogs", "peers": []M{}})
			answer := dialogsOf("messages.peerDialogs", []M{gone(channel(78, 1)), channel(79, 2)}, dialog(peerChannel(78), 9, 3), dialog(peerChannel(79), 9, 3))
			b.m.PushResult(b.now, call, b.l.encode(answer), Meta{})
			b.drain()
		}, `
			state c79=9.0/2`},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, at(), Config{Look: Look{Every: time.Minute}, Forget: 24 * time.Hour})
			c.do(b)
			expect(t, b.log, c.want)
		})
	}
}
