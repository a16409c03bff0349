package partners

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge"
	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/mttest"
)

// account is what the account is called on the bus.
const account = "alice"

// daemon is natsgram with one account, which somebody else's client has too.
type daemon struct {
	t    *testing.T
	nc   *nats.Conn
	stop func()
	log  []string // what the stream holds
}

// daemonOf is how a daemon before the fixture is set.
func (w *fixture) daemonOf(dir string, ways ...string) (bridge.Settings, bridge.Options) {
	set := bridge.DefaultSettings()
	set.StateDir, set.Accounts, set.APIID, set.APIHash, set.Port = dir, []string{account}, 1, "box", -1
	set.Ways = ways
	env := w.Env()
	return set, bridge.Options{Log: slog.New(slog.DiscardHandler), Env: &env, NoSync: true, Open: true}
}

// startDaemon runs natsgram until the test ends, and signs the account in where nobody is yet. Ways are those to Telegram.
func (w *fixture) startDaemon(t *testing.T, dir string, who *mttest.Account, ways ...string) *daemon {
	t.Helper()
	set, o := w.daemonOf(dir, ways...)
	before, err := os.ReadDir(dir)
	must(t, err)
	b, err := bridge.New(set, o)
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	d := &daemon{t: t}
	d.stop = sync.OnceFunc(func() {
		if d.nc != nil {
			d.nc.Close()
		}
		cancel()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	t.Cleanup(d.stop)
	select {
	case <-b.Ready():
	case err := <-ended:
		ended <- err
		t.Fatal(err)
	}
	if len(before) == 0 {
		must(t, w.login(t.Context(), set, o, who))
	}
	limited, done := context.WithTimeout(t.Context(), patience)
	defer done()
	must(t, b.WaitServing(limited, account))
	d.nc, err = nats.Connect(b.ClientURL())
	must(t, err)
	return d
}

func (w *fixture) login(ctx context.Context, set bridge.Settings, o bridge.Options, who *mttest.Account) error {
	_, err := bridge.Login(ctx, set, o, bridge.SignIn{Account: account, Phone: who.Phone(), Prompt: func(_ context.Context, s mtproto.LoginState, wrong error) (string, error) {
		if wrong != nil {
			return "", wrong
		}
		return w.Code(who.Phone()), nil
	}})
	return err
}

// call makes a call over the bus.
func (d *daemon) call(method string, params object) {
	d.t.Helper()
	body, err := json.Marshal(params)
	must(d.t, err)
	m, err := d.nc.Request("tg.rpc."+account+"."+method, body, patience)
	must(d.t, err)
	if e := m.Header.Get("Nats-Service-Error"); e != "" {
		d.t.Fatalf("%s: %s", method, e)
	}
}

// said is the fold of what TG_UPDATES says of the account's chats, upon what there was before.
func (d *daemon) said(before chats) (chats, error) {
	js, err := jetstream.New(d.nc)
	if err != nil {
		return nil, err
	}
	ctx, done := context.WithTimeout(context.Background(), patience)
	defer done()
	stream, err := js.Stream(ctx, "TG_UPDATES")
	if err != nil {
		return nil, err
	}
	all := before.clone()
	d.log = nil
	for seq := stream.CachedInfo().State.FirstSeq; seq <= stream.CachedInfo().State.LastSeq && seq > 0; seq++ {
		m, err := stream.GetMsg(ctx, seq)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if !strings.HasPrefix(m.Subject, "tg.upd.") {
			continue
		}
		var u struct {
			Update object `json:"update"`
			Gap    object `json:"gap"`
		}
		if err := json.Unmarshal(m.Data, &u); err != nil {
			return nil, fmt.Errorf("%s: %w", m.Subject, err)
		}
		if u.Gap != nil && u.Gap.text("reason") == "beginning" {
			continue
		}
		if u.Gap != nil {
			return nil, fmt.Errorf("a gap: %v", u.Gap)
		}
		all.fold(u.Update)
		d.log = append(d.log, fmt.Sprintf("%d %s pts %s: %.200s", seq, m.Subject, m.Header.Get("Tg-Pts"), m.Data))
	}
	return all, nil
}

// chats is what is known of each chat, by kind and id as in subjects.
type chats map[string]*chat

type chat struct {
	messages map[int64]string // text by id
	incoming map[int64]bool   // those that somebody else wrote
	readIn   int64
	readOut  int64
	counted  int64 // what TDLib says is unread
}

// unread counts, as no update says how many there are now.
func (c *chat) unread() (n int64) {
	for id := range c.incoming {
		if _, there := c.messages[id]; there && id > c.readIn {
			n++
		}
	}
	return n
}

func (c chats) of(name string) *chat {
	if c[name] == nil {
		c[name] = &chat{messages: map[int64]string{}, incoming: map[int64]bool{}}
	}
	return c[name]
}

func (c chats) clone() chats {
	all := chats{}
	for name, at := range c {
		copied := *at
		copied.messages, copied.incoming = maps.Clone(at.messages), maps.Clone(at.incoming)
		all[name] = &copied
	}
	return all
}

func peerName(p object) string {
	for _, kind := range []string{"user", "chat", "channel"} {
		if id := p.number(kind + "_id"); id != 0 {
			return kind + "." + strconv.FormatInt(id, 10)
		}
	}
	return "none.0"
}

// fold applies one update, as a program that keeps an archive would.
func (c chats) fold(u object) {
	m := u.in("message")
	switch u.text("_") {
	case "updateNewMessage", "updateNewChannelMessage", "updateEditMessage", "updateEditChannelMessage":
		at := c.of(peerName(m.in("peer_id")))
		at.add(m.number("id"), m.text("message"), m["out"] != true)
	case "updateDeleteMessages":
		for name, at := range c {
			if !strings.HasPrefix(name, "channel.") {
				at.delete(u)
			}
		}
	case "updateDeleteChannelMessages":
		c.of(peerName(u)).delete(u)
	case "updateReadHistoryInbox":
		at := c.of(peerName(u.in("peer")))
		at.readIn = max(at.readIn, u.number("max_id"))
	case "updateReadHistoryOutbox":
		at := c.of(peerName(u.in("peer")))
		at.readOut = max(at.readOut, u.number("max_id"))
	}
}

func (c *chat) add(id int64, text string, incoming bool) {
	c.messages[id], c.incoming[id] = text, incoming
	if !incoming {
		delete(c.incoming, id)
	}
}

func (c *chat) delete(u object) {
	ids, _ := u["messages"].([]any)
	for _, id := range ids {
		n, _ := id.(float64)
		delete(c.messages, int64(n))
	}
}
