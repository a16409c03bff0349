package main

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge"
	"github.com/natsgram/natsgram/bridge/embedded/embeddedtest"
	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/mttest"
)

// serving runs a daemon until the function that it gives is called.
func serving(t *testing.T, set bridge.Settings, o bridge.Options, account string, login bridge.SignIn) (stop func()) {
	t.Helper()
	b, err := bridge.New(set, o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	done := false
	stop = func() {
		if !done {
			done = true
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	}
	t.Cleanup(stop)
	soon, give := context.WithTimeout(ctx, time.Minute)
	defer give()
	select {
	case <-b.Ready():
	case <-soon.Done():
		t.Fatal("the daemon is not ready")
	}
	if login.Account != "" {
		if _, err := bridge.Login(soon, set, o, login); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.WaitServing(soon, account); err != nil {
		t.Fatal(err)
	}
	return stop
}

// The secret is changed by the steps of the help. Whom the account knows by an answer alone it can write to afterwards, with the new secret alone, and
// a request that is made again with its id gets its first answer.
func TestRotateSecretKeepsWhatIsSealed(t *testing.T) {
	const former, next = "the former secret", "the secret that is next"
	for name, steps := range map[string][][2]string{ // NATSGRAM_SECRET and NATSGRAM_SECRET_OTHER of the daemons, before the command and after
		"a key file": {{"", ""}, {"", ""}},
		"a secret":   {{former, ""}, {former, next}, {next, former}, {next, ""}},
	} {
		t.Run(name, func(t *testing.T) {
			srv, w := embeddedtest.Start(t), mttest.NewServer(t)
			dora, yan, zoe := w.AddUser(mttest.User{First: "Dora", Phone: "+99966 2 0001"}), w.AddUser(mttest.User{First: "Yan"}), w.AddUser(mttest.User{First: "Zoe"})
			group := w.AddChannel(mttest.ChannelConfig{Title: "G", Creator: w.AddUser(mttest.User{First: "Alice"}), Members: []*mttest.Account{dora, yan, zoe}})
			env := w.Env()
			set, o := bridge.DefaultSettings(), bridge.Options{Env: &env, Version: "test"}
			set.URL, set.StateDir, set.APIID, set.APIHash = srv.ClientURL(), t.TempDir(), 1, "hash"
			t.Setenv("HOME", t.TempDir())
			t.Setenv("NATS_URL", srv.ClientURL())
			t.Setenv("NATSGRAM_STATE_DIR", set.StateDir)
			nc, err := nats.Connect(srv.ClientURL())
			if err != nil {
				t.Fatal(err)
			}
			defer nc.Close()
			ask := func(method, body, id string) string {
				t.Helper()
				m := nats.NewMsg("tg.rpc.main." + method)
				m.Data = []byte(body)
				if id != "" {
					m.Header.Set(nats.MsgIdHdr, id)
				}
				reply, err := nc.RequestMsg(m, 30*time.Second)
				if err != nil {
					t.Fatal(err)
				}
				if text := reply.Header.Get("Nats-Service-Error"); text != "" {
					t.Errorf("%s: %s", method, text)
				}
				return string(reply.Data)
			}
			login := bridge.SignIn{Account: "main", Phone: dora.Phone(), Prompt: func(context.Context, mtproto.LoginState, error) (string, error) {
				return w.Code(dora.Phone()), nil
			}}
			rotate := func() {
				t.Helper()
				out, status := command(t, "rotate-secret")
				if status != 0 || !strings.Contains(out, "records of peers, answers and files sealed anew") || strings.Contains(out, "\n0 records") || strings.Contains(out, "neither") {
					t.Fatalf("status %d: %s", status, out)
				}
			}
			var first string
			for i, step := range steps {
				set.Secret, set.Other = step[0], step[1]
				t.Setenv("NATSGRAM_SECRET", set.Secret)
				t.Setenv("NATSGRAM_SECRET_OTHER", set.Other)
				in := login
				if i > 0 {
					in = bridge.SignIn{}
				}
				stop := serving(t, set, o, "main", in)
				if i == 0 {
					ask("channels.getParticipants", fmt.Sprintf(`{"channel":"channel.%d","filter":{"_":"channelParticipantsRecent"},"offset":0,"limit":100,"hash":0}`, group.ID()), "")
					first = ask("messages.sendMessage", fmt.Sprintf(`{"peer":"user.%d","message":"once"}`, zoe.ID()), "a")
				}
				switch {
				case i == len(steps)-2 && set.Secret == "":
					stop()
					rotate()
				case i == len(steps)-2:
					rotate()
				case i == len(steps)-1:
					ask("messages.sendMessage", fmt.Sprintf(`{"peer":"user.%d","message":"hello"}`, yan.ID()), "")
					if again := ask("messages.sendMessage", fmt.Sprintf(`{"peer":"user.%d","message":"once"}`, zoe.ID()), "a"); again != first {
						t.Errorf("made again: %s, was %s", again, first)
					}
				}
				stop()
			}
		})
	}
}
