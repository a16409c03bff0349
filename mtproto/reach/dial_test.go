package reach

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/natsgram/natsgram/mtproto/dc"
	"github.com/natsgram/natsgram/mtproto/mttest/proxy"
	"github.com/natsgram/natsgram/mtproto/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// centre is a data centre that sends every packet back.
type centre struct {
	*proxy.Server
	secret []byte

	mu    sync.Mutex
	kinds []transport.Kind
}

func newCentre(t testing.TB) *centre {
	c := &centre{}
	c.Server = listen(t, c.serve)
	return c
}

func listen(t testing.TB, h proxy.Handler) *proxy.Server {
	t.Helper()
	s, err := proxy.Listen(h)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func (c *centre) serve(_ context.Context, conn net.Conn) error {
	m := transport.NewServer(transport.ServerOptions{Rand: rand.Reader, Secret: c.secret})
	buf := make([]byte, 1000)
	for first := true; ; {
		n, err := conn.Read(buf)
		if err != nil {
			return nil //nolint:nilerr // the client hung up
		}
		m.Feed(buf[:n])
		for {
			f, ok, err := m.Next()
			if err != nil {
				return err
			}
			if !ok {
				break
			}
			if kind, _ := m.Kind(); first {
				c.mu.Lock()
				c.kinds = append(c.kinds, kind)
				c.mu.Unlock()
				first = false
			}
			b, err := m.Append(nil, f.Payload[:len(f.Payload)&^15], false)
			if err != nil {
				return err
			}
			if _, err := conn.Write(b); err != nil {
				return nil //nolint:nilerr // the client hung up
			}
		}
	}
}

// env is an environment with one data centre, number 4.
func (c *centre) env() dc.Environment {
	return dc.Environment{Options: []dc.Option{{ID: 4, Addr: c.Addr()}}}
}

// goThere goes a way, and sends packets of several sizes there and back.
func goThere(t testing.TB, d *Dialer, w Way, env dc.Environment) error {
	t.Helper()
	conn, err := d.Dial(t.Context(), w, env, env.Options)
	if err != nil {
		return err
	}
	defer conn.Close()
	m, err := transport.NewClient(conn.Framing)
	if err != nil {
		return err
	}
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	buf := make([]byte, 700)
	for _, size := range []int{32, 64, 1 << 20, 32} {
		b, err := m.Append(nil, make([]byte, size), false)
		if err != nil {
			return err
		}
		written := make(chan error, 1)
		go func() { _, err := conn.Write(b); written <- err }()
		for {
			f, ok, err := m.Next()
			if err != nil {
				return err
			}
			if ok {
				if len(f.Payload)&^15 != size {
					return fmt.Errorf("%d bytes came back of %d", len(f.Payload), size)
				}
				break
			}
			n, err := conn.Read(buf)
			if err != nil {
				return err
			}
			m.Feed(buf[:n])
		}
		if err := <-written; err != nil {
			return err
		}
	}
	return nil
}

func mustParse(t testing.TB, text string) Way {
	t.Helper()
	w, err := Parse(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return w
}

// proxied is a data centre with a proxy of every kind before it.
type proxied struct {
	*centre
	socks, locked, web, simple, padded, tls, socket *proxy.Server
}

const hexKey = "00112233445566778899aabbccddeeff"

func newProxied(t testing.TB) *proxied {
	c := newCentre(t)
	upstream := proxy.Centres(c.env(), new(net.Dialer).DialContext)
	mtproxy := func(text string) *proxy.Server {
		raw, err := transport.ParseSecret(text)
		if err != nil {
			t.Fatal(err)
		}
		s, _ := transport.SplitSecret(raw)
		p := &proxy.MTProxy{Secret: s, Centre: upstream}
		return listen(t, p.Serve)
	}
	return &proxied{
		centre: c,
		socks:  listen(t, proxy.Hop{}.SOCKS5),
		locked: listen(t, proxy.Hop{User: "me", Password: "hu:sh"}.SOCKS5),
		web:    listen(t, proxy.Hop{User: "me", Password: "hu:sh"}.CONNECT),
		simple: mtproxy(hexKey), padded: mtproxy("dd" + hexKey), tls: mtproxy("ee" + hexKey + "7777772e6578616d706c652e6f7267"),
		socket: listen(t, proxy.WebSocket{Centre: upstream}.Serve),
	}
}

// fill replaces names of proxies by their addresses.
func (w *proxied) fill(text string) string {
	return strings.NewReplacer(
		"SOCKS", w.socks.Addr(), "LOCKED", w.locked.Addr(), "WEB", w.web.Addr(), "SIMPLE", w.simple.Addr(), "PADDED", w.padded.Addr(),
		"TLS", w.tls.Addr(), "SOCKET", w.socket.Addr(), "KEY", hexKey, "NAME", "7777772e6578616d706c652e6f7267",
	).Replace(text)
}

// A1 to A5, A16, A18, A20, A21, A26, A29, A32: every way, and in which framing packets arrive.
func TestWays(t *testing.T) {
	p := newProxied(t)
	for way, want := range map[string]transport.Kind{
		"direct":                                        transport.Abridged,
		"direct+plain":                                  transport.Abridged,
		"direct+intermediate":                           transport.Intermediate,
		"direct+padded+plain":                           transport.Padded,
		"direct+full":                                   transport.Full,
		"socks5://SOCKS":                                transport.Abridged,
		"socks5+full://me:hu%3Ash@LOCKED":               transport.Full,
		"http+padded://me:hu%3Ash@WEB":                  transport.Padded,
		"mtproxy://KEY@SIMPLE":                          transport.Abridged,
		"mtproxy+full://KEY@SIMPLE":                     transport.Intermediate,
		"mtproxy://ddKEY@PADDED":                        transport.Padded,
		"mtproxy://ddKEY@SIMPLE":                        transport.Padded,
		"mtproxy://eeKEYNAME@TLS":                       transport.Padded,
		"mtproxy+full+plain://eeKEYNAME@TLS":            transport.Padded,
		"ws://SOCKET/{dc}/apiws":                        transport.Abridged,
		"ws+full://SOCKET/{dc}/apiws":                   transport.Intermediate,
		"ws+padded+plain://SOCKET/{dc}/apiws":           transport.Padded,
		"socks5://SOCKS|ws://SOCKET/{dc}/apiws":         transport.Abridged,
		"socks5://SOCKS|http://me:hu%3Ash@WEB":          transport.Abridged,
		"http://me:hu%3Ash@WEB|mtproxy://eeKEYNAME@TLS": transport.Padded,
	} {
		t.Run(way, func(t *testing.T) {
			if err := goThere(t, &Dialer{}, mustParse(t, p.fill(way)), p.env()); err != nil {
				t.Fatal(err)
			}
			p.mu.Lock()
			defer p.mu.Unlock()
			if got := p.kinds[len(p.kinds)-1]; got != want {
				t.Errorf("%v arrives, want %v", got, want)
			}
		})
	}
}

// A24, A25, A29, A32: who is refused, and that the error says so without the secret.
func TestWaysRefused(t *testing.T) {
	p := newProxied(t)
	nobody := listen(t, func(context.Context, net.Conn) error { return nil }) // hangs up
	page := listen(t, func(_ context.Context, conn net.Conn) error {
		_, _ = conn.Read(make([]byte, 4096))
		_, _ = conn.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
		return nil
	})
	other := strings.Replace(hexKey, "00", "01", 1)
	late := &Dialer{Now: func() time.Time { return time.Now().Add(-time.Hour) }}
	for way, c := range map[string]struct {
		d    *Dialer
		want string
	}{
		"socks5://LOCKED":                       {nil, "authentication"},
		"socks5://me:hush@LOCKED":               {nil, "authentication"},
		"socks5://" + nobody.Addr():             {nil, "socks connect"},
		"http://WEB":                            {nil, "407"},
		"http://me:hush@WEB":                    {nil, "407"},
		"http://" + nobody.Addr():               {nil, "CONNECT"},
		"http://" + page.Addr():                 {nil, "400"},
		"mtproxy://ee" + other + "NAME@TLS":     {nil, "is the secret right"},
		"mtproxy://eeKEYNAME@" + page.Addr():    {nil, "begins with"},
		"mtproxy://eeKEYNAME@TLS":               {late, "is the clock"},
		"ws://SOCKET/x":                         {nil, "404"},
		"ws://" + page.Addr():                   {nil, "400"},
		"socks5://127.0.0.1:1":                  {nil, "refused"},
		"socks5://SOCKS|mtproxy://KEY@h:1":      {nil, "socks connect"},
		"socks5://SOCKS|ws://127.0.0.1:1/apiws": {nil, "socks connect"},
	} {
		t.Run(way, func(t *testing.T) {
			d := c.d
			if d == nil {
				d = &Dialer{}
			}
			conn, err := d.Dial(t.Context(), mustParse(t, p.fill(way)), p.env(), p.env().Options)
			if err == nil {
				conn.Close()
				t.Fatal("went through")
			}
			if s := err.Error(); !strings.Contains(s, c.want) || strings.Contains(s, "hush") || strings.Contains(s, hexKey[2:]) {
				t.Errorf("%v, want %q in it", s, c.want)
			}
		})
	}
}

// A24: the server's time saves a machine whose clock is wrong.
func TestServerTime(t *testing.T) {
	p := newProxied(t)
	if err := goThere(t, &Dialer{Now: func() time.Time { return time.Now().Add(5 * time.Minute) }},
		mustParse(t, p.fill("mtproxy://eeKEYNAME@TLS")), p.env()); err != nil {
		t.Error(err)
	}
}

// A21: a data centre's own address may have a secret, also one that wants TLS.
func TestOptionSecret(t *testing.T) {
	c := newCentre(t)
	for _, text := range []string{hexKey, "dd" + hexKey, "ee" + hexKey + "61"} {
		raw, _ := transport.ParseSecret(text)
		s, _ := transport.SplitSecret(raw)
		front := listen(t, (&proxy.MTProxy{Secret: s, Centre: proxy.Centres(c.env(), new(net.Dialer).DialContext)}).Serve)
		env := dc.Environment{Options: []dc.Option{{ID: 4, Addr: front.Addr(), Secret: raw}}}
		if err := goThere(t, &Dialer{}, Way{}, env); err != nil {
			t.Errorf("%v: %v", s, err)
		}
	}
	env := dc.Environment{Options: []dc.Option{{ID: 4, Addr: c.Addr(), Secret: []byte("short")}}}
	if err := goThere(t, &Dialer{}, Way{}, env); err == nil {
		t.Error("a secret of 5 bytes")
	}
}

// A18: the data centre that a proxy is asked for; B6: in a test environment, and for media.
func TestMTProxyIsToldTheCentre(t *testing.T) {
	c := newCentre(t)
	raw, _ := transport.ParseSecret(hexKey)
	s, _ := transport.SplitSecret(raw)
	p := &proxy.MTProxy{Secret: s, Centre: func(ctx context.Context, _ int) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", c.Addr())
	}}
	way := mustParse(t, "mtproxy://"+hexKey+"@"+listen(t, p.Serve).Addr())
	for _, env := range []dc.Environment{
		{Options: []dc.Option{{ID: 2, Addr: "h:1"}}},
		{Options: []dc.Option{{ID: 4, Addr: "h:1", MediaOnly: true}}},
		{Test: true, Options: []dc.Option{{ID: 2, Addr: "h:1"}}},
		{Options: []dc.Option{{ID: 203, Addr: "h:1", CDN: true}}},
	} {
		if err := goThere(t, &Dialer{}, way, env); err != nil {
			t.Error(err)
		}
	}
	if got := p.Asked(); !slices.Equal(got, []int{2, -4, 10002, 203}) {
		t.Errorf("asked for %v", got)
	}
}

// D5: an address that takes obfuscated connections alone.
func TestObfuscatedOnly(t *testing.T) {
	to := dc.Option{ID: 2, TCPObfuscatedOnly: true}
	for _, f := range []Framing{{Kind: transport.Full}, {Plain: true}, {Kind: transport.Padded, Plain: true}} {
		trip := trip{d: &Dialer{Framing: f}}
		if o := trip.framing(to, transport.Secret{}, false); !o.Obfuscated || o.Kind == transport.Full {
			t.Errorf("%+v: %+v", f, o)
		}
	}
}

// A29: where Telegram's WebSockets are.
func TestSocketURL(t *testing.T) {
	prod, test := dc.Environment{}, dc.Environment{Test: true}
	for _, c := range []struct {
		way  string
		env  dc.Environment
		to   dc.Option
		want string
	}{
		{"wss", prod, dc.Option{ID: 1}, "wss://pluto.web.telegram.org/apiws"},
		{"wss", prod, dc.Option{ID: 5, MediaOnly: true}, "wss://flora-1.web.telegram.org/apiws"},
		{"wss", test, dc.Option{ID: 2}, "wss://venus.web.telegram.org/apiws_test"},
		{"wss", prod, dc.Option{ID: 6}, ""},
		{"wss", prod, dc.Option{ID: 2, CDN: true}, ""},
		{"wss://{name}.example.org/{dc}", prod, dc.Option{ID: 4}, "wss://vesta.example.org/4"},
		{"wss://example.org/{dc}", prod, dc.Option{ID: 7}, "wss://example.org/7"},
	} {
		got, err := mustParse(t, c.way).end.socketURL(c.env, c.to)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s, %v: %q, %v", c.way, c.to, got, err)
		}
	}
}

// An HTTP proxy and a WebSocket over TLS.
func TestOverTLS(t *testing.T) {
	c := newCentre(t)
	certified := httptest.NewUnstartedServer(nil)
	certified.StartTLS()
	defer certified.Close()
	over := func(h proxy.Handler) proxy.Handler {
		config := &tls.Config{Certificates: certified.TLS.Certificates}
		return func(ctx context.Context, conn net.Conn) error { return h(ctx, tls.Server(conn, config)) }
	}
	trust := certified.Client().Transport.(interface{ Clone() *http.Transport }).Clone().TLSClientConfig
	d := &Dialer{TLS: &tls.Config{RootCAs: trust.RootCAs, ServerName: "example.com"}}
	web := listen(t, over(proxy.Hop{}.CONNECT))
	ws := listen(t, over(proxy.WebSocket{Centre: proxy.Centres(c.env(), new(net.Dialer).DialContext)}.Serve))
	for _, way := range []string{"https://" + web.Addr(), "wss://" + ws.Addr() + "/{dc}/apiws"} {
		if err := goThere(t, d, mustParse(t, way), c.env()); err != nil {
			t.Errorf("%s: %v", way, err)
		}
		if err := goThere(t, &Dialer{}, mustParse(t, way), c.env()); err == nil {
			t.Errorf("%s: an unknown authority was believed", way)
		}
	}
}

// What hangs is given up when the caller or the limit says so, and leaves nothing behind.
func TestDialEnds(t *testing.T) {
	hole := listen(t, func(ctx context.Context, _ net.Conn) error { <-ctx.Done(); return nil })
	for _, way := range []string{
		"socks5://" + hole.Addr(), "http://" + hole.Addr(), "https://" + hole.Addr(), "mtproxy://ee" + hexKey + "61@" + hole.Addr(),
		"ws://" + hole.Addr() + "/",
	} {
		env := dc.Environment{Options: []dc.Option{{ID: 2, Addr: "127.0.0.1:1"}}}
		d := &Dialer{Limit: 30 * time.Millisecond}
		if _, err := d.Dial(t.Context(), mustParse(t, way), env, env.Options); !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: %v", way, err)
		}
	}
	if _, err := new(Dialer).Dial(t.Context(), Way{}, dc.Environment{}, nil); !errors.Is(err, ErrNoAddress) {
		t.Error(err)
	}
}

// A30: other ports of a host, where that is allowed.
func TestSpread(t *testing.T) {
	list := func(options ...dc.Option) (addrs []string) {
		for _, o := range spread(options) {
			addrs = append(addrs, o.Addr)
		}
		return addrs
	}
	for _, c := range []struct {
		options []dc.Option
		want    string
	}{
		{[]dc.Option{{Addr: "1.1.1.1:443"}}, "1.1.1.1:443 1.1.1.1:80 1.1.1.1:5222"},
		{[]dc.Option{{Addr: "1.1.1.1:443"}, {Addr: "[::1]:443", IPv6: true}}, "1.1.1.1:443 [::1]:443 1.1.1.1:80 [::1]:80 1.1.1.1:5222 [::1]:5222"},
		{[]dc.Option{{Addr: "1.1.1.1:80"}, {Addr: "1.1.1.1:443"}}, "1.1.1.1:80 1.1.1.1:443 1.1.1.1:5222"},
		{[]dc.Option{{Addr: "1.1.1.1:443", ThisPortOnly: true}}, "1.1.1.1:443"},
		{[]dc.Option{{Addr: "127.0.0.1:31337"}}, "127.0.0.1:31337"},
	} {
		if got := strings.Join(list(c.options...), " "); got != c.want {
			t.Errorf("%v: %s", c.options, got)
		}
	}
}

func BenchmarkDial(b *testing.B) {
	p := newProxied(b)
	for _, way := range []string{"direct", "socks5://SOCKS", "mtproxy://KEY@SIMPLE", "mtproxy://eeKEYNAME@TLS", "ws://SOCKET/{dc}/apiws"} {
		w := mustParse(b, p.fill(way))
		b.Run(strings.SplitN(way, ":", 2)[0], func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				conn, err := new(Dialer).Dial(b.Context(), w, p.env(), p.env().Options)
				if err != nil {
					b.Fatal(err)
				}
				conn.Close()
			}
		})
	}
}
