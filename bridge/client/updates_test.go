package client_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/natsgram/natsgram/bridge"
	"github.com/natsgram/natsgram/bridge/client"
	"github.com/natsgram/natsgram/tl/tg"
)

// text is what a new message says, "" of other updates.
func text(u *client.Update) string {
	switch v := u.Value.(type) {
	case *tg.UpdateNewMessage:
		if m, ok := v.Message.(*tg.Message); ok {
			return m.Message
		}
	case *tg.UpdateNewChannelMessage:
		if m, ok := v.Message.(*tg.Message); ok {
			return m.Message
		}
	}
	return ""
}

// next is the next update that is a message.
func next(t *testing.T, s *client.Subscription) *client.Update {
	t.Helper()
	for {
		u, err := s.Next(soon(t))
		if err != nil {
			t.Fatal(err)
		}
		if text(u) != "" {
			return u
		}
		if err := u.Ack(); err != nil {
			t.Fatal(err)
		}
	}
}

func subscribe(t *testing.T, c *client.Client, cfg client.UpdatesConfig) *client.Subscription {
	t.Helper()
	s, err := c.Subscribe(soon(t), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

// A program as in the package's comment: it calls, and reads what comes of it, in either encoding of the stream.
func TestSendAndRead(t *testing.T) {
	for _, encoding := range []string{"json", "msgpack"} {
		w := newFixture(t, func(s *bridge.Settings) { s.Encoding = encoding })
		c := client.New(w.nc, "main")
		s := subscribe(t, c, client.UpdatesConfig{})
		send := &tg.MessagesSendMessageRequest{Peer: w.peer(w.alice), Message: "hello"}
		if _, err := tg.MessagesSendMessage(client.WithMsgID(soon(t), "order 17"), c, send); err != nil {
			t.Fatal(err)
		}
		u := next(t, s)
		if text(u) != "hello" || u.RequestID != "order 17" || u.Kind != client.User || u.ChatID != w.alice.ID() || u.Box != "common" {
			t.Errorf("%s: %+v", encoding, u)
		}
		w.alice.Send(w.dora, "hi")
		u = next(t, s)
		if text(u) != "hi" || u.Err != nil || len(u.Users) == 0 || u.Layer != tg.Layer || u.Date.IsZero() || u.Pts == 0 || u.Sequence == 0 || u.Delivered != 1 {
			t.Errorf("%s: %+v", encoding, u)
		}
		if got := u.Headers().Get("Content-Type"); got != "application/"+encoding {
			t.Errorf("%s: %s", encoding, got)
		}
		w.alice.Send(w.news, "extra")
		u = next(t, s)
		if channel, ok := u.Chats[0].(*tg.Channel); !ok || text(u) != "extra" || channel.Title != "News" || u.Kind != client.Channel || u.Box != fmt.Sprintf("channel.%d", u.ChatID) {
			t.Errorf("%s: %+v", encoding, u)
		}
	}
}

// D18: a program that was ended and does its work again with the same id sends it once.
func TestMsgID(t *testing.T) {
	w := newFixture(t)
	c := client.New(w.nc, "main")
	for _, id := range []string{"order 17", "order 17", "order 18"} {
		if _, err := tg.MessagesSendMessage(client.WithMsgID(soon(t), id), c, &tg.MessagesSendMessageRequest{Peer: w.peer(w.alice), Message: "pay"}); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
	if n := w.Executed("messages.sendMessage"); n != 2 {
		t.Errorf("sent %d times", n)
	}
}

// again does something every few milliseconds, because nobody knows when a listener has begun.
func again(ctx context.Context, do func()) {
	t := time.NewTicker(5 * time.Millisecond)
	defer t.Stop()
	for ctx.Err() == nil {
		do()
		<-t.C
	}
}

// What is not kept: who types.
func TestLive(t *testing.T) {
	w := newFixture(t)
	c := client.New(w.nc, "main")
	ctx, cancel := context.WithCancel(soon(t))
	defer cancel()
	var typing sync.WaitGroup
	typing.Go(func() { again(ctx, func() { w.alice.Typing(w.dora) }) })
	one := client.Filter{Update: "updateUserTyping", Kind: client.User, ChatID: w.alice.ID()}
	for _, filters := range [][]client.Filter{nil, {one}, {{Update: "updateUserStatus"}, one}} {
		for u, err := range c.Live(ctx, filters...) {
			if err != nil {
				t.Fatal(err)
			}
			v, ok := u.Value.(*tg.UpdateUserTyping)
			if !ok || v.UserID != w.alice.ID() || u.ChatID != v.UserID || u.Sequence != 0 {
				t.Errorf("%+v", u)
			}
			if err := errors.Join(u.Ack(), u.DoubleAck(ctx), u.Nak(), u.NakWithDelay(1), u.InProgress(), u.Term(), u.TermWithReason("x")); err != nil {
				t.Error(err)
			}
			break
		}
	}
	cancel()
	typing.Wait()
	for u, err := range c.Live(ctx) {
		if u != nil || !errors.Is(err, context.Canceled) {
			t.Errorf("%+v %v", u, err)
		}
	}
}

// The account's own life, as the daemon tells it.
func TestEvents(t *testing.T) {
	w := newFixture(t)
	ctx, cancel := context.WithCancel(soon(t))
	defer cancel()
	var cuts sync.WaitGroup
	cuts.Go(func() { again(ctx, func() { w.Cut() }) })
	for e, err := range client.New(w.nc, "main").Events(ctx) {
		if err != nil || e.Account != "main" || time.Since(e.At) > time.Minute || len(e.Data) == 0 {
			t.Fatalf("%+v %v", e, err)
		}
		if e.Name == "disconnected" {
			break
		}
	}
	cancel()
	cuts.Wait()
	for _, err := range client.New(w.nc, "X").Events(ctx) {
		if err == nil {
			t.Error("an account that cannot be")
		}
	}
}
