package bridge

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/natsgram/natsgram/bridge/backing"
	"github.com/natsgram/natsgram/bridge/vault"
	"github.com/natsgram/natsgram/mtproto/mttest"
)

// A change of the key file that is cut short among the records leaves everything to be opened, and goes on when it is asked for again.
func TestRotateCutShort(t *testing.T) {
	w := newTown(t)
	var crowd []*mttest.Account
	for i := range 9 {
		crowd = append(crowd, w.AddUser(mttest.User{First: fmt.Sprint("Zoe", i)}))
	}
	group := w.AddChannel(mttest.ChannelConfig{Title: "G", Creator: w.alice, Members: append([]*mttest.Account{w.dora}, crowd...)})
	d := newDaemon(t, w)
	d.login("main", w.dora)
	d.ask("tg.rpc.main.channels.getParticipants", fmt.Sprintf(`{"channel":"channel.%d","filter":{"_":"channelParticipantsRecent"},"offset":0,"limit":100,"hash":0}`, group.ID()))
	cut, cutShort := errors.New("cut short"), []backing.Sealed{sealed[0]}
	cutShort[0].Reseal = func(box vault.Box, key string, value []byte) ([]byte, error) {
		if strings.HasSuffix(key, fmt.Sprint(crowd[5].ID())) {
			return nil, cut
		}
		return sealed[0].Reseal(box, key, value)
	}
	for i, change := range []func() error{
		func() error { _, err := backing.RotateSecret(soon(t), d.o.backing(d.s), cutShort); return err },
		func() error { _, err := RotateSecret(soon(t), d.s, d.o); return err },
	} {
		if err := d.stop(); err != nil {
			t.Fatal(err)
		}
		if err := change(); i == 0 && !errors.Is(err, cut) || i == 1 && err != nil {
			t.Fatal(err)
		}
		d.start()
		if err := d.b.WaitServing(soon(t), "main"); err != nil {
			t.Fatal(err)
		}
		for _, who := range crowd[4*i : 4*i+5] {
			if err := d.writesTo("main", who.ID()); err != nil {
				t.Errorf("change %d: %v", i, err)
			}
		}
	}
}

// The rights of the daemon are enough for changing the secret.
func TestRotateWithLeastRights(t *testing.T) {
	srv, _, _ := leastRights(t, "")
	where := srv.ClientURL()
	w := newTown(t)
	d := newDaemon(t, w, func(s *Settings) {
		s.URL, s.User, s.Password, s.Inbox, s.Secret = where, "daemon", "d", "_INBOX_.daemon", "the former secret"
	})
	d.signInBob(w)
	d.listed("bob", connected)
	w.alice.Send(w.bob, "hello")
	d.updates("tg.upd.bob.updateNewMessage.>", 1)
	if reply := d.ask("tg.rpc.bob.messages.sendMessage", fmt.Sprintf(`{"peer":"user.%d","message":"hello"}`, w.alice.ID()), "Nats-Msg-Id", "a"); reply.Header.Get("Nats-Service-Error") != "" {
		t.Fatal(reply.Header)
	}
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	d.s.Secret, d.s.Other = "the secret that is next", "the former secret"
	if r, err := RotateSecret(soon(t), d.s, d.o); err != nil || len(r.Sealed) != 1 || r.Records.Sealed < 2 || r.Records.Failed != 0 {
		t.Errorf("%+v %v", r, err)
	}
}
