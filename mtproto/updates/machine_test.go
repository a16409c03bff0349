package updates

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

var common = Box{Kind: Common}

// at is an account that is up to date: pts 100, qts 10, seq 5, and channel 77 at 40.
func at() State {
	return State{Pts: 100, N: 1, Qts: 10, QtsN: 1, Seq: 5, Date: 50, Channels: map[int64]ChannelState{77: {Pts: 40, N: 1, AccessHash: 7700}}}
}

var ch77 = Box{Channel, 77}

func TestMachine(t *testing.T) {
	for _, c := range []struct {
		name string // with the checklist's number
		do   func(b *bench)
		want string
	}{
		{"E3 the next pts", func(b *bench) {
			b.push(short(newMessage(1, 101)))
			b.push(short(deleted(2, 104, 3)))
		}, `
			updateNewMessage common 101.0 [pts=101]
			updateDeleteMessages common 104.0 [pts=104]`},

		{"E3 an old pts", func(b *bench) {
			b.push(short(newMessage(1, 100)))
			b.push(short(deleted(2, 99, 3)))
			b.push(short(deleted(2, 101, 3))) // begins before what we have: not to be told apart from an old one
		}, ``},

		{"E3 count 0 at the present pts, again and again", func(b *bench) {
			b.push(short(deleted(1, 100, 0)))
			b.push(short(deleted(2, 100, 0)))
			b.push(short(deleted(3, 99, 0)))
			b.push(short(newMessage(4, 101)))
		}, `
			updateDeleteMessages common 100.1 [pts=100.2]
			updateDeleteMessages common 100.2 [pts=100.3]
			updateNewMessage common 101.0 [pts=101]`},

		{"E3 qts counts one each", func(b *bench) {
			b.push(short(encrypted(1, 11)))
			b.push(short(encrypted(1, 11)))
			b.push(short(encrypted(3, 13)))
			b.push(short(encrypted(2, 12)))
		}, `
			updateNewEncryptedMessage secret 11.0 [qts=11]
			updateNewEncryptedMessage secret 12.0 [qts=12]
			updateNewEncryptedMessage secret 13.0 [qts=13]`},

		{"E4 containers in their order", func(b *bench) {
			b.push(updates(6, 51, userName(1), newMessage(2, 101)))
			b.push(updates(8, 53, userName(4)))
			b.push(updates(7, 52, userName(3)))
			b.push(updates(7, 52, userName(3)))
		}, `
			updateUserName none 0.0
			+ updateNewMessage common 101.0 [pts=101;seq=6;date=51]
			updateUserName none 0.0
			+ updateUserName none 0.0 [seq=8;date=53]`},

		{"E4 a box does not wait for seq", func(b *bench) {
			b.push(updates(9, 60, newMessage(1, 101), userName(2)))
			b.wait(time.Second)
		}, `
			updateNewMessage common 101.0 [pts=101]
			getDifference pts=101 qts=10 date=50`},

		{"E4 seq 0 moves nothing", func(b *bench) {
			b.push(updates(0, 77, userName(1), newMessage(2, 101)))
		}, `
			updateUserName none 0.0
			updateNewMessage common 101.0 [pts=101]`},

		{"E4 updatesCombined begins at seq_start", func(b *bench) {
			m := updates(8, 77, userName(1))
			m["_"], m["seq_start"] = "updatesCombined", 6
			b.push(m)
		}, `updateUserName none 0.0 [seq=8;date=77]`},

		{"E4 a container whose updates are known still moves seq", func(b *bench) {
			b.push(updates(6, 51, newMessage(1, 100)))
			b.push(short(newMessage(2, 101)))
		}, `
			state seq=6;date=51
			updateNewMessage common 101.0 [pts=101;seq=6;date=51]`},

		{"E6 half a second for the missing piece", func(b *bench) {
			b.push(short(newMessage(2, 102)))
			b.wait(499 * time.Millisecond)
			b.push(short(newMessage(1, 101)))
			b.wait(time.Minute)
		}, `
			updateNewMessage common 101.0 [pts=101]
			updateNewMessage common 102.0 [pts=102]`},

		{"E6 then the difference", func(b *bench) {
			b.push(short(newMessage(2, 102)))
			b.wait(500 * time.Millisecond)
			b.answer(common, difference("updates.difference", state(102, 10, 60, 5), []M{message(1, peerUser(7)), message(2, peerUser(7))}, nil, nil, nil))
		}, `
			getDifference pts=100 qts=10 date=50
			updateNewMessage common 102.0
			+ updateNewMessage common 102.1 [pts=102.2;date=60]`},

		{"E6 a channel's at once", func(b *bench) {
			b.push(short(newChannelMessage(77, 2, 42)))
			b.answer(ch77, channelDifference(true, 42, []M{message(1, peerChannel(77)), message(2, peerChannel(77))}, nil))
		}, `
			getChannelDifference 77/7700 pts=40 limit=100
			updateNewChannelMessage channel.77 42.0
			+ updateNewChannelMessage channel.77 42.1 [c77=42.2]`},

		{"E6 out of order within a container is no gap", func(b *bench) {
			b.push(updates(0, 0, newChannelMessage(77, 2, 42), newChannelMessage(77, 1, 41)))
		}, `
			updateNewChannelMessage channel.77 41.0 [c77=41]
			updateNewChannelMessage channel.77 42.0 [c77=42]`},

		{"E7 pushes wait for the difference", func(b *bench) {
			b.m.Start(b.now)
			b.drain()
			b.push(short(newMessage(1, 101)))
			b.push(short(newMessage(3, 103)))
			b.push(updates(6, 70, userName(5), newChannelMessage(77, 9, 41)))
			b.push(short(userName(6)))
			b.answer(common, difference("updates.difference", state(102, 10, 60, 5), []M{message(1, peerUser(7)), message(2, peerUser(7))}, nil, nil, nil))
		}, `
			getDifference pts=100 qts=10 date=50
			updateNewChannelMessage channel.77 41.0 [c77=41]
			updateUserName none 0.0
			updateNewMessage common 102.0
			+ updateNewMessage common 102.1
			+ updateNewMessage common 103.0 [pts=103]
			+ updateUserName none 0.0 [seq=6;date=70]`},

		{"E8 empty", func(b *bench) {
			b.m.Start(b.now)
			b.drain()
			b.answer(common, differenceEmpty(60, 7))
			b.push(updates(8, 61, userName(1)))
		}, `
			getDifference pts=100 qts=10 date=50
			state seq=7;date=60
			updateUserName none 0.0 [seq=8;date=61]`},

		{"E8 the order within a difference", func(b *bench) {
			b.m.Start(b.now)
			b.drain()
			b.answer(common, difference("updates.difference", state(105, 12, 60, 7), []M{message(1, peerUser(7))}, []M{encryptedMessage(2), encryptedMessage(3)},
				[]M{userName(4), deleted(5, 103, 2), {"_": "updateMessageID", "id": 6, "random_id": 6}}, nil))
		}, `
			getDifference pts=100 qts=10 date=50
			updateMessageID none 0.0
			+ updateNewMessage common 105.1
			+ updateNewEncryptedMessage secret 12.0
			+ updateNewEncryptedMessage secret 12.1
			+ updateUserName none 0.2
			+ updateDeleteMessages common 105.3 [pts=105.4;qts=12.2;seq=7;date=60]`},

		{"E8 slices", func(b *bench) {
			b.m.Start(b.now)
			b.drain()
			b.answer(common, difference("updates.differenceSlice", state(101, 10, 50, 5), []M{message(1, peerUser(7))}, nil, nil, nil))
			b.answer(common, difference("updates.difference", state(102, 10, 60, 5), []M{message(2, peerUser(7))}, nil, nil, nil))
		}, `
			getDifference pts=100 qts=10 date=50
			updateNewMessage common 101.0 [pts=101]
			getDifference pts=101 qts=10 date=50
			updateNewMessage common 102.0 [pts=102;date=60]`},

		{"E8 too long: a gap, and on from there", func(b *bench) {
			b.m.Start(b.now)
			b.drain()
			b.answer(common, M{"_": "updates.differenceTooLong", "pts": 5000})
			b.answer(common, difference("updates.difference", state(5001, 10, 60, 5), []M{message(2, peerUser(7))}, nil, nil, nil))
		}, `
			getDifference pts=100 qts=10 date=50
			gap common 100..5000 too long [pts=5000]
			getDifference pts=5000 qts=10 date=50
			updateNewMessage common 5001.0 [pts=5001;date=60]`},

		{"E8 a channel too long within the difference; the mark goes with the date", func(b *bench) {
			b.m.Start(b.now)
			b.drain()
			b.answer(common, difference("updates.difference", state(101, 10, 60, 5), []M{message(1, peerUser(7))}, nil,
				[]M{{"_": "updateChannelTooLong", "channel_id": 77, "pts": 50}}, nil))
			b.answer(ch77, channelDifference(true, 50, nil, nil))
		}, `
			getDifference pts=100 qts=10 date=50
			updateNewMessage common 101.0 [pts=101;date=60;c77=40!]
			getChannelDifference 77/7700 pts=40 limit=100
			state c77=50.0!;c77=50.0`},

		{"E10 updatesTooLong", func(b *bench) {
			b.push(M{"_": "updatesTooLong"})
		}, `getDifference pts=100 qts=10 date=50`},

		{"E10 updatePtsChanged: reset", func(b *bench) {
			b.push(short(M{"_": "updatePtsChanged"}))
			b.answer(common, state(3, 10, 60, 5))
		}, `
			getState
			gap common 100..3 reset [pts=3]
			getDifference pts=3 qts=10 date=50`},

		{"E10 updatePtsChanged: not reset", func(b *bench) {
			b.push(short(M{"_": "updatePtsChanged"}))
			b.answer(common, state(103, 10, 60, 5))
		}, `
			getState
			getDifference pts=100 qts=10 date=50`},

		{"E11 not final: on at once", func(b *bench) {
			b.push(short(M{"_": "updateChannelTooLong", "channel_id": 77}))
			b.answer(ch77, channelDifference(false, 41, []M{message(1, peerChannel(77))}, nil))
			b.answer(ch77, channelDifference(true, 45, nil, []M{{"_": "updateDeleteChannelMessages", "channel_id": 77, "messages": []int{1}, "pts": 45, "pts_count": 4}}))
		}, `
			getChannelDifference 77/7700 pts=40 limit=100
			updateNewChannelMessage channel.77 41.0 [c77=41]
			getChannelDifference 77/7700 pts=41 limit=100
			updateDeleteChannelMessages channel.77 45.0 [c77=45]`},

		{"E11 empty may move pts", func(b *bench) {
			b.push(short(M{"_": "updateChannelTooLong", "channel_id": 77, "pts": 44}))
			b.answer(ch77, M{"_": "updates.channelDifferenceEmpty", "final": true, "pts": 44})
			b.push(short(newChannelMessage(77, 1, 45)))
		}, `
			getChannelDifference 77/7700 pts=40 limit=100
			state c77=44.0
			updateNewChannelMessage channel.77 45.0 [c77=45]`},

		{"E12 a channel's too long: a gap; its newest messages are not published", func(b *bench) {
			b.push(short(M{"_": "updateChannelTooLong", "channel_id": 77}))
			b.answer(ch77, channelTooLong(9000, message(3, peerChannel(77))))
		}, `
			getChannelDifference 77/7700 pts=40 limit=100
			gap channel.77 40..9000 too long [c77=9000]`},

		{"E11 updateChannelTooLong with a pts that we have", func(b *bench) {
			b.push(short(M{"_": "updateChannelTooLong", "channel_id": 77, "pts": 40}))
		}, ``},

		{"E15 a channel that is closed to us, and comes back", func(b *bench) {
			b.push(short(newChannelMessage(77, 2, 42)))
			b.fail(ch77, &Error{400, "CHANNEL_PRIVATE"})
			b.wait(time.Minute)
			b.push(short(newChannelMessage(77, 1, 41)))
		}, `
			getChannelDifference 77/7700 pts=40 limit=100
			gap channel.77 40..40 CHANNEL_PRIVATE [c77=40.2]
			updateNewChannelMessage channel.77 41.0 [c77=41]`},

		{"E15 a channel whose pts Telegram does not know", func(b *bench) {
			b.push(short(newChannelMessage(77, 2, 42)))
			b.fail(ch77, &Error{400, "PERSISTENT_TIMESTAMP_INVALID"})
			b.answer(ch77, channelTooLong(41))
		}, `
			getChannelDifference 77/7700 pts=40 limit=100
			getChannelDifference 77/7700 pts=1 limit=1
			gap channel.77 40..41 invalid pts [c77=41]
			updateNewChannelMessage channel.77 42.0 [c77=42]`},

		{"E15 an account whose pts Telegram does not know", func(b *bench) {
			b.push(M{"_": "updatesTooLong"})
			b.fail(common, &Error{400, "PERSISTENT_TIMESTAMP_INVALID"})
			b.answer(common, state(80, 12, 60, 5))
			b.wait(time.Second)
			b.fail(common, &Error{400, "PERSISTENT_TIMESTAMP_INVALID"})
			b.answer(common, state(80, 12, 60, 5))
			b.wait(1900 * time.Millisecond) // longer each time
		}, `
			getDifference pts=100 qts=10 date=50
			getState
			gap common 100..80 invalid pts [pts=80]
			gap secret 10..12 invalid pts [qts=12;date=60]
			getDifference pts=80 qts=12 date=60
			getState
			gap common 80..80 invalid pts [pts=80.2]`},

		{"E15 a server that lags is asked again, later each time", func(b *bench) {
			b.push(M{"_": "updatesTooLong"})
			b.fail(common, &Error{500, "PERSISTENT_TIMESTAMP_OUTDATED"})
			b.wait(time.Second)
			b.fail(common, errors.New("connection lost"))
			b.wait(1999 * time.Millisecond)
			b.wait(time.Millisecond)
			b.fail(common, &Error{420, "FLOOD_WAIT_35"})
			b.wait(35 * time.Second)
			b.answer(common, differenceEmpty(50, 5))
		}, strings.Repeat("getDifference pts=100 qts=10 date=50\n", 4)},

		{"E15 a difference without the missing piece is not asked for in a loop", func(b *bench) {
			b.push(short(newChannelMessage(77, 2, 42)))
			b.answer(ch77, M{"_": "updates.channelDifferenceEmpty", "final": true, "pts": 40})
			b.wait(900 * time.Millisecond)
			b.push(short(newChannelMessage(77, 1, 41)))
		}, `
			getChannelDifference 77/7700 pts=40 limit=100
			updateNewChannelMessage channel.77 41.0 [c77=41]
			updateNewChannelMessage channel.77 42.0 [c77=42]`},

		{"E18 a quarter of an hour without updates", func(b *bench) {
			b.wait(15*time.Minute - 1)
			b.push(short(userName(1)))
			b.wait(15*time.Minute - 1)
			b.wait(1)
		}, `
			updateUserName none 0.0
			getDifference pts=100 qts=10 date=50`},

		{"E22 a channel whose access hash is not known", func(b *bench) {
			b.push(short(newChannelMessage(55, 1, 10)))
			b.push(short(newChannelMessage(55, 3, 12)))
			b.answer(common, differenceEmpty(50, 5))
		}, `
			updateNewChannelMessage channel.55 10.0 [c55=10]
			getDifference pts=100 qts=10 date=50
			gap channel.55 10..11 no access [c55=11]
			updateNewChannelMessage channel.55 12.0 [c55=12]`},

		{"E22 the access hash comes along", func(b *bench) {
			b.push(withChats(updates(0, 1, newChannelMessage(55, 1, 10)), channel(55, -5)))
			b.push(short(newChannelMessage(55, 3, 12)))
		}, `
			updateNewChannelMessage channel.55 10.0 [c55=10/-5]
			getChannelDifference 55/-5 pts=10 limit=100`},

		{"E21 the access hash of a min channel is none", func(b *bench) {
			min := channel(55, -5)
			min["min"] = true
			b.push(withChats(updates(0, 1, newChannelMessage(55, 1, 10)), min))
			b.push(short(newChannelMessage(55, 3, 12)))
		}, `
			updateNewChannelMessage channel.55 10.0 [c55=10]
			getDifference pts=100 qts=10 date=50`},

		{"E17 a channel that was never seen, first by its TooLong", func(b *bench) {
			b.push(withChats(updates(0, 1, M{"_": "updateChannelTooLong", "channel_id": 55}), channel(55, 5)))
			b.answer(Box{Channel, 55}, channelTooLong(30))
		}, `
			getChannelDifference 55/5 pts=1 limit=1
			gap channel.55 0..30 first seen [c55=30/5]`},

		{"E17 a channel known from the dialogs", func(b *bench) {
			b.m.Channel(b.now, 55, 30, 5)
			b.drain()
			b.push(short(newChannelMessage(55, 3, 32)))
			b.m.Channel(b.now, 77, 40, 7700)
			b.drain()
		}, `
			state c55=30.0/5
			getChannelDifference 55/5 pts=30 limit=100`},

		{"E29 a pts that moves nothing, but is ahead", func(b *bench) {
			b.push(short(M{"_": "updateReadChannelInbox", "channel_id": 77, "max_id": 1, "still_unread_count": 0, "pts": 40}))
			b.push(short(M{"_": "updateReadChannelInbox", "channel_id": 77, "max_id": 1, "still_unread_count": 0, "pts": 41}))
		}, `
			updateReadChannelInbox none 0.0
			updateReadChannelInbox none 0.0
			getChannelDifference 77/7700 pts=40 limit=100`},

		{"live updates carry no state", func(b *bench) {
			b.push(updates(6, 51, M{"_": "updateUserStatus", "user_id": 3, "status": M{"_": "userStatusOffline", "was_online": 1}}))
		}, `
			updateUserStatus none 0.0 live
			state seq=6;date=51`},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, at(), Config{})
			c.do(b)
			expect(t, b.log, c.want)
		})
	}
}

func expect(t *testing.T, got []string, want string) {
	t.Helper()
	var lines []string
	for line := range strings.Lines(want) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	if !slices.Equal(got, lines) {
		t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(lines, "\n\t"))
	}
}

// E17: the first login takes the state; what is pushed meanwhile waits.
func TestFirstLogin(t *testing.T) {
	b := startBench(t, State{}, Config{})
	b.push(short(newMessage(1, 9)))
	b.push(short(newMessage(2, 10)))
	b.answer(common, state(9, 3, 60, 2))
	expect(t, b.log, `
		getState
		updateNewMessage common 10.0 [pts=10;qts=3.0;seq=2;date=60]`)
}

// E17: a state that is there means the difference, and the channels that were behind when it was stored.
func TestRestart(t *testing.T) {
	st := at()
	st.Channels[88] = ChannelState{Pts: 5, N: 1, AccessHash: 8, Behind: true}
	b := startBench(t, st, Config{})
	expect(t, b.log, `
		getDifference pts=100 qts=10 date=50
		getChannelDifference 88/8 pts=5 limit=100`)
	b.answer(Box{Channel, 88}, channelDifference(true, 6, []M{message(1, peerChannel(88))}, nil))
	expect(t, b.log[2:], `updateNewChannelMessage channel.88 6.0 [c88=6!;c88=6]`)
}

// D3: what cannot be read ends the connection and begins a difference, and is acknowledged.
func TestUnreadablePush(t *testing.T) {
	for _, body := range [][]byte{nil, {1, 2, 3}, {0xde, 0xad, 0xbe, 0xef, 0, 0, 0, 0}, api(t).encode(peerUser(1))} {
		b := newBench(t, at(), Config{})
		b.m.Push(b.now, body, Meta{Token: 4})
		b.drain()
		expect(t, b.log, `
			release [4]
			broken none
			getDifference pts=100 qts=10 date=50`)
	}
}

// D3, E15: a difference that stays unreadable becomes a gap.
func TestUnreadableDifference(t *testing.T) {
	b := newBench(t, at(), Config{MaxUnreadable: 2})
	b.push(M{"_": "updatesTooLong"})
	b.result(common, []byte{1, 2, 3, 4}, nil)
	b.wait(time.Second)
	b.result(common, []byte{1, 2, 3, 4}, nil)
	b.wait(time.Second)
	b.answer(common, state(120, 10, 60, 9))
	expect(t, b.log, `
		getDifference pts=100 qts=10 date=50
		broken common
		getDifference pts=100 qts=10 date=50
		broken common
		getState
		gap common 100..120 unreadable [pts=120;seq=9;date=60]`)

	b = newBench(t, at(), Config{MaxUnreadable: 1})
	b.push(short(newChannelMessage(77, 3, 43)))
	b.answer(ch77, differenceEmpty(1, 1))
	expect(t, b.log, `
		getChannelDifference 77/7700 pts=40 limit=100
		gap channel.77 40..42 unreadable [c77=42]
		updateNewChannelMessage channel.77 43.0 [c77=43]
		broken channel.77`)
}

// E7: what is held is bounded; what was dropped comes by another difference.
func TestHeldIsBounded(t *testing.T) {
	b := startBench(t, at(), Config{MaxHeld: 3})
	for i := range 10 {
		b.push(short(newMessage(i, 101+i)))
	}
	if b.m.held.n > 3 {
		t.Errorf("%d are held", b.m.held.n)
	}
	b.answer(common, differenceEmpty(50, 5))
	expect(t, b.log, `
		getDifference pts=100 qts=10 date=50
		getDifference pts=100 qts=10 date=50`)

	b = startBench(t, at(), Config{MaxHeldBytes: 300})
	for i := range 10 {
		b.push(short(newMessage(i, 101+i)))
	}
	if b.m.held.bytes > 300 {
		t.Errorf("%d bytes are held", b.m.held.bytes)
	}
}

// E16: not too many channel differences at a time.
func TestConcurrentDifferences(t *testing.T) {
	st := at()
	for id := int64(1); id <= 25; id++ {
		st.Channels[id] = ChannelState{Pts: 1, AccessHash: id, Behind: true}
	}
	b := newBench(t, st, Config{})
	for done := 0; done < 25; done++ {
		if want := min(10, 25-done); len(b.fetch) != want {
			t.Fatalf("%d run at a time, want %d", len(b.fetch), want)
		}
		for box := range b.fetch {
			b.answer(box, M{"_": "updates.channelDifferenceEmpty", "final": true, "pts": 1})
			break
		}
	}
}

// D19: results of calls.
func TestResults(t *testing.T) {
	input := M{"_": "inputPeerUser", "user_id": 7, "access_hash": 1}
	channel77 := M{"_": "inputChannel", "channel_id": 77, "access_hash": 7700}
	for _, c := range []struct {
		name         string
		call, result M
		want         string
	}{
		{"updates", M{"_": "messages.sendMessage", "peer": input, "message": "a", "random_id": 1}, updates(0, 0, newMessage(1, 101)), `
			updateNewMessage common 101.0 [pts=101]`},
		{"affectedMessages moves the common box", M{"_": "messages.deleteMessages", "id": []int{1}}, M{"_": "messages.affectedMessages", "pts": 102, "pts_count": 2}, `
			state pts=102.0
			updateNewMessage common 103.0 [pts=103]`},
		{"affectedMessages of a channel", M{"_": "channels.deleteMessages", "channel": channel77, "id": []int{1}}, M{"_": "messages.affectedMessages", "pts": 41, "pts_count": 1}, `
			state c77=41.0`},
		{"affectedHistory of a channel's peer, wrapped",
			M{"_": "invokeWithoutUpdates", "query": M{"_": "messages.readMentions", "peer": M{"_": "inputPeerChannel", "channel_id": 77, "access_hash": 1}}},
			M{"_": "messages.affectedHistory", "pts": 42, "pts_count": 1, "offset": 0}, `
			getChannelDifference 77/7700 pts=40 limit=100`},
		{"updates within a result", M{"_": "messages.createChat", "users": []M{}, "title": "x"},
			M{"_": "messages.invitedUsers", "missing_invitees": []M{}, "updates": updates(0, 0, newMessage(1, 101))}, `
			updateNewMessage common 101.0 [pts=101]`},
		{"a sent message is made whole", M{"_": "messages.sendMessage", "peer": input, "message": "hello", "random_id": 1},
			M{"_": "updateShortSentMessage", "out": true, "id": 5, "pts": 101, "pts_count": 1, "date": 9}, `
			updateNewMessage common 101.0 [pts=101]`},
		{"a sent message of which more was said", M{"_": "messages.sendMedia", "peer": input, "media": M{"_": "inputMediaEmpty"}, "message": "hello", "random_id": 1},
			M{"_": "updateShortSentMessage", "out": true, "id": 5, "pts": 101, "pts_count": 1, "date": 9}, `
			getDifference pts=100 qts=10 date=50`},
		{"anything else", M{"_": "help.getConfig"}, M{"_": "peerUser", "user_id": 1}, ``},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, at(), Config{})
			b.m.PushResult(b.now, b.l.encode(c.call), b.l.encode(c.result), Meta{Origin: "r1"})
			b.drain()
			if c.result["_"] == "messages.affectedMessages" && c.result["pts"] == 102 {
				b.push(short(newMessage(9, 103)))
			}
			expect(t, b.log, c.want)
		})
	}
}

// E5: the short forms become full messages, with everything that both have.
func TestShortForms(t *testing.T) {
	short := func(m M) M {
		for k, v := range (M{"id": 5, "message": "hi", "pts": 101, "pts_count": 1, "date": 9}) {
			m[k] = v
		}
		return m
	}
	reply := M{"_": "messageReplyHeader", "reply_to_msg_id": 4}
	bold := []M{{"_": "messageEntityBold", "offset": 0, "length": 2}}
	for _, c := range []struct {
		name string
		in   M
		want M
	}{
		{"received", short(M{"_": "updateShortMessage", "user_id": 7, "silent": true, "reply_to": reply, "entities": bold}),
			M{"peer_id": peerUser(7), "from_id": peerUser(7), "silent": true, "reply_to": reply, "entities": bold}},
		{"sent from elsewhere", short(M{"_": "updateShortMessage", "user_id": 7, "out": true}),
			M{"peer_id": peerUser(7), "from_id": peerUser(1), "out": true}},
		{"in a group", short(M{"_": "updateShortChatMessage", "chat_id": 8, "from_id": 7, "via_bot_id": 3}),
			M{"peer_id": M{"_": "peerChat", "chat_id": 8}, "from_id": peerUser(7), "via_bot_id": 3}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, at(), Config{})
			b.push(c.in)
			expect(t, b.log, `updateNewMessage common 101.0 [pts=101]`)
			for k, v := range (M{"_": "message", "id": 5, "message": "hi", "date": 9}) {
				c.want[k] = v
			}
			want := b.l.encode(M{"_": "updateNewMessage", "message": c.want, "pts": 101, "pts_count": 1})
			if got := b.items[0]; !slices.Equal(got.Update, want) || got.Date != 9 {
				t.Errorf("got %x of %d, want %x", got.Update, got.Date, want)
			}
		})
	}
}

// E5: somebody whom nobody knows makes it a difference.
func TestShortFormsOfStrangers(t *testing.T) {
	base := M{"_": "updateShortMessage", "user_id": 7, "id": 5, "message": "hi", "pts": 101, "pts_count": 1, "date": 9}
	for name, more := range map[string]M{
		"sender":    {"user_id": 9},
		"bot":       {"via_bot_id": 9},
		"mention":   {"entities": []M{{"_": "messageEntityMentionName", "offset": 0, "length": 1, "user_id": 9}}},
		"forwarded": {"fwd_from": M{"_": "messageFwdHeader", "from_id": peerUser(9), "date": 1}},
		"reply":     {"reply_to": M{"_": "messageReplyHeader", "reply_to_peer_id": peerChannel(9)}},
	} {
		m := M{}
		for _, from := range []M{base, more} {
			for k, v := range from {
				m[k] = v
			}
		}
		b := newBench(t, at(), Config{Known: func(p Peer) bool { return p.ID != 9 }})
		b.push(m)
		if len(b.log) != 1 || !strings.HasPrefix(b.log[0], "getDifference") {
			t.Errorf("%s: %q", name, b.log)
		}
	}
}

// C17, E27: only what no difference gives back is held back from being acknowledged.
func TestRelease(t *testing.T) {
	status := M{"_": "updateUserStatus", "user_id": 3, "status": M{"_": "userStatusOffline", "was_online": 1}}
	for _, c := range []struct {
		name string
		push M
		want string
	}{
		{"pts", short(newMessage(1, 101)), "release [3]\nupdateNewMessage common 101.0 [pts=101]"},
		{"seq", updates(6, 51, userName(1)), "release [3]\nupdateUserName none 0.0 [seq=6;date=51]"},
		{"neither", short(userName(1)), "updateUserName none 0.0\nthen release [3]"},
		{"neither, beside pts", updates(0, 51, userName(1), newMessage(1, 101)), "updateUserName none 0.0\nupdateNewMessage common 101.0 [pts=101]\nthen release [3]"},
		{"pts without a count", short(deleted(1, 100, 0)), "updateDeleteMessages common 100.1 [pts=100.2]\nthen release [3]"},
		{"live", short(status), "release [3]\nupdateUserStatus none 0.0 live"},
		{"known", short(newMessage(1, 100)), "release [3]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, at(), Config{})
			b.pushMeta(c.push, Meta{Token: 3})
			expect(t, b.log, c.want)
		})
	}
}

// E21 and design §3: just the users and chats that an update mentions.
func TestMentions(t *testing.T) {
	m := message(1, peerChannel(77))
	m["from_id"] = peerUser(3)
	m["via_bot_id"] = 4
	m["fwd_from"] = M{"_": "messageFwdHeader", "from_id": peerChannel(88), "date": 1}
	m["entities"] = []M{{"_": "messageEntityMentionName", "offset": 0, "length": 1, "user_id": 5}}
	m["grouped_id"] = 6 // an id, of nobody
	users := []M{user(3), user(4), user(5), user(8), user(77)}
	users[0]["min"] = true
	chats := []M{channel(77, 1), channel(88, 1), channel(99, 1), {"_": "chatForbidden", "id": 5, "title": "t"}}
	b := newBench(t, at(), Config{})
	b.push(withUsers(withChats(updates(0, 0, M{"_": "updateNewChannelMessage", "message": m, "pts": 41, "pts_count": 1},
		M{"_": "updateReadChannelDiscussionInbox", "channel_id": 99, "top_msg_id": 1, "read_max_id": 1},
		M{"_": "updatePendingJoinRequests", "peer": peerChannel(99), "requests_pending": 1, "recent_requesters": []int64{8, 3}}), chats...), users...))
	for i, want := range []string{"user 3 user 4 user 5 channel 77 channel 88", "channel 99", "user 8 user 3 channel 99"} {
		var got []string
		for _, raw := range slices.Concat(b.items[i].Users, b.items[i].Chats) {
			v, err := b.l.s.View(raw)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, fmt.Sprintf("%s %d", v.Name(), v.Int("id")))
		}
		if got := strings.Join(got, " "); got != want {
			t.Errorf("%s: got %s, want %s", b.items[i].Name, got, want)
		}
	}
}

// Where an update happened, for its subject.
func TestPeers(t *testing.T) {
	for _, c := range []struct {
		update M
		want   string
	}{
		{newMessage(1, 101), "user.7"},
		{newChannelMessage(77, 1, 41), "channel.77"},
		{encrypted(1, 11), "secret.5"},
		{userName(9), "user.9"},
		{deleted(1, 101, 1), "none.0"},
		{M{"_": "updateChatParticipantAdd", "chat_id": 4, "user_id": 5, "inviter_id": 6, "date": 1, "version": 1}, "chat.4"},
		{M{"_": "updateChatParticipants", "participants": M{"_": "chatParticipantsForbidden", "chat_id": 4}}, "chat.4"},
		{M{"_": "updateReadHistoryInbox", "peer": M{"_": "peerChat", "chat_id": 4}, "max_id": 1, "still_unread_count": 0, "pts": 101, "pts_count": 1}, "chat.4"},
		{M{"_": "updateDialogUnreadMark", "peer": M{"_": "dialogPeer", "peer": peerUser(5)}}, "user.5"},
		{M{"_": "updateNotifySettings", "peer": M{"_": "notifyUsers"}, "notify_settings": M{"_": "peerNotifySettings"}}, "none.0"},
		{M{"_": "updateEncryption", "chat": M{"_": "encryptedChatDiscarded", "id": 6}, "date": 1}, "secret.6"},
		{M{"_": "updateEncryptedMessagesRead", "chat_id": 6, "max_date": 1, "date": 1}, "secret.6"},
		{M{"_": "updateChannelUserTyping", "channel_id": 8, "from_id": peerUser(5), "action": M{"_": "sendMessageTypingAction"}}, "channel.8"},
		{M{"_": "updateConfig"}, "none.0"},
	} {
		b := newBench(t, at(), Config{})
		b.push(short(c.update))
		if len(b.items) != 1 || b.items[0].Peer.String() != c.want {
			t.Errorf("%s: %v, want %s", c.update["_"], b.items, c.want)
		}
	}
}

// A difference that is larger than a batch comes in parts, and after a crash between them the rest is published once.
func TestParts(t *testing.T) {
	var messages []M
	for i := range 5 {
		messages = append(messages, message(i+1, peerUser(7)))
	}
	whole := difference("updates.difference", state(105, 10, 60, 5), messages, nil, nil, nil)
	b := startBench(t, at(), Config{MaxBatch: 2})
	b.log = nil
	b.answer(common, whole)
	if got := strings.Join(b.log, "\n"); strings.Count(got, "part=common/105/") != 4 || !strings.Contains(got, "common 105.4 [part=common;pts=105.5;date=60]") {
		t.Error(got)
	}
	if len(b.fold.Partial) > 0 {
		t.Errorf("left: %v", b.fold.Partial)
	}
	st := at()
	for _, it := range b.items[:2] {
		if err := st.Apply(it.State); err != nil {
			t.Fatal(err)
		}
	}
	b = startBench(t, st, Config{MaxBatch: 10})
	b.log = nil
	b.answer(common, whole)
	expect(t, b.log, `
		updateNewMessage common 105.2
		+ updateNewMessage common 105.3
		+ updateNewMessage common 105.4 [part=common/105/4;part=common;pts=105.5;date=60]`)
}
