package mttest_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/tl/codec"
)

// crowd is a channel with more members than the server tells at once, and some of them.
type crowd struct {
	s                 *mttest.Server
	ch                *mttest.Channel
	owner, bob, carol *mttest.Account
	later             atomic.Int64 // by how much its clock is ahead, ns
}

func newCrowd(t *testing.T, delay time.Duration) *crowd {
	w := &crowd{}
	w.s = mttest.NewServer(t, func(c *mttest.Config) {
		c.Now = func() time.Time { return time.Now().Add(time.Duration(w.later.Load())) }
		c.Updates.LateChannels = mttest.LateChannels{Over: 3, Delay: delay}
		c.Updates.Timeout = 5
	})
	user := func(name string) *mttest.Account { return w.s.AddUser(mttest.User{First: name}) }
	w.owner, w.bob, w.carol = user("Owner"), user("Bob"), user("Carol")
	w.ch = w.s.AddChannel(mttest.ChannelConfig{Title: "crowd", Creator: w.owner, Members: []*mttest.Account{w.bob, w.carol, user("Dave")}})
	return w
}

// look asks for what happened in the channel, and answers the pts behind it.
func (w *crowd) look(c *client, a *mttest.Account, pts int) (codec.View, int) {
	v := c.call(M{"_": "updates.getChannelDifference", "channel": inputChannel(a, w.ch), "filter": M{"_": "channelMessagesFilterEmpty"}, "pts": pts, "limit": 100})
	return v, int(v.Int("pts"))
}

// E30, E32: of a large channel only those are told who look, its creator and bots. The others find it in the difference.
func TestLateChannels(t *testing.T) {
	w := newCrowd(t, 0)
	owner, bob, carol := as(t, w.s, w.owner), as(t, w.s, w.bob), as(t, w.s, w.carol)
	_, pts := w.look(bob, w.bob, w.ch.Pts())

	w.owner.Send(w.ch, "one")
	owner.expect("updates: updateNewChannelMessage 3+1 one")
	bob.expect("updates: updateNewChannelMessage 3+1 one")

	w.later.Add(int64(11 * time.Second)) // longer than twice the timeout: Bob has looked away
	w.owner.Send(w.ch, "two")
	w.owner.Send(w.bob, "did you see it?")
	owner.expect("updates: updateNewChannelMessage 4+1 two", "updates: updateNewMessage 1+1 did you see it?")
	bob.expect("updates: updateNewMessage 1+1 did you see it?")

	v, after := w.look(bob, w.bob, pts)
	var found []string
	for m := range v.Objects("new_messages") {
		found = append(found, m.Str("message"))
	}
	if len(found) != 2 || found[1] != "two" || after != w.ch.Pts() {
		t.Errorf("the difference has %q up to %d", found, after)
	}
	w.owner.Send(w.ch, "three")
	bob.expect("updates: updateNewChannelMessage 5+1 three")
	w.owner.Send(w.carol, "hello?")
	carol.expect("updates: updateNewMessage 1+1 hello?")
}

// E30: late is not never.
func TestLateChannelsAfterAll(t *testing.T) {
	w := newCrowd(t, 50*time.Millisecond)
	bob := as(t, w.s, w.bob)
	w.owner.Send(w.ch, "post")
	w.owner.Send(w.bob, "did you see it?")
	bob.expect("updates: updateNewMessage 1+1 did you see it?", "updates: updateNewChannelMessage 3+1 post")
}
