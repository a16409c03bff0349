package peers

import (
	"context"
	"errors"
	"time"

	"github.com/natsgram/natsgram/bridge/storage"
)

// The mark says up to which message of the stream the bucket knows everybody. It goes over the one that this owner has read or written, and over
// nothing else: so where it was lost, and all else with it, that is noticed when it is written the next time.

// mark is [Directory.Mark].
func (x *keeper) mark(ctx context.Context, made time.Time) (uint64, error) {
	x.marking.Lock()
	defer x.marking.Unlock()
	seq, revision, err := x.account.mark(ctx, made)
	if err == nil {
		x.marked, x.upTo = revision, seq
	}
	return seq, err
}

// saveMark is [Directory.SaveMark].
func (x *keeper) saveMark(ctx context.Context, seq uint64, made time.Time) (there bool) {
	if x.account.store == nil || x.behind.Load() || !x.flushAll(ctx) {
		return true // where it is the next owner reads on
	}
	x.marking.Lock()
	defer x.marking.Unlock()
	if x.marked == 0 && !x.lookAtMark(ctx) {
		return true // it is tried again
	}
	revision, err := x.account.putMark(ctx, seq, made, x.marked)
	if storage.Taken(err) {
		if now, at, is := x.account.mark(ctx, made); is == nil && now != 0 && now == x.upTo { // it was sealed anew
			revision, err = x.account.putMark(ctx, seq, made, at)
		}
	}
	if !storage.Taken(err) || storage.InFlight(err) {
		x.marked, x.upTo = revision, seq // 0 where it is not known what is there
		return true
	}
	if out, err := x.account.store.PushedOut(ctx, x.marked); out || err != nil {
		x.marked = 0 // what is in memory is written again as it comes
		return true
	}
	x.marked = 0
	return false
}

// lookAtMark reads the revision over which the mark goes, with marking held; false: that cannot be read.
func (x *keeper) lookAtMark(ctx context.Context) bool {
	_, revision, err := x.account.store.Get(ctx, x.account.markKey())
	x.marked = revision
	return err == nil || errors.Is(err, storage.ErrNone)
}

// unmark has whoever comes next learn everything again, whatever becomes of this owner.
func (x *keeper) unmark(ctx context.Context, made time.Time) error {
	if x.account.store == nil {
		return nil
	}
	x.marking.Lock()
	defer x.marking.Unlock()
	if !x.lookAtMark(ctx) {
		return errMark
	}
	revision, err := x.account.putMark(ctx, 0, made, x.marked)
	x.marked, x.upTo = revision, 0
	return err
}

var errMark = errors.New("the mark in the bucket of peers cannot be read")

// sampleSize is how many of those whom the bucket should have are looked for there.
const sampleSize = 16

// missing is [Directory.Missing].
func (x *keeper) missing(ctx context.Context) bool {
	x.marking.Lock()
	marked := x.marked
	x.marking.Unlock()
	if x.account.store == nil {
		return false
	}
	if gone, err := x.gone(ctx, x.account.markKey(), marked); err != nil || gone {
		return gone
	}
	for _, k := range x.memory.sample(sampleSize) {
		_, revision := x.memory.keptOf(k)
		gone, err := x.gone(ctx, x.account.peerKey(k.peer()), revision)
		if err != nil {
			return false
		}
		if sum, now := x.memory.keptOf(k); gone && sum != 0 && now == revision { // else he was forgotten, or is written anew
			return true
		}
	}
	return false
}

// gone reports whether nothing stands any more where something had that revision, and did not have to make room.
func (x *keeper) gone(ctx context.Context, key string, revision uint64) (bool, error) {
	if revision == 0 {
		return false, nil
	}
	if _, _, err := x.account.store.Get(ctx, key); !errors.Is(err, storage.ErrNone) {
		return false, err
	}
	out, err := x.account.store.PushedOut(ctx, revision)
	return !out && err == nil, err
}

// writeKnown writes of whom it is not known that the bucket has them what is in memory, with a pause behind each part.
func (x *keeper) writeKnown(ctx context.Context, pause func(context.Context) error) error {
	if x.account.store == nil {
		return nil
	}
	all := x.memory.unkept()
	for len(all) > 0 {
		some := all[:min(together, len(all))]
		all = all[len(some):]
		for _, k := range some {
			x.memory.tellKnown(k, x.account.user)
		}
		if err := x.settle(ctx); err != nil {
			return err
		}
		if err := pause(ctx); err != nil {
			return err
		}
	}
	return nil
}

// settle writes all that is pending: what waits is bounded, and who learns much at once waits for it in between.
func (x *keeper) settle(ctx context.Context) error {
	if x.account.store != nil && !x.flushAll(ctx) {
		return errors.Join(errUnwritten, ctx.Err())
	}
	return nil
}

var errUnwritten = errors.New("the bucket of peers takes nothing")
