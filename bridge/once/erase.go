package once

import (
	"context"
	"errors"
	"slices"

	"github.com/natsgram/natsgram/bridge/storage"
)

// Erase takes out answers that are about somebody. That the requests were executed stays known: made again, they are not executed twice, and
// it is said that the answer is not kept. It gives how many answers there are, and how many of them were taken out, or would be: dry.
func (j *Journal) Erase(ctx context.Context, about func(result []byte) bool, dry bool) (read, erased uint64, err error) {
	if !dry {
		if err := j.c.Store.Mark(ctx, erasedKey(j.c.Account)); err != nil {
			return 0, 0, err
		}
	}
	j.storing.Lock()   // what is being stored is there then, or waits, or is refused where it is late
	j.storing.Unlock() //nolint:staticcheck // nothing else is to wait
	if read, erased, err = j.eraseUnsaved(ctx, about, dry); err != nil {
		return read, erased, err
	}
	keys, err := j.c.Store.Keys(ctx, j.c.Account)
	if err != nil {
		return read, erased, err
	}
	for _, k := range keys {
		rec, revision, err := j.read(ctx, k)
		if err != nil && (errors.Is(err, storage.ErrNone) || ctx.Err() == nil && revision > 0) {
			continue // gone, or sealed by another: it says nothing
		}
		if err != nil {
			return read, erased, err
		}
		if rec.phase != done {
			continue
		}
		read++
		a := rec.answer
		if a.chunks > 0 {
			(&Run{j: j, key: k}).loadChunks(ctx, &a)
		}
		if !about(a.Result) {
			continue
		}
		erased++
		if dry {
			continue
		}
		if err := j.empty(ctx, k, rec, revision); err != nil {
			return read, erased, err
		}
	}
	return read, erased, nil
}

// eraseUnsaved does the same with answers that wait to be stored.
func (j *Journal) eraseUnsaved(ctx context.Context, about func(result []byte) bool, dry bool) (read, erased uint64, err error) {
	j.saving.Lock()
	defer j.saving.Unlock()
	j.mu.Lock()
	all := slices.Clone(j.wait)
	j.mu.Unlock()
	for _, l := range all {
		read++
		if !about(l.r.answer.Result) {
			continue
		}
		if erased++; dry {
			continue
		}
		read-- // it is counted with those that are stored
		value, err := l.r.sealed(l.r.answer.emptied())
		if err == nil {
			err = l.r.store(ctx, value)
		}
		if err != nil {
			return read, erased, err
		}
		j.saved(l)
	}
	return read, erased, nil
}

// emptied is an answer of which nothing is left.
func (a Answer) emptied() Answer { return Answer{Left: true, Size: a.Size, Layer: a.Layer} }

// empty writes a record without its answer over the one that has it.
func (j *Journal) empty(ctx context.Context, k string, rec record, revision uint64) error {
	rec.answer = rec.answer.emptied()
	value, err := j.seal(k, &rec)
	if err == nil {
		err = j.c.Store.Erase(ctx, chunkKeys(k))
	}
	if err == nil {
		_, err = j.c.Store.Create(ctx, k, value, revision)
	}
	return err
}
