package reach

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"

	"golang.org/x/net/proxy"
)

// connectMost bounds the head of an HTTP proxy's answer, in bytes.
const connectMost = 16 << 10

// socks connects through a SOCKS5 proxy (RFC 1928, RFC 1929; A32).
func (h hop) socks(dial DialFunc) DialFunc {
	var auth *proxy.Auth
	if h.user != "" {
		auth = &proxy.Auth{User: h.user, Password: h.password}
	}
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		d, err := proxy.SOCKS5("tcp", h.addr, auth, dial)
		if err != nil {
			return nil, err
		}
		return d.(proxy.ContextDialer).DialContext(ctx, network, addr) //nolint:forcetypeassert // documented of SOCKS5
	}
}

// connect connects through an HTTP proxy by CONNECT (RFC 9110; A32).
func (h hop) connect(dial DialFunc, config *tls.Config) DialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, h.addr)
		if err != nil {
			return nil, err
		}
		if h.kind == connectTLS {
			conn = tls.Client(conn, tlsConfig(config, h.addr))
		}
		var through net.Conn
		err = guard(ctx, conn, func() (err error) {
			through, err = h.ask(conn, addr)
			return err
		})
		if err != nil {
			_ = conn.Close()
			return nil, err
		}
		return through, nil
	}
}

// tlsConfig is config for the host of addr.
func tlsConfig(config *tls.Config, addr string) *tls.Config {
	host, _, _ := net.SplitHostPort(addr)
	if config == nil {
		return &tls.Config{ServerName: host} //nolint:gosec // the default of clients is TLS 1.2 and later
	}
	config = config.Clone()
	if config.ServerName == "" {
		config.ServerName = host
	}
	return config
}

// ask tells the proxy where to connect to.
func (h hop) ask(conn net.Conn, addr string) (net.Conn, error) {
	request := "CONNECT " + addr + " HTTP/1.1\r\nHost: " + addr + "\r\n"
	if h.user != "" {
		request += "Proxy-Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(h.user+":"+h.password)) + "\r\n"
	}
	if _, err := io.WriteString(conn, request+"\r\n"); err != nil {
		return nil, fmt.Errorf("%v: %w", h, err)
	}
	head := &io.LimitedReader{R: conn, N: connectMost}
	r := bufio.NewReader(head)
	answer, err := http.ReadResponse(r, &http.Request{Method: http.MethodConnect})
	if err != nil {
		return nil, fmt.Errorf("%v: answer to CONNECT: %w", h, err)
	}
	_ = answer.Body.Close() // of an answer to CONNECT it is empty
	if answer.StatusCode/100 != 2 {
		return nil, fmt.Errorf("%v: CONNECT is answered %d %s", h, answer.StatusCode, http.StatusText(answer.StatusCode))
	}
	if r.Buffered() == 0 {
		return conn, nil
	}
	early, err := r.Peek(r.Buffered())
	return &earlyConn{Conn: conn, early: early}, err
}

// earlyConn is a connection of which something was read already.
type earlyConn struct {
	net.Conn
	early []byte
}

func (c *earlyConn) Read(p []byte) (int, error) {
	if len(c.early) == 0 {
		return c.Conn.Read(p)
	}
	n := copy(p, c.early)
	c.early = c.early[n:]
	return n, nil
}
