package lease

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/storage"
)

// emptied deletes both buckets and makes them anew, as an operator's mistake and a daemon's mending do.
func emptied(t *testing.T, ls *Leases, js jetstream.JetStream) {
	t.Helper()
	ctx := soon(t)
	for _, name := range []string{"TG_LEASES", "TG_ACCOUNTS"} {
		if err := js.DeleteKeyValue(ctx, name); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Open(ctx, storage.Daemon(js, storage.Options{LeaseTTL: ls.ttl}, nil), Options{TTL: ls.ttl}); err != nil {
		t.Fatal(err)
	}
}

// purged takes everything out of both buckets, without a mark.
func purged(t *testing.T, _ *Leases, js jetstream.JetStream) {
	t.Helper()
	ctx := soon(t)
	for _, name := range []string{"KV_TG_LEASES", "KV_TG_ACCOUNTS"} {
		st, err := js.Stream(ctx, name)
		if err == nil {
			err = st.Purge(ctx)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// D8: buckets that are deleted and made anew, or emptied, cost no account, let nobody else take one that is run, and are followed again.
func TestBucketsMadeAnew(t *testing.T) {
	for how, do := range map[string]func(*testing.T, *Leases, jetstream.JetStream){"deleted": emptied, "purged": purged} {
		t.Run(how, func(t *testing.T) { madeAnew(t, do) })
	}
}

func madeAnew(t *testing.T, do func(*testing.T, *Leases, jetstream.JetStream)) {
	t.Helper()
	all, conns := daemons(t, 3, Options{TTL: 4 * time.Second})
	one, _ := join(t, all[0], Member{})
	two, _ := join(t, all[1], Member{})
	l := acquire(t, all[0])
	until(t, two, func(now time.Time) bool { return two.Holding("main", now).Taken })
	js, _ := jetstream.New(conns[0])
	do(t, all[0], js)
	before := time.Now()
	three, _ := join(t, all[2], Member{}) // it has seen nothing of what was there before
	for !one.Standing().Renewed.After(before) || !three.Holding("main", time.Now()).Taken {
		for i, ls := range all[1:] {
			if l, err := ls.Acquire(soon(t), "main", ever); l != nil || err != nil && !errors.As(err, new(*WaitError)) {
				t.Fatalf("daemon %d takes the account: %v, %v", i+1, l, err)
			}
		}
		select {
		case <-l.Lost():
			t.Fatal("lost")
		case <-soon(t).Done():
			t.Fatal("not in the new buckets in time")
		case <-time.After(50 * time.Millisecond):
		}
	}
	until(t, two, func(now time.Time) bool { return len(two.Members(now)) == 3 && two.Holding("main", now).Taken })
	l.Release(soon(t), two.Self())
	until(t, two, func(now time.Time) bool { return !two.Holding("main", now).Taken })
	acquire(t, all[1]).Release(soon(t), "")
}

// D8: a record that somebody removes while its daemon is sure of its lease lets nobody bury that daemon.
func TestRecordOfALivingDaemonRemoved(t *testing.T) {
	all, _ := daemons(t, 2, Options{TTL: 4 * time.Second})
	one, _ := join(t, all[0], Member{})
	join(t, all[1], Member{})
	l := acquire(t, all[0])
	id := one.Self()
	before := one.Standing().Renewed
	if err := all[1].members.Purge(soon(t), memberKey+id); err != nil {
		t.Fatal(err)
	}
	for !one.Standing().Renewed.After(before) {
		if other, err := all[1].Acquire(soon(t), "main", ever); other != nil || err != nil && !errors.As(err, new(*WaitError)) {
			t.Fatalf("taken: %v, %v", other, err)
		}
		select {
		case <-l.Lost():
			t.Fatal("lost")
		case <-time.After(50 * time.Millisecond):
		}
	}
	if _, err := all[0].members.Get(soon(t), memberKey+id); err != nil {
		t.Error(err)
	}
}

// D8: a record that was missing is not written again by who is not sure any more.
func TestRemadeTooLate(t *testing.T) {
	all, _ := daemons(t, 1, Options{TTL: time.Minute})
	c, _ := join(t, all[0], Member{})
	m := all[0].now
	if err := all[0].members.Purge(soon(t), memberKey+m.id); err != nil {
		t.Fatal(err)
	}
	slept := time.Now().Round(0).Add(-time.Second) // the machine slept: by the wall clock it is too late
	m.sure.Store(&slept)
	if err := c.renew(context.Background(), m); err == nil {
		t.Error("written anew by who is not sure")
	}
}

// A record that no natsgram has written costs a lifetime, and then the account is run again: whoever had it has let go by then.
func TestForeignRecordOfAnAccount(t *testing.T) {
	all, _ := daemons(t, 2, Options{TTL: 2 * time.Second})
	join(t, all[0], Member{})
	join(t, all[1], Member{})
	l := acquire(t, all[0])
	written := time.Now()
	if _, err := all[1].accounts.Put(soon(t), "main", []byte("rubbish")); err != nil {
		t.Fatal(err)
	}
	if _, err := all[1].accounts.Put(soon(t), "no.account", []byte("rubbish")); err != nil {
		t.Fatal(err)
	}
	select {
	case <-l.Lost():
	case <-soon(t).Done():
		t.Fatal("the owner goes on")
	}
	acquire(t, all[1])
	if took := time.Since(written); took < 1500*time.Millisecond {
		t.Errorf("taken after %v", took)
	}
}
