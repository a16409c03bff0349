package updates

import (
	"testing"
)

// pushSize is what Telegram sends for one message in a private chat: the message, its sender and ourselves.
func pushBody(l schema, pts int) []byte {
	return l.encode(withUsers(updates(0, 50, newMessage(pts, pts)), user(7), user(1)))
}

func BenchmarkPush(b *testing.B) {
	w := newBench(b, at(), Config{})
	body := pushBody(w.l, 101)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		w.m.dispatcher.common.pts = 100 // so that each is the next one
		w.m.Push(w.now, body, Meta{Token: 1})
		for _, ok := w.m.Next(); ok; _, ok = w.m.Next() {
		}
	}
}

func BenchmarkPushChannel(b *testing.B) {
	w := newBench(b, at(), Config{})
	body := w.l.encode(withChats(updates(0, 50, newChannelMessage(77, 1, 41)), channel(77, 7700)))
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		w.m.ledger.state.Channels[77] = ChannelState{Pts: 40, PtsItems: 1, AccessHash: 7700}
		w.m.Push(w.now, body, Meta{Token: 1})
		for _, ok := w.m.Next(); ok; _, ok = w.m.Next() {
		}
	}
}

func BenchmarkDifference100(b *testing.B) {
	w := newBench(b, at(), Config{})
	var messages, users []M
	for i := range 100 {
		messages = append(messages, message(i+1, peerUser(int64(1000+i%20))))
	}
	for i := range 20 {
		users = append(users, user(int64(1000+i)))
	}
	m := difference("updates.difference", state(200, 10, 60, 5), messages, nil, nil, nil)
	m["users"] = users
	body := w.l.encode(m)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		w.m.dispatcher.common.pts, w.m.ledger.state.Pts = 100, 100
		w.m.Start(w.now)
		for out, ok := w.m.Next(); ok; out, ok = w.m.Next() {
			if f, is := out.(*Fetch); is {
				w.m.Result(w.now, f.ID, body, nil)
			}
		}
	}
}

func BenchmarkNewMachine(b *testing.B) {
	l := api(b)
	st := at()
	for id := int64(1); id <= 500; id++ {
		st.Channels[id] = ChannelState{Pts: 1, AccessHash: id}
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := New(l.rules, st, Config{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCompile(b *testing.B) {
	l := api(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Compile(l.s, l.decl); err != nil {
			b.Fatal(err)
		}
	}
}
