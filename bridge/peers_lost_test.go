package bridge

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/account"
	"github.com/natsgram/natsgram/mtproto/mttest"
)

// knows says what an account does not know of somebody: who it is, whether a search finds him.
func (d *daemon) knows(account string, id int64, name string) error {
	d.t.Helper()
	var errs []error
	got := d.ask("tg.ctl."+account+".peers.get", fmt.Sprintf(`{"peer":"user.%d"}`, id))
	if want := fmt.Sprintf(`"type":"user","name":%q`, name); !strings.Contains(string(got.Data), want) {
		errs = append(errs, fmt.Errorf("get of %s: %s%v", account, got.Data, got.Header))
	}
	if got := string(d.ask("tg.ctl."+account+".peers.search", fmt.Sprintf(`{"text":%q}`, name)).Data); !strings.Contains(got, fmt.Sprintf(`"id":"%d"`, id)) {
		errs = append(errs, fmt.Errorf("search of %s: %s", account, got))
	}
	return errors.Join(errs...)
}

// writesTo says why an account cannot write to somebody by his id.
func (d *daemon) writesTo(account string, id int64) error {
	d.t.Helper()
	reply := d.ask("tg.rpc."+account+".messages.sendMessage", fmt.Sprintf(`{"peer":"user.%d","message":"hello"}`, id))
	if text := reply.Header.Get("Nats-Service-Error"); text != "" {
		return fmt.Errorf("%s: %s", account, text)
	}
	return nil
}

// The bucket of peers is lost under daemons that run: whom the stream tells of they learn from it, and whom they have in memory, known by an answer
// alone, is written again; so the next owners know them. Who was erased before stays away.
func TestPeersLostUnderDaemons(t *testing.T) {
	t.Parallel() // it waits most of the time
	for name, lose := range map[string]func(ctx context.Context, js jetstream.JetStream, carol int64) error{
		"deleted": func(ctx context.Context, js jetstream.JetStream, _ int64) error {
			return js.DeleteStream(ctx, "KV_TG_PEERS")
		},
		"emptied": func(ctx context.Context, js jetstream.JetStream, _ int64) error { return purgedOf(ctx, js, ">") },
		"people purged, and their marks not": func(ctx context.Context, js jetstream.JetStream, _ int64) error {
			return purgedOf(ctx, js, "*.user.*")
		},
		"one deleted by hand": func(ctx context.Context, js jetstream.JetStream, carol int64) error {
			kv, err := js.KeyValue(ctx, "TG_PEERS")
			if err != nil {
				return err
			}
			return errors.Join(kv.Delete(ctx, fmt.Sprintf("main.user.%d", carol)), kv.Purge(ctx, fmt.Sprintf("bob.user.%d", carol)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newTown(t)
			carol, mallory := w.AddUser(mttest.User{First: "Carol"}), w.AddUser(mttest.User{First: "Mallory"})
			zoe := w.AddUser(mttest.User{First: "Zoe"})
			group := w.AddChannel(mttest.ChannelConfig{Title: "G", Megagroup: true, Creator: w.alice, Members: []*mttest.Account{w.dora, w.bob, carol, mallory, zoe}})
			shared := cluster(t)
			all := []*daemon{newDaemon(t, w, shared), newDaemon(t, w, shared)}
			d := all[0]
			accounts := map[string]*mttest.Account{"main": w.dora, "bob": w.bob}
			for name, who := range accounts {
				if _, err := Login(soon(t), d.s, d.o, SignIn{Account: name, Phone: who.Phone(), Prompt: d.prompt(who)}); err != nil {
					t.Fatal(err)
				}
				until(t, name, func() error { return whole(all, name) })
			}
			carol.Send(group, "seen once")
			mallory.Send(group, "and to be erased")
			w.alice.Send(group, "so that neither's is the top message of a dialog")
			for name := range accounts {
				d.updates(fmt.Sprintf("tg.upd.%s.updateNewChannelMessage.channel.%d", name, group.ID()), 3)
				d.ask("tg.rpc."+name+".channels.getParticipants", fmt.Sprintf(
					`{"channel":"channel.%d","filter":{"_":"channelParticipantsRecent"},"offset":0,"limit":100,"hash":0}`, group.ID()))
				for id, called := range map[int64]string{carol.ID(): "Carol", zoe.ID(): "Zoe", mallory.ID(): "Mallory"} {
					until(t, name+" at first", func() error { return d.knows(name, id, called) })
				}
				if reply := d.ask("tg.ctl."+name+".erase", fmt.Sprintf(`{"peer":"user.%d"}`, mallory.ID())); !strings.Contains(string(reply.Data), `"peers":true`) {
					t.Fatalf("%v %s", reply.Header, reply.Data)
				}
			}
			if err := lose(soon(t), d.js, carol.ID()); err != nil {
				t.Fatal(err)
			}
			w.alice.Send(group, "afterwards")
			for name := range accounts {
				until(t, name+" afterwards", func() error { return d.knows(name, carol.ID(), "Carol") })
				until(t, name+" afterwards, of whom an answer told", func() error { return inBucket(d.js, fmt.Sprintf("%s.user.%d", name, zoe.ID())) })
			}
			for _, d := range all {
				if err := d.stop(); err != nil {
					t.Fatal(err)
				}
			}
			for _, d := range all {
				d.start()
			}
			for name := range accounts {
				until(t, name, func() error { return whole(all, name) })
				for _, who := range []*mttest.Account{carol, zoe} {
					if err := d.writesTo(name, who.ID()); err != nil {
						t.Errorf("after a restart: %v", err)
					}
				}
				if err := inBucket(d.js, fmt.Sprintf("%s.user.%d", name, mallory.ID())); !errors.Is(err, jetstream.ErrKeyNotFound) {
					t.Errorf("%s: who was erased is back: %v", name, err)
				}
			}
		})
	}
}

// purgedOf purges keys of the bucket of peers.
func purgedOf(ctx context.Context, js jetstream.JetStream, keys string) error {
	st, err := js.Stream(ctx, "KV_TG_PEERS")
	if err != nil {
		return err
	}
	return st.Purge(ctx, jetstream.WithPurgeSubject("$KV.TG_PEERS."+keys))
}

// inBucket says why a key is not in the bucket of peers.
func inBucket(js jetstream.JetStream, key string) error {
	ctx, cancel := context.WithTimeout(context.Background(), account.Grace)
	defer cancel()
	kv, err := js.KeyValue(ctx, "TG_PEERS")
	if err == nil {
		_, err = kv.Get(ctx, key)
	}
	return err
}
