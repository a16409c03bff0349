package bridge

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/dc"
	"github.com/natsgram/natsgram/mtproto/mttest/proxy"
	"github.com/natsgram/natsgram/mtproto/signin"
	"github.com/natsgram/natsgram/mtproto/transport"
)

// silence is an address at which somebody listens and says nothing.
func silence(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var held []net.Conn
	var work sync.WaitGroup
	work.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			held = append(held, c)
		}
	})
	t.Cleanup(func() {
		l.Close()
		work.Wait()
		for _, c := range held {
			c.Close()
		}
	})
	return l.Addr().String()
}

// A login that cannot reach Telegram says why within five seconds, each reason once, and ends after its limit with the reason.
func TestLoginSaysWhyItWaits(t *testing.T) {
	w := newTown(t)
	secret, err := transport.SplitSecret(append([]byte{0xdd}, "sixteen bytes ok"...))
	if err != nil {
		t.Fatal(err)
	}
	front, err := proxy.Listen((&proxy.MTProxy{Secret: secret, Centre: proxy.Centres(w.Env(), new(net.Dialer).DialContext)}).Serve)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(front.Close)
	elsewhere := func(addr string) func(*Settings, *dc.Environment) {
		return func(_ *Settings, e *dc.Environment) {
			e.Options = []dc.Option{{ID: e.Default, Addr: addr, ThisPortOnly: true}}
		}
	}
	for name, c := range map[string]struct {
		change func(*Settings, *dc.Environment)
		want   string
		limit  time.Duration
	}{
		"refused":    {elsewhere("127.0.0.1:1"), "connection refused", 3 * time.Second},
		"silent":     {elsewhere(silence(t)), "does not answer", 5 * time.Second},
		"dead proxy": {func(s *Settings, _ *dc.Environment) { s.Ways = []string{"socks5://u:hush@127.0.0.1:1"} }, "NATSGRAM_WAYS", 3 * time.Second},
		"wrong secret": {func(s *Settings, _ *dc.Environment) {
			s.Ways = []string{"mtproxy://dd" + strings.Repeat("ab", 16) + "@" + front.Addr()}
		}, "is its secret right", 3 * time.Second},
		"wrong key":  {func(_ *Settings, e *dc.Environment) { e.Keys = dc.Production().Keys }, "NATSGRAM_DC_KEYS", 3 * time.Second},
		"no address": {func(_ *Settings, e *dc.Environment) { e.Default = 4 }, "data centre 4", 3 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, env := DefaultSettings(), w.Env()
			s.StateDir, s.Port, s.APIID, s.APIHash = t.TempDir(), -1, 1, "hash"
			c.change(&s, &env)
			var said []string
			_, err := Login(soon(t), s, Options{Env: &env, NoSync: true}, SignIn{Account: "main", Phone: "+4915100", Limit: c.limit, Waiting: func(why string) {
				said = append(said, why)
			}})
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hush") {
				t.Errorf("ends with %v, want %q", err, c.want)
			}
			if name == "no address" { // it ends at once
				return
			}
			if len(said) == 0 || len(said) > 2 || !strings.Contains(strings.Join(said, "\n"), c.want) {
				t.Errorf("said: %q, want %q", said, c.want)
			}
		})
	}
}

// By a daemon the caller is told the reason too.
func TestLoginOverNATSSaysWhy(t *testing.T) {
	w := newTown(t)
	d := &daemon{t: t, w: w, s: DefaultSettings()}
	env := w.Env()
	env.Options = []dc.Option{{ID: env.Default, Addr: "127.0.0.1:1", ThisPortOnly: true}}
	d.s.StateDir, d.s.Port, d.s.APIID, d.s.APIHash, d.s.Timeout = t.TempDir(), -1, 1, "hash", time.Second
	d.o = Options{Env: &env, NoSync: true, Open: true}
	d.start()
	reply := d.ask("tg.ctl.main.login.start", `{"phone":"+4915100"}`)
	if got := reply.Header.Get("Nats-Service-Error"); !strings.Contains(got, "not connected to Telegram") || !strings.Contains(got, "refused") || reply.Header.Get("Tg-Sent") != "no" {
		t.Errorf("%v", reply.Header)
	}
}

// A code that does not come can be sent in the next way.
func TestCodeByAnotherWay(t *testing.T) {
	w := newTown(t)
	env := w.Env()
	s := DefaultSettings()
	s.StateDir, s.Port, s.APIID, s.APIHash = t.TempDir(), -1, 1, "hash"
	var types []string
	_, err := Login(soon(t), s, Options{Env: &env, NoSync: true}, SignIn{Account: "main", Phone: w.dora.Phone(),
		Prompt: func(_ context.Context, st mtproto.LoginState, wrong error) (string, error) {
			if wrong != nil || st.Code == nil {
				return "", fmt.Errorf("%v: %w", st.Step, wrong)
			}
			if types = append(types, st.Code.Type); len(types) == 1 {
				return signin.AnotherWay, nil
			}
			return w.Code(w.dora.Phone()), nil
		}})
	if n := w.Executed("auth.resendCode"); err != nil || len(types) != 2 || n != 1 {
		t.Error(types, n, err)
	}
}
