package reach

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/natsgram/natsgram/mtproto/dc"
)

const ms = time.Millisecond

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
				got, err := (&Dialer{TCP: n.dial}).Dial(t.Context(), Way{}, dc.Environment{}, options)
				if took := time.Since(began); took != tc.took {
					t.Errorf("took %v, want %v", took, tc.took)
				}
				if (err == nil) != (tc.want != "") || err == nil && got.To.Addr != tc.want {
					t.Errorf("%+v, %v, want %q", got, err, tc.want)
				}
				synctest.Wait()
				time.Sleep(time.Minute) // late answers
				if len(n.dialed) != tc.dialed {
					t.Errorf("dialed %v", n.dialed)
				}
				if got != nil {
					got.Close()
				}
				if len(n.open) > 0 {
					t.Errorf("left open: %v", n.open)
				}
			})
		})
	}
}

// A30, A35: a host that has but one family of addresses gets through by those of the other, however many come before.
func TestBothFamilies(t *testing.T) {
	for _, prefer6 := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var n network
			var options []dc.Option
			for _, a := range []string{"hang", "hang2", "hang3", "hang4", "hang5"} {
				options = append(options, dc.Option{ID: 2, Addr: a, IPv6: prefer6})
			}
			options = append(options, dc.Option{ID: 2, Addr: "ok/1ms", IPv6: !prefer6})
			began := time.Now()
			got, err := (&Dialer{TCP: n.dial}).Dial(t.Context(), Way{}, dc.Environment{}, options)
			if err != nil {
				t.Fatal(err)
			}
			if took := time.Since(began); took > time.Second {
				t.Errorf("took %v", took)
			}
			got.Close()
		})
	}
}
