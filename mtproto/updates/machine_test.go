package updates

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

var common = Box{Kind: Common}

// at is an account that is up to date: pts 100, qts 10, seq 5, and channel 77 at 40.
func at() State {
	return State{Position: Position{Pts: 100, PtsItems: 1, Qts: 10, QtsItems: 1, Seq: 5, Date: 50}, Channels: map[int64]ChannelState{77: {Pts: 40, PtsItems: 1, AccessHash: 7700}}}
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
		}, ``},

		{"E3 the same among those that were held", func(b *bench) {
			b.push(short(newMessage(3, 103)))
			b.push(short(deleted(2, 105, 4)))
			b.push(short(newMessage(1, 101)))
			b.push(short(newMessage(2, 102)))
			b.answer(common, differenceEmpty(60, 5)) // of a server that lags
			b.wait(time.Second)
			b.answer(common, difference("updates.difference", state(105, 10, 60, 5), nil, nil, []M{deleted(2, 105, 2)}, nil))
		}, `
			updateNewMessage common 101.0 [pts=101]
			updateNewMessage common 102.0 [pts=102]
			updateNewMessage common 103.0 [pts=103]
			getDifference pts=103 qts=10 date=50
			state date=60
			getDifference pts=103 qts=10 date=60
			updateDeleteMessages common 105.0 [pts=105;date=60]`},

		{"E3 one that begins before what we have and ends after it", func(b *bench) {
			b.push(short(deleted(2, 103, 5)))
			b.answer(common, difference("updates.difference", state(103, 10, 60, 5), nil, nil, []M{deleted(2, 103, 5)}, nil))
			b.push(short(M{"_": "updateDeleteChannelMessages", "channel_id": 77, "messages": []int{1}, "pts": 43, "pts_count": 5}))
		}, `
			getDifference pts=100 qts=10 date=50
			updateDeleteMessages common 103.0 [pts=103;date=60]
			getChannelDifference 77/7700 pts=40 limit=100`},

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

		{"E3 a qts of 0 is no number", func(b *bench) {
			b.push(short(participant(1, 11)))
			b.pushMeta(short(participant(2, 0)), Meta{Token: 9})
			b.push(updates(6, 51, participant(3, 0)))
			b.push(short(participant(4, 12)))
			b.push(short(participant(2, 0))) // known
		}, `
			updateChannelParticipant secret 11.0 [qts=11]
			updateChannelParticipant none 0.0
			then release [9]
			updateChannelParticipant none 0.0 [seq=6;date=51]
			updateChannelParticipant secret 12.0 [qts=12]`},

		{"E3 nor is a pts of 0", func(b *bench) {
			b.m.ledger.state.Pts, b.m.dispatcher.common.pts = 2_000_000, 2_000_000 // it is no reset either
			b.push(short(deleted(1, 0, 0)))
			b.push(short(M{"_": "updateDeleteChannelMessages", "channel_id": 77, "messages": []int{1}, "pts": 0, "pts_count": 0}))
			b.push(short(newMessage(5, 0)))
			call := b.l.encode(M{"_": "messages.deleteMessages", "id": []int{1}})
			b.m.PushResult(b.now, call, b.l.encode(M{"_": "messages.affectedMessages", "pts": 0, "pts_count": 0}), Meta{})
			b.drain()
		}, `
			updateDeleteMessages none 0.0 [pts=2000000]
			updateDeleteChannelMessages none 0.0
			updateNewMessage none 0.0`},

		{"E8 in differences the same, once", func(b *bench) {
			for range 2 {
				b.push(M{"_": "updatesTooLong"})
				b.answer(common, difference("updates.difference", state(100, 12, 60, 5), nil, nil, []M{participant(1, 11), participant(2, 0), participant(3, 12)}, nil))
			}
		}, `
			getDifference pts=100 qts=10 date=50
			updateChannelParticipant secret 12.0
			+ updateChannelParticipant none 0.1
			+ updateChannelParticipant secret 12.1 [pts=100.2;qts=12.2;date=60]
			getDifference pts=100 qts=12 date=60
			updateChannelParticipant secret 12.2
			+ updateChannelParticipant secret 12.3 [qts=12.4]`},

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
			state c77=50.0`},

		{"E10 updatesTooLong", func(b *bench) {
			b.push(M{"_": "updatesTooLong"})
		}, `getDifference pts=100 qts=10 date=50`},

		{"E10 updatePtsChanged: reset", func(b *bench) {
			b.push(short(M{"_": "updatePtsChanged"}))
			b.answer(common, state(3, 10, 60, 5))
		}, `
			getState
			gap common 100..3 reset [pts=3;era=1]
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

		{"E12 a channel's too long, and nobody knows which of its messages were published", func(b *bench) {
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
			gap channel.77 40..40 CHANNEL_PRIVATE [c77=40.2~]
			updateNewChannelMessage channel.77 41.0 [c77=41]`},

		{"E15 a channel that is still closed to us is said once", func(b *bench) {
			for range 2 {
				b.push(short(M{"_": "updateChannelTooLong", "channel_id": 77}))
				b.fail(ch77, &Error{400, "CHANNEL_PRIVATE"})
			}
		}, `
			getChannelDifference 77/7700 pts=40 limit=100
			gap channel.77 40..40 CHANNEL_PRIVATE [c77=40.2~]
			getChannelDifference 77/7700 pts=40 limit=100`},

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
			gap common 100..80 invalid pts [pts=80;era=1]
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
			b.m.AddChannel(b.now, 55, 30, 5)
			b.drain()
			b.push(short(newChannelMessage(55, 3, 32)))
			b.m.AddChannel(b.now, 77, 40, 7700)
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
	st.Channels[88] = ChannelState{Pts: 5, PtsItems: 1, AccessHash: 8, Behind: true}
	b := startBench(t, st, Config{})
	expect(t, b.log, `
		getDifference pts=100 qts=10 date=50
		getChannelDifference 88/8 pts=5 limit=100`)
	b.answer(Box{Channel, 88}, channelDifference(true, 6, []M{message(1, peerChannel(88))}, nil))
	expect(t, b.log[2:], `updateNewChannelMessage channel.88 6.0 [c88=6]`)
}

// E7: what waited for a channel's difference goes on from where that ends; the state is the one behind both.
func TestReplayedBehindDifference(t *testing.T) {
	st := at()
	st.Channels[88] = ChannelState{Pts: 5, PtsItems: 1, AccessHash: 8, Behind: true}
	b := startBench(t, st, Config{})
	b.push(short(newChannelMessage(88, 2, 7)))
	b.answer(Box{Channel, 88}, channelDifference(true, 6, []M{message(1, peerChannel(88))}, nil))
	expect(t, b.log[2:], `
		updateNewChannelMessage channel.88 6.0
		+ updateNewChannelMessage channel.88 7.0 [c88=7!;c88=7]`)
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
	if b.m.queue.n > 3 {
		t.Errorf("%d are postponed", b.m.queue.n)
	}
	b.answer(common, differenceEmpty(50, 5))
	expect(t, b.log, `
		getDifference pts=100 qts=10 date=50
		getDifference pts=100 qts=10 date=50`)

	b = startBench(t, at(), Config{MaxHeldBytes: 300})
	for i := range 10 {
		b.push(short(newMessage(i, 101+i)))
	}
	if b.m.queue.bytes > 300 {
		t.Errorf("%d bytes are postponed", b.m.queue.bytes)
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

// E9: a difference is never asked for with limits, which would only cut it short; TDLib sends none either.
func TestDifferenceWithoutLimits(t *testing.T) {
	b := startBench(t, at(), Config{})
	v, err := b.l.s.View(b.fetch[common].Query)
	if err != nil || v.Name() != "updates.getDifference" {
		t.Fatal(v.Name(), err)
	}
	for _, limit := range []string{"pts_limit", "pts_total_limit", "qts_limit"} {
		if c, _ := b.l.s.Function("updates.getDifference"); c.Decl().Param(limit) == nil {
			t.Errorf("the schema has no %s: this test sees nothing", limit)
		}
		if v.Has(limit) {
			t.Errorf("%s is %d", limit, v.Int(limit))
		}
	}
}
