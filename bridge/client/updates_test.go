package client_test

import (
	"testing"

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

// A program as in the package's comment: it calls, and reads what comes of it.
func TestSendAndRead(t *testing.T) {
	w := newTown(t)
	c := client.New(w.nc, "main")
	s := subscribe(t, c, client.UpdatesConfig{})
	send := &tg.MessagesSendMessageRequest{Peer: w.peer(w.alice), Message: "hello"}
	if _, err := tg.MessagesSendMessage(client.WithMsgID(soon(t), "order 17"), c, send); err != nil {
		t.Fatal(err)
	}
	u := next(t, s)
	if text(u) != "hello" || u.RequestID != "order 17" || u.Kind != client.User || u.ChatID != w.alice.ID() || u.Box != "common" {
		t.Errorf("%+v", u)
	}
	w.alice.Send(w.dora, "hi")
	u = next(t, s)
	if text(u) != "hi" || u.Err != nil || len(u.Users) == 0 || u.Layer != tg.Layer || u.Date.IsZero() || u.Pts == 0 || u.Sequence == 0 || u.Delivered != 1 {
		t.Errorf("%+v", u)
	}
	if err := u.Ack(); err != nil {
		t.Error(err)
	}
}
