package peers

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/subjects"
)

// pending is what the bucket is to be told of a peer: a record; other names; neither: in which message he was seen.
type pending struct {
	record *record
	old    bool // the record is of some time ago: what the bucket has is newer
	naming *naming
}

type naming struct {
	name      string
	usernames []string
}

// keeping is what waits to be written, and who writes it.
type keeping struct {
	pending map[key]pending
	learned uint64 // records that were written
	busy    bool
	ended   bool
	stop    chan struct{}   // closed by Close
	life    context.Context //nolint:containedctx // of writes under way: ends with that of Close
	cancel  context.CancelFunc
	work    sync.WaitGroup
	writing sync.Mutex // held while some are written
}

const (
	// gather is how long what was learned waits for more of it, so that it is stored together.
	gather = 250 * time.Millisecond
	// together is how much is written at a time.
	together = 256
	// pendingMost is how much may wait. What is learned beyond is learned again when it comes again.
	pendingMost = 20_000
	// againAfter is when a write is tried again that failed.
	againAfter = 2 * time.Second
)

// Figures are how much a directory holds.
type Figures struct {
	InMemory int    // peers
	Learned  uint64 // peers written to the bucket because they are new, or not as they were; since the directory was made
}

// Figures are those of now.
func (d *Directory) Figures() Figures {
	d.mu.Lock()
	defer d.mu.Unlock()
	return Figures{len(d.memory.young) + len(d.memory.old), d.learned}
}

// keep has a peer written, with d.mu held.
func (d *Directory) keep(k key, what pending) {
	if d.c.Store == nil || d.ended {
		return
	}
	if _, there := d.pending[k]; !there && len(d.pending) >= pendingMost {
		if e, known := d.memory.get(k); known {
			e.raw, e.whole = 0, 0
			d.memory.put(k, e)
		}
		return
	}
	if before := d.pending[k]; what.record == nil && what.naming == nil && before.naming != nil {
		return // it is written with the names
	}
	d.pending[k] = what
	if !d.busy {
		d.busy = true
		d.work.Go(d.writer)
	}
}

// writer writes what is pending, and ends when nothing is.
func (d *Directory) writer() {
	wait := gather
	for {
		select {
		case <-time.After(wait):
		case <-d.stop:
			return // Close writes the rest
		}
		wait = gather
		if !d.flush(d.life) {
			wait = againAfter
		}
		d.mu.Lock()
		if len(d.pending) == 0 {
			d.busy = false
			d.mu.Unlock()
			return
		}
		d.mu.Unlock()
	}
}

// flush writes some of what is pending; false: not all of that could be written.
func (d *Directory) flush(ctx context.Context) bool {
	d.writing.Lock()
	defer d.writing.Unlock()
	some, failed := map[key]pending{}, map[key]pending{}
	d.mu.Lock()
	for k, what := range d.pending {
		if len(some) == together {
			break
		}
		some[k] = what
		delete(d.pending, k)
	}
	d.mu.Unlock()
	var work sync.WaitGroup
	for k, what := range some {
		work.Go(func() {
			if err := d.write(ctx, k, what); err != nil {
				d.mu.Lock()
				failed[k] = what
				d.mu.Unlock()
			}
		})
	}
	work.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	for k, what := range failed {
		if _, newer := d.pending[k]; !newer {
			d.pending[k] = what
		}
	}
	return len(failed) == 0
}

// write tells the bucket of a peer, unless it knows.
func (d *Directory) write(ctx context.Context, k key, what pending) error {
	p := k.peer()
	d.mu.Lock()
	e, known := d.memory.get(k)
	d.mu.Unlock()
	next := what.record
	if next != nil && !next.access.full && known && e.full {
		return nil // more is known meanwhile
	}
	if next == nil || e.kept == 0 {
		there, err := d.stored(ctx, p)
		switch {
		case err != nil && !errors.Is(err, errNone):
			return err
		case next == nil && (err != nil || what.naming == nil && there.access.full):
			return nil // the bucket does not know him; or all that there is to know
		case next == nil:
			next = &there
			if what.naming != nil {
				next.Name, next.Usernames = what.naming.name, what.naming.usernames
			}
			if known && !e.full && !there.access.full && e.msg != 0 {
				next.access = e.access()
			}
		case err == nil && what.old && (there.access.full || !next.access.full), err == nil && there.access.full && !next.access.full, err == nil && there.sum() == next.sum() && next.access.full:
			d.adopt(k, there)
			return nil
		}
	}
	value, err := next.encode(d.c.Box, d.c.Account, p)
	if err == nil {
		err = d.c.Store.Put(ctx, peerKey(d.c.Account, p), value)
	}
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.learned++
	if e, known := d.memory.get(k); known {
		e.kept = next.sum()
		d.memory.put(k, e)
	}
	return nil
}

// stored is what the bucket knows of a peer; errNone: nothing of use.
func (d *Directory) stored(ctx context.Context, p peer) (r record, err error) {
	if d.c.Store == nil {
		return r, errNone
	}
	value, err := d.c.Store.Get(ctx, peerKey(d.c.Account, p))
	if err != nil {
		return r, err
	}
	if r, err = readRecord(value, d.c.Box, d.c.Account, d.c.User, p); err != nil {
		return r, errNone
	}
	return r, nil
}

// adopt takes in what the bucket knows, as far as it is more.
func (d *Directory) adopt(k key, r record) entry {
	d.mu.Lock()
	defer d.mu.Unlock()
	e, _ := d.memory.get(k)
	e.kept = r.sum()
	e.bot = r.Type == "bot"
	switch {
	case e.full:
	case r.access.full:
		e.full, e.hash, e.in, e.msg = true, r.access.hash, 0, 0
	case e.msg == 0:
		e.in, e.msg = r.access.in, r.access.msg
	}
	d.memory.put(k, e)
	return e
}

// recall reads of a peer that memory does not know, or not enough, what the bucket does.
func (d *Directory) recall(ctx context.Context, p peer) (entry, bool) {
	k := keyOf(p)
	d.mu.Lock()
	e, known := d.memory.get(k)
	d.mu.Unlock()
	if known && (e.full || e.kept != 0) || d.c.Store == nil {
		return e, known
	}
	defer mtproto.BeginWait(ctx, mtproto.Wait{For: mtproto.WaitElse})()
	r, err := d.stored(ctx, p)
	if err != nil {
		return e, known
	}
	return d.adopt(k, r), true
}

// storedName is whose a name was found to be.
type storedName struct {
	Account int64         `json:"account,string"`
	Kind    subjects.Kind `json:"kind,omitempty"`
	ID      int64         `json:"id,string,omitempty"`
	At      time.Time     `json:"at"`
	Error   string        `json:"error,omitempty"` // nobody's, until Until
	Code    int           `json:"code,omitempty"`
	Until   time.Time     `json:"until,omitzero"`
}

// keepName tells the bucket of a name, for whoever runs the account later. That it fails costs a question.
func (d *Directory) keepName(ctx context.Context, name string, a alias) {
	if d.c.Store == nil {
		return
	}
	n := storedName{Account: d.c.User, At: time.Now().UTC().Truncate(time.Second), Kind: a.peer.kind, ID: a.peer.id}
	var e *mtproto.Error
	if errors.As(a.err, &e) {
		n.Error, n.Code, n.Until = e.Type, e.Code, a.until.UTC().Truncate(time.Second)
	}
	if b, err := json.Marshal(n); err == nil {
		_ = d.c.Store.Put(ctx, nameKey(d.c.Account, name), b)
	}
}

// nameStored is what the bucket knows of a name: somebody who had it once; or, with a time, that it was nobody's.
func (d *Directory) nameStored(ctx context.Context, name string) (a alias, ok bool) {
	if d.c.Store == nil {
		return a, false
	}
	b, err := d.c.Store.Get(ctx, nameKey(d.c.Account, name))
	var n storedName
	if err != nil || json.Unmarshal(b, &n) != nil || n.Account != d.c.User {
		return a, false
	}
	if n.Error != "" {
		return alias{err: &mtproto.Error{Code: n.Code, Type: n.Error, Method: "contacts.resolveUsername", Sent: mtproto.SentNo}, until: n.Until}, time.Now().Before(n.Until)
	}
	r, ok := idOf(n.Kind, formatID(n.ID))
	return alias{peer: peer{r.kind, r.id}}, ok
}

// Close writes what is pending, until ctx ends.
func (d *Directory) Close(ctx context.Context) {
	d.mu.Lock()
	if !d.ended {
		d.ended = true
		close(d.stop)
	}
	d.mu.Unlock()
	defer d.cancel()
	defer context.AfterFunc(ctx, d.cancel)()
	d.work.Wait()
	d.flushAll(ctx)
}

// flushAll writes all that is pending now; false: something of it could not be written.
func (d *Directory) flushAll(ctx context.Context) bool {
	d.mu.Lock()
	rounds := len(d.pending)/together + 2 // what comes meanwhile goes along, and is not waited for
	d.mu.Unlock()
	for range rounds {
		if ctx.Err() != nil || !d.flush(ctx) {
			return false
		}
		d.mu.Lock()
		left := len(d.pending)
		d.mu.Unlock()
		if left == 0 {
			break
		}
	}
	return true
}

// mark is up to where the bucket knows of whom the stream of updates tells.
type mark struct {
	Account int64     `json:"account,string"`
	Seq     uint64    `json:"seq"`
	Stream  time.Time `json:"stream"` // when that was made
}

// Mark is the sequence in the stream, made at that time, up to which the bucket knows all of whom it tells; 0: nothing is sure.
func (d *Directory) Mark(ctx context.Context, made time.Time) (uint64, error) {
	if d.c.Store == nil {
		return 0, nil
	}
	b, err := d.c.Store.Get(ctx, markKey(d.c.Account))
	if errors.Is(err, errNone) {
		return 0, nil
	}
	var m mark
	if err == nil && (json.Unmarshal(b, &m) != nil || m.Account != d.c.User || !m.Stream.Equal(made)) {
		return 0, nil
	}
	return m.Seq, err
}

// SaveMark notes that all that was learned belongs to the stream up to a sequence, once it is written. That it fails makes the next
// owner read more.
func (d *Directory) SaveMark(ctx context.Context, seq uint64, made time.Time) {
	if d.c.Store == nil {
		return
	}
	if !d.flushAll(ctx) {
		return
	}
	if b, err := json.Marshal(mark{d.c.User, seq, made}); err == nil {
		_ = d.c.Store.Put(ctx, markKey(d.c.Account), b)
	}
}

// StorageLost is for when the bucket was made anew: what is in memory is written again when it comes again.
func (d *Directory) StorageLost() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.memory.forget()
	d.lately = lately{}
}
