package torture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// relay is a cable that can be cut: TCP from one listener to one address, or, as a SOCKS5 proxy, to wherever is asked for.
type relay struct {
	name     string
	listener net.Listener
	target   string // empty: SOCKS5
	cuts     atomic.Int64

	mu      sync.Mutex
	links   map[*link]struct{}
	frozen  chan struct{} // not nil: nothing passes until it is closed
	refuses bool
	closed  bool
	victim  *victim // the one message that is to be lost
	work    sync.WaitGroup
}

type link struct{ near, far net.Conn }

// victim is a message that is lost with its connection: what holds a text, on its way out; or, later, its answer.
type victim struct {
	text    string
	answer  bool
	reached bool // the message has passed: the answer is next
}

func (l *link) close() {
	l.near.Close()
	l.far.Close()
}

func newRelay(name, target string) (*relay, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &relay{name: name, listener: l, target: target, links: map[*link]struct{}{}}
	r.work.Go(r.accept)
	return r, nil
}

func (r *relay) addr() string { return r.listener.Addr().String() }

func (r *relay) accept() {
	for {
		near, err := r.listener.Accept()
		if err != nil {
			return
		}
		r.work.Go(func() { r.serve(near) })
	}
}

func (r *relay) serve(near net.Conn) {
	defer near.Close()
	if !r.passes() {
		return
	}
	target := r.target
	if target == "" {
		var err error
		_ = near.SetDeadline(time.Now().Add(5 * time.Second)) // a nats-server that comes to a port of before says nothing
		if target, err = socks(near); err != nil {
			return
		}
		_ = near.SetDeadline(time.Time{})
	}
	far, err := net.DialTimeout("tcp", target, 5*time.Second)
	if err != nil {
		return
	}
	l := &link{near, far}
	defer l.close()
	if !r.add(l) {
		return
	}
	defer r.remove(l)
	var both sync.WaitGroup
	both.Go(func() { r.pump(l, far, near, true) })
	both.Go(func() { r.pump(l, near, far, false) })
	both.Wait()
}

func (r *relay) add(l *link) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refuses || r.closed {
		return false
	}
	r.links[l] = struct{}{}
	return true
}

func (r *relay) remove(l *link) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.links, l)
}

// pump moves bytes one way. What is in its hand when the cable is cut is lost.
func (r *relay) pump(l *link, to, from net.Conn, out bool) {
	defer l.close()
	b := make([]byte, 16<<10)
	for {
		n, err := from.Read(b)
		if n > 0 && r.loses(b[:n], out) {
			return
		}
		if n > 0 && r.passes() {
			if _, err := to.Write(b[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// lose has the next message that holds a text be lost together with its connection, or the answer to it.
func (r *relay) lose(text string, answer bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.victim = &victim{text: text, answer: answer}
}

// lost reports whether that has happened.
func (r *relay) lost() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.victim == nil
}

func (r *relay) loses(b []byte, out bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	v := r.victim
	switch {
	case v == nil:
		return false
	case v.reached && !out:
	case !out || v.reached || !bytes.Contains(b, []byte(v.text)):
		return false
	case v.answer:
		v.reached = true
		return false
	}
	r.victim = nil
	r.cuts.Add(1)
	return true
}

// passes waits while the cable is frozen. False: it is closed.
func (r *relay) passes() bool {
	for {
		r.mu.Lock()
		gate, closed := r.frozen, r.closed
		r.mu.Unlock()
		if closed || gate == nil {
			return !closed
		}
		<-gate
	}
}

// busy reports whether anything goes by this cable.
func (r *relay) busy() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.links) > 0
}

func (r *relay) freeze() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.frozen == nil && !r.closed {
		r.frozen = make(chan struct{})
	}
}

func (r *relay) refuse() {
	r.mu.Lock()
	r.refuses = true
	r.mu.Unlock()
	r.cut()
}

// mend ends freezing and refusing.
func (r *relay) mend() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refuses = false
	if r.frozen != nil {
		close(r.frozen)
		r.frozen = nil
	}
}

// cut breaks all connections there are.
func (r *relay) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for l := range r.links {
		r.cuts.Add(1)
		l.close()
	}
}

func (r *relay) close() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.mend()
	r.listener.Close()
	r.cut()
	r.work.Wait()
}

var errSocks = errors.New("not a SOCKS5 request to connect")

// socks does the server's part of SOCKS5 (RFC 1928), without authentication.
func socks(c net.Conn) (target string, err error) {
	head := make([]byte, 2)
	if _, err := io.ReadFull(c, head); err != nil {
		return "", err
	}
	if _, err := io.CopyN(io.Discard, c, int64(head[1])); err != nil {
		return "", err
	}
	if _, err := c.Write([]byte{5, 0}); err != nil {
		return "", err
	}
	request := make([]byte, 4)
	if _, err := io.ReadFull(c, request); err != nil {
		return "", err
	}
	if request[1] != 1 {
		return "", errSocks
	}
	if target, err = socksAddr(c, request[3]); err != nil {
		return "", err
	}
	_, err = c.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
	return target, err
}

func socksAddr(c net.Conn, kind byte) (string, error) {
	size := map[byte]int{1: net.IPv4len, 4: net.IPv6len}[kind]
	if kind == 3 {
		n := make([]byte, 1)
		if _, err := io.ReadFull(c, n); err != nil {
			return "", err
		}
		size = int(n[0])
	}
	if size == 0 {
		return "", errSocks
	}
	b := make([]byte, size+2)
	if _, err := io.ReadFull(c, b); err != nil {
		return "", err
	}
	host := string(b[:size])
	if kind != 3 {
		host = net.IP(b[:size]).String()
	}
	return net.JoinHostPort(host, fmt.Sprint(binary.BigEndian.Uint16(b[size:]))), nil
}
