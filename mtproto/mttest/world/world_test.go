package world

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// stage is a world with a clock that stands still, and all that was delivered.
type stage struct {
	*World
	t    *testing.T
	now  time.Time
	told map[int64][]Event
}

func newStage(t *testing.T, c Config) *stage {
	s := &stage{t: t, now: time.Unix(1_700_000_000, 0), told: map[int64][]Event{}}
	c.Now = func() time.Time { return s.now }
	c.Deliver = func(user int64, e Event) { s.told[user] = append(s.told[user], e) }
	s.World = New(c)
	return s
}

func (s *stage) person(name string) int64 { return s.AddUser(Profile{First: name, Username: name}).ID }

func (s *stage) say(from int64, to Peer, text string) Event {
	s.t.Helper()
	sent, err := s.Send(from, to, Draft{Text: text})
	if err != nil {
		s.t.Fatal(err)
	}
	return sent.Event
}

func refusedWith(t *testing.T, err error, text string) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Text != text {
		t.Errorf("got %v, want %s", err, text)
	}
}

func texts(events []Event) (all []string) {
	for _, e := range events {
		switch {
		case e.Msg != nil:
			all = append(all, fmt.Sprintf("%d+%d %s", e.Pts, e.Count, e.Msg.Text))
		default:
			all = append(all, fmt.Sprintf("%d+%d %v", e.Pts, e.Count, e.IDs))
		}
	}
	return all
}

// E1, E3: each account numbers its own messages and its own pts; the copies belong together.
func TestCommonBoxes(t *testing.T) {
	s := newStage(t, Config{})
	alice, bob, carol := s.person("alice"), s.person("bob"), s.person("carol")
	s.say(carol, UserPeer(bob), "to bob alone")
	m := s.say(alice, UserPeer(bob), "hi").Msg
	if m.ID != 1 || !m.Out || m.Peer != UserPeer(bob) {
		t.Errorf("the sender has %+v", m)
	}
	got := s.told[bob][1]
	if got.Msg.ID != 2 || got.Msg.Out || got.Msg.Peer != UserPeer(alice) || got.Pts != 2 || got.Count != 1 {
		t.Errorf("the receiver has %+v %+v", got, got.Msg)
	}
	if _, err := s.Edit(alice, UserPeer(bob), 1, Edit{Text: "hello"}); err != nil {
		t.Fatal(err)
	}
	if e := s.told[bob][2]; e.What != EditMessage || e.Msg.ID != 2 || e.Msg.Text != "hello" || e.Pts != 3 {
		t.Errorf("the edit came as %+v", e)
	}
	if _, err := s.Delete(alice, []int{1, 1, 99}, true, nil); err != nil {
		t.Fatal(err)
	}
	if e := s.told[bob][3]; e.What != DeleteMessage || !slices.Equal(e.IDs, []int{2}) || e.Pts != 4 {
		t.Errorf("the deletion came as %+v", e)
	}
	if h, _ := s.History(bob, UserPeer(alice), Page{Limit: 10}); h.Count != 0 {
		t.Errorf("%d messages left", h.Count)
	}
}

func TestGroup(t *testing.T) {
	s := newStage(t, Config{})
	alice, bob, carol := s.person("alice"), s.person("bob"), s.person("carol")
	g, _, err := s.AddChat("club", alice, []int64{bob}, nil)
	if err != nil {
		t.Fatal(err)
	}
	first := s.say(alice, ChatPeer(g.ID), "welcome")
	if _, err := s.Send(bob, ChatPeer(g.ID), Draft{Text: "thanks", ReplyTo: s.told[bob][1].Msg.ID}); err != nil {
		t.Fatal(err)
	}
	// A reply names the message by the number that each reader knows it by.
	if m := s.told[alice][2].Msg; m.ReplyTo != first.Msg.ID || m.From != bob {
		t.Errorf("the reply came as %+v", m)
	}
	_, err = s.Send(carol, ChatPeer(g.ID), Draft{Text: "me too"})
	refusedWith(t, err, "CHAT_WRITE_FORBIDDEN")
	if _, err := s.AddToChat(alice, g.ID, carol, nil); err != nil {
		t.Fatal(err)
	}
	if m := s.told[carol][0].Msg; m.Action == nil || m.Action.What != UsersAdded {
		t.Errorf("the newcomer sees %+v", m)
	}
}

// E1: a channel has a pts of its own, and its members' common pts stand still.
func TestChannel(t *testing.T) {
	s := newStage(t, Config{})
	alice, bob, eve := s.person("alice"), s.person("bob"), s.person("eve")
	c, _, err := s.AddChannel(NewChannel{Title: "news", Creator: alice, Members: []int64{bob}})
	if err != nil {
		t.Fatal(err)
	}
	p := ChannelPeer(c.ID)
	for i := range 3 {
		s.say(alice, p, fmt.Sprint("post ", i))
	}
	if _, err := s.DeleteInChannel(alice, c.ID, []int{2, 3}, nil); err != nil {
		t.Fatal(err)
	}
	if st := s.State(bob); st.Pts != 0 {
		t.Errorf("common pts %d", st.Pts)
	}
	d, err := s.ChannelDifference(bob, c.ID, 1, Limits{Page: 100})
	if err != nil || d.Outcome != Full || d.Pts != 7 {
		t.Errorf("%+v, %v", d, err)
	}
	if got, want := fmt.Sprint(texts(d.Events)), "[2+1  5+1 post 2 7+2 [2 3]]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	_, err = s.Send(bob, p, Draft{Text: "may I?"})
	refusedWith(t, err, "CHAT_WRITE_FORBIDDEN")
	_, err = s.ChannelDifference(eve, c.ID, 1, Limits{Page: 100})
	refusedWith(t, err, "CHANNEL_PRIVATE")
	refusedWith(t, s.Join(eve, c.ID), "CHANNEL_PRIVATE")
	refusedWith(t, s.Join(eve, 1), "CHANNEL_INVALID")
}

// E11, E12, E15
func TestChannelDifferencePages(t *testing.T) {
	s := newStage(t, Config{})
	alice := s.person("alice")
	c, _, _ := s.AddChannel(NewChannel{Title: "news", Username: "news", Creator: alice})
	for i := range 250 {
		s.say(alice, ChannelPeer(c.ID), fmt.Sprint(i))
	}
	pts, events, pages := 1, 0, 0
	for final := false; !final; pages++ {
		d, err := s.ChannelDifference(alice, c.ID, pts, Limits{Page: 100})
		if err != nil {
			t.Fatal(err)
		}
		pts, final = d.Pts, d.Outcome != Slice
		events += len(d.Events)
	}
	if pts != 252 || events != 251 || pages != 3 {
		t.Errorf("pts %d, %d events in %d pages", pts, events, pages)
	}
	if d, _ := s.ChannelDifference(alice, c.ID, pts, Limits{Page: 100}); d.Outcome != Empty || d.Pts != pts {
		t.Errorf("at the end: %+v", d)
	}
	d, _ := s.ChannelDifference(alice, c.ID, 1, Limits{Page: 10, TooLong: 200})
	if d.Outcome != TooLong || len(d.Newest) != 10 || d.Newest[0].Text != "249" {
		t.Errorf("too long: %v with %d messages", d.Outcome, len(d.Newest))
	}
	_, err := s.ChannelDifference(alice, c.ID, 0, Limits{})
	refusedWith(t, err, "PERSISTENT_TIMESTAMP_EMPTY")
	_, err = s.ChannelDifference(alice, c.ID, 999, Limits{})
	refusedWith(t, err, "PERSISTENT_TIMESTAMP_INVALID")
}

// E8, E9
func TestDifference(t *testing.T) {
	s := newStage(t, Config{})
	alice, bob := s.person("alice"), s.person("bob")
	begin := s.State(bob)
	if d, _ := s.Difference(bob, begin, Limits{}); d.Outcome != Empty {
		t.Errorf("nothing happened: %+v", d)
	}
	for i := range 5 {
		s.say(alice, UserPeer(bob), fmt.Sprint(i))
	}
	_, _ = s.Delete(alice, []int{2}, true, nil)
	state, all := begin, []string{}
	for {
		d, err := s.Difference(bob, state, Limits{Page: 2})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, texts(d.Events)...)
		state = d.State
		if d.Outcome != Slice {
			break
		}
	}
	if got, want := fmt.Sprint(all), "[1+1 0 3+1 2 4+1 3 5+1 4 6+1 [2]]"; got != want || state.Pts != 6 {
		t.Errorf("got %s to %d, want %s", got, state.Pts, want)
	}
	if d, _ := s.Difference(bob, begin, Limits{TooLong: 5}); d.Outcome != TooLong || d.State.Pts != 6 {
		t.Errorf("too long: %+v", d)
	}
	_, err := s.Difference(bob, State{Pts: 7}, Limits{})
	refusedWith(t, err, "PERSISTENT_TIMESTAMP_INVALID")
}

// E2, E4, E17: what has no pts comes back by qts or by date, and channels that moved are named. Each exactly once,
// though all happens within one second.
func TestDifferenceOfOtherSequences(t *testing.T) {
	s := newStage(t, Config{})
	alice, bob := s.person("alice"), s.person("bob")
	c, _, _ := s.AddChannel(NewChannel{Title: "news", Creator: alice, Members: []int64{bob}})
	state := s.State(bob)
	var seen []string
	catchUp := func() {
		d, err := s.Difference(bob, state, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range d.Events {
			seen = append(seen, fmt.Sprint(e.Body, " qts ", e.Qts, " seq ", e.SeqStart, "-", e.Seq))
		}
		for _, c := range d.Channels {
			seen = append(seen, fmt.Sprint("channel at ", c.Pts))
		}
		state = d.State
	}
	s.PushRaw(bob, ByQts, "a")
	s.PushRaw(bob, BySeq, "b")
	catchUp()
	catchUp()
	s.PushRaw(bob, Unnumbered, "lost")
	s.PushRaw(bob, BySeq, "c", "d")
	s.say(alice, ChannelPeer(c.ID), "post")
	catchUp()
	catchUp()
	if got, want := fmt.Sprint(seen), "[[a] qts 1 seq 0-0 [b] qts 0 seq 1-1 [c d] qts 0 seq 2-3 channel at 3]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestLogIsBounded(t *testing.T) {
	s := newStage(t, Config{LogLimit: 10})
	alice := s.person("alice")
	for i := range 100 {
		s.say(alice, UserPeer(alice), fmt.Sprint(i))
	}
	if d, _ := s.Difference(alice, State{Pts: 50}, Limits{}); d.Outcome != TooLong {
		t.Errorf("from far behind: %v", d.Outcome)
	}
	if d, _ := s.Difference(alice, State{Pts: 95}, Limits{}); d.Outcome != Full || len(d.Events) != 5 {
		t.Errorf("from near: %v with %d events", d.Outcome, len(d.Events))
	}
}

// D17, D18
func TestRandomID(t *testing.T) {
	for _, repeat := range []bool{false, true} {
		s := newStage(t, Config{RepeatSends: repeat})
		alice := s.person("alice")
		first, _ := s.Send(alice, UserPeer(alice), Draft{Text: "once", RandomID: 7})
		second, err := s.Send(alice, UserPeer(alice), Draft{Text: "once", RandomID: 7})
		if repeat {
			if err != nil || !second.Again || second.Event.Msg != first.Event.Msg {
				t.Errorf("again: %+v, %v", second, err)
			}
		} else {
			refusedWith(t, err, "RANDOM_ID_DUPLICATE")
		}
		if h, _ := s.History(alice, UserPeer(alice), Page{Limit: 10}); h.Count != 1 {
			t.Errorf("%d messages", h.Count)
		}
	}
}

func TestRead(t *testing.T) {
	s := newStage(t, Config{})
	alice, bob := s.person("alice"), s.person("bob")
	for i := range 3 {
		s.say(alice, UserPeer(bob), fmt.Sprint(i))
	}
	if d := s.Dialog(bob, UserPeer(alice)); d.Unread != 3 || d.Top.Text != "2" {
		t.Errorf("before: %+v", d)
	}
	e, err := s.Read(bob, UserPeer(alice), 2, nil)
	if err != nil || e.Unread != 1 || e.MaxID != 2 || e.Pts != 4 {
		t.Errorf("the reader: %+v, %v", e, err)
	}
	told := s.told[alice][3]
	if told.What != ReadOutbox || told.MaxID != 2 || told.Peer != UserPeer(bob) || told.Pts != 4 {
		t.Errorf("the writer: %+v", told)
	}
	if e, _ := s.Read(bob, UserPeer(alice), 1, nil); e.Count != 0 || e.Pts != 4 {
		t.Errorf("again: %+v", e)
	}
	_, err = s.Read(bob, UserPeer(999), 0, nil)
	refusedWith(t, err, "PEER_ID_INVALID")
}

func TestHistoryPages(t *testing.T) {
	s := newStage(t, Config{})
	alice := s.person("alice")
	for i := 1; i <= 10; i++ {
		s.say(alice, UserPeer(alice), fmt.Sprint(i))
	}
	for _, c := range []struct {
		page Page
		want string
	}{
		{Page{Limit: 3}, "[10 9 8]"},
		{Page{OffsetID: 8, Limit: 3}, "[7 6 5]"},
		{Page{OffsetID: 8, AddOffset: -2, Limit: 3}, "[9 8 7]"},
		{Page{OffsetID: 8, AddOffset: 1, Limit: 2}, "[6 5]"},
		{Page{Limit: 10, MinID: 7}, "[10 9 8]"},
		{Page{Limit: 10, MaxID: 3}, "[2 1]"},
		{Page{OffsetID: 1, Limit: 3}, "[]"},
		{Page{AddOffset: 99, Limit: 3}, "[]"},
		{Page{Limit: -1}, "[]"},
	} {
		h, err := s.History(alice, UserPeer(alice), c.page)
		var ids []int
		for _, m := range h.Messages {
			ids = append(ids, m.ID)
		}
		if got := fmt.Sprint(ids); got != c.want || err != nil || h.Count != 10 {
			t.Errorf("%+v: %s of %d, %v; want %s", c.page, got, h.Count, err, c.want)
		}
	}
}

// E22
func TestAccessHashes(t *testing.T) {
	s := newStage(t, Config{})
	alice, bob, carol := s.person("alice"), s.person("bob"), s.person("carol")
	ofAlice, ofBob := s.AccessHash(alice, UserPeer(carol)), s.AccessHash(bob, UserPeer(carol))
	if ofAlice == ofBob || ofAlice == s.AccessHash(alice, ChannelPeer(carol)) || ofAlice != s.AccessHash(alice, UserPeer(carol)) {
		t.Error("access hashes do not belong to viewer and peer alone")
	}
}

// E3, E23: whatever happens, the events that each box delivers are without gaps, and a difference from any point tells
// the rest of them.
func TestEveryBoxIsWithoutGaps(t *testing.T) {
	s := newStage(t, Config{})
	r := rand.New(rand.NewPCG(1, 2))
	people := []int64{s.person("a"), s.person("b"), s.person("c")}
	g, _, _ := s.AddChat("g", people[0], people[1:], nil)
	c, _, _ := s.AddChannel(NewChannel{Title: "c", Creator: people[0], Members: people[1:], Megagroup: true})
	for range 2000 {
		who := people[r.IntN(3)]
		where := []Peer{UserPeer(people[r.IntN(3)]), ChatPeer(g.ID), ChannelPeer(c.ID)}[r.IntN(3)]
		id := 1 + r.IntN(50)
		switch r.IntN(5) {
		case 0, 1:
			_, _ = s.Send(who, where, Draft{Text: "x"})
		case 2:
			_, _ = s.Edit(who, where, id, Edit{Text: fmt.Sprint(r.IntN(100))})
		case 3:
			if where.Kind == KindChannel {
				_, _ = s.DeleteInChannel(who, c.ID, []int{id, id + 1}, nil)
			} else {
				_, _ = s.Delete(who, []int{id, id + 1}, r.IntN(2) == 0, nil)
			}
		case 4:
			_, _ = s.Read(who, where, id, nil)
		}
	}
	for _, who := range people {
		common, channel := 0, 1
		for _, e := range s.told[who] {
			box := &common
			if e.Channel() {
				box = &channel
			}
			if e.Pts != *box+e.Count {
				t.Fatalf("user %d: %+v after pts %d", who, e, *box)
			}
			*box = e.Pts
		}
		if st := s.State(who); st.Pts != common {
			t.Errorf("user %d: pts %d, delivered to %d", who, st.Pts, common)
		}
		for _, d := range s.users[who].dialogs {
			if want := s.users[who].countUnread(d); d.unread != want {
				t.Errorf("user %d: %d unread, counted %d", who, want, d.unread)
			}
		}
		d, err := s.Difference(who, State{Pts: common / 2}, Limits{})
		if err != nil || d.State.Pts != common {
			t.Errorf("user %d: difference to %d, %v", who, d.State.Pts, err)
		}
	}
}
