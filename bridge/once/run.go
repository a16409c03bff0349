package once

import (
	"context"
	"errors"
	"time"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/storage"
	"github.com/natsgram/natsgram/mtproto"
)

// MaxResult is the largest answer that one record holds, in bytes.
const MaxResult = 128 << 10

// Done stores what the request was answered, before anybody is told. Left is what is to be kept of an answer that cannot be kept whole,
// without its users and chats for one; nil: nothing. Result and left are kept, and nobody may write to them any more.
func (r *Run) Done(ctx context.Context, result, left []byte) {
	if r.over() {
		return
	}
	ctx = context.WithoutCancel(ctx) // the outcome is worth more than the request's time
	a := r.whole(result)
	if !r.writes {
		r.leave(&a, nil)
		return
	}
	defer mtproto.BeginWait(ctx, mtproto.Wait{For: mtproto.WaitStore})()
	r.j.storing.RLock()
	defer r.j.storing.RUnlock()
	kept := r.keep(ctx, a, left)
	value, err := r.sealed(kept)
	if err == nil {
		err = r.store(ctx, value)
	}
	r.j.remember(r)
	if err != nil {
		r.j.c.Log.Warn("the answer to a request with an id was not stored; it is tried again", "err", err)
		if kept.chunks > 0 {
			kept = kept.cut(left)
			value, _ = r.sealed(kept)
		}
		r.finish(&kept, nil)
		r.j.save(r, value)
		return
	}
	r.leave(&a, nil)
}

// store writes what became of the request over its claim, or over whatever stands there: the outcome is known now, and known to nobody else. So it
// does not come over what is written later, if it is late itself.
func (r *Run) store(ctx context.Context, value []byte) error {
	for range claimTries {
		revision, err := r.j.c.Store.Create(ctx, r.key, value, r.revision)
		if err == nil {
			r.revision = revision
		}
		if !errors.Is(err, errTaken) {
			return err
		}
		if _, r.revision, err = r.j.c.Store.Get(ctx, r.key); err != nil && !errors.Is(err, storage.ErrNone) {
			return err
		}
	}
	return errTaken
}

// End says that the request failed. What was not executed may be made again with the same id; of what may have been executed
// the claim stays.
func (r *Run) End(ctx context.Context, f *answer.Fault) {
	if r.over() {
		return
	}
	executed := f.Sent != answer.No && (f.Telegram == "" || f.Code >= 500)
	shared := f
	if f.Telegram == "" && (f.Sent != answer.No || f.Code >= 500) {
		shared = nil // its time may only have been shorter: who waits asks for itself
	}
	if executed {
		r.j.remember(r)
	}
	if executed || !r.writes || r.unknown {
		r.leave(nil, shared)
		return
	}
	r.release(ctx)
	r.leave(nil, shared)
}

// Leave gives the request up before it was made: another owner makes it.
func (r *Run) Leave(ctx context.Context) {
	r.End(ctx, answer.Refuse(503, ""))
}

// release says that the claimed request was not executed.
func (r *Run) release(ctx context.Context) {
	if !r.j.c.Sure() {
		return // another owner may look at it now
	}
	value, err := r.j.seal(r.key, &record{phase: released, nonce: r.nonce, hash: r.hash, first: r.first})
	if err == nil {
		ctx = context.WithoutCancel(ctx)
		err = r.overClaim(ctx, func() error {
			_, err := r.j.c.Store.Create(ctx, r.key, value, r.revision)
			return err
		})
	}
	if err != nil && !errors.Is(err, errTaken) { // taken: it is known better
		r.j.c.Log.Warn("a request with an id was not made, and its claim to the id stays", "err", err)
		r.j.doubt(r)
	}
}

// overClaim writes something for as long as the run's claim stands, also where that was sealed anew meanwhile; errTaken: it does not stand any more.
func (r *Run) overClaim(ctx context.Context, write func() error) error {
	err := write()
	for range claimTries {
		if !errors.Is(err, errTaken) {
			return err
		}
		rec, revision, failed := r.j.read(ctx, r.key)
		if failed != nil || rec.phase != claimed || rec.nonce != r.nonce || revision == r.revision {
			return err
		}
		r.revision = revision
		err = write()
	}
	return err
}

// over reports whether the run has ended.
func (r *Run) over() bool {
	select {
	case <-r.ended:
		return true
	default:
		return false
	}
}

// finish tells everybody who waits.
func (r *Run) finish(a *Answer, f *answer.Fault) {
	r.answer, r.fault = a, f
	close(r.ended)
}

// leave ends the run, and forgets it.
func (r *Run) leave(a *Answer, f *answer.Fault) {
	r.j.mu.Lock()
	delete(r.j.runs, r.key)
	r.j.mu.Unlock()
	r.finish(a, f)
}

// recentIDs is which ids were used lately, for when the bucket is deleted under the daemon: a request whose record is gone may have
// been executed.
type recentIDs struct {
	last map[string]memo
	ring []string // keys, in the order in which they came; the oldest is at next
	next int
	// doubted are claims of which it is not known whether they are stored, of calls that were not made.
	doubted map[string]nonce
}

type memo struct {
	hash Hash
	at   time.Time
}

const (
	recentMost = 10_000
	doubtMost  = 1000
	// memoryFor is a little shorter than the time that the bucket keeps records.
	memoryFor = 23 * time.Hour
)

// remember notes that a request was executed, or may have been.
func (j *Journal) remember(r *Run) {
	if !r.writes {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	m := &j.recent
	if _, known := m.last[r.key]; !known {
		if len(m.ring) < recentMost {
			m.ring = append(m.ring, r.key)
		} else {
			delete(m.last, m.ring[m.next])
			m.ring[m.next] = r.key
			m.next = (m.next + 1) % recentMost
		}
	}
	m.last[r.key] = memo{r.hash, time.Now()}
}

// remembers reports whether an id was used here, and for the same request.
func (j *Journal) remembers(r *Run) (used, same bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	was, known := j.recent.last[r.key]
	return known && time.Since(was.at) <= memoryFor, was.hash == r.hash
}

// doubt notes a claim that may be stored although no call was made.
func (j *Journal) doubt(r *Run) {
	j.mu.Lock()
	defer j.mu.Unlock()
	m := &j.recent
	if m.doubted == nil || len(m.doubted) >= doubtMost {
		m.doubted = map[string]nonce{} // of those forgotten it is said that their outcome is not known
	}
	m.doubted[r.key] = r.nonce
}

// unconfirmed reports whether a claim is one of those.
func (j *Journal) unconfirmed(k string, n nonce) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	d, known := j.recent.doubted[k]
	return known && d == n
}
