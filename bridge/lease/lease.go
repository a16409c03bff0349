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
	// Free says that the account was given back, For to whom: others leave it to that daemon for a while.
	Free bool   `json:"free,omitempty"`
	For  string `json:"for,omitempty"`
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
	Name     string        // of this daemon, for people; the host's
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
	if o.Name == "" {
		o.Name, _ = os.Hostname() // only told to people
	}
	return &Leases{kv: kv, ttl: o.TTL, log: o.Log, self: Holder{ID: nuid.Next(), Host: o.Name, Embedded: o.Embedded}}, nil
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

// Take takes the account if nobody holds it: nil if somebody does.
func (ls *Leases) Take(ctx context.Context, account string) (*Lease, error) {
	asked := time.Now()
	rev, err := ls.try(ctx, account)
	if err != nil || rev == 0 {
		return nil, err
	}
	return ls.hold(account, rev, asked), nil
}

// try takes the account if it is free, and gives the record's revision: 0, it is not.
func (ls *Leases) try(ctx context.Context, account string) (rev uint64, err error) {
	body, err := ls.record("", false)
	if err != nil {
		return 0, err
	}
	rev, err = ls.kv.Create(ctx, account, body)
	if !errors.Is(err, jetstream.ErrKeyExists) {
		return rev, err
	}
	entry, err := ls.kv.Get(ctx, account)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return 0, nil // just passed away: next time
	}
	if err != nil {
		return 0, err
	}
	var by Holder
	_ = json.Unmarshal(entry.Value(), &by) // what cannot be read is somebody else's
	if !ls.mine(by) {
		return 0, nil
	}
	if rev, err = ls.kv.Update(ctx, account, body, entry.Revision()); taken(err) {
		return 0, nil // somebody was faster
	}
	return rev, err
}

// mine: the record keeps this daemon from nothing. It was given back, or is of this daemon itself, or of one that ran the
// NATS server which this one runs now.
func (ls *Leases) mine(by Holder) bool {
	return by.Free || by.ID == ls.self.ID || ls.self.Embedded && by.Embedded
}

// record is what this daemon writes into a lease.
func (ls *Leases) record(heir string, free bool) ([]byte, error) {
	me := ls.self
	me.At, me.For, me.Free = time.Now().UTC(), heir, free
	return json.Marshal(me)
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
	body, err := l.leases.record("", false)
	if err != nil {
		return err
	}
	rev, err := l.leases.kv.Update(ctx, l.account, body, l.rev)
	if taken(err) {
		rev, err = l.own(ctx, body, err)
	}
	if err == nil {
		l.rev = rev
	}
	return err
}

// own renews when the record is not what this holder knows to have written last. It may still be its own: the answer to
// a renewal was lost on the way.
func (l *Lease) own(ctx context.Context, body []byte, why error) (uint64, error) {
	entry, err := l.leases.kv.Get(ctx, l.account)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return 0, why // passed away
	}
	var by Holder
	if err == nil {
		err = json.Unmarshal(entry.Value(), &by)
	}
	if err != nil {
		return 0, err
	}
	if by.ID != l.leases.self.ID || by.Free {
		return 0, why
	}
	return l.leases.kv.Update(ctx, l.account, body, entry.Revision())
}

// taken: the compare-and-set failed, so the key is not what this holder wrote last.
func taken(err error) bool {
	var api jetstream.JetStreamError
	return errors.Is(err, jetstream.ErrKeyExists) ||
		errors.As(err, &api) && api.APIError() != nil && api.APIError().ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence
}

// Release gives the account back, so that the next daemon need not wait: to whoever comes first, or to heir, a daemon's id.
// It must be called once, after everything that depends on the lease has ended.
func (l *Lease) Release(ctx context.Context, heir string) {
	l.cancel()
	l.done.Wait()
	select {
	case <-l.lost:
		return
	default:
	}
	body, err := l.leases.record(heir, true)
	if err == nil {
		_, err = l.leases.kv.Update(ctx, l.account, body, l.rev)
	}
	if err != nil {
		l.leases.log.Warn("giving the lease back", "account", l.account, "err", err)
	}
}
