// Package lease decides which daemon runs an account (design §5). Telegram ends a session that is used from two places (D8), so
// at any time at most one daemon may hold a connection for an account: the holder of its lease, a key in a KV bucket whose
// entries pass away by themselves.
//
// The holder renews by compare-and-set and counts by its own clock from before it asked: when no renewal was confirmed for
// three quarters of the lifetime the lease is lost to it, and Lost is closed, before the key can have passed on. The lifetime
// is the bucket's, not the key's: a later update drops a key's own lifetime, and such a lease would never end.
package lease

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
)

// TTL is how long a lease outlives its holder.
const TTL = 10 * time.Second

// Holder is what stands in a lease.
type Holder struct {
	ID   string    `json:"owner"`
	Host string    `json:"host,omitempty"`
	At   time.Time `json:"since"`
	// Embedded says that the holder runs the NATS server itself: whoever runs that server now knows that it is gone.
	Embedded bool `json:"embedded,omitempty"`
}

// Leases is the bucket. It is safe for concurrent use.
type Leases struct {
	kv   jetstream.KeyValue
	ttl  time.Duration
	self Holder
	log  *slog.Logger
}

// Options of a bucket. Zero values have defaults.
type Options struct {
	Bucket   string
	Replicas int
	TTL      time.Duration // TTL
	Embedded bool          // the NATS server runs in this process, which has locked its folder
	Log      *slog.Logger
}

// Open makes the bucket when it is missing.
func Open(ctx context.Context, js jetstream.JetStream, o Options) (*Leases, error) {
	if o.TTL <= 0 {
		o.TTL = TTL
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	kv, err := js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{
		Bucket: o.Bucket, Description: "natsgram: which daemon runs which account", TTL: o.TTL, History: 1,
		Replicas: max(o.Replicas, 1), Storage: jetstream.FileStorage,
	})
	if err != nil {
		return nil, fmt.Errorf("bucket %s: %w", o.Bucket, err)
	}
	host, _ := os.Hostname() // only told to people
	return &Leases{kv: kv, ttl: o.TTL, log: o.Log, self: Holder{ID: nuid.Next(), Host: host, Embedded: o.Embedded}}, nil
}

// Lease is an account held.
type Lease struct {
	leases  *Leases
	account string
	lost    chan struct{}
	cancel  context.CancelFunc
	done    sync.WaitGroup
	rev     uint64
}

// Lost is closed when the lease is not held for sure any more: whatever depends on it must end at once.
func (l *Lease) Lost() <-chan struct{} { return l.lost }

// Acquire waits until the account is free, and takes it.
func (ls *Leases) Acquire(ctx context.Context, account string) (*Lease, error) {
	freed, err := ls.watch(ctx, account)
	if err != nil {
		return nil, err
	}
	defer freed.Stop() //nolint:errcheck // the end of ctx stops it as well
	for said := false; ; said = true {
		asked := time.Now()
		rev, by, err := ls.try(ctx, account)
		if err == nil && rev != 0 {
			return ls.hold(account, rev, asked), nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			ls.log.Warn("asking for the lease", "account", account, "err", err)
		} else if !said {
			ls.log.Info("another daemon runs the account: waiting until it is free", "account", account, "owner", by.ID, "host", by.Host)
		}
		if err := ls.wait(ctx, freed); err != nil {
			return nil, err
		}
	}
}

func (ls *Leases) watch(ctx context.Context, account string) (jetstream.KeyWatcher, error) {
	w, err := ls.kv.Watch(ctx, account, jetstream.UpdatesOnly(), jetstream.MetaOnly())
	if err != nil {
		return nil, fmt.Errorf("%s: watching the lease: %w", account, err)
	}
	return w, nil
}

// wait returns when the lease was given back, or after a quarter of its lifetime: its passing away is not told.
func (ls *Leases) wait(ctx context.Context, freed jetstream.KeyWatcher) error {
	t := time.NewTimer(ls.ttl / 4)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-t.C:
			return nil
		case e := <-freed.Updates():
			if e == nil || e.Operation() != jetstream.KeyValuePut {
				return nil
			}
		}
	}
}

// try takes the account if it is free. Revision 0: it is not, and by says who has it.
func (ls *Leases) try(ctx context.Context, account string) (rev uint64, by Holder, err error) {
	me := ls.self
	me.At = time.Now().UTC()
	body, err := json.Marshal(me)
	if err != nil {
		return 0, by, err
	}
	rev, err = ls.kv.Create(ctx, account, body)
	if !errors.Is(err, jetstream.ErrKeyExists) {
		return rev, by, err
	}
	entry, err := ls.kv.Get(ctx, account)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return 0, by, nil // just passed away: next time
	}
	if err != nil {
		return 0, by, err
	}
	_ = json.Unmarshal(entry.Value(), &by) // what cannot be read is somebody else's
	if ls.self.Embedded && by.Embedded && by.ID != ls.self.ID {
		rev, err = ls.kv.Update(ctx, account, body, entry.Revision())
	}
	return rev, by, err
}

// hold renews until Release, from when it was asked for.
func (ls *Leases) hold(account string, rev uint64, confirmed time.Time) *Lease {
	ctx, cancel := context.WithCancel(context.Background())
	l := &Lease{leases: ls, account: account, lost: make(chan struct{}), cancel: cancel, rev: rev}
	l.done.Go(func() { l.renew(ctx, confirmed) })
	return l
}

func (l *Lease) renew(ctx context.Context, confirmed time.Time) {
	ttl := l.leases.ttl
	tick := time.NewTicker(ttl / 4)
	defer tick.Stop()
	for {
		deadline := confirmed.Add(ttl * 3 / 4)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		asked := time.Now()
		err := l.again(ctx, deadline)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			confirmed = asked
		case taken(err) || !time.Now().Before(deadline):
			l.leases.log.Error("the lease is lost", "account", l.account, "err", err)
			close(l.lost)
			return
		default:
			l.leases.log.Warn("renewing the lease", "account", l.account, "err", err)
		}
	}
}

// again renews once; it gives up in time for the holder to end.
func (l *Lease) again(ctx context.Context, deadline time.Time) error {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	me := l.leases.self
	me.At = time.Now().UTC()
	body, err := json.Marshal(me)
	if err != nil {
		return err
	}
	rev, err := l.leases.kv.Update(ctx, l.account, body, l.rev)
	if err == nil {
		l.rev = rev
	}
	return err
}

// taken: the compare-and-set failed, so the key is not what this holder wrote last.
func taken(err error) bool {
	var api jetstream.JetStreamError
	return errors.Is(err, jetstream.ErrKeyExists) ||
		errors.As(err, &api) && api.APIError() != nil && api.APIError().ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence
}

// Release gives the account back, so that the next daemon need not wait. It must be called once, after everything that
// depends on the lease has ended.
func (l *Lease) Release(ctx context.Context) {
	l.cancel()
	l.done.Wait()
	select {
	case <-l.lost:
	default:
		if err := l.leases.kv.Delete(ctx, l.account, jetstream.LastRevision(l.rev)); err != nil {
			l.leases.log.Warn("giving the lease back", "account", l.account, "err", err)
		}
	}
}
