package lease

import (
	"bytes"
	"context"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/embedded/embeddedtest"
	"github.com/natsgram/natsgram/bridge/storage"
)

// relay stands between a daemon and its NATS server, and does to their connection what networks do.
type relay struct {
	l      net.Listener
	target string
	drop   atomic.Pointer[[]byte] // the connection that sends this is cut, with what it sent
	always atomic.Bool            // and so is every other that does
	frozen chan struct{}          // closed: nothing is read or passed on any more
	work   sync.WaitGroup

	mu    sync.Mutex
	conns []net.Conn
}

func newRelay(t *testing.T, target string) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{l: l, target: target, frozen: make(chan struct{})}
	r.work.Go(r.accept)
	t.Cleanup(func() {
		l.Close()
		r.mu.Lock()
		for _, c := range r.conns {
			c.Close()
		}
		r.mu.Unlock()
		r.work.Wait()
	})
	return r
}

func (r *relay) accept() {
	for {
		in, err := r.l.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", r.target)
		if err != nil {
			in.Close()
			continue
		}
		r.mu.Lock()
		r.conns = append(r.conns, in, out)
		r.mu.Unlock()
		r.work.Go(func() { r.pass(in, out, true) })
		r.work.Go(func() { r.pass(out, in, false) })
	}
}

func (r *relay) pass(from, to net.Conn, fromClient bool) {
	defer from.Close()
	defer to.Close()
	b := make([]byte, 64<<10)
	for {
		n, err := from.Read(b)
		if err != nil {
			return
		}
		if p := r.drop.Load(); fromClient && p != nil && bytes.Contains(b[:n], *p) && (r.always.Load() || r.drop.CompareAndSwap(p, nil)) {
			return
		}
		select {
		case <-r.frozen:
			to.Read(make([]byte, 1)) //nolint:errcheck // until the test ends
			return
		default:
		}
		if _, err := to.Write(b[:n]); err != nil {
			return
		}
	}
}

// relayed is a daemon that reaches its server by a relay, and another that does not.
func relayed(t *testing.T, ttl time.Duration) (*relay, *Leases, *nats.Conn, *Leases) {
	t.Helper()
	srv := embeddedtest.Start(t)
	direct := embeddedtest.Connect(t, srv)
	r := newRelay(t, strings.TrimPrefix(srv.ClientURL(), "nats://"))
	nc, err := nats.Connect("nats://"+r.l.Addr().String(), nats.MaxReconnects(-1), nats.ReconnectWait(20*time.Millisecond),
		nats.FlusherTimeout(2*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return r, open(t, nc, ttl), nc, open(t, direct, ttl)
}

func open(t *testing.T, nc *nats.Conn, ttl time.Duration) *Leases {
	t.Helper()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	ls, err := Open(soon(t), storage.Daemon(js, storage.Options{LeaseTTL: ttl}, nil), Options{TTL: ttl})
	if err != nil {
		t.Fatal(err)
	}
	return ls
}

// A renewal that is lost together with its connection costs no account: NATS is there again after a moment, and the renewal is
// made again.
func TestLostRenewal(t *testing.T) {
	r, ls, _, _ := relayed(t, 6*time.Second)
	c, _ := join(t, ls, Member{})
	l := acquire(t, ls)
	for range 2 {
		renewal := []byte("$KV.TG_LEASES.member." + c.Self())
		r.drop.Store(&renewal)
		before := c.Standing().Renewed
		for again := false; !again; {
			select {
			case <-l.Lost():
				t.Fatal("one lost renewal cost the account")
			case <-soon(t).Done():
				t.Fatal("not renewed again")
			case <-time.After(20 * time.Millisecond):
				again = r.drop.Load() == nil && c.Standing().Renewed.After(before)
			}
		}
	}
}

// A server that is frozen while it owes the reading of what was sent blocks whoever writes to it. The accounts end in their time
// all the same: a timer ends them, not the call that hangs.
func TestFrozenServer(t *testing.T) {
	const ttl = 4 * time.Second
	r, ls, nc, other := relayed(t, ttl)
	join(t, ls, Member{})
	join(t, other, Member{})
	l := acquire(t, ls)
	close(r.frozen)
	stop := make(chan struct{})
	defer close(stop)
	go func() { // fill the socket, so that writing blocks under the connection's lock
		for load := make([]byte, 256<<10); ; {
			select {
			case <-stop:
				return
			default:
				_ = nc.Publish("load", load)
			}
		}
	}()
	taken := make(chan *Lease, 1)
	go func() { taken <- wait(soon(t), other) }()
	select {
	case <-l.Lost():
	case l := <-taken:
		t.Fatalf("another took the account before its holder had let go: %v", l)
	}
	if l := <-taken; l == nil {
		t.Fatal("nobody took the account")
	}
}

// lagging answers reads as a copy of the bucket that is behind does.
type lagging struct {
	jetstream.KeyValue
	behind atomic.Int32 // reads that are still answered so
	get    func(key string) (jetstream.KeyValueEntry, error)
}

func (l *lagging) Get(ctx context.Context, key string) (jetstream.KeyValueEntry, error) {
	if l.behind.Add(-1) >= 0 {
		return l.get(key)
	}
	return l.KeyValue.Get(ctx, key)
}

// In a cluster a read may be answered by a copy that is behind: that it knows nothing of the record yet, or an older one, loses
// no lease.
func TestLaggingCopy(t *testing.T) {
	for name, older := range map[string]bool{"not there yet": false, "an older one": true} {
		t.Run(name, func(t *testing.T) {
			all, _ := daemons(t, 1, Options{TTL: 4 * time.Second})
			c, _ := join(t, all[0], Member{})
			l := acquire(t, all[0])
			m := all[0].now
			m.writing.Lock()
			first, err := all[0].members.Get(soon(t), memberKey+m.id)
			if err != nil {
				t.Fatal(err)
			}
			body, _ := c.card(m)
			if _, err := all[0].members.Update(soon(t), memberKey+m.id, body, m.rev); err != nil { // its answer is lost
				t.Fatal(err)
			}
			late := &lagging{KeyValue: all[0].members, get: func(string) (jetstream.KeyValueEntry, error) {
				if older {
					return first, nil
				}
				return nil, jetstream.ErrKeyNotFound
			}}
			late.behind.Store(2)
			all[0].members = late
			m.writing.Unlock()
			before := c.Standing().Renewed
			for !c.Standing().Renewed.After(before) {
				select {
				case <-l.Lost():
					t.Fatal("a copy that was behind cost the account")
				case <-time.After(20 * time.Millisecond):
				}
			}
		})
	}
}
