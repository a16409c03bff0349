package updates

import (
	"testing"
	"time"
)

// pushes are seeds of what Telegram may send.
func pushes(l schema) [][]byte {
	return [][]byte{
		l.encode(updates(6, 51, newMessage(1, 101), newChannelMessage(77, 2, 42), userName(3))),
		l.encode(withChats(withUsers(updates(0, 51, deleted(1, 105, 3)), user(7)), channel(77, 1))),
		l.encode(short(encrypted(1, 11))),
		l.encode(short(M{"_": "updateChannelTooLong", "channel_id": 77})),
		l.encode(M{"_": "updatesTooLong"}),
		l.encode(M{"_": "updateShortMessage", "user_id": 7, "id": 5, "message": "hi", "pts": 101, "pts_count": 1, "date": 9}),
		l.encode(difference("updates.difference", state(101, 11, 60, 5), []M{message(1, peerUser(7))}, []M{encryptedMessage(2)}, []M{userName(4)}, nil)),
		l.encode(differenceEmpty(1, 2)),
		l.encode(channelDifference(true, 42, []M{message(1, peerChannel(77))}, nil)),
		l.encode(channelTooLong(9000)),
		l.encode(state(1, 2, 3, 4)),
		l.encode(channelTooLongTo(9000, 300, in77(299))),
		l.encode(M{"_": "updates.differenceTooLong", "pts": 5000}),
		l.encode(history(message(501, peerUser(7)), in77(11), empty(12))),
		l.encode(dialogsOf("messages.dialogsSlice", []M{channel(77, 1)}, dialog77(45, 12), dialog(peerUser(7), 0, 500))),
		l.encode(dialogsOf("messages.peerDialogs", nil, dialog(peerChannel(78), 9, 3))),
		l.encode(aboutChannel(77, gone(channel(77, 7700)))),
		l.encode(updates(6, 51, participant(1, 0), deleted(2, 103, 5), deleted(3, 0, 0))),
	}
}

// quiet checks what a machine puts out, and answers nothing.
func quiet(t *testing.T, m *Machine, fold *State) (fetches []*Fetch) {
	for out, ok := m.Next(); ok; out, ok = m.Next() {
		switch out := out.(type) {
		case *Batch:
			checkBatch(t, out, *fold)
			if err := fold.Apply(out.State); err != nil {
				t.Fatal(err)
			}
		case *Fetch:
			fetches = append(fetches, out)
		}
	}
	if err := m.check(); err != nil {
		t.Fatal(err)
	}
	return fetches
}

// Whatever comes from Telegram, the machine lives and keeps its books.
func FuzzPush(f *testing.F) {
	l := api(f)
	for _, body := range pushes(l) {
		f.Add(body, body)
	}
	f.Fuzz(func(t *testing.T, first, second []byte) {
		m, err := New(l.rules, at(), Config{SelfID: 1, MaxBatch: 3, MaxHeld: 5})
		if err != nil {
			t.Fatal(err)
		}
		fold, now := at(), start
		m.Start(now)
		for _, fetch := range quiet(t, m, &fold) {
			m.Result(now, fetch.ID, l.encode(differenceEmpty(50, 5)), nil)
		}
		for _, body := range [][]byte{first, second} {
			m.Push(now, body, Meta{Token: 1})
			m.PushResult(now, second, first, Meta{})
			quiet(t, m, &fold)
			now = now.Add(time.Second)
			m.Tick(now)
		}
		quiet(t, m, &fold)
	})
}

// The same for answers, to every fetch that the machine makes.
func FuzzResult(f *testing.F) {
	l := api(f)
	for _, body := range pushes(l) {
		f.Add(body, body)
	}
	f.Fuzz(func(t *testing.T, first, second []byte) {
		st := topped()
		st.Holes = []Hole{{Box: common, IDs: []Range{{500, 0}}}, {Box: ch77, IDs: []Range{{3, 7}}}}
		st.Channels[78] = ChannelState{Pts: 3, AccessHash: 1, Behind: true}
		m, err := New(l.rules, st, Config{SelfID: 1, MaxBatch: 3, MaxHeld: 5, MaxUnreadable: 2})
		if err != nil {
			t.Fatal(err)
		}
		fold, now := st.Clone(), start
		m.SetWatched(now, []int64{77, 79})
		m.Start(now)
		m.Push(now, l.encode(updates(7, 51, newMessage(1, 103), newChannelMessage(77, 2, 42))), Meta{})
		for i := range 12 {
			body := first
			if i%3 == 2 {
				body = second
			}
			for _, fetch := range quiet(t, m, &fold) {
				m.Result(now, fetch.ID, body, nil)
			}
			now = now.Add(time.Minute)
			m.Tick(now)
		}
		quiet(t, m, &fold)
	})
}
