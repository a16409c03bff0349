package bridge

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/account"
	"github.com/natsgram/natsgram/mtproto/mttest"
)

// A peer may be written as text (design §3): what it stands for is found in what came with updates, among dialogs and
// contacts, and by asking Telegram.
func TestPeersByText(t *testing.T) {
	w := newTown(t)
	stranger := w.AddUser(mttest.User{First: "Eve", Username: "eve_e", Phone: "+99966 2 0009"})
	d := newDaemon(t, w)
	d.login("main", w.dora)
	w.alice.Send(w.dora, "hi dora")
	d.updates(fmt.Sprintf("tg.upd.main.updateNewMessage.user.%d", w.alice.ID()), 1)
	for peer, want := range map[string]string{
		`"me"`:                                   "",
		`"@bob"`:                                 "",
		`"@eve_e"`:                               "",
		`"t.me/alice"`:                           "",
		fmt.Sprint(w.alice.ID()):                 "",
		fmt.Sprintf(`"user.%d"`, w.alice.ID()):   "",
		fmt.Sprintf(`"channel.%d"`, w.news.ID()): "CHAT_WRITE_FORBIDDEN",
		`"bobby.t.me"`:                           "messages.sendMessage: peer: @bobby: ",
		fmt.Sprintf(`{"_":"peerUser","user_id":"%d"}`, w.alice.ID()):      "",
		fmt.Sprintf(`{"_":"inputPeerUser","user_id":"%d"}`, w.alice.ID()): "",
		`"@nobody_there"`:                            "messages.sendMessage: peer: @nobody_there: ",
		`"bob"`:                                      `messages.sendMessage: peer: "bob" names no peer`,
		fmt.Sprint(stranger.ID() + 1000):             "messages.sendMessage: peer: no peer with the id",
		`{"_":"inputPeerUser","user_id":"@bob"}`:     `messages.sendMessage: peer.user_id`,
		fmt.Sprintf(`"user.%d"`, stranger.ID()+1000): "is known to this account",
	} {
		reply := d.ask("tg.rpc.main.messages.sendMessage", `{"peer":`+peer+`,"message":"hello"}`)
		if got := reply.Header.Get("Nats-Service-Error"); (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", peer, got, want)
		}
	}
	if reply := d.ask("tg.ro.main.users.getUsers", `{"id":["me","@alice"]}`); strings.Count(string(reply.Data), `"_":"user"`) != 2 {
		t.Errorf("%v %s", reply.Header, reply.Data)
	}
	if n := w.Executed("contacts.resolveUsername"); n > 4 {
		t.Errorf("%d names were asked for", n)
	}
}

// Who was in an answer can be named afterwards.
func TestPeersOfAnswers(t *testing.T) {
	w := newTown(t)
	zoe := w.AddUser(mttest.User{First: "Zoe"})
	group := w.AddChannel(mttest.ChannelConfig{Title: "G", Creator: w.alice, Members: []*mttest.Account{w.dora, zoe}})
	d := newDaemon(t, w)
	d.login("main", w.dora)
	unknown := d.ask("tg.rpc.main.messages.sendMessage", fmt.Sprintf(`{"peer":"user.%d","message":"hello"}`, zoe.ID()))
	if got := unknown.Header.Get("Nats-Service-Error"); !strings.Contains(got, "no user with the id") {
		t.Errorf("before: %q", got)
	}
	reply := d.ask("tg.rpc.main.channels.getParticipants", fmt.Sprintf(
		`{"channel":"channel.%d","filter":{"_":"channelParticipantsRecent"},"offset":0,"limit":100,"hash":0}`, group.ID()))
	if !strings.Contains(string(reply.Data), `"Zoe"`) {
		t.Fatalf("%v %s", reply.Header, reply.Data)
	}
	reply = d.ask("tg.rpc.main.messages.sendMessage", fmt.Sprintf(`{"peer":"user.%d","message":"hello"}`, zoe.ID()))
	if got := reply.Header.Get("Nats-Service-Error"); got != "" {
		t.Errorf("after: %q", got)
	}
}

// E21, E22: somebody seen once, in a group, can be written to by id and by name, by every later owner of the account; also where he was shown as
// min, when a message of his is what he is named by.
func TestPeersKept(t *testing.T) {
	for name, isMin := range map[string]bool{"whole": false, "min": true} {
		t.Run(name, func(t *testing.T) {
			w := newTown(t, func(c *mttest.Config) { c.Updates.Min = isMin })
			eve := w.AddUser(mttest.User{First: "Eve", Username: "eve_met"})
			group := w.AddChannel(mttest.ChannelConfig{Title: "G", Megagroup: true, Creator: w.alice, Members: []*mttest.Account{w.dora, eve}})
			d := newDaemon(t, w)
			d.login("main", w.dora)
			eve.Send(group, "seen once")
			w.alice.Send(group, "so that Eve's is no top message of a dialog")
			d.updates(fmt.Sprintf("tg.upd.main.updateNewChannelMessage.channel.%d", group.ID()), 2)
			for range 3 {
				if err := d.stop(); err != nil {
					t.Fatal(err)
				}
				d.start()
				d.await("main", account.Connected)
			}
			if got := d.ask("tg.ctl.main.peers.get", `{"peer":"@eve_met"}`); !strings.Contains(string(got.Data), fmt.Sprintf(`"id":"%d"`, eve.ID())) {
				t.Errorf("get by name: %s%v", got.Data, got.Header)
			}
			reply := d.ask("tg.rpc.main.messages.sendMessage", `{"peer":"@eve_met","message":"hello"}`)
			if got := reply.Header.Get("Nats-Service-Error"); got != "" || w.Executed("contacts.resolveUsername") > 0 {
				t.Errorf("by name: %q, and Telegram was asked by name %d times", got, w.Executed("contacts.resolveUsername"))
			}
			reply = d.ask("tg.rpc.main.messages.sendMessage", fmt.Sprintf(`{"peer":"user.%d","message":"hello"}`, eve.ID()))
			if got := reply.Header.Get("Nats-Service-Error"); got != "" {
				t.Errorf("%q", got)
			}
			shown := string(d.ask("tg.ctl.main.peers.get", fmt.Sprintf(`{"peer":"user.%d"}`, eve.ID())).Data)
			if want := fmt.Sprintf(`{"kind":"user","id":"%d","type":"user","name":"Eve"`, eve.ID()); !strings.HasPrefix(shown, want) {
				t.Errorf("get: %s", shown)
			}
			if got := string(d.ask("tg.ctl.main.peers.search", `{"text":"ev"}`).Data); !strings.Contains(got, shown) {
				t.Errorf("search: %s, want %s", got, shown)
			}
			if got := string(d.ask("tg.ctl.main.peers.resolve", `{"peer":"t.me/alice"}`).Data); !strings.Contains(got, `"usernames":["alice"]`) {
				t.Errorf("resolve: %s", got)
			}
		})
	}
}

// A username that passed to somebody else leads to him at once, as soon as the account is told that its owner gave it up.
func TestPassedName(t *testing.T) {
	w, d := newServed(t)
	send := func() string {
		t.Helper()
		reply := d.ask("tg.rpc.main.messages.sendMessage", `{"peer":"@alice","message":"hello"}`)
		if got := reply.Header.Get("Nats-Service-Error"); got != "" {
			t.Fatal(got)
		}
		return string(reply.Data)
	}
	if got := send(); !strings.Contains(got, fmt.Sprintf(`"user_id":"%d"`, w.alice.ID())) {
		t.Errorf("before: %s", got)
	}
	w.alice.SetUsername("")
	w.bob.SetUsername("alice")
	w.dora.Push(mttest.M{"_": "updateUserName", "user_id": w.alice.ID(), "first_name": "Alice", "last_name": "", "usernames": []mttest.M{}})
	d.updates("tg.upd.main.updateUserName.>", 1)
	if got := send(); !strings.Contains(got, fmt.Sprintf(`"user_id":"%d"`, w.bob.ID())) {
		t.Errorf("after: %s", got)
	}
}

// When the bucket is lost, or its last writes are, the next owner learns from the stream of updates whom it told of.
func TestPeersRelearned(t *testing.T) {
	for name, encoding := range map[string]string{"JSON": "json", "MessagePack": "msgpack"} {
		t.Run(name, func(t *testing.T) {
			w := newTown(t, func(c *mttest.Config) { c.Updates.Min = encoding == "json" })
			eve := w.AddUser(mttest.User{First: "Eve"})
			group := w.AddChannel(mttest.ChannelConfig{Title: "G", Megagroup: true, Creator: w.alice, Members: []*mttest.Account{w.dora, eve}})
			shared := cluster(t)
			d := newDaemon(t, w, shared, func(s *Settings) { s.Encoding = encoding })
			d.login("main", w.dora)
			eve.Send(group, "seen once")
			w.alice.Send(group, "so that Eve's is no top message of a dialog")
			d.updates(fmt.Sprintf("tg.upd.main.updateNewChannelMessage.channel.%d", group.ID()), 2)
			for _, lose := range []string{"$KV.TG_PEERS.main.>", fmt.Sprintf("$KV.TG_PEERS.main.user.%d", eve.ID())} {
				if err := d.stop(); err != nil {
					t.Fatal(err)
				}
				nc, err := nats.Connect(d.s.URL)
				if err != nil {
					t.Fatal(err)
				}
				js, _ := jetstream.New(nc)
				st, err := js.Stream(soon(t), "KV_TG_PEERS")
				if err == nil {
					err = st.Purge(soon(t), jetstream.WithPurgeSubject(lose))
				}
				if err == nil && lose != "$KV.TG_PEERS.main.>" { // as if the daemon had been killed before both were written
					err = st.Purge(soon(t), jetstream.WithPurgeSubject("$KV.TG_PEERS.main.mark"))
				}
				if nc.Close(); err != nil {
					t.Fatal(err)
				}
				d.start()
				d.await("main", account.Connected)
				got := "not asked"
				for ctx := soon(t); got != "" && ctx.Err() == nil; time.Sleep(50 * time.Millisecond) {
					reply := d.ask("tg.rpc.main.messages.sendMessage", fmt.Sprintf(`{"peer":"user.%d","message":"hello"}`, eve.ID()))
					got = reply.Header.Get("Nats-Service-Error")
				}
				if got != "" {
					t.Errorf("%s: %q", lose, got)
				}
			}
		})
	}
}
