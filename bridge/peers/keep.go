package peers

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/natsgram/natsgram/bridge/storage"
	"github.com/natsgram/natsgram/mtproto"
)

const (
	// gather is how long what was learned waits for more of it, so that it is stored together.
	gather = 250 * time.Millisecond
	// together is how much is written at a time.
	together = 256
	// againAfter is when a write is tried again that failed.
	againAfter = 2 * time.Second
)

// keeper brings what memory has pending to the bucket, and what the bucket knows to memory.
type keeper struct {
	memory  *memory
	account *accountStore
	index   *index
	learned atomic.Uint64 // records that were written
	writing sync.Mutex    // held while some are written
	marking sync.Mutex    // held while the mark is read or written
	marked  uint64        // its revision; 0: it is not known, or there is none
	upTo    uint64        // the sequence that it has, if it is this owner's

	busy   bool        // with memory.mu
	ended  bool        // with memory.mu
	behind atomic.Bool // it was closed, and the bucket does not have the newest sighting of everybody
	stop   chan struct{}
	life   context.Context //nolint:containedctx // of writes under way: ends with that of close
	cancel context.CancelFunc
	work   sync.WaitGroup
}

func newKeeper(m *memory, a *accountStore) *keeper {
	k := &keeper{memory: m, account: a, stop: make(chan struct{})}
	k.index = newIndex(a, k)
	k.life, k.cancel = context.WithCancel(context.Background())
	if a.store != nil {
		m.wake, m.first = k.wake, a.store.First
	}
	return k
}

// wake is memory.wake: it has what is pending written.
func (x *keeper) wake() {
	if !x.busy {
		x.busy = true
		x.work.Go(x.run)
	}
}

// begin has something done beside, which close waits for; false: it is closed.
func (x *keeper) begin(do func()) bool {
	x.memory.mu.Lock()
	defer x.memory.mu.Unlock()
	if x.ended {
		return false
	}
	x.work.Go(do)
	return true
}

// stopped reports whether it is being closed.
func (x *keeper) stopped() bool {
	select {
	case <-x.stop:
		return true
	default:
		return false
	}
}

// run writes what is pending, and ends when nothing is.
func (x *keeper) run() {
	wait := gather
	for {
		select {
		case <-time.After(wait):
		case <-x.stop:
			return // close writes the rest
		}
		wait = gather
		if !x.flush(x.life) {
			wait = againAfter
		}
		x.memory.mu.Lock()
		if len(x.memory.pending) == 0 {
			x.busy = false
			x.memory.mu.Unlock()
			return
		}
		x.memory.mu.Unlock()
	}
}

// flush writes some of what is pending; false: not all of that could be written.
func (x *keeper) flush(ctx context.Context) bool {
	x.writing.Lock()
	defer x.writing.Unlock()
	var mu sync.Mutex
	failed := map[key]pending{}
	var work sync.WaitGroup
	for k, what := range x.memory.some(together) {
		work.Go(func() {
			if err := x.write(ctx, k, what); err != nil {
				mu.Lock()
				failed[k] = what
				mu.Unlock()
			}
		})
	}
	work.Wait()
	x.memory.again(failed)
	return len(failed) == 0
}

// write tells the bucket of a peer, unless it knows.
func (x *keeper) write(ctx context.Context, k key, what pending) error {
	p := k.peer()
	e, known := x.memory.peer(k)
	next, over := what.record, e.revision
	if next != nil && (!next.access.full && known && e.full || what.old && e.kept != 0 && !e.old) {
		return nil // more is known meanwhile, or something newer is there
	}
	if next == nil || e.kept == 0 {
		there, revision, err := x.account.peer(ctx, p)
		over = revision
		if errors.Is(err, storage.ErrNone) && what.naming != nil && known && (e.full || e.msg != 0) { // the bucket was lost
			there, err = x.known(k, e), nil
		}
		switch {
		case err != nil && !errors.Is(err, storage.ErrNone):
			return err
		case next == nil && (err != nil || what.naming == nil && there.access.full):
			return nil // the bucket does not know him; or all that there is to know
		case next == nil:
			next = &there
			if what.naming != nil {
				next.Name, next.Usernames, next.Bare = what.naming.name, what.naming.usernames, false
			}
			if known && !e.full && !there.access.full && (e.msg != 0 || e.untold) {
				next.access = e.access()
			}
		case err == nil && what.old && (there.access.full && !there.Bare || !next.access.full), err == nil && there.access.full && !next.access.full, err == nil && there.sum() == next.sum() && next.access.full:
			x.memory.adopt(k, there, over)
			x.index.wrote(k, there.Usernames) // it may have come there late
			return nil
		case err == nil && next.Bare:
			named := there
			named.access = next.access
			next = &named
		}
	}
	revision, err := x.account.putPeer(ctx, p, next, over)
	if storage.Taken(err) {
		x.memory.doubt(k)
	}
	if err != nil {
		return err
	}
	x.learned.Add(1)
	x.index.wrote(k, next.Usernames)
	x.memory.wrote(k, next, revision, what.old)
	return nil
}

// known is what is in memory of somebody.
func (x *keeper) known(k key, e entry) record {
	x.memory.mu.Lock()
	defer x.memory.mu.Unlock()
	return *x.memory.recordOf(k, e, x.account.user)
}

// flushAll writes all that is pending now; false: something of it could not be written.
func (x *keeper) flushAll(ctx context.Context) bool {
	rounds := x.memory.waiting()/together + 2 // what comes meanwhile goes along, and is not waited for
	for range rounds {
		if ctx.Err() != nil || !x.flush(ctx) {
			return false
		}
		if x.memory.waiting() == 0 {
			break
		}
	}
	return true
}

// close writes what is pending, until ctx ends.
func (x *keeper) close(ctx context.Context) {
	x.memory.mu.Lock()
	if x.memory.wake = nil; !x.ended {
		x.ended = true
		close(x.stop)
	}
	x.memory.mu.Unlock()
	defer x.cancel()
	defer context.AfterFunc(ctx, x.cancel)()
	x.work.Wait()
	x.behind.Store(!x.flushAll(ctx) || !x.passSightings(ctx))
}

// passTime bounds writing the newest sightings: other things are left to do by who lets go of an account.
const passTime = 4 * time.Second

// passSightings writes of everybody the newest sighting, of which the bucket is told now and then only; false: not of all.
func (x *keeper) passSightings(ctx context.Context) bool {
	if x.account.store == nil {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, passTime)
	defer cancel()
	for some := range slices.Chunk(x.memory.untold(), together) {
		if x.memory.tellSightings(some); !x.flushAll(ctx) {
			return false
		}
	}
	return true
}

// missed is for when a record is not in the bucket any more that had a revision: if it had not to make room, others may have gone with it.
func (x *keeper) missed(ctx context.Context, k key, revision uint64) {
	out, err := x.account.store.PushedOut(ctx, revision)
	switch {
	case err != nil:
	case out:
		x.memory.doubt(k)
		x.memory.tellKnown(k, x.account.user)
	default:
		x.account.doubt()
	}
}

// recall reads of a peer that memory does not know, or not enough, what the bucket does. An error says that it does not answer.
func (x *keeper) recall(ctx context.Context, p peer) (e entry, known bool, err error) {
	k := keyOf(p)
	e, known = x.memory.peer(k)
	if known && (e.full || e.kept != 0) || x.account.store == nil {
		return e, known, nil
	}
	defer mtproto.BeginWait(ctx, mtproto.Wait{For: mtproto.WaitElse})()
	for {
		erasures := x.memory.erasures()
		r, revision, err := x.account.peer(ctx, p)
		switch {
		case errors.Is(err, storage.ErrNone):
			return e, known, nil
		case err != nil:
			return e, known, err
		}
		if now, taken := x.memory.recalled(k, r, revision, erasures); taken {
			return now, true, nil
		}
		if x.memory.goes(k) {
			return entry{}, false, nil
		}
	}
}

// erase takes a peer out of memory and bucket.
func (x *keeper) erase(ctx context.Context, p peer, names []string, upTo place) error {
	x.writing.Lock() // what is being written is there then, and nothing waits to be written again
	defer x.writing.Unlock()
	names = append(slices.Clone(names), x.memory.forget(p, upTo)...)
	defer x.memory.gone()
	return x.account.erase(ctx, p, names)
}

// eraseAll takes everything of the account out of the bucket.
func (x *keeper) eraseAll(ctx context.Context) error {
	x.writing.Lock()
	defer x.writing.Unlock()
	return x.account.eraseAll(ctx)
}
