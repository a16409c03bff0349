package lease

import (
	"context"
	"sync"
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
	l := wait(soon(t), ls)
	if l == nil {
		t.Fatal("not free")
	}
	return l
}

// wait asks until the account is free.
func wait(ctx context.Context, ls *Leases) *Lease {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for ctx.Err() == nil {
		if l, err := ls.Take(ctx, "main"); err == nil && l != nil {
			return l
		}
		<-tick.C
	}
	return nil
}

// D8: one holder; the next as soon as it is given back.
func TestOneHolder(t *testing.T) {
	all, _ := daemons(t, 2, Options{TTL: time.Minute})
	one := acquire(t, all[0])
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	if wait(ctx, all[1]) != nil {
		t.Fatal("a second holder")
	}
	got := make(chan *Lease)
	go func() {
		got <- wait(soon(t), all[1])
	}()
	one.Release(soon(t), "")
	two := <-got // long before a minute has passed
	if two == nil {
		t.Fatal("not free after it was given back")
	}
	two.Release(soon(t), "")
	acquire(t, all[0]).Release(soon(t), "")
}

// A lease is renewed for as long as its holder lives, and passes on when it does not; the holder knows before.
func TestLeaseOfTheDeadPassesOn(t *testing.T) {
	const ttl = 3 * time.Second
	all, conns := daemons(t, 2, Options{TTL: ttl})
	one := acquire(t, all[0])
	got := make(chan *Lease)
	go func() {
		got <- wait(soon(t), all[1])
	}()
	alive := time.After(ttl * 3 / 2)
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
	one.Release(soon(t), "")
	two.Release(soon(t), "")
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
	one.Release(soon(t), "") // refused: it is not one's any more
	two.Release(soon(t), "")
}

// Daemons know of each other, of who has what, and of whom an account was given to.
func TestCrew(t *testing.T) {
	all, _ := daemons(t, 2, Options{TTL: time.Minute})
	ctx, cancel := context.WithCancel(soon(t))
	var work sync.WaitGroup
	t.Cleanup(work.Wait)
	t.Cleanup(cancel)
	var crews []*Crew
	for i, ls := range all {
		c, err := ls.Join(ctx, ctx, Member{Capacity: i + 1}, &work)
		if err != nil {
			t.Fatal(err)
		}
		crews = append(crews, c)
	}
	one := acquire(t, all[0])
	until(t, crews[1], func(now time.Time) bool {
		return len(crews[1].Members(now)) == 2 && crews[1].Seat("main", now).Taken && crews[1].Loads(now)[crews[0].Self()] == 1
	})
	if err := crews[1].Ask(ctx, "main", Move{To: crews[1].Self()}); err != nil {
		t.Fatal(err)
	}
	until(t, crews[0], func(now time.Time) bool { m, ok := crews[0].Asked("main", now); return ok && m.To == crews[1].Self() })
	one.Release(ctx, crews[1].Self())
	until(t, crews[1], func(now time.Time) bool {
		s := crews[1].Seat("main", now)
		return !s.Taken && s.By.For == crews[1].Self()
	})
	acquire(t, all[1]).Release(ctx, "")
	crews[0].Leave(ctx)
	crews[0].Gone(ctx)
	until(t, crews[1], func(now time.Time) bool { return len(crews[1].Members(now)) == 1 })
}

func until(t *testing.T, c *Crew, what func(time.Time) bool) {
	t.Helper()
	ctx := soon(t)
	for {
		changed := c.Changed()
		if what(time.Now()) {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			t.Fatal("not in time")
		}
	}
}

// A renewal whose answer was lost is no reason to let go.
func TestLostAnswerOfARenewal(t *testing.T) {
	all, _ := daemons(t, 1, Options{TTL: time.Minute})
	one := acquire(t, all[0])
	body, _ := all[0].record("", false)
	if _, err := all[0].kv.Update(soon(t), "main", body, one.rev); err != nil {
		t.Fatal(err)
	}
	if err := one.again(soon(t), time.Now().Add(time.Minute)); err != nil {
		t.Error(err)
	}
	one.Release(soon(t), "")
}
