package reach

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"

	"github.com/natsgram/natsgram/mtproto/transport"
)

const tlsReadSize = 4 << 10

// fakeTLS makes a connection look like one to a web server, for a proxy that knows the secret (A22 to A26). It takes the
// connection over, and closes it on failure.
func (t *trip) fakeTLS(ctx context.Context, conn net.Conn, s transport.Secret) (net.Conn, error) {
	m, err := transport.NewTLSClient(t.d.now(), s, t.d.rand())
	if err == nil {
		c := &tlsConn{Conn: conn, m: m}
		if err = guard(ctx, conn, c.greet); err == nil {
			return c, nil
		}
	}
	_ = conn.Close()
	return nil, err
}

// tlsConn is a stream in TLS records. One goroutine may read while another writes.
type tlsConn struct {
	net.Conn
	m *transport.TLSClient

	data []byte // received, not consumed; it aliases m's buffer
	buf  []byte

	mu  sync.Mutex
	out []byte
}

// greet says hello and waits for the answer.
func (c *tlsConn) greet() error {
	if _, err := c.Conn.Write(c.m.Hello()); err != nil {
		return err
	}
	c.buf = make([]byte, tlsReadSize)
	for !c.m.Ready() {
		err := c.fill()
		if errors.Is(err, io.EOF) {
			return errHungUp
		}
		if err != nil {
			return err
		}
	}
	return nil
}

var errHungUp = errors.New("the proxy hung up on our hello: is the secret right, and is the clock? (A24) Old proxies also take no hello as long as ours")

// fill reads once.
func (c *tlsConn) fill() (err error) {
	n, rerr := c.Conn.Read(c.buf)
	c.m.Feed(c.buf[:n])
	if c.data, err = c.m.Next(); err != nil {
		return err
	}
	if n > 0 {
		return nil
	}
	return rerr
}

// Read gives what is in the records.
func (c *tlsConn) Read(p []byte) (int, error) {
	for len(c.data) == 0 {
		var err error
		if c.data, err = c.m.Next(); err != nil {
			return 0, err
		}
		if len(c.data) == 0 {
			if err := c.fill(); err != nil {
				return 0, err
			}
		}
	}
	n := copy(p, c.data)
	c.data = c.data[n:]
	return n, nil
}

// Write sends p in records.
func (c *tlsConn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	out, err := c.m.Append(c.out[:0], p)
	if err != nil {
		return 0, err
	}
	if c.out = out; cap(out) > keepWrite {
		c.out = nil
	}
	if _, err := c.Conn.Write(out); err != nil {
		return 0, err
	}
	return len(p), nil
}

// keepWrite is the largest buffer that is kept between writes.
const keepWrite = 16 << 10
