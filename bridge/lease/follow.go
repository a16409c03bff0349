package lease

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/retry"
	"github.com/natsgram/natsgram/bridge/storage"
)

// follow reads a bucket. The library's consumer begins anew after a loss of the connection, and tells all again; but of a bucket
// that was deleted and made anew, or emptied, it would hear nothing, so that what it follows is looked at every now and then.
func (c *Table) follow(ctx context.Context, kv jetstream.KeyValue, known chan struct{}) {
	f := &following{table: c, kv: kv, known: known}
	for ctx.Err() == nil {
		w, err := f.begin(ctx)
		if err == nil {
			f.read(ctx, w)
			_ = w.Stop() // the end of ctx stops it as well
		} else if ctx.Err() == nil {
			c.leases.log.Warn("following the other daemons", "err", err)
			c.leases.storage.Suspect(err)
		}
		_ = retry.Pause(ctx, c.leases.ttl/againShare)
	}
}

// following is the reading of one bucket.
type following struct {
	table *Table
	kv    jetstream.KeyValue
	known chan struct{} // closed when all was read that stood there first; nil: it is

	made time.Time   // when the bucket was, that is followed
	seen uint64      // all up to this sequence was told
	due  bucketState // what has to be seen yet
	told bool        // something was told since the last look
}

// bucketState is what a look at a bucket found: whoever has seen all up to seq knows how the bucket stood when it was asked for.
type bucketState struct {
	asked time.Time
	made  time.Time
	seq   uint64
}

// begin begins to follow the bucket, in which this daemon's records stand by then.
func (f *following) begin(ctx context.Context) (jetstream.KeyWatcher, error) {
	c := f.table
	brief, cancel := context.WithTimeout(ctx, c.leases.ttl/attemptShare)
	l, age, err := c.leases.look(brief, f.kv)
	cancel()
	if err != nil {
		return nil, err
	}
	if !f.made.IsZero() && !l.made.Equal(f.made) {
		c.leases.log.Warn("a bucket was made anew, or emptied", "bucket", f.kv.Bucket())
	}
	if f.kv == c.leases.accounts && !l.made.Equal(f.made) {
		if err := c.restore(ctx, l.made, age); err != nil {
			return nil, err
		}
	}
	f.made, f.seen, f.due, f.told = l.made, 0, l, false
	return f.kv.WatchAll(ctx)
}

// read takes in what the bucket tells, until it is another one, or tells too little.
func (f *following) read(ctx context.Context, w jetstream.KeyWatcher) {
	c := f.table
	next := time.NewTimer(c.leases.ttl / renewEvery)
	defer next.Stop()
	for begun := false; ; {
		select {
		case <-ctx.Done():
			return
		case <-next.C:
			wait, ok := f.again(ctx, begun)
			if !ok {
				return
			}
			next.Reset(wait)
		case e, open := <-w.Updates():
			switch {
			case !open:
				return
			case e != nil:
				c.note(ctx, e)
				f.seen, f.told = max(f.seen, e.Revision()), true
			default: // all that stood there when the reading began, which was after the look
				begun, f.seen = true, max(f.seen, f.due.seq)
				if f.known != nil {
					close(f.known)
					f.known = nil
				}
			}
			f.settle(begun)
		}
	}
}

// again looks at the bucket once more. False: it is another one, or what it held at the last look is not told, so that it has to
// be read anew.
func (f *following) again(ctx context.Context, begun bool) (wait time.Duration, ok bool) {
	ls, told := f.table.leases, f.told
	f.told = false
	if !begun || f.due != (bucketState{}) {
		return ls.ttl / renewEvery, told
	}
	ctx, cancel := context.WithTimeout(ctx, ls.ttl/attemptShare)
	defer cancel()
	l, _, err := ls.look(ctx, f.kv)
	if err != nil {
		ls.storage.Suspect(err)
		return ls.ttl / againShare, true
	}
	if !l.made.Equal(f.made) {
		return 0, false
	}
	f.due = l
	f.settle(true)
	return ls.ttl / renewEvery, true
}

// settle confirms the accounts' records when all is told that stood in their bucket at the last look: had one of this daemon's
// been changed, its account would be lost.
func (f *following) settle(begun bool) {
	if !begun || f.due == (bucketState{}) || f.seen < f.due.seq {
		return
	}
	if ls := f.table.leases; f.kv == ls.accounts {
		ls.confirm(f.due)
	}
	f.due = bucketState{}
}

// restore writes the records of this daemon's accounts into a bucket that was made anew. What is known of the others' stays as it
// is until they have done the same.
func (c *Table) restore(ctx context.Context, made time.Time, age time.Duration) error {
	c.mu.Lock()
	for account, h := range c.held {
		h.rev = 0 // whatever clock the new bucket's revisions began by
		c.held[account] = h
	}
	c.mu.Unlock()
	ls := c.leases
	ctx, cancel := context.WithTimeout(ctx, ls.ttl/2)
	defer cancel()
	ls.mu.Lock()
	ls.made, ls.old = made, time.Now().Add(ls.ttl-age)
	all := slices.Collect(maps.Values(ls.held))
	all = slices.DeleteFunc(all, func(l *Lease) bool { return l.made.Equal(made) })
	ls.mu.Unlock()
	var failed error
	var mu sync.Mutex
	var work sync.WaitGroup
	room := make(chan struct{}, restoresAtOnce)
	for _, l := range all {
		room <- struct{}{}
		work.Go(func() {
			defer func() { <-room }()
			if err := l.restore(ctx, made); err != nil {
				mu.Lock()
				defer mu.Unlock()
				failed = fmt.Errorf("%s: %w", l.account, err)
			}
		})
	}
	work.Wait()
	return failed
}

// restoresAtOnce is how many records are written anew at a time.
const restoresAtOnce = 16

// restore writes the account's record where none is, or where somebody asks by a record of his own whose the account is. It counts
// only while the lease is sure: then nobody else can have taken it.
func (l *Lease) restore(ctx context.Context, made time.Time) error {
	ls := l.leases
	ctx, cancel := context.WithTimeout(ctx, ls.ttl/attemptShare)
	defer cancel()
	body, err := ls.record(Holder{ID: l.member.id})
	if err != nil {
		return err
	}
	if !l.Sure() {
		l.lose("its record is missing, and it is not sure any more")
		return nil
	}
	rev, err := ls.accounts.Create(ctx, l.account, body)
	if conflict(err) {
		var by Holder
		by, rev, err = ls.read(ctx, l.account)
		switch {
		case err != nil || rev == 0:
		case by.nobody():
			rev, err = ls.accounts.Update(ctx, l.account, body, rev)
		case by.ID != l.member.id || by.Free:
			l.lose("another daemon has it in the new bucket")
			return nil
		}
	}
	if err != nil || rev == 0 {
		return errors.Join(err, errors.New("its record could not be written anew"))
	}
	if !l.Sure() {
		l.lose("its record was missing, and was written anew too late")
		return nil
	}
	ls.mu.Lock()
	l.rev, l.made = rev, made
	ls.mu.Unlock()
	return nil
}

// bornKey is the record of a bucket's beginning. It is written once and never passes away, so that it is lost with all others when
// the bucket is deleted, or emptied: from then on an absent record tells nothing for a lifetime.
const bornKey = "bucket.born"

// look looks at a bucket: when it was made or emptied, how long ago that is, and how far it has come, by its server.
func (ls *Leases) look(ctx context.Context, kv jetstream.KeyValue) (l bucketState, age time.Duration, err error) {
	l.asked = time.Now()
	if l.made, err = ls.born(ctx, kv); err != nil {
		return bucketState{}, 0, err
	}
	info, err := status(ctx, kv)
	if err != nil {
		return bucketState{}, 0, err
	}
	l.seq = info.State.LastSeq
	return l, info.TimeStamp.Sub(l.made), nil
}

func (ls *Leases) young(ctx context.Context, kv jetstream.KeyValue) (at time.Time, young bool, err error) {
	l, age, err := ls.look(ctx, kv)
	return l.made, age < ls.ttl, err
}

// born is when a bucket was made or emptied, by its server's clock.
func (ls *Leases) born(ctx context.Context, kv jetstream.KeyValue) (time.Time, error) {
	entry, err := kv.Get(ctx, bornKey)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		if err = ls.begin(ctx, kv); err == nil {
			entry, err = kv.Get(ctx, bornKey)
		}
	}
	if err != nil {
		return time.Time{}, err
	}
	return entry.Created(), nil
}

// status is what a bucket's server tells of its stream.
func status(ctx context.Context, kv jetstream.KeyValue) (*jetstream.StreamInfo, error) {
	st, err := kv.Status(ctx)
	if err != nil {
		return nil, err
	}
	full, ok := st.(*jetstream.KeyValueBucketStatus)
	if !ok {
		return nil, fmt.Errorf("bucket %s: its server's time is not told", kv.Bucket())
	}
	return full.StreamInfo(), nil
}

// begin writes the record of a bucket's beginning, unless somebody else does.
func (ls *Leases) begin(ctx context.Context, kv jetstream.KeyValue) error {
	name, h := storage.Accounts, nats.Header{}
	if kv.Bucket() == ls.members.Bucket() {
		name = storage.Leases
		h.Set(jetstream.MsgTTLHeader, "never") // whatever the bucket's lifetime
	}
	mark, err := ls.storage.Mark(ctx, name, bornKey)
	if err != nil {
		return err
	}
	h.Set(jetstream.ExpectedLastSubjSeqHeader, strconv.FormatUint(mark.Revision, 10))
	if _, err = ls.storage.PutKey(ctx, name, bornKey, []byte("{}"), h); conflict(err) {
		return nil
	}
	return err
}
