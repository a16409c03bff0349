package mtproto_test

import (
	"context"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/mtproto/mttest/proxy"
	"github.com/natsgram/natsgram/mtproto/reach"
	"github.com/natsgram/natsgram/mtproto/transport"
)

const (
	proxyKey = "00112233445566778899aabbccddeeff"
	tlsKey   = "ee" + proxyKey + "7777772e6578616d706c652e6f7267"
)

// front is a proxy in front of a server, until the test ends.
func front(t testing.TB, h proxy.Handler) *proxy.Server {
	t.Helper()
	l, err := proxy.Listen(h)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

// mtproxy is an MTProxy with a secret in front of a server, and the way through it.
func mtproxy(t testing.TB, s *mttest.Server, secret string) (p *proxy.MTProxy, l *proxy.Server, way string) {
	t.Helper()
	raw, err := transport.ParseSecret(secret)
	if err != nil {
		t.Fatal(err)
	}
	p = &proxy.MTProxy{Centre: proxy.Centres(s.Env(), s.Dial)}
	p.Secret, _ = transport.SplitSecret(raw)
	l = front(t, p.Serve)
	return p, l, "mtproxy://" + secret + "@" + l.Addr()
}

// through has a client go these ways, over sockets.
func through(t testing.TB, ways ...string) func(*mtproto.Options) {
	t.Helper()
	list, err := reach.ParseAll(ways)
	if err != nil {
		t.Fatal(err)
	}
	return func(o *mtproto.Options) { o.Ways, o.Dial = list, new(net.Dialer).DialContext }
}

func (r *rig) eventually(what string, ok func() bool) {
	r.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(30 * time.Second); !ok(); <-tick.C {
		if time.Now().After(end) {
			r.Fatal("never:", what)
		}
	}
}

// A1 to A5, A16 to A18, A20 to A26, A29, A32: from nothing to an answer, every way.
func TestEveryWay(t *testing.T) {
	s := mttest.NewServer(t)
	alice := s.AddUser(mttest.User{First: "Alice"})
	_, _, simple := mtproxy(t, s, proxyKey)
	_, _, padded := mtproxy(t, s, "dd"+proxyKey)
	_, _, fakeTLS := mtproxy(t, s, tlsKey)
	socks := "socks5://me:pw@" + front(t, proxy.Hop{User: "me", Password: "pw"}.SOCKS5).Addr()
	connect := "http://me:pw@" + front(t, proxy.Hop{User: "me", Password: "pw"}.CONNECT).Addr()
	socket := "ws://" + front(t, proxy.WebSocket{Centre: proxy.Centres(s.Env(), s.Dial)}.Serve).Addr() + "/{dc}/apiws"
	for _, way := range []string{
		"direct", "direct+plain", "direct+intermediate+plain", "direct+padded+plain", "direct+full", "direct+padded", "direct+intermediate",
		simple, padded, fakeTLS, socks, connect, socket, socks + "|" + fakeTLS, connect + "|" + socket,
	} {
		name, _, _ := strings.Cut(way, ":")
		t.Run(name, func(t *testing.T) {
			r := start(t, s, as(s, alice), through(t, way))
			r.ready()
			for range 3 {
				r.call(getConfig)
			}
			if h := r.Ways(); len(h) != 1 || h[0].Success.IsZero() || h[0].Failures != 0 || h[0].Latency <= 0 {
				t.Errorf("%+v", h)
			}
			if err := r.end(); err == nil {
				t.Error("no reason for the end")
			}
		})
	}
}

// A key exchange through fake TLS, and the data centre that the proxy is told (A18).
func TestKeyThroughFakeTLS(t *testing.T) {
	s := mttest.NewServer(t)
	p, _, way := mtproxy(t, s, tlsKey)
	r := start(t, s, through(t, way))
	r.ready()
	r.call(getConfig)
	if len(permanent(r)) != 1 || !slices.Equal(slices.Compact(p.Asked()), []int{2}) {
		t.Errorf("keys %v, asked for %v", permanent(r), p.Asked())
	}
}

// A24: a client whose clock is an hour wrong gets in with the server's time.
func TestFakeTLSWithServerTime(t *testing.T) {
	s := mttest.NewServer(t)
	alice := s.AddUser(mttest.User{First: "Alice"})
	p, _, way := mtproxy(t, s, tlsKey)
	p.Now = func() time.Time { return time.Now().Add(time.Hour) }
	r := start(t, s, as(s, alice), through(t, way), func(o *mtproto.Options) {
		d := o.State.DCs[2]
		d.Offset = time.Hour
		o.State.DCs[2] = d
	})
	r.eventually("asked", func() bool { return len(p.Asked()) > 0 })
}

// Ways that do not lead anywhere are passed over, whatever is wrong with them; and remembered as such.
func TestWaysFailOver(t *testing.T) {
	s := mttest.NewServer(t)
	alice := s.AddUser(mttest.User{First: "Alice"})
	_, _, wrong := mtproxy(t, s, tlsKey)
	wrong = strings.Replace(wrong, "eeff", "eefe", 1)
	closed := front(t, nil)
	closed.Close()
	silent := front(t, func(ctx context.Context, _ net.Conn) error { <-ctx.Done(); return nil })
	_, _, good := mtproxy(t, s, "dd"+proxyKey)
	r := start(t, s, as(s, alice), through(t, "socks5://"+closed.Addr(), wrong, "http://"+silent.Addr(), good), func(o *mtproto.Options) {
		o.Limits.Dial = 200 * time.Millisecond
	})
	r.ready()
	h := r.Ways()
	for i, fails := range []bool{true, true, true, false} {
		if (h[i].Failures > 0.5) != fails || h[i].Success.IsZero() != fails {
			t.Errorf("%+v", h[i])
		}
	}
	s.Cut()
	r.call(getConfig) // on the way that is known to be good: the silent one would take its time
	if h := r.Ways(); h[2].Failures > 1 {
		t.Errorf("the silent way was tried again: %+v", h[2])
	}
}

// A way that looks open but on which Telegram does not answer is found out.
func TestWayWithoutAnswer(t *testing.T) {
	s := mttest.NewServer(t)
	nothing := front(t, func(ctx context.Context, conn net.Conn) error { // takes everything, says nothing, for a while
		buf := make([]byte, 1000)
		_, err := conn.Read(buf)
		return err
	})
	r := start(t, s, through(t, "mtproxy://"+proxyKey+"@"+nothing.Addr(), "direct"))
	r.ready()
	if h := r.Ways(); h[0].Failures < 0.5 || h[1].Success.IsZero() {
		t.Errorf("%+v", h)
	}
}

// The way that a connection took breaks for good: calls go on over the next one, and the API hears that there is no
// MTProxy any more (D1).
func TestWayBreaks(t *testing.T) {
	s := mttest.NewServer(t)
	alice := s.AddUser(mttest.User{First: "Alice"})
	_, l, way := mtproxy(t, s, tlsKey)
	r := start(t, s, as(s, alice), through(t, way, "direct"))
	r.ready()
	hellos := s.Executed("help.getConfig")
	l.Cut() // the same way again: nothing new to say
	r.eventually("back", func() bool { return l.Served() > 1 && len(seen[mtproto.Connected](r)) > 1 })
	equal(t, "hellos", s.Executed("help.getConfig"), hellos)
	l.Close()
	r.eventually("direct", func() bool { return !r.Ways()[1].Success.IsZero() })
	r.ready()
	r.eventually("said again", func() bool { return s.Executed("help.getConfig") == hellos+1 })
	r.call(getConfig)
}

// A20: a wrong secret is told as what it is, of every kind, as the proxy itself says nothing.
func TestWrongSecretIsSaid(t *testing.T) {
	s := mttest.NewServer(t)
	for _, secret := range []string{proxyKey, "dd" + proxyKey, tlsKey} {
		_, _, way := mtproxy(t, s, secret)
		r := start(t, s, through(t, strings.Replace(way, "ccddeeff", "ccddeefe", 1)))
		r.eventually("said", func() bool { return len(seen[mtproto.Disconnected](r)) > 0 })
		if e := seen[mtproto.Disconnected](r)[0]; !strings.Contains(e.Err.Error(), "secret") {
			t.Errorf("%s: %v", secret[:2], e.Err)
		}
		_ = r.end()
	}
}

// A12: a proxy that says -429, of itself or of Telegram, slows down nobody but who goes that way: nothing proves such an error.
func TestFloodOfAProxy(t *testing.T) {
	s := mttest.NewServer(t)
	_, _, way := mtproxy(t, s, "dd"+proxyKey)
	shared := new(mtproto.Throttle)
	share := func(o *mtproto.Options) { o.Throttle = shared }
	s.Faults.Refuse(-429)
	r := start(t, s, as(s, s.AddUser(mttest.User{First: "Alice"})), through(t, way, "direct"), share)
	r.ready()
	if d := shared.Wait(time.Now()); d > 0 {
		t.Errorf("everybody waits %v", d)
	}
	equal(t, "floods", len(seen[mtproto.Throttled](r)), 0)
	if h := r.Ways(); h[0].Failures < 0.5 || h[1].Success.IsZero() {
		t.Errorf("%+v", h)
	}
}
