// Package once sees to it that a request with a Nats-Msg-Id is executed once, however often it is made (design §11): the second one
// gets the first one's answer, also from another daemon and after restarts, for a day.
//
// Before a call that writes is made, a claim to its id is stored, and what came of it after. A claim without a result, of a daemon
// that was killed, says that the call may have been executed. Which calls may be made again then, because Telegram knows them
// by their random_id, the caller of this package decides.
//
// An id belongs to the account, and to the caller where NATS says who that is. An account has one owner at a time, so a claim that
// this owner does not know is that of a former one, which is not at work any more.
package once

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/storage"
	"github.com/natsgram/natsgram/bridge/vault"
	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/subjects"
)

// Config of a journal.
type Config struct {
	Account string
	User    int64 // whose account it is: a name can pass on to another
	Store   Store
	Box     vault.Box // seals the records: answers are as private as the account
	Layer   int       // that answers are in
	// Sure says whether the account is this daemon's beyond doubt; nil: always.
	Sure func() bool
	Log  *slog.Logger
}

// Journal is that of one account, for as long as this daemon owns it. It is safe for concurrent use.
type Journal struct {
	c Config

	mu     sync.Mutex
	runs   map[string]*Run // at work, or not yet stored
	recent recentIDs
	unsaved

	storing sync.RWMutex // held, shared, while an answer is being stored, or comes to wait for that
}

// New begins a journal.
func New(c Config) *Journal {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Sure == nil {
		c.Sure = func() bool { return true }
	}
	return &Journal{c: c, runs: map[string]*Run{}, recent: recentIDs{last: map[string]memo{}}}
}

// Request is one that has an id.
type Request struct {
	Caller string // who makes it, where NATS says that; else empty
	ID     string
	Hash   Hash // of method and parameters
	Writes bool // only then is anything stored
}

// Run is a request that is to be carried out now. Whoever has it ends it, by Done, End or Leave.
type Run struct {
	j        *Journal
	key      string
	hash     Hash
	writes   bool
	nonce    nonce
	revision uint64 // of the claim
	first    time.Time
	unknown  bool
	fresh    bool // no call was made for its id

	ended  chan struct{} // closed when it is known what became of it
	answer *Answer       // set before
	fault  *answer.Fault // set before
}

// Unknown reports whether the request may have been executed before, without its outcome being known: it must not be executed
// twice. First is when.
func (r *Run) Unknown() bool { return r.unknown }

// First is when the request was first carried out.
func (r *Run) First() time.Time { return r.first }

// New reports whether it is sure that no call was made for this id for as long as records are kept, and not only since they are.
func (r *Run) New(ctx context.Context) bool {
	if !r.fresh {
		return false
	}
	since, err := r.j.c.Store.Since(ctx)
	return err == nil && time.Since(since) >= repeatedWithin
}

// repeatedWithin is how long after a request its caller may say that he repeats it, and have it made where there is no record of the first.
const repeatedWithin = time.Hour

// Begin asks about a request, and waits while another one with its id is at work. It gives the Run of a request that is to be
// carried out; the Answer of one that was; or the fault of one that is refused.
func (j *Journal) Begin(ctx context.Context, q Request) (*Run, *Answer, *answer.Fault) {
	k := key(j.c.Account, j.c.User, q.Caller, q.ID)
	for {
		r, other := j.enter(k, q)
		if other == nil {
			return r.claim(ctx)
		}
		if other.hash != q.Hash {
			return nil, nil, conflict()
		}
		if !other.await(ctx) {
			return nil, nil, waited(ctx)
		}
		if other.answer != nil || other.fault != nil {
			return nil, other.answer, other.fault
		}
	}
}

// await waits until a run has ended; false: ctx has before.
func (r *Run) await(ctx context.Context) bool {
	defer mtproto.BeginWait(ctx, mtproto.Wait{For: mtproto.WaitElse})()
	select {
	case <-r.ended:
		return true
	case <-ctx.Done():
		return false
	}
}

// enter is the Run of a request, or the other one that is at work.
func (j *Journal) enter(k string, q Request) (r, other *Run) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if other = j.runs[k]; other != nil {
		return nil, other
	}
	r = &Run{j: j, key: k, hash: q.Hash, writes: q.Writes, first: time.Now(), ended: make(chan struct{})}
	_, _ = rand.Read(r.nonce[:]) // it never fails
	j.runs[k] = r
	return r, nil
}

func conflict() *answer.Fault {
	return answer.Refuse(409, subjects.HeaderMsgID+": another request was made with this id: a request that differs in method or parameters needs an id of its own")
}

func waited(ctx context.Context) *answer.Fault {
	if errors.Is(ctx.Err(), context.Canceled) {
		return answer.Refuse(503, "the account is being stopped here")
	}
	return answer.Doubt(504, "the first request with this "+subjects.HeaderMsgID+" has no answer yet: ask again with the same id")
}

// claim looks whether the request was made before, and stores that it is made now.
func (r *Run) claim(ctx context.Context) (*Run, *Answer, *answer.Fault) {
	if !r.writes {
		return r, nil, nil
	}
	stored := mtproto.BeginWait(ctx, mtproto.Wait{For: mtproto.WaitStore})
	a, fault := r.j.claim(ctx, r)
	stored()
	if a == nil && fault == nil {
		return r, nil, nil
	}
	r.leave(a, nil) // who waits asks for itself: this one's time may only have been shorter
	return nil, a, fault
}

// claimTries is how often another one may be faster with the same key: a former owner's last words come between, no more.
const claimTries = 4

func (j *Journal) claim(ctx context.Context, r *Run) (*Answer, *answer.Fault) {
	if !j.c.Sure() {
		return nil, answer.Later("the account may be another daemon's now")
	}
	used, same := j.remembers(r)
	if used && !same {
		return nil, conflict()
	}
	at := uint64(0)
	for range claimTries {
		err := j.create(ctx, r, at)
		if err == nil {
			// An id that was used has its record, unless the bucket was deleted.
			r.unknown, r.fresh = used, !used
			return nil, nil
		}
		if !errors.Is(err, errTaken) {
			return nil, j.away(err)
		}
		rec, revision, err := j.read(ctx, r.key)
		switch {
		case errors.Is(err, storage.ErrNone):
			at = revision
			continue
		case errors.Is(err, vault.ErrSealed), errors.Is(err, errRecord):
			return nil, answer.Doubt(409, subjects.HeaderMsgID+": there is a record of this id that cannot be read ("+err.Error()+
				"): use another id, if the request was not executed")
		case err != nil:
			return nil, j.away(err)
		case rec.phase == released:
			at = revision
			continue
		}
		return r.found(ctx, rec, revision)
	}
	return nil, j.away(errTaken)
}

// found is what a record says of a request.
func (r *Run) found(ctx context.Context, rec record, revision uint64) (*Answer, *answer.Fault) {
	switch {
	case rec.hash != r.hash:
		return nil, conflict()
	case rec.phase == done:
		if rec.answer.chunks > 0 {
			r.loadChunks(ctx, &rec.answer)
		}
		return &rec.answer, nil
	}
	r.first, r.revision = rec.first, revision
	if r.j.unconfirmed(r.key, rec.nonce) {
		r.nonce, r.fresh = rec.nonce, true // our own, which was not known to be stored: no call was made
	} else {
		r.unknown = true
	}
	return nil, nil
}

func (j *Journal) create(ctx context.Context, r *Run, at uint64) error {
	value, err := j.seal(r.key, &record{phase: claimed, nonce: r.nonce, hash: r.hash, first: r.first})
	if err != nil {
		return err
	}
	revision, err := j.c.Store.Create(ctx, r.key, value, at)
	if err != nil && !errors.Is(err, errTaken) {
		j.doubt(r) // it may have been stored all the same
	}
	r.revision = revision
	return err
}

func (j *Journal) read(ctx context.Context, k string) (record, uint64, error) {
	value, revision, err := j.c.Store.Get(ctx, k)
	if err != nil {
		return record{}, revision, err
	}
	plain, err := j.c.Box.Open(k, value)
	if err != nil {
		return record{}, revision, err
	}
	rec, err := readRecord(plain)
	return rec, revision, err
}

func (j *Journal) seal(k string, rec *record) ([]byte, error) {
	return j.c.Box.Seal(k, rec.append(make([]byte, 0, recordHead+answerHead+len(rec.answer.Result))))
}

// away is the fault of a request that cannot be looked up: it is not made.
func (j *Journal) away(err error) *answer.Fault {
	j.c.Log.Warn("the journal of requests with an id cannot be asked", "err", err)
	return answer.Later("whether this request was made before cannot be looked up, so nothing was sent (the bucket of ids does not answer: " +
		err.Error() + "); without a " + subjects.HeaderMsgID + " it would be made")
}
