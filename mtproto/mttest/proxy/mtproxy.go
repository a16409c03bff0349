package proxy

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/natsgram/natsgram/mtproto/transport"
)

const readSize = 16 << 10

// MTProxy is a proxy that knows MTProto. A client with a simple secret may frame as it likes, one with a dd secret has to
// use the padded framing, and one with an ee secret has to look like TLS besides (A20, A21).
type MTProxy struct {
	// Secret is that of the clients.
	Secret transport.Secret

	// Centre connects to the data centre that a client asks for, by its number on the wire (A18).
	Centre func(ctx context.Context, wire int) (net.Conn, error)

	// Now is the clock; nil: time.Now.
	Now func() time.Time

	replays transport.Replays

	mu    sync.Mutex
	asked []int
}

// Asked are the data centres that clients asked for, in their order.
func (p *MTProxy) Asked() []int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]int(nil), p.asked...)
}

// Serve is the [Handler].
func (p *MTProxy) Serve(ctx context.Context, conn net.Conn) error {
	c := &passenger{p: p, conn: conn, in: transport.NewServer(transport.ServerOptions{Rand: rand.Reader, Secret: p.Secret.Key})}
	if p.Secret.Domain != "" {
		c.tls = transport.NewTLSServer(transport.TLSServerOptions{Key: p.Secret.Key, Replays: &p.replays, Rand: rand.Reader})
	}
	if err := c.board(); err != nil {
		return err
	}
	wire := int(c.in.DC())
	p.mu.Lock()
	p.asked = append(p.asked, wire)
	p.mu.Unlock()
	up, err := p.Centre(ctx, wire)
	if err != nil {
		return err
	}
	return c.ride(ctx, up)
}

func (p *MTProxy) now() time.Time {
	if p.Now == nil {
		return time.Now()
	}
	return p.Now()
}

// passenger is a client's connection. What it sends is decrypted and encrypted anew for the data centre, and back; what it
// says is none of the proxy's business.
type passenger struct {
	p    *MTProxy
	conn net.Conn
	tls  *transport.TLSServer // nil: it does not look like TLS
	in   *transport.Conn
	out  *transport.Conn

	first []byte // decrypted before the data centre was known
}

// board reads until the client has said where it wants to go.
func (c *passenger) board() error {
	if c.tls != nil {
		if err := c.greet(); err != nil {
			return err
		}
	}
	buf := make([]byte, readSize)
	for {
		data, err := c.take()
		if err != nil {
			return err
		}
		c.first = append(c.first, data...)
		if kind, known := c.in.Kind(); known {
			return c.check(kind)
		}
		if err := c.read(buf); err != nil {
			return errEarly
		}
	}
}

var errEarly = errors.New("proxy: the client hung up before it said where to go")

// greet answers the client's hello.
func (c *passenger) greet() error {
	buf := make([]byte, readSize)
	for {
		n, err := c.conn.Read(buf)
		c.tls.Feed(buf[:n])
		answer, refused := c.tls.Accept(c.p.now())
		switch {
		case refused != nil:
			return refused
		case answer != nil:
			_, err = c.conn.Write(answer)
			return err
		case err != nil:
			return errEarly
		}
	}
}

// check holds the framing against the secret (A21), and prepares the other side.
func (c *passenger) check(kind transport.Kind) (err error) {
	if c.p.Secret.Padded && kind != transport.Padded {
		return fmt.Errorf("proxy: framing %v, although the secret asks for padding", kind)
	}
	c.out, err = transport.NewClient(transport.ClientOptions{Kind: kind, Obfuscated: true, Rand: rand.Reader})
	return err
}

// read reads once.
func (c *passenger) read(buf []byte) error {
	n, err := c.conn.Read(buf)
	if c.tls == nil {
		c.in.Feed(buf[:n])
	} else {
		c.tls.Feed(buf[:n])
	}
	if n > 0 {
		return nil
	}
	return err
}

// take decrypts what was read.
func (c *passenger) take() ([]byte, error) {
	for c.tls != nil {
		data, err := c.tls.Next()
		if err != nil {
			return nil, err
		}
		if data == nil {
			break
		}
		c.in.Feed(data)
	}
	return c.in.Drain()
}

// ride passes both directions on until one ends.
func (c *passenger) ride(ctx context.Context, up net.Conn) error {
	var broken error
	both(ctx, c.conn, up, func() { broken = c.upwards(up) }, func() { c.downwards(up) })
	return broken
}

// upwards passes on what the client sends. Its error is the client's fault.
func (c *passenger) upwards(up io.Writer) error {
	buf := make([]byte, readSize)
	data := c.first
	for {
		if len(data) > 0 {
			b, err := c.out.AppendRaw(nil, data)
			if err != nil {
				return err
			}
			if _, err := up.Write(b); err != nil {
				return nil //nolint:nilerr // the data centre's end is not the client's fault
			}
		}
		if err := c.read(buf); err != nil {
			return nil //nolint:nilerr // the end of a connection is nobody's fault
		}
		var err error
		if data, err = c.take(); err != nil {
			return err
		}
	}
}

// downwards passes on what the data centre sends.
func (c *passenger) downwards(up io.Reader) {
	buf := make([]byte, readSize)
	for {
		n, err := up.Read(buf)
		c.out.Feed(buf[:n])
		data, derr := c.out.Drain()
		if derr == nil && len(data) > 0 {
			derr = c.send(data)
		}
		if err != nil || derr != nil {
			return
		}
	}
}

func (c *passenger) send(data []byte) error {
	b, err := c.in.AppendRaw(nil, data)
	if err == nil && c.tls != nil {
		b, err = c.tls.Append(nil, b)
	}
	if err == nil {
		_, err = c.conn.Write(b)
	}
	return err
}
