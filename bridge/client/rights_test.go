package client_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/client"
	"github.com/natsgram/natsgram/bridge/storage"
	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/subjects/rights"
)

// consumerAccount is a server with the stream of updates in one NATS account, and in another a user with just the rights of a
// consumer, as they are printed.
type consumerAccount struct {
	t    *testing.T
	file string
	srv  *server.Server
}

func newConsumerAccount(t *testing.T, g rights.Grant, more string) *consumerAccount {
	t.Helper()
	t.Setenv("READER_PASSWORD", "r")
	g.Role, g.Inbox = rights.Consumer, "_INBOX_.reader"
	p, err := rights.Of(subjects.Scheme{}, g)
	if err != nil {
		t.Fatal(err)
	}
	text := rights.User{Name: "reader", Permissions: p, Account: "READERS", From: "NATSGRAM"}.Config()
	exports, imports, found := strings.Cut(text, "# to account READERS:\n")
	if !found {
		t.Fatal(text)
	}
	c := &consumerAccount{t: t, file: filepath.Join(t.TempDir(), "nats.conf")}
	conf := fmt.Sprintf("listen: 127.0.0.1:-1\n%s\njetstream: { store_dir: %q }\naccounts: {\nNATSGRAM: {\njetstream: enabled\nusers: [ { user: daemon, password: d } ]\n%s}\nREADERS: {\n%s}\n}\n",
		more, t.TempDir(), exports, imports)
	if err := os.WriteFile(c.file, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	c.start()
	return c
}

func (c *consumerAccount) start() {
	c.t.Helper()
	o, err := server.ProcessConfigFile(c.file)
	if err != nil {
		c.t.Fatal(err)
	}
	o.NoLog, o.NoSigs = true, true
	if c.srv, err = server.NewServer(o); err != nil {
		c.t.Fatal(err)
	}
	srv := c.srv
	srv.Start()
	c.t.Cleanup(func() { srv.Shutdown(); srv.WaitForShutdown() })
	if !srv.ReadyForConnections(20 * time.Second) {
		c.t.Fatal("no server")
	}
}

func (c *consumerAccount) as(user, password string) *nats.Conn {
	c.t.Helper()
	nc, err := nats.Connect(c.srv.ClientURL(), nats.UserInfo(user, password), nats.CustomInboxPrefix(rights.DefaultInbox(user)),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(nc.Close)
	return nc
}

// imported is JetStream as the user's account has it.
func imported(t *testing.T, nc *nats.Conn) client.Option {
	t.Helper()
	js, err := jetstream.NewWithDomain(nc, rights.ImportedDomain)
	if err != nil {
		t.Fatal(err)
	}
	return client.JetStream(js)
}

// A user with the role consumer reads by the durable that it was given, and by no other.
func TestConsumerOfOneDurable(t *testing.T) {
	for name, more := range map[string]string{"today": "", "acknowledgements of the second form": "feature_flags: { js_ack_fc_v2: true }"} {
		t.Run(name, func(t *testing.T) {
			consumerOfOneDurable(t, newConsumerAccount(t, rights.Grant{Durables: []string{"main=archive"}}, more))
		})
	}
}

func consumerOfOneDurable(t *testing.T, at *consumerAccount) {
	t.Helper()
	daemon := at.as("daemon", "d")
	a := archiveAt(t, daemon)
	a.fill()
	cfg := client.UpdatesConfig{Durable: "archive", Start: client.StartAll()}
	subscribe(t, client.New(daemon, "main"), cfg).Stop()
	subscribe(t, client.New(daemon, "other"), cfg).Stop()

	reader := at.as("reader", "r")
	s := subscribe(t, client.New(reader, "main", imported(t, reader)), cfg)
	a.add("main.updateNewMessage.user.9", "common", typing)
	if got := rest(t, s, a.at); got != "1 2 3 5 6 7 8" {
		t.Error(got)
	}
	info := consumerInfo(t, a.js, "main=archive")
	for ctx := soon(t); info.NumAckPending > 0; info = consumerInfo(t, a.js, "main=archive") { // an acknowledgement has no answer
		if ctx.Err() != nil {
			t.Fatalf("%d are not acknowledged", info.NumAckPending)
		}
	}
	for name, cfg := range map[string]client.UpdatesConfig{
		"other": cfg, "main": {Durable: "mine"}, "news": {},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		if _, err := client.New(reader, name, imported(t, reader)).Subscribe(ctx, cfg); err == nil {
			t.Errorf("%s %s is read as well", name, cfg.Durable)
		}
		cancel()
	}
}

// A durable that an operator has made with the defaults of the nats command is used as it is, with its time for acknowledgements, by a user that may
// not change it; one that hands out something else is not.
func TestDurableMadeByHand(t *testing.T) {
	defer client.SetChangeTime(time.Hour)() // it does not wait for what it may not do
	at := newConsumerAccount(t, rights.Grant{Durables: []string{"main=archive", "main=news"}}, "")
	a := archiveAt(t, at.as("daemon", "d"))
	a.fill()
	for name, filter := range map[string]string{"main=archive": "tg.upd.main.>", "main=news": "tg.upd.main.updateNewMessage.>"} {
		cfg := jetstream.ConsumerConfig{Durable: name, FilterSubject: filter, AckPolicy: jetstream.AckExplicitPolicy, AckWait: time.Minute, MaxAckPending: 1000}
		if _, err := a.js.CreateConsumer(soon(t), "TG_UPDATES", cfg); err != nil {
			t.Fatal(err)
		}
	}
	reader := at.as("reader", "r")
	c := client.New(reader, "main", imported(t, reader))
	for _, prefetch := range []int{1, 2} {
		s := subscribe(t, c, client.UpdatesConfig{Durable: "archive", Prefetch: prefetch})
		a.add("main.updateNewMessage.user.9", "common", typing)
		u, err := s.Next(soon(t))
		if err != nil || u.Ack() != nil {
			t.Fatal(u, err)
		}
		s.Stop()
	}
	if c := consumerInfo(t, a.js, "main=archive").Config; c.AckWait != time.Minute || c.MaxAckPending != 1000 {
		t.Errorf("it was changed: %+v", c)
	}
	_, err := c.Subscribe(soon(t), client.UpdatesConfig{Durable: "news"})
	if err == nil || !strings.Contains(err.Error(), "durable main=news: it hands out [tg.upd.main.updateNewMessage.>]") {
		t.Error(err)
	}
}

func consumerInfo(t *testing.T, js jetstream.JetStream, name string) *jetstream.ConsumerInfo {
	t.Helper()
	c, err := js.Consumer(soon(t), "TG_UPDATES", name)
	if err != nil {
		t.Fatal(err)
	}
	return c.CachedInfo()
}

// In a stream of the account's own a user may have consumers of any name, and sees no other account's updates.
func TestConsumersOfAStreamOfItsOwn(t *testing.T) {
	at := newConsumerAccount(t, rights.Grant{Account: "main", Own: true}, "")
	daemon := at.as("daemon", "d")
	a := archiveAt(t, daemon)
	a.fill()
	for _, account := range []string{"main", "other"} {
		if _, err := storage.AddOwn(soon(t), a.js, subjects.Scheme{}, account, storage.OwnLimits{}); err != nil {
			t.Fatal(err)
		}
	}
	reader := at.as("reader", "r")
	c := client.New(reader, "main", imported(t, reader))
	for _, row := range []struct {
		cfg  client.UpdatesConfig
		want string
	}{
		{client.UpdatesConfig{}, "1 2 3 5 6 7 8"},
		{client.UpdatesConfig{Durable: "all"}, "1 2 3 5 6 7 8 9"},
		{client.UpdatesConfig{Durable: "one", NoGaps: true, Filters: []client.Filter{{Update: "updateNewMessage"}}}, "1 2 7 9 10"},
		{client.UpdatesConfig{NoGaps: true, Filters: []client.Filter{{Update: "updateNewMessage", Kind: client.Chat}, {Kind: client.User}}}, "1 2 7 9 10 11"},
	} {
		row.cfg.Start, row.cfg.Own = client.StartAll(), true
		s := subscribe(t, c, row.cfg)
		a.add("main.updateNewMessage.user.9", "common", typing)
		if got := rest(t, s, a.at); got != row.want {
			t.Errorf("%+v: %s, want %s", row.cfg, got, row.want)
		}
		s.Stop()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := client.New(reader, "other", imported(t, reader)).Subscribe(ctx, client.UpdatesConfig{Own: true}); err == nil {
		t.Error("the reader of one account reads another's updates")
	}
}

// A push consumer's idle heartbeats are empty messages that JetStream sends where the consumer delivers to, in the account of the
// stream, whoever made it. What keeps them out of buckets, streams and JetStream's API is that a consumer is at work only while
// somebody there subscribes to just that subject, and no pattern; see docs/operating.md, Consumers.
func TestHeartbeatsReachNoStream(t *testing.T) {
	at := newConsumerAccount(t, rights.Grant{Account: "main", Own: true}, "")
	daemon := at.as("daemon", "d")
	a := archiveAt(t, daemon)
	a.fill()
	if _, err := storage.AddOwn(soon(t), a.js, subjects.Scheme{}, "main", storage.OwnLimits{}); err != nil {
		t.Fatal(err)
	}
	kv, err := a.js.CreateKeyValue(soon(t), jetstream.KeyValueConfig{Bucket: "TG_SESSIONS"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kv.PutString(soon(t), "main", "sealed"); err != nil {
		t.Fatal(err)
	}
	before := streamInfo(t, a.js, "TG_UPDATES").State.LastSeq
	heard := make(chan *nats.Msg, 64)
	if _, err := daemon.ChanSubscribe("heard", heard); err != nil {
		t.Fatal(err)
	}
	if _, err := daemon.ChanSubscribe("tg.upd.main.updateNewMessage.user.*", heard); err != nil { // as a watcher does
		t.Fatal(err)
	}
	if err := daemon.Flush(); err != nil {
		t.Fatal(err)
	}
	reader := at.as("reader", "r")
	js, err := jetstream.NewWithDomain(reader, rights.ImportedDomain)
	if err != nil {
		t.Fatal(err)
	}
	for i, to := range []string{
		"$KV.TG_SESSIONS.main", "$JS.API.STREAM.PURGE.TG_UPDATES", "$JS.API.STREAM.DELETE.TG_UPDATES", "tg.own.main",
		"tg.upd.main.updateNewMessage.user.77", "heard",
	} {
		c := jetstream.ConsumerConfig{Name: fmt.Sprint("c", i), DeliverSubject: to, IdleHeartbeat: 100 * time.Millisecond, DeliverPolicy: jetstream.DeliverNewPolicy}
		if _, err := js.CreateOrUpdatePushConsumer(soon(t), "TG_UPDATES_main", c); err != nil {
			t.Fatal(err)
		}
	}
	for n := 0; n < 5; { // what would have come to the others has come
		select {
		case m := <-heard:
			switch {
			case m.Header.Get("Status") == "": // an update, as it should
			case m.Subject == "heard":
				n++
			default:
				t.Errorf("a heartbeat came to %s", m.Subject)
			}
		case <-soon(t).Done():
			t.Fatal("no heartbeats")
		}
	}
	if last := streamInfo(t, a.js, "TG_UPDATES").State.LastSeq; last != before {
		t.Errorf("the stream went on from %d to %d", before, last)
	}
	if entry, err := kv.Get(soon(t), "main"); err != nil || string(entry.Value()) != "sealed" {
		t.Error(entry, err)
	}
}

func streamInfo(t *testing.T, js jetstream.JetStream, name string) *jetstream.StreamInfo {
	t.Helper()
	s, err := js.Stream(soon(t), name)
	if err != nil {
		t.Fatal(err)
	}
	return s.CachedInfo()
}
