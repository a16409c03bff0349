package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge"
	"github.com/natsgram/natsgram/bridge/client"
	"github.com/natsgram/natsgram/bridge/storage"
	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/subjects/rights"
)

// tenant is a daemon at a site that runs Dora's account as main.
type tenant struct {
	*site
	box         *mttest.Server
	dora, alice *mttest.Account
	admin       *nats.Conn
	js          jetstream.JetStream
}

func (s *site) soon() context.Context {
	ctx, cancel := context.WithTimeout(s.t.Context(), 30*time.Second)
	s.t.Cleanup(cancel)
	return ctx
}

func (s *site) move() *tenant {
	t := s.t
	t.Helper()
	box := mttest.NewServer(t)
	n := &tenant{
		site: s, box: box,
		dora: box.AddUser(mttest.User{First: "Dora", Phone: "+99966 2 0001"}), alice: box.AddUser(mttest.User{First: "Alice", Phone: "+99966 2 0002"}),
	}
	set := bridge.DefaultSettings()
	set.StateDir, set.APIID, set.APIHash, set.Secret, set.Inbox = t.TempDir(), 1, "hash", "sixteen characters", "_INBOX_.daemon"
	s.daemon(&set)
	env := box.Env()
	o := bridge.Options{Env: &env, NoSync: true, Version: "test", Log: slog.New(slog.DiscardHandler)}
	b := must(bridge.New(set, o))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
	select {
	case <-b.Ready():
	case <-s.soon().Done():
		t.Fatal("the daemon does not come up")
	}
	s.inside = b.ClientURL()
	n.admin = s.as("admin")
	n.js = must(jetstream.New(n.admin))
	prompt := func(_ context.Context, st mtproto.LoginState, wrong error) (string, error) {
		if st.Step != mtproto.WaitCode {
			return "", fmt.Errorf("asked for %s: %w", st.Step, wrong)
		}
		return box.Code(n.dora.Phone()), nil
	}
	if _, err := bridge.Login(s.soon(), set, o, bridge.SignIn{Account: "main", Phone: n.dora.Phone(), Prompt: prompt}); err != nil {
		t.Fatal(err)
	}
	if err := b.WaitServing(s.soon(), "main"); err != nil {
		t.Fatal(err)
	}
	return n
}

// works: what each user is there for, and what nobody may do.
func (s *site) works() {
	s.t.Helper()
	n := s.move()
	n.calls()
	n.reads()
	n.attacks()
}

// calls go by imports, which put the server's reply in the place of the caller's, and tell the daemon who calls.
func (n *tenant) calls() {
	n.t.Helper()
	seen := must(n.admin.SubscribeSync("tg.ro.main.>"))
	if err := n.admin.Flush(); err != nil {
		n.t.Fatal(err)
	}
	if reply := n.request("dashboard", "tg.ro.main.help.getNearestDc", "{}"); !strings.Contains(string(reply.Data), "nearestDc") {
		n.t.Errorf("%v %s", reply.Header, reply.Data)
	}
	m := must(seen.NextMsgWithContext(n.soon()))
	if !strings.HasPrefix(m.Reply, "_R_.") || !strings.Contains(m.Header.Get(subjects.HeaderRequestInfo), `"acc"`) {
		n.t.Errorf("the daemon sees the reply %s of %s", m.Reply, m.Header)
	}
	if reply := n.request("poster", "tg.rpc.main.messages.sendMessage", `{"peer":"me","message":"from another account"}`); reply.Header.Get(subjects.HeaderErrorText) != "" {
		n.t.Errorf("%v", reply.Header)
	}
}

func (n *tenant) request(user, subject, body string) *nats.Msg {
	n.t.Helper()
	reply, err := n.as(user).RequestWithContext(n.soon(), subject, []byte(body))
	if err != nil {
		n.t.Fatalf("%s: %s: %v", user, subject, err)
	}
	return reply
}

// reads: the screen sees updates as they come, the archive reads them by a durable of its own.
func (n *tenant) reads() {
	n.t.Helper()
	if _, err := storage.AddOwn(n.soon(), n.js, subjects.Scheme{}, "main", storage.OwnLimits{}); err != nil {
		n.t.Fatal(err)
	}
	screen := n.as("screen")
	came := must(screen.SubscribeSync("tg.upd.main.updateNewMessage.>"))
	if err := screen.Flush(); err != nil {
		n.t.Fatal(err)
	}
	archive := n.as("archive")
	js := must(jetstream.NewWithDomain(archive, rights.ImportedDomain))
	sub, err := client.New(archive, "main", client.JetStream(js)).Subscribe(n.soon(), client.UpdatesConfig{
		Own: true, Durable: "archive", Start: client.StartAll(), Filters: []client.Filter{{Update: "updateNewMessage", Kind: client.User, ChatID: n.alice.ID()}},
	})
	if err != nil {
		n.t.Fatal(err)
	}
	defer sub.Stop()
	n.alice.Send(n.dora, "hello there")
	for {
		if m := must(came.NextMsgWithContext(n.soon())); strings.Contains(string(m.Data), "hello there") {
			break
		}
	}
	u := must(sub.Next(n.soon()))
	if !strings.Contains(string(u.Data()), "hello there") {
		n.t.Errorf("%s", u.Data())
	}
	if err := u.Ack(); err != nil {
		n.t.Error(err)
	}
}

// attacks: replies that would have the daemon, or JetStream, write for the caller.
func (n *tenant) attacks() {
	n.t.Helper()
	before := n.state()
	hostile := []string{"$KV.TG_SESSIONS.main", "$KV.TG_ACCOUNTS.main", "tg.own.main", "tg.upd.main.updateNewMessage.user.5", "tg.ctl.main.logout",
		"$JS.API.STREAM.PURGE.KV_TG_SESSIONS", "$JS.API.STREAM.DELETE.TG_UPDATES", "$JS.natsgram.API.STREAM.DELETE.TG_UPDATES"}
	asks := map[string][]string{
		"dashboard": {"tg.ro.main.help.getNearestDc"}, "poster": {"tg.rpc.main.messages.sendMessage"},
		"archive": {"$JS.natsgram.API.CONSUMER.MSG.NEXT.TG_UPDATES_main.main=archive", "$JS.natsgram.API.CONSUMER.INFO.TG_UPDATES_main.main=archive",
			"$JS.natsgram.API.STREAM.INFO.TG_UPDATES_main", "$JS.ACK.TG_UPDATES_main.main=archive.1.1.1.1.0"},
	}
	for user, all := range asks {
		nc := n.as(user)
		for _, subject := range all {
			for _, reply := range hostile {
				m := &nats.Msg{Subject: subject, Reply: reply, Data: []byte("{}"), Header: nats.Header{"Accept": {"application/msgpack"}}}
				if strings.Contains(subject, "NEXT") {
					m.Data = []byte(`{"no_wait":true,"batch":1}`)
				}
				if strings.Contains(subject, "API") || strings.Contains(subject, "ACK") {
					m.Header = nil
				}
				if strings.Contains(subject, "ACK") {
					m.Data = nil
				}
				if err := nc.PublishMsg(m); err != nil {
					n.t.Fatal(err)
				}
			}
		}
		if err := nc.Flush(); err != nil {
			n.t.Fatal(err)
		}
	}
	// What was asked before is answered before.
	archive := must(jetstream.NewWithDomain(n.as("archive"), rights.ImportedDomain))
	c := must(archive.Consumer(n.soon(), "TG_UPDATES_main", "main=archive"))
	must(c.FetchNoWait(1))
	for range 20 {
		n.request("dashboard", "tg.ro.main.help.getNearestDc", "{}")
	}
	if after := n.state(); after != before {
		n.t.Errorf("replies changed something:\nbefore %s\nafter  %s", before, after)
	}
}

// state is what an attack would change: the session, the account's record, the stream's messages, and whether somebody signed out.
func (n *tenant) state() string {
	n.t.Helper()
	all := fmt.Sprintf("signed out %d times", n.box.Executed("auth.logOut"))
	for _, bucket := range []string{"TG_SESSIONS", "TG_ACCOUNTS"} {
		entry := must(must(n.js.KeyValue(n.soon(), bucket)).Get(n.soon(), "main"))
		all += fmt.Sprintf("; %s at %d", bucket, entry.Revision())
	}
	for _, name := range []string{"TG_UPDATES", "KV_TG_SESSIONS", "TG_UPDATES_main"} {
		st := must(n.js.Stream(n.soon(), name))
		all += fmt.Sprintf("; %s: %d messages, last %d", name, st.CachedInfo().State.Msgs, st.CachedInfo().State.LastSeq)
	}
	return all
}
