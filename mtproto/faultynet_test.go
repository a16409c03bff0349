package mtproto_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/natsgram/natsgram/mtproto"
)

// faultyNet is a network between client and server that can refuse connections, or swallow all that is sent while
// pretending to be well.
type faultyNet struct {
	dial func(context.Context, string, string) (net.Conn, error)

	mu      sync.Mutex
	refused bool
	held    bool
	dialed  int
	frozen  []*atomic.Bool // of each connection
}

// freeze swallows all that is sent from now on over the connections that there are.
func (n *faultyNet) freeze() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, f := range n.frozen {
		f.Store(true)
	}
}

func (n *faultyNet) refuse(yes bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.refused = yes
}

func (n *faultyNet) setHeld(yes bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.held = yes
}

func (n *faultyNet) hold()    { n.setHeld(true) }
func (n *faultyNet) release() { n.setHeld(false) }

func (n *faultyNet) count() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.dialed
}

func (n *faultyNet) swallows() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.held
}

func (n *faultyNet) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	n.mu.Lock()
	refused := n.refused
	n.dialed++
	n.mu.Unlock()
	if refused {
		return nil, errors.New("network is unreachable")
	}
	c, err := n.dial(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	h := &halfOpen{Conn: c, n: n}
	n.mu.Lock()
	n.frozen = append(n.frozen, &h.frozen)
	n.mu.Unlock()
	return h, nil
}

// slow dials connections on which everything takes a millisecond, without which no time passes between two packets and
// message ids, which are made of the time, repeat themselves where a server begins a session anew.
func slow(dial mtproto.DialFunc) mtproto.DialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := dial(ctx, network, addr)
		return &slowConn{c}, err
	}
}

type slowConn struct{ net.Conn }

func (c *slowConn) Read(b []byte) (int, error) {
	time.Sleep(time.Millisecond)
	return c.Conn.Read(b)
}

func (c *slowConn) Write(b []byte) (int, error) {
	time.Sleep(time.Millisecond)
	return c.Conn.Write(b)
}

// halfOpen takes what is written and passes nothing on while its network holds things back.
type halfOpen struct {
	net.Conn
	n      *faultyNet
	frozen atomic.Bool
}

func (c *halfOpen) Write(b []byte) (int, error) {
	if c.n.swallows() || c.frozen.Load() {
		return len(b), nil
	}
	return c.Conn.Write(b)
}
