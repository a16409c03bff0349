package mttest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/tl/codec"
)

// pushed is the next update of a client, in one line.
func (c *client) pushed() string {
	c.t.Helper()
	v := c.update()
	if v.Name() == "updateShort" {
		u, _ := v.Object("update")
		return "short " + u.Name()
	}
	var all []string
	for u := range v.Objects("updates") {
		line := u.Name()
		if u.Has("pts") {
			line += fmt.Sprintf(" %d+%d", u.Int("pts"), u.Int("pts_count"))
		}
		if u.Has("qts") {
			line += fmt.Sprintf(" qts %d", u.Int("qts"))
		}
		if m, ok := u.Object("message"); ok && m.Has("message") {
			line += " " + m.Str("message")
		}
		all = append(all, line)
	}
	if v.Has("seq_start") {
		all = append(all, fmt.Sprint("seq ", v.Int("seq_start"), "-", v.Int("seq")))
	} else if v.Int("seq") > 0 {
		all = append(all, fmt.Sprint("seq ", v.Int("seq")))
	}
	return v.Name() + ": " + strings.Join(all, ", ")
}

func (c *client) expect(want ...string) {
	c.t.Helper()
	for _, w := range want {
		if got := c.pushed(); got != w {
			c.t.Errorf("got  %s\nwant %s", got, w)
		}
	}
}

// E1, E2, E20: what happens is told, to everybody and once.
func TestPushes(t *testing.T) {
	s := mttest.NewServer(t)
	alice, bob := s.AddUser(mttest.User{First: "Alice"}), s.AddUser(mttest.User{First: "Bob"})
	ch := s.AddChannel(mttest.ChannelConfig{Title: "news", Creator: alice, Members: []*mttest.Account{bob}})
	c := as(t, s, bob)
	m := alice.Send(bob, "hi")
	alice.Edit(bob, m.ID, "hello")
	alice.Typing(bob)
	alice.SetOnline(true)
	alice.Delete(bob, m.ID)
	post := alice.Send(ch, "post")
	alice.Edit(ch, post.ID, "post!")
	alice.Delete(ch, post.ID)
	bob.Read(ch, 1)
	g := s.AddGroup("club", alice, bob)
	bob.Read(g, 0)
	bob.Push(M{"_": "updateBotCallbackQuery", "query_id": 1, "user_id": alice.ID(), "peer": M{"_": "peerUser", "user_id": alice.ID()}, "msg_id": 1, "chat_instance": 1})
	bob.PushQts(M{"_": "updateBotStopped", "user_id": alice.ID(), "date": 1, "stopped": true})
	bob.PushSeq(M{"_": "updateChat", "chat_id": g.ID()})
	bob.PushSeq(M{"_": "updateChat", "chat_id": g.ID()}, M{"_": "updateConfig"})
	bob.TooLong(ch)
	c.expect(
		"updates: updateNewMessage 1+1 hi",
		"updates: updateEditMessage 2+1 hello",
		"short updateUserTyping",
		"short updateUserStatus",
		"updates: updateDeleteMessages 3+1",
		"updates: updateNewChannelMessage 3+1 post",
		"updates: updateEditChannelMessage 4+1 post!",
		"updates: updateDeleteChannelMessages 5+1",
		"updates: updateReadChannelInbox 5+0",
		"updates: updateNewMessage 4+1",
		"updates: updateReadHistoryInbox 5+1",
		"short updateBotCallbackQuery",
		"updates: updateBotStopped qts 1",
		"updates: updateChat, seq 1",
		"updatesCombined: updateChat, updateConfig, seq 2-3",
		"short updateChannelTooLong",
	)
	bob.TooLong()
	if v := c.update(); v.Name() != "updatesTooLong" {
		t.Errorf("got %s", v.Name())
	}
}

// D19: whoever causes a change learns it from the answer, its other devices by a push.
func TestOwnChanges(t *testing.T) {
	s := mttest.NewServer(t)
	alice := s.AddUser(mttest.User{First: "Alice"})
	here, there := as(t, s, alice), as(t, s, alice)
	here.call(sendTo(M{"_": "inputPeerSelf"}, "note", 1))
	here.call(M{"_": "messages.deleteMessages", "id": []int{1}})
	there.expect("updates: updateNewMessage 1+1 note", "updates: updateDeleteMessages 2+1")
	alice.Send(alice, "from elsewhere")
	here.expect("updates: updateNewMessage 3+1 from elsewhere")
}

// Of what an account writes to itself nothing says `out`, in updates as in history; else what it wrote is its own.
func TestSavedMessages(t *testing.T) {
	s := mttest.NewServer(t)
	alice, bob := s.AddUser(mttest.User{First: "Alice"}), s.AddUser(mttest.User{First: "Bob"})
	here, there := as(t, s, alice), as(t, s, alice)
	toBob := userPeer(alice, bob)
	for i, c := range []struct {
		peer M
		out  bool
	}{{M{"_": "inputPeerSelf"}, false}, {toBob, true}} {
		here.call(sendTo(c.peer, "note", int64(i+1)))
		for u := range there.update().Objects("updates") {
			if m, ok := u.Object("message"); !ok || m.Bool("out") != c.out {
				t.Errorf("%v in an update: out is %v", c.peer, m.Bool("out"))
			}
		}
		for m := range here.call(history(c.peer, 10)).Objects("messages") {
			if m.Bool("out") != c.out {
				t.Errorf("%v in history: out is %v", c.peer, m.Bool("out"))
			}
		}
	}
}

// E20, D9: a session that asked for no updates gets none.
func TestWithoutUpdates(t *testing.T) {
	s := mttest.NewServer(t)
	alice, bob := s.AddUser(mttest.User{First: "A"}), s.AddUser(mttest.User{First: "B"})
	c := newClient(t, s).dial(home(s), false)
	c.key, c.salt, _ = s.Authorize(alice)
	c.call(M{"_": "invokeWithoutUpdates", "query": wrapped(s, M{"_": "help.getConfig"})})
	bob.Send(alice, "hello?")
	if m, err := c.poll(1e8); err == nil && m.ctor() != idAck {
		t.Errorf("%08x came", m.ctor())
	}
	c.call(M{"_": "help.getConfig"})
	bob.Send(alice, "hello!")
	c.expect("updates: updateNewMessage 2+1 hello!")
}

// E5
func TestShortMessages(t *testing.T) {
	s := mttest.NewServer(t, func(c *mttest.Config) { c.Updates.Short = true })
	alice, bob := s.AddUser(mttest.User{First: "A"}), s.AddUser(mttest.User{First: "B"})
	club := s.AddGroup("club", alice, bob)
	c := as(t, s, bob)
	if v := c.call(sendTo(userPeer(bob, alice), "hi", 1)); v.Name() != "updateShortSentMessage" || v.Int("pts") != 2 {
		t.Errorf("answer: %s", v.Name())
	}
	alice.Send(bob, "one")
	alice.Send(club, "two")
	if v := c.update(); v.Name() != "updateShortMessage" || v.Int("user_id") != alice.ID() || v.Str("message") != "one" {
		t.Errorf("got %s", v.Name())
	}
	if v := c.update(); v.Name() != "updateShortChatMessage" || v.Int("chat_id") != club.ID() || v.Int("from_id") != alice.ID() {
		t.Errorf("got %s", v.Name())
	}
}

func difference(pts int) M { return M{"_": "updates.getDifference", "pts": pts, "date": 1, "qts": 0} }

// E8, E9, E10, E17
func TestGetDifference(t *testing.T) {
	s := mttest.NewServer(t, func(c *mttest.Config) { c.Updates.Page, c.Updates.TooLong = 3, 50 })
	alice, bob := s.AddUser(mttest.User{First: "A"}), s.AddUser(mttest.User{First: "B"})
	c := as(t, s, bob)
	if v := c.call(difference(0)); v.Name() != "updates.differenceEmpty" {
		t.Errorf("at first: %s", v.Name())
	}
	ch := s.AddChannel(mttest.ChannelConfig{Title: "news", Creator: alice, Members: []*mttest.Account{bob}})
	for i := range 5 {
		alice.Send(bob, fmt.Sprint(i))
	}
	alice.Delete(bob, 5)
	v := c.call(difference(0))
	if st, _ := v.Object("intermediate_state"); v.Name() != "updates.differenceSlice" || v.Len("new_messages") != 3 || st.Int("pts") != 3 {
		t.Errorf("first page: %s with %d messages", v.Name(), v.Len("new_messages"))
	}
	v = c.call(difference(3))
	st, _ := v.Object("state")
	if v.Name() != "updates.difference" || v.Len("new_messages") != 1 || names(v, "other_updates") != "updateDeleteMessages updateChannelTooLong" {
		t.Errorf("second page: %s, %s", v.Name(), names(v, "other_updates"))
	}
	if v.Len("chats") != 1 || st.Int("pts") != 6 {
		t.Errorf("%d chats, pts %d", v.Len("chats"), st.Int("pts"))
	}
	caughtUp := M{"_": "updates.getDifference", "pts": st.Int("pts"), "date": st.Int("date"), "qts": 0}
	if v := c.call(caughtUp); v.Name() != "updates.differenceEmpty" {
		t.Errorf("caught up: %s", v.Name())
	}
	c.refused(difference(7), "400 PERSISTENT_TIMESTAMP_INVALID")
	if v := c.call(M{"_": "updates.getDifference", "pts": 0, "date": 1, "qts": 0, "pts_total_limit": 2}); v.Name() != "updates.differenceTooLong" || v.Int("pts") != 6 {
		t.Errorf("over pts_total_limit: %s", v.Name())
	}
	_ = ch
}

// E11, E12, E13
func TestGetChannelDifference(t *testing.T) {
	s := mttest.NewServer(t, func(c *mttest.Config) { c.Updates.ChannelTooLong, c.Updates.Timeout = 50, 30 })
	alice, bob := s.AddUser(mttest.User{First: "A"}), s.AddUser(mttest.User{First: "B"})
	ch := s.AddChannel(mttest.ChannelConfig{Title: "news", Creator: alice, Members: []*mttest.Account{bob}})
	c := as(t, s, bob)
	get := func(pts, limit int) codec.View {
		return c.call(M{
			"_": "updates.getChannelDifference", "channel": inputChannel(bob, ch), "filter": M{"_": "channelMessagesFilterEmpty"}, "pts": pts, "limit": limit,
		})
	}
	for i := range 10 {
		alice.Send(ch, fmt.Sprint(i))
	}
	if v := get(ch.Pts(), 100); v.Name() != "updates.channelDifferenceEmpty" || !v.Bool("final") || v.Int("timeout") != 30 {
		t.Errorf("at the end: %s", v.Name())
	}
	if v := get(2, 4); v.Name() != "updates.channelDifference" || v.Bool("final") || v.Int("pts") != 6 || v.Len("new_messages") != 4 {
		t.Errorf("a page: %s to %d", v.Name(), v.Int("pts"))
	}
	if v := get(6, 100); !v.Bool("final") || v.Int("pts") != 12 || v.Len("new_messages") != 6 {
		t.Errorf("the rest: to %d", v.Int("pts"))
	}
	for i := range 60 {
		alice.Send(ch, fmt.Sprint(i))
	}
	v := get(2, 10)
	d, _ := v.Object("dialog")
	if v.Name() != "updates.channelDifferenceTooLong" || d.Int("pts") != int64(ch.Pts()) || v.Len("messages") != 10 {
		t.Errorf("far behind: %s, pts %d, %d messages", v.Name(), d.Int("pts"), v.Len("messages"))
	}
}

// C15, E10: pushes wait for a client that is away, up to a limit.
func TestPushesWait(t *testing.T) {
	for n, want := range map[int]string{3: "updates", 10: "updates", 11: "updatesTooLong", 30: "updatesTooLong"} {
		s := mttest.NewServer(t, func(c *mttest.Config) { c.Wire.QueueLimit = 10 })
		alice, bob := s.AddUser(mttest.User{First: "A"}), s.AddUser(mttest.User{First: "B"})
		c := as(t, s, bob)
		c.away()
		for range n {
			alice.Send(bob, "x")
		}
		c.dial(home(s), false)
		c.send(c.message(ping(1), false))
		if v := c.update(); v.Name() != want {
			t.Errorf("after %d messages: %s, want %s", n, v.Name(), want)
		}
	}
}
