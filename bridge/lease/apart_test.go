package lease

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/retry"
	"github.com/natsgram/natsgram/bridge/storage"
)

// lossOf is one way of losing what keeps two daemons apart.
type lossOf func(ctx context.Context, js jetstream.JetStream, owner string) error

func deleted(buckets ...string) lossOf {
	return func(ctx context.Context, js jetstream.JetStream, _ string) error {
		for _, name := range buckets {
			if err := js.DeleteKeyValue(ctx, name); err != nil {
				return err
			}
		}
		return nil
	}
}

func emptiedOf(bucket string, o ...jetstream.StreamPurgeOpt) lossOf {
	return func(ctx context.Context, js jetstream.JetStream, _ string) error {
		st, err := js.Stream(ctx, "KV_"+bucket)
		if err != nil {
			return err
		}
		return st.Purge(ctx, o...)
	}
}

// lateRecord is one of a daemon that died long ago, which was on its way and comes into the bucket that is made anew.
func lateRecord(ctx context.Context, js jetstream.JetStream, owner string) error {
	if err := deleted("TG_ACCOUNTS")(ctx, js, owner); err != nil {
		return err
	}
	accounts, err := storage.Daemon(js, storage.Options{}, nil).Bucket(ctx, storage.Accounts)
	if err == nil {
		_, err = accounts.Create(ctx, "main", []byte(`{"owner":"dead"}`))
	}
	return err
}

func byKey(do func(ctx context.Context, accounts, members jetstream.KeyValue, owner string) error) lossOf {
	return func(ctx context.Context, js jetstream.JetStream, owner string) error {
		accounts, err := js.KeyValue(ctx, "TG_ACCOUNTS")
		if err != nil {
			return err
		}
		members, err := js.KeyValue(ctx, "TG_LEASES")
		if err != nil {
			return err
		}
		return do(ctx, accounts, members, owner)
	}
}

var losses = map[string]lossOf{
	"accounts deleted":                deleted("TG_ACCOUNTS"),
	"leases deleted":                  deleted("TG_LEASES"),
	"both deleted":                    deleted("TG_ACCOUNTS", "TG_LEASES"),
	"accounts emptied":                emptiedOf("TG_ACCOUNTS"),
	"leases emptied":                  emptiedOf("TG_LEASES"),
	"account's record without a mark": emptiedOf("TG_ACCOUNTS", jetstream.WithPurgeSubject("$KV.TG_ACCOUNTS.main")),
	"account's record deleted": byKey(func(ctx context.Context, accounts, _ jetstream.KeyValue, _ string) error {
		return accounts.Delete(ctx, "main")
	}),
	"account's record purged": byKey(func(ctx context.Context, accounts, _ jetstream.KeyValue, _ string) error {
		return accounts.Purge(ctx, "main")
	}),
	"daemon's record deleted": byKey(func(ctx context.Context, _, members jetstream.KeyValue, owner string) error {
		return members.Delete(ctx, memberKey+owner)
	}),
	"beginning deleted": byKey(func(ctx context.Context, accounts, members jetstream.KeyValue, owner string) error {
		return errors.Join(accounts.Delete(ctx, bornKey), members.Delete(ctx, bornKey),
			accounts.Purge(ctx, "main"), members.Purge(ctx, memberKey+owner))
	}),
	"late record of a dead daemon": lateRecord,
	"nothing":                      func(context.Context, jetstream.JetStream, string) error { return nil },
}

// D8: whatever is lost of the buckets, nobody takes an account while its owner is sure of it: one that hears nothing any more, one
// whose records do not come through, and one that is well. Neither does a daemon that saw what was there before, nor a new one.
func TestNeverTwo(t *testing.T) {
	for name, lose := range losses {
		states := map[string]func(*relay){"cut off": cutOff}
		if strings.HasPrefix(name, "account") {
			states["unwritten"], states["well"] = unwritten, func(*relay) {}
		}
		for state, hurt := range states {
			t.Run(name+", "+state, func(t *testing.T) {
				t.Parallel()
				neverTwo(t, lose, hurt)
			})
		}
	}
}

func cutOff(r *relay) { close(r.frozen) }

// unwritten loses everything that is written about the account.
func unwritten(r *relay) {
	record := []byte("$KV.TG_ACCOUNTS.main")
	r.always.Store(true)
	r.drop.Store(&record)
}

func neverTwo(t *testing.T, lose lossOf, hurt func(*relay)) {
	t.Helper()
	const ttl, patience = time.Second, 30 * time.Second
	r, owner, nc, other := relayed(t, ttl)
	one, _ := join(t, owner, Member{})
	t.Cleanup(nc.Close) // or its end would wait for answers
	join(t, other, Member{})
	l := acquire(t, owner)
	js, _ := jetstream.New(other.storage.JetStream().Conn())
	id := one.Self()
	for ctx := soon(t); ; _ = retry.Pause(ctx, 20*time.Millisecond) { // of young buckets more is asked
		_, a, err := other.young(ctx, other.accounts)
		_, b, err2 := other.young(ctx, other.members)
		if err := errors.Join(err, err2, ctx.Err()); err != nil {
			t.Fatal(err)
		}
		if !a && !b {
			break
		}
	}
	hurt(r)
	if err := lose(soon(t), js, id); err != nil {
		t.Fatal(err)
	}
	newcomer, err := Open(soon(t), storage.Daemon(js, storage.Options{LeaseTTL: ttl}, nil), Options{TTL: ttl})
	if err != nil {
		t.Fatal(err)
	}
	join(t, newcomer, Member{})
	for begun := time.Now(); time.Since(begun) < 3*ttl || !l.Sure() && time.Since(begun) < patience; time.Sleep(5 * time.Millisecond) {
		for _, ls := range []*Leases{other, newcomer} {
			theirs, err := ls.Acquire(soon(t), "main", ever)
			if l.Sure() && theirs != nil {
				t.Fatalf("two have it %v after the loss", time.Since(begun))
			}
			if theirs != nil {
				return
			}
			if err != nil && !errors.As(err, new(*WaitError)) && !errors.Is(err, ErrOutside) {
				t.Logf("after %v: %v", time.Since(begun), err)
			}
		}
	}
	if !l.Sure() {
		t.Error("nobody has it")
	}
}

// betweenSteps does something between two steps of a daemon: nothing that was read of the one bucket holds in the other.
type betweenSteps struct {
	jetstream.KeyValue
	do atomic.Pointer[func()]
}

func (b *betweenSteps) Create(ctx context.Context, key string, value []byte, o ...jetstream.KVCreateOpt) (uint64, error) {
	if do := b.do.Swap(nil); do != nil {
		(*do)()
	}
	return b.KeyValue.Create(ctx, key, value, o...)
}

// D8: a grave that was meant for the bucket before buries nobody, and nobody believes it.
func TestGraveInTheNextBucket(t *testing.T) {
	all, conns := daemons(t, 2, Options{TTL: 2 * time.Second})
	one, _ := join(t, all[0], Member{})
	id := one.Self()
	js, _ := jetstream.New(conns[1])
	for young := true; young; _ = retry.Pause(soon(t), 20*time.Millisecond) {
		var err error
		if _, young, err = all[1].young(soon(t), all[1].members); err != nil {
			t.Fatal(err)
		}
	}
	anew := func() { emptied(t, all[1], js) }
	b := &betweenSteps{KeyValue: all[1].members}
	b.do.Store(&anew)
	all[1].members = b
	for range 2 {
		if dead, err := all[1].bury(soon(t), id); dead {
			t.Fatalf("buried: %v", err)
		}
	}
	if b.do.Load() != nil {
		t.Error("nothing was made anew")
	}
}

// D8: an account is not taken by a record that went into another bucket than the one that was looked at.
func TestRecordInTheNextBucket(t *testing.T) {
	all, conns := daemons(t, 1, Options{TTL: time.Minute})
	join(t, all[0], Member{})
	js, _ := jetstream.New(conns[0])
	anew := func() { emptied(t, all[0], js) }
	b := &betweenSteps{KeyValue: all[0].accounts}
	b.do.Store(&anew)
	all[0].accounts = b
	if l, err := all[0].Acquire(soon(t), "main", never); l != nil || err == nil {
		t.Errorf("taken: %v, %v", l, err)
	}
}

// D8: who is not sure any more writes no record of an account into a bucket that was made anew.
func TestRestoredTooLate(t *testing.T) {
	all, _ := daemons(t, 1, Options{TTL: time.Minute})
	join(t, all[0], Member{})
	l := acquire(t, all[0])
	if err := all[0].accounts.Purge(soon(t), "main"); err != nil {
		t.Fatal(err)
	}
	slept := time.Now().Round(0).Add(-time.Second)
	all[0].sure.Store(&slept)
	if err := l.restore(soon(t), time.Now()); err != nil {
		t.Fatal(err)
	}
	if _, rev, err := all[0].read(soon(t), "main"); rev != 0 || err != nil {
		t.Errorf("written at %d, %v", rev, err)
	}
	<-l.Lost()
}

// D8: that a daemon renews its own lease keeps no account whose record it cannot confirm.
func TestRecordsUnconfirmed(t *testing.T) {
	const ttl = 2 * time.Second
	r, ls, _, _ := relayed(t, ttl)
	c, _ := join(t, ls, Member{})
	l := acquire(t, ls)
	record := []byte("STREAM.INFO.KV_TG_ACCOUNTS")
	r.always.Store(true)
	r.drop.Store(&record)
	select {
	case <-l.Lost():
	case <-soon(t).Done():
		t.Fatal("held")
	}
	if c.Ready() {
		t.Error("it may take accounts")
	}
	r.drop.Store(nil)
	for ctx := soon(t); !c.Ready(); _ = retry.Pause(ctx, 20*time.Millisecond) {
		if ctx.Err() != nil {
			t.Fatal("it may take none any more")
		}
	}
	acquire(t, ls)
}
