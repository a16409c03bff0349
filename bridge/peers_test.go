package bridge

import (
	"fmt"
	"strings"
	"testing"

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
		`"@nobody_there"`:                        "messages.sendMessage: peer: @nobody_there: ",
		`"bob"`:                                  `messages.sendMessage: peer: "bob" names no peer`,
		fmt.Sprint(stranger.ID() + 1000):         "messages.sendMessage: peer: no peer with the id",
		`{"_":"inputPeerUser","user_id":"@bob"}`: `messages.sendMessage: peer.user_id`,
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
	if got := unknown.Header.Get("Nats-Service-Error"); !strings.Contains(got, "no peer with the id") {
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
