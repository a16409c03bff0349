package client_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"github.com/natsgram/natsgram/bridge"
	"github.com/natsgram/natsgram/bridge/client"
	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/tl/tg"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fixture is a Telegram in a box, a daemon that holds Dora's account as main, and a connection to its NATS.
type fixture struct {
	*mttest.Server
	t           *testing.T
	dora, alice *mttest.Account
	news        *mttest.Channel
	settings    bridge.Settings
	options     bridge.Options
	nc          *nats.Conn
	url         string
	stop        func()
}

func newFixture(t *testing.T, change ...func(*bridge.Settings)) *fixture {
	t.Helper()
	s := mttest.NewServer(t)
	w := &fixture{
		Server: s, t: t, settings: bridge.DefaultSettings(),
		dora:  s.AddUser(mttest.User{First: "Dora", Username: "dora", Phone: "+99966 2 0001"}),
		alice: s.AddUser(mttest.User{First: "Alice", Username: "alice", Phone: "+99966 2 0002"}),
	}
	w.news = s.AddChannel(mttest.ChannelConfig{Title: "News", Creator: w.alice, Members: []*mttest.Account{w.dora}})
	env := s.Env()
	w.options = bridge.Options{Env: &env, NoSync: true, Open: true, Version: "test"}
	w.settings.StateDir, w.settings.Port, w.settings.APIID, w.settings.APIHash = t.TempDir(), -1, 1, "hash"
	for _, c := range change {
		c(&w.settings)
	}
	w.start()
	w.login()
	return w
}

func (w *fixture) start() {
	w.t.Helper()
	b, err := bridge.New(w.settings, w.options)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	select {
	case <-b.Ready():
	case err := <-ended:
		w.t.Fatal(err)
	}
	w.url = b.ClientURL()
	if w.nc == nil {
		w.nc = connect(w.t, w.url)
	}
	stopped := false
	w.stop = func() {
		if !stopped {
			stopped = true
			cancel()
			<-ended
		}
	}
	w.t.Cleanup(w.stop)
}

func connect(t *testing.T, url string) *nats.Conn {
	t.Helper()
	nc, err := nats.Connect(url, nats.MaxReconnects(-1), nats.ReconnectWait(20*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

// login signs Dora in, as a person would.
func (w *fixture) login() {
	w.t.Helper()
	prompt := func(_ context.Context, st mtproto.LoginState, wrong error) (string, error) {
		if st.Step != mtproto.WaitCode {
			return "", fmt.Errorf("asked for %s: %w", st.Step, wrong)
		}
		return w.Code(w.dora.Phone()), nil
	}
	if _, err := bridge.Login(soon(w.t), w.settings, w.options, bridge.SignIn{Account: "main", Phone: w.dora.Phone(), Prompt: prompt}); err != nil {
		w.t.Fatal(err)
	}
	if _, err := tg.HelpGetNearestDc(soon(w.t), client.New(w.nc, "main"), nil); err != nil {
		w.t.Fatal(err)
	}
}

func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// peer is how Dora's account names somebody.
func (w *fixture) peer(p mttest.Peer) tg.InputPeerClass {
	return &tg.InputPeerUser{UserID: p.Peer().ID, AccessHash: w.dora.AccessHash(p)}
}
