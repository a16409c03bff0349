package lease

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/natsgram/natsgram/bridge/embedded/embeddedtest"
	"github.com/natsgram/natsgram/bridge/storage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// daemons are n buckets' views on one server, each with a connection of its own.
func daemons(t *testing.T, n int, o Options) (all []*Leases, conns []*nats.Conn) {
	t.Helper()
	srv := embeddedtest.Start(t)
	for range n {
		nc := embeddedtest.Connect(t, srv)
		js, _ := jetstream.New(nc)
		ls, err := Open(context.Background(), storage.Daemon(js, storage.Options{LeaseTTL: o.TTL}, nil), o)
		if err != nil {
			t.Fatal(err)
		}
		all, conns = append(all, ls), append(conns, nc)
	}
	return all, conns
}

// join makes a daemon known until the test ends, or its connection does.
func join(t *testing.T, ls *Leases, me Member) (c *Table, end func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(soon(t))
	var work sync.WaitGroup
	end = func() { cancel(); work.Wait() }
	t.Cleanup(end)
	c, err := ls.Join(ctx, ctx, me, &work)
	if err != nil {
		t.Fatal(err)
	}
	return c, end
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

// never and ever are what is known beside the buckets of whether some daemon has run an account.
func never(context.Context, bool) (bool, error) { return false, nil }
func ever(context.Context, bool) (bool, error)  { return true, nil }

// wait asks until the account is free.
func wait(ctx context.Context, ls *Leases) *Lease {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for ctx.Err() == nil {
		if l, err := ls.Acquire(ctx, "main", never); err == nil && l != nil {
			return l
		}
		<-tick.C
	}
	return nil
}

// D8: one holder; the next as soon as it is given back.
func TestOneHolder(t *testing.T) {
	all, _ := daemons(t, 2, Options{TTL: time.Minute})
	join(t, all[0], Member{})
	join(t, all[1], Member{})
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

// D8: a daemon's lease is renewed for as long as it lives, and all its accounts pass on when it does not; it knows before.
func TestLeaseOfTheDeadPassesOn(t *testing.T) {
	const ttl = 3 * time.Second
	all, conns := daemons(t, 2, Options{TTL: ttl})
	join(t, all[0], Member{})
	join(t, all[1], Member{})
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
	if two == nil {
		t.Fatal("did not pass on")
	}
	one.Release(soon(t), "") // changes nothing
	if by, _, err := all[1].read(soon(t), "main"); err != nil || by.Free {
		t.Errorf("a holder that lost the account gave it back: %+v, %v", by, err)
	}
	two.Release(soon(t), "")
}

// D8: once somebody has taken an account of a daemon that passed away, no renewal of that daemon that was still on its way
// brings its lease back; and the daemon goes on under another id.
func TestGraveKeepsTheDeadAway(t *testing.T) {
	all, _ := daemons(t, 2, Options{TTL: 3 * time.Second})
	first, stop := join(t, all[0], Member{})
	join(t, all[1], Member{})
	one := acquire(t, all[0])
	id, m := first.Self(), all[0].now
	ctx := soon(t)
	if dead, err := all[1].bury(ctx, id); dead || err != nil {
		t.Fatalf("buried alive: %v, %v", dead, err)
	}
	m.writing.Lock() // its renewals hang
	<-one.Lost()
	two := acquire(t, all[1])
	m.writing.Unlock()
	stop()
	if err := first.renew(ctx, m); !errors.Is(err, errLost) {
		t.Fatalf("renewed after another has taken over: %v", err)
	}
	if all[0].now != nil && all[0].now.id == id {
		t.Error("still inside")
	}
	all[0].now = nil
	if _, err := all[0].Acquire(ctx, "other", never); !errors.Is(err, ErrOutside) {
		t.Errorf("took an account without a lease: %v", err)
	}
	if _, err := first.enter(ctx); err != nil || first.Self() == id {
		t.Errorf("came back as %s: %v", first.Self(), err)
	}
	if l, err := all[0].Acquire(ctx, "main", never); l != nil || err != nil {
		t.Errorf("took what another has: %v, %v", l, err)
	}
	two.Release(ctx, "")
}

// A record that somebody changed or removed by hand is no right to go on.
func TestRecordRemovedByHand(t *testing.T) {
	all, _ := daemons(t, 1, Options{TTL: time.Minute})
	join(t, all[0], Member{})
	one := acquire(t, all[0])
	if err := all[0].accounts.Delete(soon(t), "main"); err != nil {
		t.Fatal(err)
	}
	select {
	case <-one.Lost():
	case <-soon(t).Done():
		t.Error("still held")
	}
}

// The daemon that runs the server itself need not wait for its own former self.
func TestEmbeddedTakesOver(t *testing.T) {
	all, _ := daemons(t, 2, Options{TTL: time.Minute, Embedded: true})
	join(t, all[0], Member{})
	join(t, all[1], Member{})
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
	ctx := soon(t)
	var tables []*Table
	for i, ls := range all {
		c, _ := join(t, ls, Member{Capacity: i + 1})
		tables = append(tables, c)
	}
	one := acquire(t, all[0])
	until(t, tables[1], func(now time.Time) bool {
		return len(tables[1].Members(now)) == 2 && tables[1].Holding("main", now).Taken && tables[1].Loads(now)[tables[0].Self()] == 1
	})
	if err := tables[1].Ask(ctx, "main", Move{From: tables[0].Self(), To: tables[1].Self()}); err != nil {
		t.Fatal(err)
	}
	until(t, tables[0], func(now time.Time) bool { m, ok := tables[0].Asked("main", now); return ok && m.To == tables[1].Self() })
	if _, ok := tables[0].Asked("main", time.Now()); ok {
		t.Error("told twice")
	}
	if _, ok := tables[1].Asked("main", time.Now()); ok {
		t.Error("a wish of one daemon was told another")
	}
	one.Release(ctx, tables[1].Self())
	until(t, tables[1], func(now time.Time) bool {
		s := tables[1].Holding("main", now)
		return !s.Taken && s.By.For == tables[1].Self()
	})
	acquire(t, all[1]).Release(ctx, "")
	tables[0].Leave(ctx)
	until(t, tables[1], func(now time.Time) bool {
		for _, m := range tables[1].Members(now) {
			if m.Leaving {
				return true
			}
		}
		return false
	})
	tables[0].Gone(ctx)
	until(t, tables[1], func(now time.Time) bool { return len(tables[1].Members(now)) == 1 })
}

func until(t *testing.T, c *Table, what func(time.Time) bool) {
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
	c, _ := join(t, all[0], Member{})
	m := all[0].now
	body, _ := c.card(m)
	if _, err := all[0].members.Update(soon(t), memberKey+m.id, body, m.rev); err != nil {
		t.Fatal(err)
	}
	if err := c.renew(soon(t), m); err != nil {
		t.Error(err)
	}
}

// Nor is an answer to taking an account that was lost: the account is taken anew.
func TestLostAnswerOfATaking(t *testing.T) {
	all, _ := daemons(t, 1, Options{TTL: time.Minute})
	c, _ := join(t, all[0], Member{})
	b := bid{Leases: all[0], account: "main", member: all[0].now, made: all[0].made, ran: never}
	if rev, err := b.try(soon(t)); rev == 0 || err != nil {
		t.Fatal(rev, err)
	}
	until(t, c, func(now time.Time) bool { s := c.Holding("main", now); return s.Known && !s.Taken })
	acquire(t, all[0]).Release(soon(t), "")
}

// An account is made known once; one that was closed is nobody's to take, and can be removed; another cannot.
func TestAddCloseRemove(t *testing.T) {
	all, _ := daemons(t, 2, Options{TTL: time.Minute})
	c, _ := join(t, all[0], Member{})
	join(t, all[1], Member{})
	ctx := soon(t)
	if err := all[1].Add(ctx, "main"); err != nil {
		t.Fatal(err)
	}
	if err := all[0].Add(ctx, "main"); !errors.Is(err, ErrKnown) {
		t.Errorf("added twice: %v", err)
	}
	one := acquire(t, all[0])
	if closed, err := all[1].Close(ctx, "main"); closed || err != nil {
		t.Errorf("closed what somebody has: %v, %v", closed, err)
	}
	if all[1].Remove(ctx, "main") == nil {
		t.Error("removed what somebody has")
	}
	one.Release(ctx, "")
	if closed, err := all[1].Close(ctx, "main"); !closed || err != nil {
		t.Errorf("not closed: %v, %v", closed, err)
	}
	if l, err := all[0].Acquire(ctx, "main", never); l != nil || err != nil {
		t.Errorf("took what is closed: %v, %v", l, err)
	}
	if err := all[1].Remove(ctx, "main"); err != nil {
		t.Error(err)
	}
	until(t, c, func(now time.Time) bool { return !c.Holding("main", now).Known && len(c.Accounts()) == 0 })
	acquire(t, all[0]).Close(ctx)
	if err := all[0].Remove(ctx, "main"); err != nil {
		t.Error(err)
	}
}
