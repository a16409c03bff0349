package updates

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

// topped is at, and it is known which messages were the newest.
func topped() State {
	st := at()
	st.TopID = 500
	st.Channels[77] = ChannelState{Pts: 40, PtsItems: 1, TopID: 10, AccessHash: 7700}
	return st
}

func channelTooLongTo(pts, top int, newest ...M) M {
	m := channelTooLong(pts, newest...)
	m["dialog"].(M)["top_message"] = top
	return m
}

func history(list ...M) M {
	return M{"_": "messages.messages", "messages": list, "topics": []M{}, "chats": []M{}, "users": []M{}}
}

func empty(id int) M { return M{"_": "messageEmpty", "id": id} }

func in77(id int) M { return message(id, peerChannel(77)) }

func tooLong77(b *bench, answer M) {
	b.push(short(M{"_": "updateChannelTooLong", "channel_id": 77}))
	b.answer(ch77, answer)
}

// E8, E12, E24: what a TooLong leaves out is said, and fetched from history where it can be.
func TestHistory(t *testing.T) {
	for _, c := range []struct {
		name string
		c    Config
		do   func(b *bench)
		want string
	}{
		{"E12 a channel: the newest at once, the others by their ids, on from where it stopped", Config{}, func(b *bench) {
			tooLong77(b, channelTooLongTo(9000, 215, in77(214), in77(215), in77(212)))
			b.reply(history(in77(12), in77(11), empty(13), in77(110)))
			b.wait(time.Second)
			b.reply(history(empty(111), in77(213), in77(5)))
			b.wait(time.Second)
			b.reply(history())
			b.wait(time.Minute)
		}, `
			getChannelDifference 77/7700 pts=40 limit=100
			gap channel.77 40..9000 too long, messages 10..215 fill=true [c77=9000@215;hole=channel.77/10/215]
			updateNewChannelMessage channel.77 0.212 backfill [had=channel.77/211/212]
			updateNewChannelMessage channel.77 0.214 backfill [had=channel.77/213/214]
			updateNewChannelMessage channel.77 0.215 backfill [had=channel.77/214/215]
			getMessages 77/7700 11..110 (100)
			updateNewChannelMessage channel.77 0.11 backfill [had=channel.77/10/11]
			updateNewChannelMessage channel.77 0.12 backfill [had=channel.77/10/12]
			updateNewChannelMessage channel.77 0.110 backfill [had=channel.77/10/110;had=channel.77/10/110]
			getMessages 77/7700 111..210 (100)
			state had=channel.77/110/210
			getMessages 77/7700 211..213 (2)
			state had=channel.77/210/213`},

		{"E12 a channel whose hole the answer fills by itself", Config{}, func(b *bench) {
			tooLong77(b, channelTooLongTo(9000, 12, in77(12), in77(11), in77(10)))
			b.wait(time.Minute)
		}, `
			getChannelDifference 77/7700 pts=40 limit=100
			gap channel.77 40..9000 too long, messages 10..12 fill=true [c77=9000@12;hole=channel.77/10/12]
			updateNewChannelMessage channel.77 0.11 backfill [had=channel.77/10/11]
			updateNewChannelMessage channel.77 0.12 backfill [had=channel.77/11/12]`},

		{"E12 a channel in which nothing new was written", Config{}, func(b *bench) {
			tooLong77(b, channelTooLongTo(9000, 10, in77(10), in77(9)))
			b.wait(time.Minute)
		}, `
			getChannelDifference 77/7700 pts=40 limit=100
			gap channel.77 40..9000 too long, messages 10..10 fill=false [c77=9000]`},

		{"E12 no more than the limit, the newest", Config{Fill: Fill{Messages: 5}}, func(b *bench) {
			tooLong77(b, channelTooLongTo(9000, 30, in77(30)))
			b.reply(history(in77(29)))
			b.wait(time.Minute)
		}, `
			getChannelDifference 77/7700 pts=40 limit=100
			gap channel.77 40..9000 too long, messages 10..30 fill=true [c77=9000@30;hole=channel.77/10/30]
			updateNewChannelMessage channel.77 0.30 backfill [had=channel.77/29/30]
			gap channel.77 9000..9000 too many, messages 10..24 fill=false [c77=9000.2;had=channel.77/10/24]
			getMessages 77/7700 25..29 (5)
			updateNewChannelMessage channel.77 0.29 backfill [had=channel.77/24/29;had=channel.77/24/29]`},

		{"E12 no history wanted", Config{Fill: Fill{Messages: -1}}, func(b *bench) {
			tooLong77(b, channelTooLongTo(9000, 30, in77(30)))
		}, `
			getChannelDifference 77/7700 pts=40 limit=100
			gap channel.77 40..9000 too long, messages 10..30 fill=false [c77=9000@30]`},

		{"E12 a channel that is closed meanwhile", Config{}, func(b *bench) {
			tooLong77(b, channelTooLongTo(9000, 30))
			b.refuse(&Error{400, "CHANNEL_PRIVATE"})
			b.wait(time.Minute)
		}, `
			getChannelDifference 77/7700 pts=40 limit=100
			gap channel.77 40..9000 too long, messages 10..30 fill=true [c77=9000@30;hole=channel.77/10/30]
			getMessages 77/7700 11..30 (20)
			gap channel.77 9000..9000 CHANNEL_PRIVATE, messages 10..30 fill=false [c77=9000.2;had=channel.77/10/30]`},

		{"E15 a channel that its difference says is closed", Config{Fill: Fill{Pause: time.Hour}}, func(b *bench) {
			tooLong77(b, channelTooLongTo(9000, 300))
			b.reply(history())
			b.push(short(M{"_": "updateChannelTooLong", "channel_id": 77}))
			b.fail(ch77, &Error{400, "CHANNEL_PRIVATE"})
		}, `
			getChannelDifference 77/7700 pts=40 limit=100
			gap channel.77 40..9000 too long, messages 10..300 fill=true [c77=9000@300;hole=channel.77/10/300]
			getMessages 77/7700 11..110 (100)
			state had=channel.77/10/110
			getChannelDifference 77/7700 pts=9000 limit=100
			gap channel.77 9000..9000 CHANNEL_PRIVATE, messages 110..300 fill=false [c77=9000.2~;had=channel.77/110/300]`},

		{"E12 floods and lost connections only cost time; what cannot be read, never, is said", Config{MaxUnreadable: 2}, func(b *bench) {
			tooLong77(b, channelTooLongTo(9000, 30))
			b.refuse(&Error{420, "FLOOD_WAIT_40"})
			b.wait(39 * time.Second)
			b.log = append(b.log, "now")
			b.wait(time.Second)
			b.refuse(errors.New("connection lost"))
			b.wait(2 * time.Second)
			b.reply(state(1, 2, 3, 4))
			b.wait(4 * time.Second)
			b.reply(state(1, 2, 3, 4))
			b.wait(time.Minute)
		}, `
			getChannelDifference 77/7700 pts=40 limit=100
			gap channel.77 40..9000 too long, messages 10..30 fill=true [c77=9000@30;hole=channel.77/10/30]
			getMessages 77/7700 11..30 (20)
			now
			getMessages 77/7700 11..30 (20)
			getMessages 77/7700 11..30 (20)
			broken channel.77
			getMessages 77/7700 11..30 (20)
			gap channel.77 9000..9000 unreadable, messages 10..30 fill=false [c77=9000.2;had=channel.77/10/30]
			broken channel.77`},

		{"E8 the account: up to the first message that comes as an update", Config{}, func(b *bench) {
			b.push(M{"_": "updatesTooLong"})
			b.answer(common, M{"_": "updates.differenceTooLong", "pts": 5000})
			b.answer(common, difference("updates.difference", state(5002, 10, 60, 5), []M{message(603, peerUser(7)), message(604, peerUser(7))}, nil, nil, nil))
			b.reply(history(message(502, peerUser(7)), message(501, peerUser(8)), in77(503)))
			b.wait(time.Second)
			b.reply(history())
			b.wait(time.Minute)
		}, `
			getDifference pts=100 qts=10 date=50
			gap common 100..5000 too long, messages 500..0 fill=true [pts=5000;hole=common/500/0]
			getDifference pts=5000 qts=10 date=50
			updateNewMessage common 5002.0
			+ updateNewMessage common 5002.1 [had=common/602/0;pts=5002.2@604;date=60]
			getMessages 501..600 (100)
			updateNewMessage common 0.501 backfill [had=common/500/501]
			updateNewMessage common 0.502 backfill [had=common/500/502;had=common/500/600]
			getMessages 601..602 (2)
			state had=common/600/602`},

		{"E8 the account, with nothing since: what comes while history is asked is an update", Config{}, func(b *bench) {
			b.push(M{"_": "updatesTooLong"})
			b.answer(common, M{"_": "updates.differenceTooLong", "pts": 5000})
			b.answer(common, differenceEmpty(60, 5))
			b.reply(history(message(501, peerUser(7)), message(502, peerUser(7)), message(503, peerUser(7))))
			b.answer(common, difference("updates.difference", state(5001, 10, 60, 5), []M{message(503, peerUser(7))}, nil, nil, nil))
			b.wait(time.Minute)
		}, `
			getDifference pts=100 qts=10 date=50
			gap common 100..5000 too long, messages 500..0 fill=true [pts=5000;hole=common/500/0]
			getDifference pts=5000 qts=10 date=50
			state date=60
			getMessages 501..600 (100)
			getDifference pts=5000 qts=10 date=60
			updateNewMessage common 5001.0
			+ updateNewMessage common 0.501 backfill [had=common/500/501]
			+ updateNewMessage common 0.502 backfill [had=common/500/502;had=common/500/600;had=common/502/0;pts=5001@503;date=60]`},

		{"E8 the account, and nothing ever comes", Config{}, func(b *bench) {
			b.push(M{"_": "updatesTooLong"})
			b.answer(common, M{"_": "updates.differenceTooLong", "pts": 5000})
			for range 4 {
				b.answer(common, differenceEmpty(50, 5))
				if len(b.asked) > 0 {
					b.reply(history())
				}
				b.wait(time.Second)
			}
		}, `
			getDifference pts=100 qts=10 date=50
			gap common 100..5000 too long, messages 500..0 fill=true [pts=5000;hole=common/500/0]
			getDifference pts=5000 qts=10 date=50
			getMessages 501..600 (100)
			getDifference pts=5000 qts=10 date=50
			state had=common/500/600
			getMessages 601..700 (100)
			getDifference pts=5000 qts=10 date=50
			state had=common/600/700
			getMessages 701..800 (100)
			getDifference pts=5000 qts=10 date=50
			state had=common/700/800;had=common/800/0`},

		{"E12 history waits for every difference", Config{}, func(b *bench) {
			b.m.Start(b.now)
			b.drain()
			tooLong77(b, channelTooLongTo(9000, 30))
			b.wait(time.Minute)
			b.answer(common, differenceEmpty(50, 5))
		}, `
			getDifference pts=100 qts=10 date=50
			getChannelDifference 77/7700 pts=40 limit=100
			gap channel.77 40..9000 too long, messages 10..30 fill=true [c77=9000@30;hole=channel.77/10/30]
			getMessages 77/7700 11..30 (20)`},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, topped(), c.c)
			b.tops = true
			c.do(b)
			expect(t, b.log, c.want)
		})
	}
}

// E12: a hole is in the state, and goes on after a restart; what is dug twice is fetched once.
func TestHistoryAfterRestart(t *testing.T) {
	st := topped()
	if err := st.Apply("part=channel.77/50/0/" + fmt.Sprintf("%x", messageKeyOf(t, in77(12))) + ";hole=channel.77/10/13;c77=60@13"); err != nil {
		t.Fatal(err)
	}
	b := startBench(t, st, Config{})
	b.answer(ch77, channelDifference(true, 60, nil, nil)) // the part is a reason to ask for it
	b.answer(common, differenceEmpty(50, 5))
	b.log = nil
	b.reply(history(in77(11), in77(12), in77(13), in77(13), in77(14), message(11, peerChannel(78))))
	expect(t, b.log, `
		updateNewChannelMessage channel.77 0.11 backfill [had=channel.77/10/11]
		updateNewChannelMessage channel.77 0.13 backfill [had=channel.77/10/13;had=channel.77/10/13]`)
}

// E23: where a hole ends is told by the first item after it, even if that is of another box and the message that ended it
// was stored before a crash: whoever has the item's pts has the end of the hole.
func TestEndOfHoleGoesWithPts(t *testing.T) {
	st := topped()
	if err := st.Apply("hole=common/500/0;part=common/102/0/" + fmt.Sprintf("%x", messageKeyOf(t, message(601, peerUser(7))))); err != nil {
		t.Fatal(err)
	}
	b := startBench(t, st, Config{})
	b.answer(common, difference("updates.differenceSlice", state(102, 10, 50, 5), []M{message(601, peerUser(7))}, nil, nil, nil))
	b.push(updates(0, 0, newChannelMessage(77, 11, 41), newChannelMessage(77, 12, 42)))
	expect(t, b.log, `
		getDifference pts=100 qts=10 date=50
		state had=common/600/0;pts=102
		getDifference pts=102 qts=10 date=50
		updateNewChannelMessage channel.77 41.0 [pts=102;had=common/600/0;c77=41]
		updateNewChannelMessage channel.77 42.0 [c77=42]`)
}

func messageKeyOf(t *testing.T, m M) uint64 {
	v, err := api(t).s.View(api(t).encode(m))
	if err != nil {
		t.Fatal(err)
	}
	return messageKey(v)
}

// E12: how many boxes may have a hole is bounded; they take turns.
func TestHolesAreBounded(t *testing.T) {
	st := topped()
	for id := int64(1); id <= 3; id++ {
		st.Channels[id] = ChannelState{Pts: 5, PtsItems: 1, TopID: 1, AccessHash: id, Behind: true}
	}
	b := newBench(t, st, Config{Fill: Fill{Boxes: 2}})
	for id := int64(1); id <= 3; id++ {
		b.answer(Box{Channel, id}, channelTooLongTo(900, 150))
	}
	if n := len(b.m.ledger.state.Holes); n != 2 {
		t.Fatalf("%d holes", n)
	}
	b.log = nil
	for range 4 {
		b.reply(history())
		b.wait(time.Second)
	}
	expect(t, b.log, `
		state had=channel.1/1/101
		getMessages 2/2 2..101 (100)
		state had=channel.2/1/101
		getMessages 1/1 102..150 (49)
		state had=channel.1/101/150
		getMessages 2/2 102..150 (49)
		state had=channel.2/101/150`)
}

func TestRangeWithout(t *testing.T) {
	for _, c := range []struct {
		r, gone Range
		want    string
	}{
		{Range{10, 20}, Range{0, 5}, "[{10 20}]"},
		{Range{10, 20}, Range{20, 30}, "[{10 20}]"},
		{Range{10, 20}, Range{12, 15}, "[{10 12} {15 20}]"},
		{Range{10, 20}, Range{5, 15}, "[{15 20}]"},
		{Range{10, 20}, Range{15, 25}, "[{10 15}]"},
		{Range{10, 20}, Range{10, 20}, "[]"},
		{Range{10, 20}, Range{15, 0}, "[{10 15}]"},
		{Range{10, 20}, Range{25, 0}, "[{10 20}]"},
		{Range{10, 0}, Range{12, 15}, "[{10 12} {15 0}]"},
		{Range{10, 0}, Range{0, 0}, "[]"},
		{Range{10, 0}, Range{30, 0}, "[{10 30}]"},
	} {
		if got := fmt.Sprint(c.r.without(c.gone)); got != c.want {
			t.Errorf("%v without %v: %s, want %s", c.r, c.gone, got, c.want)
		}
	}
}
