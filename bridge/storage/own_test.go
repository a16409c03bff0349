package storage

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/embedded"
	"github.com/natsgram/natsgram/subjects"
)

// ownRig is a server that can be restarted, with the stream of all.
type ownRig struct {
	t   *testing.T
	dir string
	srv *embedded.Server
	js  jetstream.JetStream
	n   int
}

func (g *ownRig) start() {
	g.t.Helper()
	var err error
	if g.srv, err = embedded.Start(embedded.Config{Dir: g.dir, NoSync: true}); err != nil {
		g.t.Fatal(err)
	}
	g.js = dial(g.t, g.srv.ClientURL())
}

// publish stores updates of an account as a log does, fenced.
func (g *ownRig) publish(account string, n int) {
	g.t.Helper()
	own, err := g.js.Publish(g.t.Context(), "tg.own."+account, nil)
	if err != nil {
		g.t.Fatal(err)
	}
	for range n {
		g.n++
		m := nats.NewMsg("tg.upd." + account + ".updateNewMessage.user.1")
		m.Data = []byte(fmt.Sprint(g.n))
		m.Header.Set("Nats-Msg-Id", fmt.Sprintf("%s/common/%d/0", account, g.n))
		m.Header.Set(jetstream.ExpectedLastSubjSeqHeader, fmt.Sprint(own.Sequence))
		m.Header.Set(jetstream.ExpectedLastSubjSeqSubjHeader, "tg.own."+account)
		if _, err := g.js.PublishMsg(g.t.Context(), m); err != nil {
			g.t.Fatal(err)
		}
	}
}

// holds waits until the account's own stream holds as many updates, and gives them.
func (g *ownRig) holds(account string, n int) string {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.t.Context(), 30*time.Second)
	defer cancel()
	c, err := g.js.OrderedConsumer(ctx, subjects.Scheme{}.OwnStream(account), jetstream.OrderedConsumerConfig{})
	if err != nil {
		g.t.Fatal(err)
	}
	messages, err := c.Messages()
	if err != nil {
		g.t.Fatal(err)
	}
	defer messages.Stop()
	var all []string
	for len(all) < n {
		m, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			g.t.Fatalf("%v after %v", err, all)
		}
		if !strings.HasPrefix(m.Subject(), "tg.upd."+account+".") {
			g.t.Errorf("%s is in the stream of %s", m.Subject(), account)
		}
		all = append(all, string(m.Data()))
	}
	return strings.Join(all, " ")
}

// An account's own stream has its updates once and in order, those from before it was made as well, over a restart of the server.
func TestOwnStream(t *testing.T) {
	g := &ownRig{t: t, dir: t.TempDir()}
	g.start()
	if _, err := AddOwn(t.Context(), g.js, subjects.Scheme{}, "main", OwnLimits{}); err == nil || !strings.Contains(err.Error(), "there is no stream TG_UPDATES yet") {
		t.Fatal(err)
	}
	o := Options{}
	o.MaxAge.Value, o.MaxAge.Set, o.Replicas.Value = time.Hour, true, 1
	if _, err := Daemon(g.js, o, nil).Stream(t.Context(), Updates); err != nil {
		t.Fatal(err)
	}
	g.publish("main", 3)
	g.publish("other", 2)
	info, err := AddOwn(t.Context(), g.js, subjects.Scheme{}, "main", OwnLimits{})
	if err != nil {
		t.Fatal(err)
	}
	if c := info.Config; c.Name != "TG_UPDATES_main" || c.MaxAge != time.Hour || c.MaxBytes != -1 {
		t.Errorf("%+v", c)
	}
	if got := g.holds("main", 3); got != "1 2 3" {
		t.Error(got)
	}
	g.srv.Close()
	g.start()
	defer func() { g.srv.Close() }()
	g.publish("other", 1)
	g.publish("main", 2)
	if got := g.holds("main", 5); got != "1 2 3 7 8" {
		t.Error(got)
	}
	all, err := Owns(t.Context(), g.js, subjects.Scheme{})
	if err != nil || len(all) != 1 || all[0].Account != "main" || all[0].State.Msgs != 5 {
		t.Errorf("%+v %v", all, err)
	}
	g.removes()
}

// removes: what natsgram did not make it does not delete.
func (g *ownRig) removes() {
	g.t.Helper()
	ctx, t := g.t.Context(), g.t
	if err := RemoveOwn(ctx, g.js, subjects.Scheme{}, "main"); err != nil {
		t.Fatal(err)
	}
	if err := RemoveOwn(ctx, g.js, subjects.Scheme{}, "main"); err == nil || !strings.Contains(err.Error(), "has no stream of its own") {
		t.Error(err)
	}
	if _, err := g.js.CreateStream(ctx, jetstream.StreamConfig{Name: "TG_UPDATES_x", Subjects: []string{"x"}}); err != nil {
		t.Fatal(err)
	}
	if err := RemoveOwn(ctx, g.js, subjects.Scheme{}, "x"); err == nil || !strings.Contains(err.Error(), "was not made by natsgram") {
		t.Error(err)
	}
	if _, err := AddOwn(ctx, g.js, subjects.Scheme{}, "x", OwnLimits{}); err == nil {
		t.Error("somebody's stream was taken")
	}
}

// A stream that kept its updates for a shorter time than the stream of all would take them over again.
func TestOwnStreamKeepsAsLong(t *testing.T) {
	for _, c := range []struct {
		all, own, want time.Duration
		refused        bool
	}{
		{time.Hour, 0, time.Hour, false}, {time.Hour, 2 * time.Hour, 2 * time.Hour, false}, {time.Hour, time.Minute, 0, true},
		{0, 0, 0, false}, {0, time.Hour, 0, true},
	} {
		got, err := ownConfig(jetstream.StreamConfig{MaxAge: c.all}, subjects.Scheme{}, "main", OwnLimits{MaxAge: c.own})
		if (err != nil) != c.refused || got.MaxAge != c.want {
			t.Errorf("%v: %v %v", c, got.MaxAge, err)
		}
	}
	if _, err := ownConfig(jetstream.StreamConfig{}, subjects.Scheme{}, "main", OwnLimits{MaxBytes: -5}); err == nil {
		t.Error("less than no bytes")
	}
}
