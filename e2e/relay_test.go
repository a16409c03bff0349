package e2e

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/mtproto/transport"
)

// gate lets connections through, or makes them wait.
type gate struct {
	mu     sync.Mutex
	opened chan struct{}
}

func newGate() *gate {
	g := &gate{opened: make(chan struct{})}
	close(g.opened)
	return g
}

func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.opened = make(chan struct{})
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	close(g.opened)
}

func (g *gate) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	g.mu.Lock()
	opened := g.opened
	g.mu.Unlock()
	select {
	case <-opened:
		return new(net.Dialer).DialContext(ctx, network, addr)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// join copies both ways until one end closes.
func join(a, b net.Conn) {
	var wg sync.WaitGroup
	for _, c := range [][2]net.Conn{{a, b}, {b, a}} {
		wg.Go(func() {
			_, _ = io.Copy(c[0], c[1])
			a.Close()
			b.Close()
		})
	}
	wg.Wait()
}

// mtproxy listens as an MTProxy with a secret does, made of our own transport: it takes the obfuscation off, and passes
// the packets on to the server's first data centre.
func mtproxy(t *testing.T, s *mttest.Server, secret []byte) (addr string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() { cancel(); l.Close(); wg.Wait() })
	wg.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				if err := relay(ctx, nc, s, secret); err != nil {
					t.Errorf("proxy: %v", err)
				}
			})
		}
	})
	return l.Addr().String()
}

func relay(ctx context.Context, nc net.Conn, s *mttest.Server, secret []byte) error {
	defer nc.Close()
	client := &framed{Conn: nc, f: transport.NewServer(transport.ServerOptions{Rand: rand.Reader, Secret: secret})}
	up, err := s.Dial(ctx, "tcp", s.Env().Options[0].Addr)
	if err != nil {
		return err
	}
	defer up.Close()
	f, err := transport.NewClient(transport.ClientOptions{Kind: transport.Intermediate})
	if err != nil {
		return err
	}
	server := &framed{Conn: up, f: f}
	var wg sync.WaitGroup
	var errs [2]error
	for i, way := range [][2]*framed{{client, server}, {server, client}} {
		wg.Go(func() {
			errs[i] = way[0].copyTo(way[1])
			nc.Close()
			up.Close()
		})
	}
	stop := context.AfterFunc(ctx, func() { nc.Close(); up.Close() })
	defer stop()
	wg.Wait()
	return errors.Join(errs[:]...)
}

// framed is one end of a connection with its framing.
type framed struct {
	net.Conn
	f  *transport.Conn
	mu sync.Mutex
}

// copyTo passes packets on until the connection ends. Its error is the framing's.
func (c *framed) copyTo(to *framed) error {
	buf := make([]byte, 64<<10)
	for {
		n, err := c.Read(buf)
		if n > 0 {
			c.mu.Lock()
			c.f.Feed(buf[:n])
			c.mu.Unlock()
		}
		if perr := c.pass(to); perr != nil {
			return perr
		}
		if err != nil {
			return nil //nolint:nilerr // the end of a connection is none of ours
		}
	}
}

func (c *framed) pass(to *framed) error {
	for {
		c.mu.Lock()
		f, ok, err := c.f.Next()
		c.mu.Unlock()
		if err != nil || !ok {
			return err
		}
		to.mu.Lock()
		b, err := to.append(f)
		to.mu.Unlock()
		if err != nil {
			return err
		}
		if _, err := to.Write(b); err != nil {
			return nil //nolint:nilerr // the same
		}
	}
}

func (c *framed) append(f transport.Frame) ([]byte, error) {
	if f.Kind == transport.Error {
		return c.f.AppendError(nil, f.Code)
	}
	return c.f.Append(nil, unpadded(f.Payload), false)
}

// unpadded takes off what the padded framing leaves at the end (A4).
func unpadded(packet []byte) []byte {
	if len(packet) >= 20 && binary.LittleEndian.Uint64(packet) == 0 {
		n := 20 + int(binary.LittleEndian.Uint32(packet[16:]))
		return packet[:min(n, len(packet))]
	}
	return packet[:len(packet)-(len(packet)-24)%16]
}
