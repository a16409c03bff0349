// Package proxy holds the ends that stand between a client and Telegram: an MTProxy with any kind of secret, a SOCKS5 and
// an HTTP CONNECT proxy, and a WebSocket end. They are for tests and demos, in front of a Telegram in a box: strict about
// what clients have to do, and no more complete than that needs.
package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"

	"github.com/natsgram/natsgram/mtproto/dc"
)

// DialFunc opens a connection as [net.Dialer.DialContext] does.
type DialFunc func(ctx context.Context, network, addr string) (net.Conn, error)

// Handler serves one connection until it ends, and closes it. Its error says why a client was refused; nil: it was not.
type Handler func(ctx context.Context, conn net.Conn) error

// Server listens on a loopback port, or serves connections that are handed to it. All methods are safe for concurrent use.
type Server struct {
	handler  Handler
	listener net.Listener

	ctx  context.Context //nolint:containedctx // it is the server's life, which Close ends
	stop context.CancelFunc
	wg   sync.WaitGroup

	mu      sync.Mutex
	conns   map[net.Conn]bool
	served  int
	refused []error
}

// Listen serves on a free loopback port.
func Listen(h Handler) (*Server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // a listener of the server's own life
	if err != nil {
		return nil, fmt.Errorf("proxy: %w", err)
	}
	s := InMemory(h)
	s.listener = l
	s.wg.Go(s.accept)
	return s, nil
}

// InMemory serves the connections that [Server.Dial] makes.
func InMemory(h Handler) *Server {
	s := &Server{handler: h, conns: map[net.Conn]bool{}}
	s.ctx, s.stop = context.WithCancel(context.Background())
	return s
}

func (s *Server) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.serve(conn)
	}
}

// Addr is where the server listens; of one in memory it is only a name.
func (s *Server) Addr() string {
	if s.listener == nil {
		return "192.0.2.1:443"
	}
	return s.listener.Addr().String()
}

// Dial connects to a server in memory, whatever the address.
func (s *Server) Dial(ctx context.Context, _, _ string) (net.Conn, error) {
	if err := errors.Join(ctx.Err(), s.ctx.Err()); err != nil {
		return nil, err
	}
	client, server := net.Pipe()
	s.serve(server)
	return client, nil
}

func (s *Server) serve(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil {
		conn.Close()
		return
	}
	s.served++
	s.conns[conn] = true
	s.wg.Go(func() {
		err := s.handler(s.ctx, conn)
		conn.Close()
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.conns, conn)
		if err != nil {
			s.refused = append(s.refused, err)
		}
	})
}

// Served is how many connections came.
func (s *Server) Served() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.served
}

// Refused is why clients were refused.
func (s *Server) Refused() []error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.refused)
}

// Cut breaks all connections there are.
func (s *Server) Cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for conn := range s.conns {
		conn.Close()
	}
}

// Close stops the server and ends all connections.
func (s *Server) Close() {
	s.stop()
	if s.listener != nil {
		s.listener.Close()
	}
	s.Cut()
	s.wg.Wait()
}

// Centres finds the data centres of an environment by their numbers on the wire (A18).
func Centres(env dc.Environment, dial DialFunc) func(ctx context.Context, wire int) (net.Conn, error) {
	return func(ctx context.Context, wire int) (net.Conn, error) {
		for _, o := range env.Options {
			if env.WireID(o) == wire {
				return dial(ctx, "tcp", o.Addr)
			}
		}
		return nil, fmt.Errorf("proxy: no data centre %d", wire)
	}
}

// join copies both ways until one side ends.
func join(ctx context.Context, a, b net.Conn) {
	both(ctx, a, b,
		func() { _, _ = io.Copy(a, b) },
		func() { _, _ = io.Copy(b, a) })
}

// both runs two functions that use two connections, which end together.
func both(ctx context.Context, a, b net.Conn, f, g func()) {
	end := func() { a.Close(); b.Close() }
	defer context.AfterFunc(ctx, end)()
	var wg sync.WaitGroup
	wg.Go(func() { defer end(); f() })
	wg.Go(func() { defer end(); g() })
	wg.Wait()
}
