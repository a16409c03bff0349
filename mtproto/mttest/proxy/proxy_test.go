package proxy

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"github.com/natsgram/natsgram/mtproto/dc"
	"github.com/natsgram/natsgram/mtproto/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// nowhere is a destination that does not answer.
func nowhere(context.Context, string, string) (net.Conn, error) { return nil, errors.New("no way") }

// says sends words to a handler, one after the other as it reads them, and returns what it answered and its verdict.
func says(t *testing.T, h Handler, words ...string) (answer string, verdict error) {
	t.Helper()
	s := InMemory(func(ctx context.Context, conn net.Conn) error {
		verdict = h(ctx, conn)
		return verdict
	})
	conn, err := s.Dial(t.Context(), "tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for _, w := range words {
			if _, err := io.WriteString(conn, w); err != nil {
				return
			}
		}
		time.AfterFunc(50*time.Millisecond, func() { conn.Close() })
	}()
	b, _ := io.ReadAll(conn)
	s.Close()
	return string(b), verdict
}

// RFC 1928, RFC 1929: what a SOCKS5 proxy is told, and what it answers.
func TestSOCKS5(t *testing.T) {
	open, locked := Hop{Dial: nowhere}.SOCKS5, Hop{User: "me", Password: "pw", Dial: nowhere}.SOCKS5
	const refused = "\x05\x05\x00\x01\x00\x00\x00\x00\x00\x00"
	for _, c := range []struct {
		name   string
		h      Handler
		words  []string
		answer string
	}{
		{"IPv4", open, []string{"\x05\x01\x00", "\x05\x01\x00\x01\x01\x02\x03\x04\x01\xbb"}, "\x05\x00" + refused},
		{"IPv6", open, []string{"\x05\x01\x00", "\x05\x01\x00\x04" + strings.Repeat("\x00", 16) + "\x01\xbb"}, "\x05\x00" + refused},
		{"name", open, []string{"\x05\x02\x00\x02", "\x05\x01\x00\x03\x01h\x01\xbb"}, "\x05\x00" + refused},
		{"password", locked, []string{"\x05\x01\x02", "\x01\x02me\x02pw", "\x05\x01\x00\x03\x01h\x01\xbb"}, "\x05\x02\x01\x00" + refused},
		{"wrong password", locked, []string{"\x05\x01\x02", "\x01\x02me\x02pW"}, "\x05\x02\x01\x01"},
		{"no password", locked, []string{"\x05\x01\x00"}, "\x05\xff"},
		{"bind", open, []string{"\x05\x01\x00", "\x05\x02\x00\x01\x01\x02\x03\x04\x01\xbb"}, "\x05\x00"},
		{"no such address", open, []string{"\x05\x01\x00", "\x05\x01\x00\x09\x01\xbb"}, "\x05\x00"},
		{"SOCKS4", open, []string{"\x04\x01\x00"}, ""},
	} {
		if answer, err := says(t, c.h, c.words...); answer != c.answer || err == nil {
			t.Errorf("%s: %q, %v, want %q", c.name, answer, err, c.answer)
		}
	}
}

// RFC 9110, RFC 7617.
func TestCONNECT(t *testing.T) {
	locked := Hop{User: "me", Password: "pw", Dial: nowhere}.CONNECT
	for request, want := range map[string]string{
		"CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\nProxy-Authorization: Basic bWU6cHc=\r\n\r\n": "HTTP/1.1 502",
		"CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r\n":                                        "HTTP/1.1 407",
		"GET http://h/ HTTP/1.1\r\nHost: h\r\n\r\n":                                        "HTTP/1.1 405",
		"\x05\x01\x00\r\n\r\n":                                                             "",
	} {
		if answer, err := says(t, locked, request); !strings.HasPrefix(answer, want) || err == nil {
			t.Errorf("%q: %q, %v", request, answer, err)
		}
	}
}

// A21, A22: what an MTProxy refuses of clients.
func TestMTProxyRefuses(t *testing.T) {
	key := bytes.Repeat([]byte{7}, 16)
	hello := func(o transport.ClientOptions) string {
		o.Rand = rand.Reader
		c, err := transport.NewClient(o)
		if err != nil {
			t.Fatal(err)
		}
		b, err := c.Append(nil, make([]byte, 64), false)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for _, c := range []struct {
		name   string
		secret transport.Secret
		says   string
		want   string
	}{
		{"another secret", transport.Secret{Key: key}, hello(transport.ClientOptions{Secret: make([]byte, 16)}), "protocol violation"},
		{"no secret", transport.Secret{Key: key}, hello(transport.ClientOptions{Obfuscated: true}), "protocol violation"},
		{"no padding", transport.Secret{Key: key, Padded: true}, hello(transport.ClientOptions{Secret: key}), "padding"},
		{"no TLS", transport.Secret{Key: key, Padded: true, Domain: "h"}, hello(transport.ClientOptions{Secret: key}), "no ClientHello"},
		{"no such centre", transport.Secret{Key: key}, hello(transport.ClientOptions{Secret: key, DC: 9}), "no data centre 9"},
		{"silence", transport.Secret{Key: key}, "", "hung up"},
		{"silence at the door", transport.Secret{Key: key, Padded: true, Domain: "h"}, "", "hung up"},
	} {
		p := &MTProxy{Secret: c.secret, Centre: Centres(dc.Environment{}, nowhere)}
		if answer, err := says(t, p.Serve, c.says); answer != "" || err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %q, %v", c.name, answer, err)
		}
	}
}

// A29: the sub-protocol and obfuscation are compulsory.
func TestWebSocketRefuses(t *testing.T) {
	s, err := Listen(WebSocket{Centre: Centres(dc.Environment{}, nowhere)}.Serve)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for i, c := range []struct{ protocol, first, want string }{
		{"", "abcd", "sub-protocol"}, {"binary", "\xef\x01\x02\x03", "obfuscation"}, {"binary", "\xdd\xdd\xdd\xdd", "obfuscation"},
		{"binary", "abcd", "no data centre 2"}, {"binary", "", "hung up"},
	} {
		o := &websocket.DialOptions{}
		if c.protocol != "" {
			o.Subprotocols = []string{c.protocol}
		}
		ws, _, err := websocket.Dial(t.Context(), "ws://"+s.Addr()+"/2/apiws", o) //nolint:bodyclose // the library does
		if err != nil {
			t.Fatal(err)
		}
		if c.first == "" {
			_ = ws.CloseNow()
		} else {
			_ = ws.Write(t.Context(), websocket.MessageBinary, []byte(c.first))
			_, _, _ = ws.Read(t.Context()) // until the end
		}
		waitFor(t, func() bool { return len(s.Refused()) == i+1 }, fmt.Sprintf("%+v: not refused", c))
		if got := s.Refused()[i]; !strings.Contains(got.Error(), c.want) {
			t.Errorf("%+v: %v", c, got)
		}
		_ = ws.CloseNow()
	}
}

func waitFor(t *testing.T, ok func() bool, what string) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(5 * time.Second); !ok(); <-tick.C {
		if time.Now().After(end) {
			t.Fatal(what)
		}
	}
}

// A server that is closed takes nobody; Cut ends those who are there.
func TestServerEnds(t *testing.T) {
	s := InMemory(func(_ context.Context, conn net.Conn) error { _, err := io.ReadAll(conn); return err })
	conn, err := s.Dial(t.Context(), "tcp", "")
	if err != nil || s.Served() != 1 {
		t.Fatal(err)
	}
	s.Cut()
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Error("not cut")
	}
	s.Close()
	if _, err := s.Dial(t.Context(), "tcp", ""); err == nil {
		t.Error("served after Close")
	}
}

// FuzzHops: any bytes: no panic, an end.
func FuzzHops(f *testing.F) {
	f.Add([]byte("\x05\x01\x02\x01\x02me\x02pw\x05\x01\x00\x03\x01h\x01\xbb"))
	f.Add([]byte("CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, h := range []Handler{
			Hop{Dial: nowhere}.SOCKS5, Hop{User: "me", Password: "pw", Dial: nowhere}.SOCKS5, Hop{Dial: nowhere}.CONNECT,
		} {
			if err := h(t.Context(), &deaf{r: bytes.NewReader(b)}); err == nil {
				t.Error("it got through")
			}
		}
	})
}

// deaf reads what it was given, and does not care what it is told.
type deaf struct {
	net.Conn
	r io.Reader
}

func (d *deaf) Read(p []byte) (int, error)  { return d.r.Read(p) }
func (d *deaf) Write(p []byte) (int, error) { return len(p), nil }
