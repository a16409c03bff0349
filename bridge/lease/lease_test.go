package lease

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/natsgram/natsgram/bridge/embedded"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// daemons are n buckets' views on one server, each with a connection of its own.
func daemons(t *testing.T, n int, o Options) (all []*Leases, conns []*nats.Conn) {
	t.Helper()
	srv, err := embedded.Start(embedded.Config{Dir: t.TempDir(), NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(srv.Close)
	o.Bucket = "TG_LEASES"
	for range n {
		nc, err := nats.Connect("", nats.InProcessServer(srv))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(nc.Close)
		js, _ := jetstream.New(nc)
		ls, err := Open(context.Background(), js, o)
		if err != nil {
			t.Fatal(err)
		}
		all, conns = append(all, ls), append(conns, nc)
	}
	return all, conns
}

func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func acquire(t *testing.T, ls *Leases) *Lease {
	t.Helper()
	l, err := ls.Acquire(soon(t), "main")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// D8: one holder; the next as soon as it is given back.
func TestOneHolder(t *testing.T) {
	all, _ := daemons(t, 2, Options{TTL: time.Minute})
	one := acquire(t, all[0])
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	if _, err := all[1].Acquire(ctx, "main"); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("a second holder: %v", err)
	}
	got := make(chan *Lease)
	go func() {
		l, _ := all[1].Acquire(soon(t), "main")
		got <- l
	}()
	one.Release(soon(t))
	two := <-got // long before a minute has passed
	if two == nil {
		t.Fatal("not free after it was given back")
	}
	two.Release(soon(t))
	acquire(t, all[0]).Release(soon(t))
}

// A lease is renewed for as long as its holder lives, and passes on when it does not; the holder knows before.
func TestLeaseOfTheDeadPassesOn(t *testing.T) {
	const ttl = time.Second
	all, conns := daemons(t, 2, Options{TTL: ttl})
	one := acquire(t, all[0])
	got := make(chan *Lease)
	go func() {
		l, _ := all[1].Acquire(soon(t), "main")
		got <- l
	}()
	alive := time.After(2 * ttl)
	select {
	case <-got:
		t.Fatal("passed on while its holder lived")
	case <-one.Lost():
		t.Fatal("lost while renewed")
	case <-alive:
	}
	conns[0].Close()
	select {
	case <-one.Lost():
	case <-got:
		t.Fatal("passed on before its holder knew")
	}
	two := <-got
	one.Release(soon(t))
	two.Release(soon(t))
}

// The daemon that runs the server itself need not wait for its own former self.
func TestEmbeddedTakesOver(t *testing.T) {
	all, _ := daemons(t, 2, Options{TTL: time.Minute, Embedded: true})
	one := acquire(t, all[0])
	begun := time.Now()
	two := acquire(t, all[1])
	if time.Since(begun) > 10*time.Second {
		t.Error("waited")
	}
	one.Release(soon(t)) // refused: it is not one's any more
	two.Release(soon(t))
}
