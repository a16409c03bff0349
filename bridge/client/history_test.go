package client_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/client"
	"github.com/natsgram/natsgram/bridge/embedded/embeddedtest"
	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/mtproto/mttest/world"
	"github.com/natsgram/natsgram/tl/tg"
)

// Who reads while what is there is taken out comes to an end with what he has.
func TestHistoryIsErased(t *testing.T) {
	w := newFixture(t)
	for i := range 700 {
		w.alice.Send(w.news, fmt.Sprint("m", i))
	}
	js, err := jetstream.New(w.nc)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, err := range client.New(w.nc, "main").History(soon(t), client.HistoryOf{Peer: fmt.Sprint("channel.", w.news.ID())}) {
		if err != nil {
			t.Fatalf("after %d messages: %v", n, err)
		}
		if n++; n > 1 {
			continue
		}
		st, err := js.Stream(soon(t), "TG_HISTORY")
		if err == nil {
			err = st.Purge(soon(t))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if n == 0 || n >= 700 {
		t.Errorf("%d messages", n)
	}
}

// Of a job that the daemon does not list any more it is said that nobody knows how it ended.
func TestHistoryJobIsForgotten(t *testing.T) {
	nc := embeddedtest.Connect(t, embeddedtest.Start(t))
	if _, err := nc.Subscribe("tg.ctl.main.history.*", func(m *nats.Msg) {
		if strings.HasSuffix(m.Subject, ".fetch") {
			_ = m.Respond([]byte(`{"job":{"id":"j1","state":"running","peer":"user.5","done":7}}`))
			return
		}
		reply := nats.NewMsg(m.Reply)
		reply.Header = nats.Header{"Nats-Service-Error-Code": {"404"}, "Nats-Service-Error": {"history.list: there is no such job"}, "Tg-Sent": {"no"}}
		_ = m.RespondMsg(reply)
	}); err != nil {
		t.Fatal(err)
	}
	j, err := client.New(nc, "main").FetchHistory(soon(t), client.HistoryOf{Peer: "user.5"})
	var e *client.Error
	if !errors.Is(err, client.ErrJobForgotten) || !errors.As(err, &e) || e.Code != 404 || e.Sent != client.SentUnknown || j.ID != "j1" || j.Done != 7 {
		t.Errorf("%+v %v", j, err)
	}
}

// Who asks for a thread outside of forums gets that thread, with replies to replies, and nothing else of the chat that is in the stream.
func TestHistoryOfThread(t *testing.T) {
	w := newFixture(t)
	group := w.AddChannel(mttest.ChannelConfig{Title: "Talk", Megagroup: true, Creator: w.alice, Members: []*mttest.Account{w.dora}})
	say := func(text string, to int) int {
		return w.alice.SendDraft(group, world.Draft{Text: text, ReplyTo: to}).ID
	}
	root, other := say("what of it?", 0), say("another question", 0)
	first := say("this", root)
	say("beside", 0)
	say("to the other", other)
	nested := say("why this?", first)
	deep := say("because", nested)
	say("to the other again", other)
	c, peer := client.New(w.nc, "main"), fmt.Sprint("channel.", group.ID())
	read := func(of client.HistoryOf) (texts []string) {
		t.Helper()
		of.Peer = peer
		for u, err := range c.History(soon(t), of) {
			if err != nil {
				t.Fatal(err)
			}
			if m, ok := u.Value.(*tg.UpdateNewChannelMessage).Message.(*tg.Message); ok {
				texts = append(texts, m.Message)
			}
		}
		return texts
	}
	if got := read(client.HistoryOf{}); len(got) != 8 {
		t.Fatalf("%v", got)
	}
	for _, c := range []struct {
		of   client.HistoryOf
		want []string
	}{
		{client.HistoryOf{Topic: root}, []string{"this", "why this?", "because"}},
		{client.HistoryOf{Topic: root, Limit: 2}, []string{"why this?", "because"}},
		{client.HistoryOf{Topic: root, ToID: deep - 1}, []string{"this", "why this?"}},
		{client.HistoryOf{Topic: other}, []string{"to the other", "to the other again"}},
		{client.HistoryOf{Topic: deep}, nil},
	} {
		if got := read(c.of); !slices.Equal(got, c.want) {
			t.Errorf("%+v: %v, want %v", c.of, got, c.want)
		}
	}
}

// Messages of the past come typed, those of the range alone, and each once however often they are asked for.
func TestHistory(t *testing.T) {
	w := newFixture(t)
	var ids []int
	for i := range 130 {
		ids = append(ids, w.alice.Send(w.news, fmt.Sprint("m", i)).ID)
	}
	photo := w.World().AddFile(world.File{DC: 2, Photo: true, Data: []byte("a picture")})
	w.alice.SendDraft(w.news, world.Draft{Text: "look", Media: photo})
	c, peer := client.New(w.nc, "main"), fmt.Sprint("channel.", w.news.ID())
	read := func(of client.HistoryOf) (texts []string) {
		t.Helper()
		for u, err := range c.History(soon(t), of, client.WithHistoryProgress(func(client.HistoryJob) {})) {
			if err != nil {
				t.Fatal(err)
			}
			v, _ := u.Value.(*tg.UpdateNewChannelMessage)
			if v == nil || !u.Backfill || u.Kind != client.Channel || u.ChatID != w.news.ID() || u.Type != "updateNewChannelMessage" || len(u.Chats) != 1 {
				t.Fatalf("%+v", u)
			}
			m, ok := v.Message.(*tg.Message)
			if !ok {
				continue
			}
			if _, has := m.Media.(*tg.MessageMediaPhoto); has != (m.Message == "look") {
				t.Errorf("%+v", m)
			}
			texts = append(texts, m.Message)
		}
		return texts
	}
	if got := read(client.HistoryOf{Peer: peer, Limit: 3}); !slices.Equal(got, []string{"m128", "m129", "look"}) {
		t.Errorf("%v", got)
	}
	if got := read(client.HistoryOf{Peer: peer, FromID: ids[5], ToID: ids[7]}); !slices.Equal(got, []string{"m5", "m6", "m7"}) {
		t.Errorf("%v", got)
	}
	if got := read(client.HistoryOf{Peer: peer}); len(got) != 131 {
		t.Errorf("%v", got)
	}
	j, err := c.FetchHistory(soon(t), client.HistoryOf{Peer: peer})
	if err != nil || j.State != "done" || j.Stored != 0 || j.Percent != 100 || j.Through == 0 {
		t.Errorf("%+v %v", j, err)
	}
	var e *client.Error
	if _, err := c.FetchHistory(soon(t), client.HistoryOf{Peer: "@nobody_at_all"}); !errors.As(err, &e) || e.Code != 404 || e.Sent != client.SentNo {
		t.Errorf("%v", err)
	}
}
