package e2e

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/elazarl/goproxy"
	"github.com/gotd/td/telegram"
	"github.com/gotd/td/telegram/dcs"

	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/mtproto/mttest/proxy"
	"github.com/natsgram/natsgram/mtproto/reach"
	"github.com/natsgram/natsgram/mtproto/transport"
)

const (
	proxyKey    = "00112233445566778899aabbccddeeff"
	proxyDomain = "7777772e6578616d706c652e6f7267" // www.example.org
)

// mtProxy is our proxy end with a secret, in front of a server.
func mtProxy(t *testing.T, s *mttest.Server, text string) (p *proxy.MTProxy, l *proxy.Server, raw []byte) {
	t.Helper()
	raw, err := transport.ParseSecret(text)
	must(t, err)
	secret, err := transport.SplitSecret(raw)
	must(t, err)
	p = &proxy.MTProxy{Secret: secret, Centre: proxy.Centres(s.Env(), s.Dial)}
	l, err = proxy.Listen(p.Serve)
	must(t, err)
	t.Cleanup(l.Close)
	return p, l, raw
}

// A18, A20 to A26: gotd's client through our proxy end, with each kind of secret.
func TestGotdThroughMTProxy(t *testing.T) {
	s := telegramInABox(t)
	alice := s.AddUser(mttest.User{First: "Alice"})
	for name, text := range map[string]string{"simple": proxyKey, "dd": "dd" + proxyKey, "fake TLS": "ee" + proxyKey + proxyDomain} {
		t.Run(name, func(t *testing.T) {
			leaves(t)
			p, l, raw := mtProxy(t, s, text)
			resolver, err := dcs.MTProxy(l.Addr(), raw, dcs.MTProxyOptions{})
			must(t, err)
			c := gotdAs(t, s, alice, telegram.Options{Resolver: resolver})
			runGotd(t, c, func(ctx context.Context) error {
				for range 3 {
					if me, err := c.Self(ctx); err != nil || me.FirstName != "Alice" {
						t.Errorf("%v, %v", me, err)
					}
				}
				return nil
			})
			if asked := p.Asked(); len(asked) == 0 || !slices.Equal(slices.Compact(asked), []int{2}) || len(l.Refused()) > 0 {
				t.Errorf("asked for %v, refused %v", asked, l.Refused())
			}
		})
	}
}

// A24: gotd's client with another secret is refused.
func TestGotdWithWrongSecret(t *testing.T) {
	s := telegramInABox(t)
	_, l, raw := mtProxy(t, s, "ee"+proxyKey+proxyDomain)
	raw = slices.Clone(raw)
	raw[1] ^= 1
	resolver, err := dcs.MTProxy(l.Addr(), raw, dcs.MTProxyOptions{})
	must(t, err)
	if _, err := resolver.Primary(t.Context(), 2, dcs.List{}); err == nil {
		t.Error("it got through")
	}
}

// A29: gotd's client over our WebSocket end.
func TestGotdThroughWebSocket(t *testing.T) {
	leaves(t)
	s := telegramInABox(t)
	alice := s.AddUser(mttest.User{First: "Alice"})
	l, err := proxy.Listen(proxy.WebSocket{Centre: proxy.Centres(s.Env(), s.Dial)}.Serve)
	must(t, err)
	t.Cleanup(l.Close)
	list := dcList(s)
	list.Domains = map[int]string{2: "ws://" + l.Addr() + "/2/apiws"}
	c := gotdAs(t, s, alice, telegram.Options{DCList: list, Resolver: dcs.Websocket(dcs.WebsocketOptions{})})
	runGotd(t, c, func(ctx context.Context) error {
		me, err := c.Self(ctx)
		if err == nil && me.FirstName != "Alice" {
			t.Errorf("%v", me)
		}
		return err
	})
}

// A25: the answers of two proxies that are not ours, as gotd has recorded them.
func TestServerHellosOfOthers(t *testing.T) {
	schema, err := gotdSchemaFile()
	must(t, err)
	dir := filepath.Join(filepath.Dir(filepath.Dir(schema)), "internal", "mtproxy", "faketls", "testdata", "server_hello")
	key, err := hex.DecodeString("00000000000000000000000000000001")
	must(t, err)
	for file, random := range map[string]string{
		"alexbers.hex": "a132e3916083b314c1b974d05785e8ee70456e5f866d9657d50a5c08ea38318e",
		"mtgv2.hex":    "ca36bba833809a33aa627ebb5a32a10102d1a61e1e6c58a461d934574d2e2ea3",
	} {
		text, err := os.ReadFile(filepath.Join(dir, file))
		must(t, err)
		records, err := hex.DecodeString(strings.TrimSpace(string(text)))
		must(t, err)
		client, err := hex.DecodeString(random)
		must(t, err)
		if err := transport.VerifyServerHello(key, (*[32]byte)(client), records); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		records[11] ^= 1
		if transport.VerifyServerHello(key, (*[32]byte)(client), records) == nil {
			t.Errorf("%s: a wrong proof is believed", file)
		}
	}
}

// webProxy is an HTTP proxy that is not ours, goproxy, which wants a password.
func webProxy(t *testing.T, user, password string) (addr string) {
	t.Helper()
	want := "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
	p := goproxy.NewProxyHttpServer()
	p.OnRequest().HandleConnectFunc(func(host string, ctx *goproxy.ProxyCtx) (*goproxy.ConnectAction, string) {
		if ctx.Req.Header.Get("Proxy-Authorization") == want {
			return goproxy.OkConnect, host
		}
		ctx.Resp = goproxy.NewResponse(ctx.Req, "text/plain", http.StatusProxyAuthRequired, "") //nolint:bodyclose // the proxy's to close
		return goproxy.RejectConnect, host
	})
	s := httptest.NewServer(p)
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// A32: through goproxy to a data centre, which refuses an unknown key (A10).
func TestHTTPProxyOfOthers(t *testing.T) {
	s := telegramInABox(t)
	addr := webProxy(t, "me", "hush")
	for way, ok := range map[string]bool{
		"http://me:hush@" + addr: true, "http+padded://me:hush@" + addr: true, "http://me:other@" + addr: false, "http://" + addr: false,
	} {
		w, err := reach.Parse(way)
		must(t, err)
		conn, err := new(reach.Dialer).Dial(t.Context(), w, s.Env(), s.Env().Options)
		if (err == nil) != ok {
			t.Errorf("%v: %v", w, err)
		}
		if err != nil {
			continue
		}
		if code := refusal(t, conn); code != transport.CodeUnknownKey {
			t.Errorf("%v: code %d", w, code)
		}
		conn.Close()
	}
}

// refusal sends a packet under a key that nobody knows, and returns the error that comes back.
func refusal(t *testing.T, conn *reach.Conn) int32 {
	t.Helper()
	m, err := transport.NewClient(conn.Framing)
	must(t, err)
	b, err := m.Append(nil, bytes.Repeat([]byte{7}, 56), false)
	must(t, err)
	_, err = conn.Write(b)
	must(t, err)
	buf := make([]byte, 100)
	for {
		n, err := conn.Read(buf)
		must(t, err)
		m.Feed(buf[:n])
		f, ok, err := m.Next()
		must(t, err)
		if ok {
			return f.Code
		}
	}
}
