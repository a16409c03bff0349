package updates

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

func dialogsOf(name string, chats []M, list ...M) M {
	m := M{"_": name, "dialogs": list, "messages": []M{message(500, peerUser(7)), in77(10)}, "chats": chats, "users": []M{user(7)}}
	switch name {
	case "messages.dialogsSlice":
		m["count"] = 1000
	case "messages.peerDialogs":
		m["state"] = state(100, 10, 50, 5)
	}
	return m
}

func dialog77(pts, top int) M { return dialog(peerChannel(77), pts, top) }

func emptyChannel(pts, timeout int) M {
	m := M{"_": "updates.channelDifferenceEmpty", "final": true, "pts": pts}
	if timeout != 0 {
		m["timeout"] = timeout
	}
	return m
}

// E17: at first login the dialogs are gone through, page after page, then those of the archive.
func TestFirstDialogs(t *testing.T) {
	b := startBench(t, State{}, Config{Look: Look{List: 50}})
	b.tops = true
	b.answer(common, state(100, 10, 50, 5))
	b.reply(dialogsOf("messages.dialogsSlice", []M{channel(77, 7700)}, dialog77(40, 10), dialog(peerUser(7), 0, 500)))
	b.wait(time.Second)
	b.refuse(&Error{420, "FLOOD_WAIT_3"})
	b.wait(3 * time.Second)
	b.reply(dialogsOf("messages.dialogsSlice", nil)) // though there are 1000
	b.wait(time.Second)
	b.refuse(&Error{400, "OFFSET_PEER_ID_INVALID"})
	b.wait(time.Second)
	b.reply(dialogsOf("messages.dialogs", []M{channel(88, 8800)}, dialog(peerChannel(88), 7, 3)))
	b.answer(common, differenceEmpty(50, 5))
	b.wait(time.Minute)
	expect(t, b.log, `
		getState
		state pts=100.0;qts=10.0;seq=5;date=50
		getDialogs folder=0 from=0/0/none.0
		state c77=40.0@10/7700
		getDialogs folder=0 from=1500/500/user.7
		getDialogs folder=0 from=1500/500/user.7
		getDialogs folder=0 from=1500/500/none.0
		getDialogs folder=1 from=0/0/none.0
		state listed=1;c88=7.0@3/8800
		getDifference pts=100 qts=10 date=50
		state pts=100.0@500;qts=10.0;seq=5;date=50`)
	if !b.fold.Listed || b.fold.TopID != 500 {
		t.Errorf("%+v", b.fold)
	}
}

// E17: no more pages than the limit, no page twice, and bots have none (E25).
func TestFirstDialogsEnd(t *testing.T) {
	for _, c := range []struct {
		name  string
		c     Config
		pages int
	}{
		{"limit", Config{Look: Look{List: 2}}, 2},
		{"the same again", Config{Look: Look{List: 50}}, 6}, // three in each folder: the second by another offset, as there are to be 1000
		{"bot", Config{Look: Look{List: 50}, Bot: true}, 0},
		{"refused", Config{Look: Look{List: 50}, RetryMax: -1}, 1},
	} {
		b := newBench(t, at(), c.c)
		n := 0
		for ; len(b.asked) > 0; n++ {
			if c.name == "refused" {
				b.refuse(&Error{403, "SOMETHING"})
				continue
			}
			top := 500
			if c.name == "limit" {
				top -= n
			}
			b.reply(dialogsOf("messages.dialogsSlice", nil, dialog(peerUser(7), 0, top)))
			b.wait(time.Second)
		}
		if n != c.pages || b.fold.Listed != (c.pages > 0) {
			t.Errorf("%s: %d pages, listed %v", c.name, n, b.fold.Listed)
		}
	}
}

// E17: the list goes on behind channels whose newest messages have one number, and behind one that has no message.
func TestFirstDialogsGoOn(t *testing.T) {
	b := newBench(t, at(), Config{Look: Look{List: 50}})
	for id := int64(1); id <= 3; id++ {
		page := dialogsOf("messages.dialogsSlice", []M{channel(id, 100*id)}, dialog(peerChannel(id), 7, 1))
		page["messages"] = []M{message(1, peerChannel(id))}
		if id == 2 {
			page["messages"] = []M{}
		}
		b.reply(page)
		b.wait(time.Second)
	}
	var asked []string
	for _, line := range b.log {
		if strings.HasPrefix(line, "getDialogs") {
			asked = append(asked, line)
		}
	}
	expect(t, asked, `
		getDialogs folder=0 from=1001/1/channel.1
		getDialogs folder=0 from=1001/1/channel.2
		getDialogs folder=0 from=1001/1/channel.3`)
}

// E26, E31, E32: a watched channel is asked about at the server's timeout, 1 s where it names none (E13), at once where more is
// there, and always for everything (E14: force would be said).
func TestWatch(t *testing.T) {
	b := newBench(t, at(), Config{})
	b.m.SetWatched(b.now, []int64{77, 55}) // 55 is not known yet
	b.drain()
	b.answer(ch77, emptyChannel(40, 0))
	b.wait(time.Second - 1)
	b.log = append(b.log, "a second")
	b.wait(1)
	b.answer(ch77, channelDifference(false, 41, []M{in77(1)}, nil))
	b.answer(ch77, emptyChannel(41, 30))
	b.wait(30*time.Second - 1)
	b.log = append(b.log, "its timeout")
	b.wait(1)
	b.push(short(newChannelMessage(77, 2, 42))) // waits (E7), for no longer than the answer takes
	b.fail(ch77, errors.New("connection lost"))
	b.wait(time.Second)
	b.m.SetWatched(b.now, nil)
	b.drain()
	b.answer(ch77, emptyChannel(42, 1))
	b.wait(5 * time.Minute)
	expect(t, b.log, `
		getChannelDifference 77/7700 pts=40 limit=100
		a second
		getChannelDifference 77/7700 pts=40 limit=100
		updateNewChannelMessage channel.77 41.0 [c77=41]
		getChannelDifference 77/7700 pts=41 limit=100
		its timeout
		getChannelDifference 77/7700 pts=41 limit=100
		updateNewChannelMessage channel.77 42.0 [c77=42]
		getChannelDifference 77/7700 pts=42 limit=100`)

	b.m.SetWatched(b.now, []int64{55})
	b.m.AddChannel(b.now, 55, 9, 5500)
	b.drain()
	expect(t, b.log[9:], `
		state c55=9.0/5500
		getChannelDifference 55/5500 pts=9 limit=100`)
}

// E15, E26: a watched channel that is closed is left alone until somebody says that it is open.
func TestWatchClosed(t *testing.T) {
	b := newBench(t, at(), Config{})
	b.m.SetWatched(b.now, []int64{77})
	b.drain()
	b.fail(ch77, &Error{400, "CHANNEL_PRIVATE"})
	b.wait(5 * time.Minute)
	b.m.AddChannel(b.now, 77, 40, 7700)
	b.drain()
	expect(t, b.log, `
		getChannelDifference 77/7700 pts=40 limit=100
		gap channel.77 40..40 CHANNEL_PRIVATE [c77=40.2~]
		state c77=40.2
		getChannelDifference 77/7700 pts=40 limit=100`)
}

// Looks are no reason to call a channel behind, unless something waits for them.
func TestWatchLeavesNoMark(t *testing.T) {
	b := newBench(t, at(), Config{})
	b.m.SetWatched(b.now, []int64{77})
	b.drain()
	b.push(updates(6, 51, userName(1)))
	b.push(short(newChannelMessage(77, 2, 42)))
	b.push(updates(7, 52, userName(1)))
	expect(t, b.log, `
		getChannelDifference 77/7700 pts=40 limit=100
		updateUserName none 0.0 [seq=6;date=51]
		updateUserName none 0.0 [seq=7;date=52;c77=40!]`)
}

// E32, E25: at most ten channels, for bots none; the others are said.
func TestWatchLimit(t *testing.T) {
	var ids []int64
	for id := int64(1); id <= 12; id++ {
		ids = append(ids, id, id)
	}
	b := newBench(t, at(), Config{})
	if left := b.m.SetWatched(b.now, ids); !slices.Equal(left, []int64{11, 11, 12, 12}) || len(b.m.Watched()) != MaxWatched {
		t.Errorf("left %v, watched %v", left, b.m.Watched())
	}
	b = newBench(t, at(), Config{Bot: true})
	if left := b.m.SetWatched(b.now, []int64{77}); len(left) != 1 || len(b.m.Watched()) != 0 {
		t.Errorf("left %v, watched %v", left, b.m.Watched())
	}
}

// E13, E15: floods make looks wait as long as Telegram says, and come more slowly for a while.
func TestFloodsSlowLooks(t *testing.T) {
	b := newBench(t, at(), Config{})
	b.m.SetWatched(b.now, []int64{77})
	b.drain()
	b.fail(ch77, &Error{420, "FLOOD_WAIT_10"})
	b.push(short(newChannelMessage(77, 1, 41))) // does not wait
	b.wait(10 * time.Second)
	for _, pause := range []time.Duration{2 * time.Second, 2 * time.Second} {
		b.answer(ch77, emptyChannel(41, 1))
		b.wait(pause - 1)
		b.log = append(b.log, pause.String())
		b.wait(1)
	}
	b.wait(5 * time.Minute)
	b.answer(ch77, emptyChannel(41, 1))
	b.wait(time.Second)
	expect(t, b.log, `
		getChannelDifference 77/7700 pts=40 limit=100
		updateNewChannelMessage channel.77 41.0 [c77=41]
		getChannelDifference 77/7700 pts=41 limit=100
		2s
		getChannelDifference 77/7700 pts=41 limit=100
		2s
		getChannelDifference 77/7700 pts=41 limit=100
		getChannelDifference 77/7700 pts=41 limit=100`)
}

// E19, E33: getState every few minutes, so that there is a query besides the pings, and the difference only where the account is behind.
func TestStateIsLookedAt(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer func(b *bench)
		want   string
	}{
		{"the same", func(b *bench) { b.reply(state(100, 10, 70, 5)) }, ``},
		{"pts", func(b *bench) { b.reply(state(101, 10, 50, 5)) }, `getDifference pts=100 qts=10 date=50`},
		{"qts", func(b *bench) { b.reply(state(100, 11, 50, 5)) }, `getDifference pts=100 qts=10 date=50`},
		{"seq", func(b *bench) { b.reply(state(100, 10, 50, 6)) }, `getDifference pts=100 qts=10 date=50`},
		{"behind us", func(b *bench) { b.reply(state(99, 9, 49, 4)) }, ``},
		{"error", func(b *bench) { b.refuse(errors.New("connection lost")) }, ``},
		{"flood", func(b *bench) { b.refuse(&Error{420, "FLOOD_WAIT_1"}) }, ``},
		{"nonsense", func(b *bench) { b.reply(peerUser(1)) }, ``},
	} {
		rand := 0.25
		b := newBench(t, at(), Config{Look: Look{State: 5 * time.Minute}, Quiet: time.Hour, Rand: func() float64 { return rand }})
		b.wait(5*time.Minute + 15*time.Second - 1)
		b.log = append(b.log, "5m15s")
		b.wait(1)
		c.answer(b)
		if len(b.fetch) > 0 {
			b.answer(common, differenceEmpty(50, 5))
		}
		b.wait(5 * time.Minute)
		b.log = append(b.log, "5m")
		b.wait(6 * time.Minute)
		expect(t, b.log, "5m15s\ngetState\n"+c.want+"\n5m\ngetState")
	}
}

// E29, E35, E36: once a minute the dialogs that were written in last, and some channels that are not among them.
func TestDialogsAreLookedAt(t *testing.T) {
	st := at()
	st.Channels[66] = ChannelState{Pts: 5, PtsItems: 1, AccessHash: 6600}
	st.Channels[88] = ChannelState{Pts: 5, PtsItems: 1, AccessHash: 8800}
	st.Channels[89] = ChannelState{Pts: 5, PtsItems: 1, AccessHash: 8900}
	st.Channels[90] = ChannelState{Pts: 5, PtsItems: 1, AccessHash: 9000, Closed: true}
	st.Channels[91] = ChannelState{Pts: 5, PtsItems: 1}
	b := newBench(t, st, Config{Look: Look{Every: time.Minute, Page: 2}, Rand: func() float64 { return 0 }})
	b.tops = true
	b.wait(time.Minute)
	b.reply(dialogsOf("messages.dialogs", []M{channel(77, 7700), channel(99, 9900)}, dialog77(40, 10), dialog(peerChannel(99), 3, 2), dialog(peerUser(7), 0, 500)))
	b.reply(dialogsOf("messages.peerDialogs", nil, dialog(peerChannel(66), 6, 2), dialog(peerChannel(88), 5, 2)))
	b.answer(Box{Channel, 66}, channelDifference(true, 6, []M{message(2, peerChannel(66))}, nil))
	b.wait(time.Minute)
	b.reply(dialogsOf("messages.dialogs", nil, dialog77(42, 12)))
	b.answer(ch77, channelDifference(true, 42, []M{in77(11), in77(12)}, nil))
	b.refuse(errors.New("connection lost"))
	expect(t, b.log, `
		getDialogs folder=0 from=0/0/none.0
		state c77=40@10;c99=3.0@2/9900
		getPeerDialogs [66 88]
		state c88=5@2
		getChannelDifference 66/6600 pts=5 limit=100
		updateNewChannelMessage channel.66 6.0 [c66=6@2]
		getDialogs folder=0 from=0/0/none.0
		getPeerDialogs [89 99]
		getChannelDifference 77/7700 pts=40 limit=100
		updateNewChannelMessage channel.77 42.0
		+ updateNewChannelMessage channel.77 42.1 [c77=42.2@12]`)
}

// E15, E29: a channel for which Telegram refuses the whole call is found, and left out from then on.
func TestClosedChannelAmongOthers(t *testing.T) {
	st := at()
	for id := int64(1); id <= 4; id++ {
		st.Channels[id] = ChannelState{Pts: 5, PtsItems: 1, AccessHash: id}
	}
	b := newBench(t, st, Config{Look: Look{Every: time.Minute, Most: time.Minute, Page: 4}})
	for range 3 {
		b.wait(66 * time.Second)
		b.reply(dialogsOf("messages.dialogs", nil, dialog77(40, 0)))
		for len(b.asked) > 0 {
			v, _ := b.l.s.View(b.asked[0].Query)
			if slices.Contains(peersOf(v), 2) {
				b.refuse(&Error{400, "CHANNEL_PRIVATE"})
			} else {
				b.reply(dialogsOf("messages.peerDialogs", nil))
			}
		}
		b.log = append(b.log, "later")
	}
	expect(t, b.log, `
		getDialogs folder=0 from=0/0/none.0
		getPeerDialogs [1 2 3 4]
		getPeerDialogs [1 2]
		getPeerDialogs [1]
		later
		getDialogs folder=0 from=0/0/none.0
		getPeerDialogs [2 3]
		getPeerDialogs [2]
		state c2=5~
		later
		getDialogs folder=0 from=0/0/none.0
		getPeerDialogs [3]
		later`)
}

// E28: a bot says what it has, so that Telegram's queue stays short.
func TestBotsConfirm(t *testing.T) {
	b := newBench(t, at(), Config{Bot: true, Confirm: 10})
	b.push(short(deleted(1, 110, 10)))
	b.push(short(deleted(1, 111, 1)))
	b.answer(common, differenceEmpty(50, 5))
	b.push(short(deleted(1, 121, 10)))
	for i := range 11 {
		b.push(short(encrypted(i, 11+i)))
	}
	if n := len(b.log); n != 16 || b.log[2] != "getDifference pts=111 qts=10 date=50" || b.log[15] != "getDifference pts=121 qts=21 date=50" {
		t.Errorf("%q", b.log)
	}
}

// E29: what is behind is noticed by what others say of it.
func TestLagDetectors(t *testing.T) {
	read := func(id, pts int) M {
		return M{"_": "updateReadChannelInbox", "channel_id": 77, "max_id": id, "still_unread_count": 0, "pts": pts}
	}
	for _, c := range []struct {
		name string
		do   func(b *bench)
		want string
	}{
		{"a message was read that nobody has seen; once", func(b *bench) {
			b.push(short(read(10, 40)))
			b.push(short(read(12, 40)))
			b.answer(ch77, emptyChannel(40, 0))
			b.push(short(read(12, 40)))
		}, `
			updateReadChannelInbox none 0.0
			updateReadChannelInbox none 0.0
			getChannelDifference 77/7700 pts=40 limit=100
			state c77=40@12
			updateReadChannelInbox none 0.0`},
		{"dialogs in the answer to somebody's call", func(b *bench) {
			call := b.l.encode(M{"_": "messages.getPeerDialogs", "peers": []M{}})
			b.m.PushResult(b.now, call, b.l.encode(dialogsOf("messages.peerDialogs", nil, dialog77(41, 11))), Meta{})
			b.m.PushResult(b.now, call, b.l.encode(dialogsOf("messages.dialogsSlice", nil, dialog77(41, 11))), Meta{})
			b.m.PushResult(b.now, call, b.l.encode(M{"_": "messages.dialogsNotModified", "count": 1}), Meta{})
			b.drain()
		}, `getChannelDifference 77/7700 pts=40 limit=100`},
		{"a pts that is told while a difference runs is asked for again", func(b *bench) {
			b.push(short(read(0, 41)))
			b.push(short(read(0, 42)))
			b.answer(ch77, emptyChannel(41, 0))
		}, `
			updateReadChannelInbox none 0.0
			getChannelDifference 77/7700 pts=40 limit=100
			updateReadChannelInbox none 0.0
			state c77=41.0
			getChannelDifference 77/7700 pts=41 limit=100`},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, topped(), Config{})
			b.tops = true
			c.do(b)
			expect(t, b.log, c.want)
		})
	}
}

// E29, E36: looks that find nothing come less and less often; one that finds something, and a reconnect, make them frequent
// again.
func TestFruitlessLooks(t *testing.T) {
	b := newBench(t, at(), Config{Look: Look{Every: time.Minute}})
	rounds := func(d time.Duration, pts int) (n int) {
		for end := b.now.Add(d); b.now.Before(end); {
			b.wait(10 * time.Second)
			for len(b.asked) > 0 {
				b.reply(dialogsOf("messages.dialogs", []M{channel(77, 7700)}, dialog77(pts, 0)))
				n++
			}
			if b.fetch[ch77] != nil {
				b.answer(ch77, channelDifference(true, pts, nil, nil))
			}
		}
		return n
	}
	if n := rounds(time.Hour, 40); n < 8 || n > 11 {
		t.Errorf("%d looks in an hour without news", n)
	}
	if n := rounds(24*time.Hour, 40); n < 140 || n > 180 {
		t.Errorf("%d looks in a day without news", n)
	}
	if n := rounds(18*time.Minute, 41); n < 4 { // one, 8 minutes later, finds something: then 1, 2 and 4
		t.Errorf("%d looks with news", n)
	}
	rounds(time.Hour, 41)
	b.m.Start(b.now)
	b.drain()
	b.answer(common, differenceEmpty(50, 5))
	if n := rounds(4*time.Minute, 41); n < 2 {
		t.Errorf("%d looks after a reconnect", n)
	}
}
