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
