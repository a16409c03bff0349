package embeddedtest

import (
	"bytes"
	"io"
	"net"
	"strconv"
	"sync"
	"testing"

	"github.com/nats-io/nats.go"
)

// Holding stands between clients and a server, and can hold back some of what they publish while all else passes: a write that the
// server takes in late, whoever has given up waiting for it meanwhile.
type Holding struct {
	srv nats.InProcessConnProvider

	mu   sync.Mutex
	hold func(subject string) bool // nil: nothing is held back
	held []held
}

// held is a publish that the server has not got yet.
type held struct {
	conn    *holdingConn
	subject string
	frame   []byte
}

// Hold stands before a server.
func Hold(srv nats.InProcessConnProvider) *Holding { return &Holding{srv: srv} }

// InProcessConn connects to the server.
func (h *Holding) InProcessConn() (net.Conn, error) {
	conn, err := h.srv.InProcessConn()
	if err != nil {
		return nil, err
	}
	return &holdingConn{Conn: conn, h: h}, nil
}

// Listen has clients connect to the server by TCP as well, until the test ends.
func (h *Holding) Listen(t testing.TB) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var work sync.WaitGroup
	t.Cleanup(func() { _ = l.Close(); work.Wait() })
	work.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return // the test has ended
			}
			work.Go(func() { h.carry(client) })
		}
	})
	return "nats://" + l.Addr().String()
}

// carry joins a client to the server until one of them ends.
func (h *Holding) carry(client net.Conn) {
	defer client.Close() //nolint:errcheck // it has ended
	server, err := h.InProcessConn()
	if err != nil {
		return
	}
	var work sync.WaitGroup
	work.Go(func() { _, _ = io.Copy(server, client); _ = server.Close() })
	_, _ = io.Copy(client, server)
	_ = client.Close()
	work.Wait()
}

// Back holds back from now on what is published to subjects for which it is true.
func (h *Holding) Back(what func(subject string) bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.hold = what
}

// Held are the subjects of what is held back, in the order in which it came.
func (h *Holding) Held() (subjects []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, one := range h.held {
		subjects = append(subjects, one.subject)
	}
	return subjects
}

// Release lets the server have all that was held back, and holds back nothing more.
func (h *Holding) Release(t testing.TB) {
	t.Helper()
	h.mu.Lock()
	all := h.held
	h.held, h.hold = nil, nil
	h.mu.Unlock()
	for _, one := range all {
		if err := one.conn.pass(one.frame); err != nil {
			t.Fatalf("%s comes too late: %v", one.subject, err)
		}
	}
}

// keeps reports whether a publish is held back, and keeps it then.
func (h *Holding) keeps(c *holdingConn, subject string, frame []byte) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.hold == nil || !h.hold(subject) {
		return false
	}
	h.held = append(h.held, held{c, subject, bytes.Clone(frame)})
	return true
}

// holdingConn reads what a client writes, message by message.
type holdingConn struct {
	net.Conn
	h *Holding

	writing sync.Mutex
	rest    []byte // of a message that is not whole yet
}

// Write is the client's.
func (c *holdingConn) Write(p []byte) (int, error) {
	c.rest = append(c.rest, p...)
	var out []byte
	for {
		n, subject := frame(c.rest)
		if n == 0 {
			break
		}
		if subject == "" || !c.h.keeps(c, subject, c.rest[:n]) {
			out = append(out, c.rest[:n]...)
		}
		c.rest = c.rest[n:]
	}
	if err := c.pass(out); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (c *holdingConn) pass(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	_, err := c.Conn.Write(b)
	return err
}

// frame is how long the first message of the client's protocol is, 0: it is not whole, and to which subject it publishes, if it does.
func frame(b []byte) (n int, subject string) {
	line, _, whole := bytes.Cut(b, []byte("\r\n"))
	if !whole {
		return 0, ""
	}
	n = len(line) + 2
	words := bytes.Fields(line)
	if len(words) < 3 || !bytes.Equal(words[0], []byte("PUB")) && !bytes.Equal(words[0], []byte("HPUB")) {
		return n, ""
	}
	size, err := strconv.Atoi(string(words[len(words)-1]))
	if err != nil || len(b) < n+size+2 {
		return 0, ""
	}
	return n + size + 2, string(words[1])
}
