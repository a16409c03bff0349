package mttest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/natsgram/natsgram/mtproto/crypto"
	"github.com/natsgram/natsgram/mtproto/dc"
	"github.com/natsgram/natsgram/mtproto/mttest/wire"
)

func (s *Server) open(id int) error {
	key, err := serverKey()
	if err != nil {
		return err
	}
	c := &centre{id: id}
	tooLong, _ := s.enc.object(M{"_": "updatesTooLong"})
	c.Centre = wire.NewCentre(wire.Config{
		Keys: []*crypto.PrivateKey{key}, AcceptDC: s.accepts(id), Call: func(call *wire.Call) { s.call(c, call) }, NewKey: s.newDevice,
		OneConnection: s.cfg.Wire.OneConnection, GzipOver: s.cfg.Wire.GzipOver, QueueLimit: s.cfg.Wire.QueueLimit, NumberLate: s.cfg.Wire.NumberLate, Strict: s.cfg.Wire.Strict, OldRSA: s.cfg.Wire.OldRSA,
		TooLong: tooLong, Faults: s.Faults, Now: s.cfg.Now,
	})
	s.centres = append(s.centres, c)
	if err := s.listen(c, false); err != nil || !s.cfg.Media {
		return err
	}
	return s.listen(c, true)
}

// accepts says which wire ids mean data centre id: its own, and negated for media (B6).
func (s *Server) accepts(id int) func(int) bool {
	if s.cfg.Test {
		id += 10000
	}
	return func(wire int) bool { return wire == id || wire == -id }
}

func (s *Server) listen(c *centre, media bool) error {
	a := &address{media: media, centre: c}
	c.addrs = append(c.addrs, a)
	if s.cfg.InMemory {
		a.addr = fmt.Sprintf("10.0.%d.%d:443", len(c.addrs), c.id)
		return nil
	}
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // a listener of the server's own life
	if err != nil {
		return fmt.Errorf("mttest: %w", err)
	}
	a.listener, a.addr = l, l.Addr().String()
	s.listener.Go(func() { s.accept(a) })
	return nil
}

func (s *Server) accept(a *address) {
	for {
		nc, err := a.listener.Accept()
		if err != nil {
			return
		}
		s.serve(a, nc)
	}
}

func (s *Server) serve(a *address, nc net.Conn) {
	if !s.background(func() { a.centre.Serve(nc, a.media) }) {
		nc.Close()
	}
}

// background runs f, which Close waits for. False: the server is closed.
func (s *Server) background(f func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped.Err() != nil {
		return false
	}
	s.serving.Go(f)
	return true
}

// Dial connects to an address of [Server.Env]. It fits where a net.Dialer's DialContext does.
func (s *Server) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	a := s.address(addr)
	if a == nil || s.stopped.Err() != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: errors.New("mttest: nobody listens on " + addr)}
	}
	if a.listener != nil {
		var d net.Dialer
		return d.DialContext(ctx, network, addr)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	client, server := net.Pipe()
	s.serve(a, server)
	return client, nil
}

func (s *Server) address(addr string) *address {
	for _, c := range s.centres {
		for _, a := range c.addrs {
			if a.addr == addr {
				return a
			}
		}
	}
	return nil
}

// Env is the environment that a client is to use.
func (s *Server) Env() dc.Environment {
	env := dc.Environment{Test: s.cfg.Test, Default: s.cfg.Centres[0]}
	if key, err := serverKey(); err == nil {
		env.Keys = []crypto.PublicKey{key.Public()}
	}
	for _, c := range s.centres {
		for _, a := range c.addrs {
			if c.cdn {
				continue // as with Telegram, only help.getConfig tells
			}
			env.Options = append(env.Options, dc.Option{ID: c.id, Addr: a.addr, MediaOnly: a.media})
		}
	}
	return env
}

func (s *Server) centre(id int) *centre {
	i := slices.IndexFunc(s.centres, func(c *centre) bool { return c.id == id })
	if i < 0 {
		return nil
	}
	return s.centres[i]
}

// Cut breaks all connections there are, of all data centres, and returns how many.
func (s *Server) Cut() (n int) {
	for _, c := range s.centres {
		for _, conn := range c.Conns() {
			conn.Close()
			n++
		}
	}
	return n
}

// Connections is how many there are.
func (s *Server) Connections() (n int) {
	for _, c := range s.centres {
		n += len(c.Conns())
	}
	return n
}

// NewSalts makes every salt that a client may know invalid.
func (s *Server) NewSalts() {
	for _, c := range s.centres {
		for _, k := range c.Keys() {
			k.NewSalt()
		}
	}
}

// ForgetSessions destroys every session, with all that waits in it (C37).
func (s *Server) ForgetSessions() {
	for _, c := range s.centres {
		for _, k := range c.Keys() {
			for _, session := range k.Sessions() {
				k.Destroy(session.ID)
			}
		}
	}
}

func splitAddr(addr string) (host string, port int) {
	host, p, err := net.SplitHostPort(addr)
	if err != nil {
		return addr, 0
	}
	port, _ = strconv.Atoi(p)
	return host, port
}

// digits are those of a phone number.
func digits(phone string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, phone)
}
