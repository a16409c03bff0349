package mtproto

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/natsgram/natsgram/mtproto/dc"
)

// network dials addresses that say what becomes of them: "ok/2s" answers after 2 s, "no/1s" refuses after 1 s, "hang"
// never answers.
type network struct {
	mu     sync.Mutex
	dialed []string
	open   map[net.Conn]string
}

type fakeConn struct {
	net.Conn
	closed func()
}

func (c *fakeConn) Close() error { c.closed(); return nil }

func (n *network) dial(ctx context.Context, _, addr string) (net.Conn, error) {
	n.mu.Lock()
	n.dialed = append(n.dialed, addr)
	n.mu.Unlock()
	kind, after, _ := strings.Cut(addr, "/")
	d, err := time.ParseDuration(after)
	if err != nil {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	// A dialer that answers although it was cancelled is the hard case.
	time.Sleep(d)
	if kind != "ok" {
		return nil, errors.New("refused")
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	c := &fakeConn{}
	c.closed = func() { n.mu.Lock(); delete(n.open, c); n.mu.Unlock() }
	if n.open == nil {
		n.open = map[net.Conn]string{}
	}
	n.open[c] = addr
	return c, nil
}

// A35
func TestRace(t *testing.T) {
	for _, tc := range []struct {
		name, addrs, want string
		dialed            int
		took              time.Duration
	}{
		{"one", "ok/1s", "ok/1s", 1, time.Second},
		{"one refuses", "no/1s", "", 1, time.Second},
		{"the first is fast", "ok/200ms ok/1ms", "ok/200ms", 1, 200 * ms},
		{"the first is slow", "ok/2s ok/100ms", "ok/100ms", 2, 400 * ms},
		{"the first refuses", "no/10ms ok/20ms", "ok/20ms", 2, 30 * ms},
		{"the first hangs", "hang hang ok/1s", "ok/1s", 3, 1600 * ms},
		{"all refuse", "no/10ms no/20ms no/30ms", "", 3, 60 * ms},
		{"all hang", "hang hang hang hang hang", "", 4, 10 * time.Second},
		{"none", "", "", 0, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var n network
				var options []dc.Option
				for a := range strings.FieldsSeq(tc.addrs) {
					options = append(options, dc.Option{ID: 2, Addr: a})
				}
				began := time.Now()
				got, err := race(t.Context(), n.dial, options, 10*time.Second)
				if took := time.Since(began); took != tc.took {
					t.Errorf("took %v, want %v", took, tc.took)
				}
				if got.to.Addr != tc.want && err == nil || (err == nil) != (tc.want != "") {
					t.Errorf("%q, %v, want %q", got.to.Addr, err, tc.want)
				}
				time.Sleep(time.Minute) // late answers
				synctest.Wait()
				n.mu.Lock()
				defer n.mu.Unlock()
				if len(n.dialed) != tc.dialed {
					t.Errorf("dialed %v", n.dialed)
				}
				delete(n.open, got.conn)
				if len(n.open) > 0 {
					t.Errorf("left open: %v", n.open)
				}
			})
		})
	}
}

// D5, A30
func TestAddresses(t *testing.T) {
	c := &Client{o: Options{Env: dc.Environment{Options: []dc.Option{{ID: 2, Addr: "built-in:1"}, {ID: 2, Addr: "a:1"}}}}}
	c.state.Config = Config{Options: []dc.Option{{ID: 2, Addr: "a:1"}, {ID: 3, Addr: "c:1"}, {ID: 2, Addr: "6:1", IPv6: true}}}
	list := func(failures int) (s []string) {
		for _, o := range c.addresses(2, failures) {
			s = append(s, o.Addr)
		}
		return s
	}
	for failures, want := range map[int][]string{
		0: {"a:1", "built-in:1", "6:1"}, 1: {"built-in:1", "6:1", "a:1"}, 5: {"6:1", "a:1", "built-in:1"},
	} {
		if got := list(failures); !slices.Equal(got, want) {
			t.Errorf("after %d failures %v, want %v", failures, got, want)
		}
	}
	c.state.Config.ForceTryIPv6 = true
	if got := list(0); got[0] != "6:1" {
		t.Errorf("force_try_ipv6: %v", got)
	}
}
