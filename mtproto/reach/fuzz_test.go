package reach

import (
	"bytes"
	"io"
	"net"
	"testing"

	"github.com/natsgram/natsgram/mtproto/transport"
)

// canned is a connection on which the other side has said all it will ever say.
type canned struct {
	net.Conn
	r    io.Reader
	sent bytes.Buffer
}

func (c *canned) Read(p []byte) (int, error)  { return c.r.Read(p) }
func (c *canned) Write(p []byte) (int, error) { return c.sent.Write(p) }

// FuzzConnect: whatever an HTTP proxy answers: no panic, and after a yes every byte behind it is still there.
func FuzzConnect(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\n\r\nrest"))
	f.Add([]byte("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 3\r\n\r\nabc"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c := &canned{r: bytes.NewReader(b)}
		conn, err := hop{kind: connect, addr: "h:1", user: "me", password: "hush"}.ask(c, "h:2")
		if err != nil {
			if bytes.Contains([]byte(err.Error()), []byte("hush")) && !bytes.Contains(b, []byte("hush")) {
				t.Errorf("%v", err)
			}
			return
		}
		rest, _ := io.ReadAll(conn)
		if !bytes.HasSuffix(b, rest) {
			t.Errorf("%q became %q", b, rest)
		}
	})
}

// FuzzTLSConn: whatever somebody sends in place of a proxy's answer: no panic, and no belief.
func FuzzTLSConn(f *testing.F) {
	f.Add([]byte("\x16\x03\x03\x00\x30"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s := transport.Secret{Key: make([]byte, 16), Padded: true, Domain: "h"}
		conn, err := (&trip{d: &Dialer{}}).fakeTLS(t.Context(), &cannedCloser{canned{r: bytes.NewReader(b)}}, s)
		if err == nil {
			t.Errorf("%v", conn)
		}
	})
}

type cannedCloser struct{ canned }

func (*cannedCloser) Close() error { return nil }
