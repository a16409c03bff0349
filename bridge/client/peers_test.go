package client_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/client"
)

// Who is looked up comes typed: what is known without a question, what Telegram tells, and what a search finds; and who is not there has an
// error that says so.
func TestPeers(t *testing.T) {
	w := newFixture(t)
	w.alice.Send(w.news, "the channel becomes known")
	c := client.New(w.nc, "main")
	p, alice := c.Peers(), client.Peer{Kind: client.User, ID: w.alice.ID(), Type: client.PeerUser, Name: "Alice", Usernames: []string{"alice"}}
	var e *client.Error
	if got, err := p.Get(soon(t), fmt.Sprint("user.", w.alice.ID()+999)); !errors.Is(err, client.ErrUnknownPeer) || !errors.As(err, &e) || e.Code != 404 ||
		e.Sent != client.SentNo || e.Method != "peers.get" || got.ID != 0 {
		t.Errorf("%+v %v", got, err)
	}
	if got, err := p.Resolve(soon(t), "@alice"); err != nil || fmt.Sprint(got) != fmt.Sprint(alice) {
		t.Errorf("%+v %v", got, err)
	}
	if got, err := p.Get(soon(t), fmt.Sprint("user.", w.alice.ID())); err != nil || fmt.Sprint(got) != fmt.Sprint(alice) {
		t.Errorf("%+v %v", got, err)
	}
	if got, err := p.Get(soon(t), "me"); err != nil || !got.Self || got.ID != w.dora.ID() {
		t.Errorf("%+v %v", got, err)
	}
	if got, err := p.Resolve(soon(t), "-77"); err != nil || fmt.Sprint(got) != fmt.Sprint(client.Peer{Kind: client.Chat, ID: 77, Unseen: true}) {
		t.Errorf("%+v %v", got, err)
	}
	if got, err := p.Get(soon(t), "-77"); !errors.Is(err, client.ErrUnknownPeer) {
		t.Errorf("%+v %v", got, err)
	}
	if _, err := p.Resolve(soon(t), "@nobody_at_all"); !errors.As(err, &e) || e.Kind() != "USERNAME_NOT_OCCUPIED" || !errors.Is(err, client.ErrUnknownPeer) {
		t.Errorf("%v", err)
	}
	if got, more, err := p.Search(soon(t), client.PeerSearch{Text: "ali"}); err != nil || more || len(got) != 1 || fmt.Sprint(got[0]) != fmt.Sprint(alice) {
		t.Errorf("%+v %v %v", got, more, err)
	}
	if got, _, err := p.Search(soon(t), client.PeerSearch{Kind: client.Channel}); err != nil || slices.ContainsFunc(got, func(p client.Peer) bool { return p.Kind != client.Channel }) {
		t.Errorf("%+v %v", got, err)
	}
	if _, more, err := p.Search(soon(t), client.PeerSearch{Limit: 1}); err != nil || !more {
		t.Errorf("one of several, and no more of them: %v", err)
	}
	if _, _, err := p.Search(soon(t), client.PeerSearch{Kind: "dog"}); !errors.As(err, &e) || e.Code != 400 {
		t.Errorf("%v", err)
	}
}

// An answer that is none, or a refusal with a time to wait, is an error of this package like others.
func TestPeersErrors(t *testing.T) {
	a := newArchive(t)
	if _, err := a.nc.Subscribe("tg.ctl.main.peers.*", func(m *nats.Msg) { _ = m.Respond([]byte(`{"id":5}`)) }); err != nil {
		t.Fatal(err)
	}
	var e *client.Error
	p := client.New(a.nc, "main").Peers()
	if _, err := p.Get(soon(t), "user.5"); !errors.As(err, &e) || e.Code != 500 {
		t.Errorf("a number where the daemon writes text: %v", err)
	}
	if _, err := client.New(a.nc, "a.b").Peers().Get(soon(t), "user.5"); !errors.As(err, &e) || e.Code != 400 {
		t.Errorf("%v", err)
	}
	flood := nats.Header{"Nats-Service-Error-Code": {"420"}, "Tg-Error": {"FLOOD_WAIT_77"}, "Tg-Retry-After": {"77"}, "Tg-Sent": {"yes"}}
	if _, err := a.nc.Subscribe("tg.ctl.flooded.peers.*", func(m *nats.Msg) { _ = m.RespondMsg(&nats.Msg{Header: flood}) }); err != nil {
		t.Fatal(err)
	}
	if _, err := client.New(a.nc, "flooded").Peers().Resolve(soon(t), "@alice"); !errors.As(err, &e) || e.Wait != 77*time.Second || e.Kind() != "FLOOD_WAIT" {
		t.Errorf("%v", err)
	}
}

// Attack: a caller goes through names that nobody has. He is stopped before Telegram stops the account, by calls as by look-ups, is told when there is
// another question, and whoever the account has met is found.
func TestPeersAllowance(t *testing.T) {
	w := newFixture(t)
	c := client.New(w.nc, "main")
	if _, err := c.Peers().Resolve(soon(t), "@alice"); err != nil {
		t.Fatal(err)
	}
	var e *client.Error
	ctx := soon(t)
	for i := 0; ; i++ {
		_, err := c.Peers().Resolve(ctx, fmt.Sprint("@nobody_", i))
		if !errors.As(err, &e) || i > 100 {
			t.Fatalf("name %d: %v", i, err)
		}
		if e.Kind() != "USERNAME_NOT_OCCUPIED" {
			break
		}
	}
	if e.Code != 429 || e.Wait <= 0 || e.Wait > 10*time.Minute || e.Sent != client.SentNo {
		t.Errorf("%+v", e)
	}
	read, err := w.nc.Request("tg.ro.main.messages.getPeerSettings", []byte(`{"peer":"@nobody_read"}`), 20*time.Second)
	if err != nil || read.Header.Get("Nats-Service-Error-Code") != "429" {
		t.Errorf("a call that reads: %v %v", err, read)
	}
	var reply *nats.Msg
	for i := range 20 {
		reply, err = w.nc.Request("tg.rpc.main.messages.sendMessage", fmt.Appendf(nil, `{"peer":"@nobody_more_%d","message":"hello"}`, i), 20*time.Second)
		if left := reply.Header.Get("Nats-Service-Error-Code") == "400"; !left {
			if i == 0 {
				t.Error("no question is left for who writes")
			}
			break
		}
	}
	if err != nil || reply.Header.Get("Nats-Service-Error-Code") != "429" || reply.Header.Get("Tg-Retry-After") == "" || reply.Header.Get("Tg-Sent") != "no" {
		t.Errorf("%v %v", err, reply)
	}
	if n := w.Executed("contacts.resolveUsername"); n > 60 {
		t.Errorf("Telegram was asked %d times", n)
	}
	if got, err := c.Peers().Resolve(ctx, "@alice"); err != nil || got.Name != "Alice" {
		t.Errorf("%+v %v", got, err)
	}
}
