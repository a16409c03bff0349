package chats

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/natsgram/natsgram/bridge/dialogs"
	"github.com/natsgram/natsgram/bridge/retry"
	"github.com/natsgram/natsgram/mtproto/updates"
)

// Keeper keeps one account's dialogs. It is safe for concurrent use.
type Keeper struct {
	shared
	finish chan chan struct{}
}

// New makes a keeper; nil where the layer has no dialogs.
func New(c Config) *Keeper { return newKeeper(c, c.Store) }

func newKeeper(c Config, store streams) *Keeper {
	if dialogs.New(c.Schema, c.Decl, c.Rule) == nil {
		return nil
	}
	return &Keeper{
		shared: shared{c: c, store: store, page: listPage, most: mostRecords, audit: auditEvery, whole: wholeEvery, written: newWritten(), jitter: rand.N[time.Duration], wake: make(chan struct{}, 1)},
		finish: make(chan chan struct{}),
	}
}

// Stored tells what of updates is in the stream now, up to seq. It does not block.
func (k *Keeper) Stored(seq uint64, facts []dialogs.Fact) {
	k.inbox.add(seq, facts)
	k.poke()
}

// Lost tells that one of the streams was lost, and perhaps made anew.
func (k *Keeper) Lost() {
	k.inbox.lose()
	k.poke()
}

// Doubt has a dialog asked for because of a call of the account's own, of which no update tells; the zero peer: the list, and those that are
// not in it as they are known.
func (k *Keeper) Doubt(p updates.Peer) {
	k.doubt(func(f *dialogs.Fold) {
		if p.ID != 0 {
			f.Doubt(p)
		} else {
			f.Relist()
		}
	})
}

// DoubtAll has all dialogs asked for because of such a call, which may have changed any of them.
func (k *Keeper) DoubtAll() { k.doubt((*dialogs.Fold).DoubtAll) }

func (k *Keeper) doubt(what func(*dialogs.Fold)) {
	k.mu.Lock()
	if k.fold != nil {
		what(k.fold)
	}
	k.mu.Unlock()
	k.poke()
}

// Missed tells that pushes may have been lost, because there was no connection.
func (k *Keeper) Missed() {
	k.mu.Lock()
	k.rounds.wanted = true
	k.mu.Unlock()
	k.poke()
}

// Forget takes a dialog out of what is known, before its record is erased: else an answer would tell of it, and its next record too. What
// is said of it up to upTo, a sequence of the stream of updates, is not taken in any more, wherever it is read. When it returns without an
// error none of its records is on its way to the stream that the stream would take: those up to the sequence that is given back are to be
// erased, and later ones are of later.
func (k *Keeper) Forget(ctx context.Context, p updates.Peer, upTo uint64) (records uint64, err error) {
	k.writing.Lock()
	defer k.writing.Unlock()
	made := k.store.made()
	k.mu.Lock()
	if k.erased == nil {
		k.erased = map[updates.Peer]erased{}
	}
	k.erased[p] = erased{updates: upTo, made: made}
	k.written.erase(p)
	if k.fold != nil {
		k.fold.Forget(p)
	}
	k.mu.Unlock()
	if records, err = k.void(ctx); err != nil {
		return 0, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.erased[p] = erased{upTo, records, made}
	return records, nil
}

// backoff is between attempts to go on after something failed.
var backoff = retry.Backoff{Min: 200 * time.Millisecond, Max: 30 * time.Second}

// Run keeps the records until ctx ends.
func (k *Keeper) Run(ctx context.Context) {
	_ = retry.Do(ctx, backoff, func(ctx context.Context) (again bool, err error) {
		s := &session{k: &k.shared, finish: k.finish}
		err = s.run(ctx)
		k.forget()
		if ctx.Err() == nil && !errors.Is(err, errAnew) {
			k.store.suspect(err)
			k.failed(err)
		}
		return true, err
	})
}

func (k *Keeper) forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.fold = nil
}

// Finish writes what is known, in order, before the account is let go of.
func (k *Keeper) Finish(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, finishTime)
	defer cancel()
	done := make(chan struct{})
	select {
	case k.finish <- done:
		select {
		case <-done:
		case <-ctx.Done():
		}
	case <-ctx.Done():
	}
}
