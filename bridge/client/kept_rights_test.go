package client_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/client"
	"github.com/natsgram/natsgram/subjects/rights"
)

// A program that has the rights of the role consumer as they are printed, and no others, reads the dialogs as they are and then as they change,
// and messages of the past, by durables that somebody else made for it; after a restart it goes on with what has changed since. It reads no
// other account's, and makes no consumers.
func TestConsumerReadsWhatIsKept(t *testing.T) {
	at := newConsumerAccount(t, rights.Grant{Account: "main", Durables: []string{"main=archive"}}, "")
	daemon := at.as("daemon", "d")
	js, _ := jetstream.New(daemon)
	for _, s := range []jetstream.StreamConfig{
		{Name: "TG_STATE", Subjects: []string{"tg.state.>"}, MaxMsgsPerSubject: 1}, {Name: "TG_HISTORY", Subjects: []string{"tg.hist.>"}},
		{Name: "TG_UPDATES", Subjects: []string{"tg.upd.>"}},
	} {
		if _, err := js.CreateStream(soon(t), s); err != nil {
			t.Fatal(err)
		}
	}
	put := func(subject, body string, header ...string) {
		t.Helper()
		m := nats.NewMsg("tg." + subject)
		m.Data = []byte(body)
		for i := 0; i < len(header); i += 2 {
			m.Header.Set(header[i], header[i+1])
		}
		if _, err := js.PublishMsg(soon(t), m); err != nil {
			t.Fatal(err)
		}
	}
	message := func(account string, id int) {
		put(fmt.Sprintf("hist.%s.user.5", account), fmt.Sprintf(`{"update":{"_":"updateNewMessage","message":{"_":"messageEmpty","id":%d},"pts":0,"pts_count":0},"users":[],"chats":[]}`, id),
			"Tg-Type", "updateNewMessage", "Tg-Msg-Id", fmt.Sprint(id), "Tg-Box", "common", "Tg-Backfill", "true")
	}
	for _, account := range []string{"main", "other"} {
		put("state."+account+".dialog.user.5", `{"name":"Eve"}`)
		put("state."+account+".dialog.chat.7", `{"name":"A group"}`)
		put("state."+account+".through.none.0", `{"seq":1}`)
		message(account, 10)
		message(account, 11)
	}
	for stream, c := range map[string]jetstream.ConsumerConfig{
		"TG_STATE":   {Durable: "main=archive", FilterSubject: "tg.state.main.>", AckPolicy: jetstream.AckExplicitPolicy, DeliverPolicy: jetstream.DeliverLastPerSubjectPolicy, MaxAckPending: 1000},
		"TG_HISTORY": {Durable: "main=archive", FilterSubject: "tg.hist.main.>", AckPolicy: jetstream.AckExplicitPolicy},
	} {
		if _, err := js.CreateConsumer(soon(t), stream, c); err != nil {
			t.Fatal(err)
		}
		c.Durable, c.FilterSubject = "other=archive", strings.Replace(c.FilterSubject, "main", "other", 1)
		if _, err := js.CreateConsumer(soon(t), stream, c); err != nil {
			t.Fatal(err)
		}
	}
	reader := at.as("reader", "r")
	c := client.New(reader, "main", imported(t, reader))
	dialogs := func(n int) (all []string) {
		t.Helper()
		ctx, cancel := context.WithCancel(soon(t))
		defer cancel()
		for s, err := range c.Chats(ctx, client.ChatsBy("archive")) {
			if err != nil {
				if len(all) < n {
					t.Fatalf("after %v: %v", all, err)
				}
				return all
			}
			if all = append(all, fmt.Sprintf("%s.%d %s", s.Kind, s.ID, s.Name)); len(all) == n {
				cancel() // the turn is over then, and not broken off
			}
		}
		return all
	}
	if got := fmt.Sprint(dialogs(2)); got != "[user.5 Eve chat.7 A group]" {
		t.Error(got)
	}
	put("state.main.dialog.user.5", `{"gone":true,"name":"Eve"}`)
	put("state.main.dialog.user.9", `{"name":"Bob"}`)
	if got := fmt.Sprint(dialogs(2)); got != "[user.5 Eve user.9 Bob]" {
		t.Errorf("after a restart: %s", got)
	}
	s := subscribe(t, c, client.UpdatesConfig{Durable: "archive", History: true})
	for _, id := range []int{10, 11, 12} {
		u, err := s.Next(soon(t))
		if err != nil {
			t.Fatal(err)
		}
		if u.Type != "updateNewMessage" || !u.Backfill || u.MessageIDs[0] != id || u.Kind != client.User || u.ChatID != 5 || u.Ack() != nil {
			t.Errorf("%+v", u)
		}
		if id == 11 {
			message("main", 12)
		}
	}
	refused := func(what string, do func(context.Context) error) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		if do(ctx) == nil {
			t.Errorf("%s is not refused", what)
		}
	}
	first := func(ctx context.Context, c *client.Client, opts ...client.ChatsOption) error {
		for _, err := range c.Chats(ctx, opts...) {
			return err
		}
		return nil
	}
	other := client.New(reader, "other", imported(t, reader))
	refused("another account's durable of dialogs", func(ctx context.Context) error { return first(ctx, other, client.ChatsBy("archive")) })
	refused("a durable that nobody made", func(ctx context.Context) error { return first(ctx, c, client.ChatsBy("mine")) })
	refused("a consumer without a name", func(ctx context.Context) error { return first(ctx, c) })
	refused("another account's history", func(ctx context.Context) error {
		_, err := other.Subscribe(ctx, client.UpdatesConfig{Durable: "archive", History: true})
		return err
	})
	far, err := jetstream.NewWithDomain(reader, rights.ImportedDomain)
	if err != nil {
		t.Fatal(err)
	}
	for _, stream := range []string{"TG_STATE", "TG_HISTORY"} {
		refused("a consumer that pushes, of "+stream, func(ctx context.Context) error {
			_, err := far.CreateOrUpdatePushConsumer(ctx, stream, jetstream.ConsumerConfig{Durable: "main=archive", DeliverSubject: "heard"})
			return err
		})
		refused("another consumer in the durable's place, of "+stream, func(ctx context.Context) error {
			_, err := far.UpdateConsumer(ctx, stream, jetstream.ConsumerConfig{Durable: "main=archive", FilterSubject: "tg.>"})
			return err
		})
		refused("a message of "+stream, func(ctx context.Context) error {
			_, err := reader.RequestWithContext(ctx, "$JS.natsgram.API.STREAM.MSG.GET."+stream, []byte(`{"seq":1}`))
			return err
		})
	}
	for _, cfg := range []client.UpdatesConfig{{History: true}, {Durable: "a", History: true, Own: true}, {Durable: "a", History: true, Partitions: 2}} {
		if _, err := c.Subscribe(soon(t), cfg); err == nil {
			t.Errorf("%+v is taken", cfg)
		}
	}
	if err := first(soon(t), c, client.ChatsBy("a.b")); err == nil {
		t.Error("a name that none can have is taken")
	}
}
