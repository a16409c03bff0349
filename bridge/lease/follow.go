package lease

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/storage"
)

// follow reads a bucket. The library's consumer begins anew after a loss of the connection, and tells all again; but of a bucket
// that was deleted and made anew, or emptied, it would hear nothing, so that a bucket's age is looked at every now and then.
func (c *Crew) follow(ctx context.Context, kv jetstream.KeyValue, known chan struct{}) {
	var made time.Time
	for ctx.Err() == nil {
		w, err := c.watch(ctx, kv, &made)
		if err == nil {
			known = c.read(ctx, w, known, func() bool { return c.isAnew(ctx, kv, made) })
			_ = w.Stop() // the end of ctx stops it as well
		} else if ctx.Err() == nil {
			c.leases.log.Warn("following the other daemons", "err", err)
		}
		pause(ctx, c.leases.ttl/8)
	}
}

// watch begins to follow a bucket, in which this daemon's records stand by then. made is when it was created.
func (c *Crew) watch(ctx context.Context, kv jetstream.KeyValue, made *time.Time) (jetstream.KeyWatcher, error) {
	brief, cancel := context.WithTimeout(ctx, c.leases.ttl/2)
	defer cancel()
	at, _, err := c.leases.born(brief, kv)
	if err != nil {
		return nil, err
	}
	if !made.IsZero() && !at.Equal(*made) {
		c.leases.log.Warn("a bucket was made anew, or emptied", "bucket", kv.Bucket())
		if kv.Bucket() == c.leases.accounts.Bucket() {
			if err := c.restore(brief); err != nil {
				return nil, err
			}
		}
	}
	*made = at
	return kv.WatchAll(ctx)
}

func (c *Crew) isAnew(ctx context.Context, kv jetstream.KeyValue, made time.Time) bool {
	ctx, cancel := context.WithTimeout(ctx, c.leases.ttl/attemptShare)
	defer cancel()
	at, _, err := c.leases.born(ctx, kv)
	return err == nil && !at.Equal(made)
}

func (c *Crew) read(ctx context.Context, w jetstream.KeyWatcher, known chan struct{}, anew func() bool) chan struct{} {
	look := time.NewTicker(c.leases.ttl / renewEvery)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return known
		case <-look.C:
			if anew() {
				return known
			}
		case e, open := <-w.Updates():
			switch {
			case !open:
				return known
			case e != nil:
				c.note(e)
			case known != nil:
				close(known)
				known = nil
			}
		}
	}
}

// restore writes the records of this daemon's accounts into a bucket that was made anew. What is known of the others' stays as it
// is until they have done the same.
func (c *Crew) restore(ctx context.Context) error {
	c.mu.Lock()
	for account, h := range c.held {
		h.rev = 0 // the new bucket counts anew
		c.held[account] = h
	}
	c.mu.Unlock()
	ls := c.leases
	ls.mu.Lock()
	all := slices.Collect(maps.Values(ls.held))
	ls.mu.Unlock()
	var failed error
	for _, l := range all {
		if err := l.restore(ctx); err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", l.account, err))
		}
	}
	return failed
}

func (l *Lease) restore(ctx context.Context) error {
	ls := l.leases
	body, err := ls.record(Holder{ID: l.member.id})
	if err != nil {
		return err
	}
	rev, err := ls.accounts.Create(ctx, l.account, body)
	if taken(err) {
		var by Holder
		by, rev, err = ls.read(ctx, l.account)
		if err == nil && rev != 0 && by.ID != l.member.id {
			l.lose("another daemon has it in the new bucket")
			return nil
		}
	}
	if err != nil || rev == 0 {
		return errors.Join(err, errors.New("its record could not be written anew"))
	}
	ls.mu.Lock()
	l.rev = rev
	ls.mu.Unlock()
	return nil
}

// Young reports whether the accounts' bucket was made less than a lifetime ago: that an account has no record there does not
// tell then that no daemon runs it.
func (ls *Leases) Young(ctx context.Context) (bool, error) { return ls.young(ctx, ls.accounts) }

func (ls *Leases) young(ctx context.Context, kv jetstream.KeyValue) (bool, error) {
	_, age, err := ls.born(ctx, kv)
	return age < ls.ttl, err
}

// bornKey is the record of a bucket's beginning. It is written once and never passes away, so that it is lost with all others when
// the bucket is deleted, or emptied: from then on an absent record tells nothing for a lifetime.
const bornKey = "bucket.born"

// born is when a bucket was made or emptied, and how long ago, both by its server's clock.
func (ls *Leases) born(ctx context.Context, kv jetstream.KeyValue) (at time.Time, age time.Duration, err error) {
	entry, err := kv.Get(ctx, bornKey)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		if err = ls.begin(ctx, kv); err == nil {
			entry, err = kv.Get(ctx, bornKey)
		}
	}
	if err != nil {
		return at, 0, err
	}
	at = entry.Created()
	now, err := ls.serverTime(ctx, kv)
	return at, now.Sub(at), err
}

// serverTime is the time by the clock of a bucket's server.
func (ls *Leases) serverTime(ctx context.Context, kv jetstream.KeyValue) (time.Time, error) {
	st, err := kv.Status(ctx)
	if err != nil {
		return time.Time{}, err
	}
	full, ok := st.(*jetstream.KeyValueBucketStatus)
	if !ok {
		return time.Time{}, fmt.Errorf("bucket %s: its server's time is not told", kv.Bucket())
	}
	return full.StreamInfo().TimeStamp, nil
}

// begin writes the record of a bucket's beginning, unless somebody else does.
func (ls *Leases) begin(ctx context.Context, kv jetstream.KeyValue) error {
	name, h := storage.Accounts, nats.Header{jetstream.ExpectedLastSubjSeqHeader: {"0"}}
	if kv == ls.members {
		name = storage.Leases
		h.Set(jetstream.MsgTTLHeader, "never") // whatever the bucket's lifetime
	}
	_, err := ls.storage.PutKey(ctx, name, bornKey, []byte("{}"), h)
	if taken(err) {
		return nil
	}
	return err
}
