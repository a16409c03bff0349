package once

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/natsgram/natsgram/bridge/storage"
)

// An answer too large for one record is kept in several, which are written before the one that tells of them: of these, in its place,
// there is the number.

const (
	// MaxKept is the largest answer that is kept at all, in bytes.
	MaxKept = 8 << 20

	chunksMost = MaxKept/MaxResult + 1
)

func chunkKey(key string, i int) string { return key + "." + strconv.Itoa(i) }

// chunkKeys are all of them, as a filter.
func chunkKeys(key string) string { return key + ".*" }

// storeChunks writes an answer into records of its own, and gives their number. It writes them beside the claim: once that is an answer, erased or
// not, none comes any more that is still on its way.
func (r *Run) storeChunks(ctx context.Context, result []byte) (chunks int, err error) {
	if len(result) > MaxKept {
		return 0, fmt.Errorf("an answer of %d bytes is not kept", len(result))
	}
	for ; len(result) > 0; chunks++ {
		n := min(len(result), MaxResult)
		value, err := r.j.c.Box.Seal(chunkKey(r.key, chunks), result[:n])
		if err != nil {
			return 0, err
		}
		if err := r.overClaim(ctx, func() error {
			return r.j.c.Store.CreateBeside(ctx, chunkKey(r.key, chunks), value, r.key, r.revision)
		}); err != nil {
			return 0, err
		}
		result = result[n:]
	}
	return chunks, nil
}

// loadChunks reads it again. Where a record is gone, nothing is left of the answer.
func (r *Run) loadChunks(ctx context.Context, a *Answer) {
	whole := make([]byte, 0, a.Size) // which is no more than the chunks can hold
	for i := range a.chunks {
		value, _, err := r.j.c.Store.Get(ctx, chunkKey(r.key, i))
		if err == nil {
			value, err = r.j.c.Box.Open(chunkKey(r.key, i), value)
		}
		if err != nil {
			r.j.c.Log.Warn("a part of the answer to a request with an id cannot be read", "err", err)
			break
		}
		whole = append(whole, value...)
	}
	if a.Result, a.Left = whole, len(whole) != a.Size; a.Left {
		a.Result = nil
	}
}

// keep is what is kept of an answer: all of it, in chunks that are written now if they have to be; else what is left of it.
func (r *Run) keep(ctx context.Context, a Answer, left []byte) Answer {
	if len(a.Result) <= MaxResult {
		return a
	}
	chunks, err := r.storeChunks(ctx, a.Result)
	if err != nil {
		r.j.c.Log.Warn("a large answer is not kept whole", "err", err)
		return a.cut(left)
	}
	a.Result, a.chunks = nil, chunks
	return a
}

// cut is an answer of which no more than left is kept.
func (a Answer) cut(left []byte) Answer {
	a.Result, a.Left, a.chunks = nil, true, 0
	if len(left) <= MaxResult {
		a.Result = left
	}
	return a
}

// Keep stores what a request without an id was answered, under a new one: whoever makes the same request again with that gets the answer.
func (j *Journal) Keep(ctx context.Context, caller string, hash Hash, result []byte) (id string, err error) {
	id = "kept-" + rand.Text()
	r := &Run{j: j, key: key(j.c.Account, j.c.User, caller, id), hash: hash, first: time.Now()}
	_, _ = rand.Read(r.nonce[:]) // it never fails
	ctx = context.WithoutCancel(ctx)
	j.storing.RLock()
	defer j.storing.RUnlock()
	kept := r.keep(ctx, r.whole(result), nil)
	if kept.Left {
		return "", errNotKept
	}
	value, err := r.sealed(kept)
	if err == nil { // where nobody knows the id a record that is late would go unseen
		err = j.besideErased(ctx, r.key, value)
	}
	return id, err
}

// besideErased writes a key for as long as nobody is erased. Who erases waits for what this daemon stores.
func (j *Journal) besideErased(ctx context.Context, key string, value []byte) error {
	for range claimTries {
		_, era, err := j.c.Store.Get(ctx, erasedKey(j.c.Account))
		if err != nil && !errors.Is(err, storage.ErrNone) {
			return err
		}
		if err = j.c.Store.CreateBeside(ctx, key, value, erasedKey(j.c.Account), era); !errors.Is(err, errTaken) {
			return err
		}
	}
	return errTaken
}

var errNotKept = errors.New("the answer is not kept")

func (r *Run) whole(result []byte) Answer {
	return Answer{Result: result, Size: len(result), Layer: r.j.c.Layer, At: r.first}
}

// sealed is the record that the request was answered so.
func (r *Run) sealed(a Answer) ([]byte, error) {
	return r.j.seal(r.key, &record{phase: done, nonce: r.nonce, hash: r.hash, first: r.first, answer: a})
}
