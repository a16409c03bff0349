// Package jobs carries an account's files, whether somebody waits for them or not: those that go into an object store, and those that go
// to Telegram. A job has an id, is listed and can be cancelled; it goes on through whatever passes by, and after a crash with the
// account's next owner. How its bytes are moved is its [Work].
package jobs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nuid"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/objects"
	"github.com/natsgram/natsgram/bridge/retry"
	"github.com/natsgram/natsgram/bridge/vault"
	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/files"
)

// Kind is which way a job's file goes, as the verb that asks for it.
type Kind string

// Kinds.
const (
	Get Kind = "get" // from Telegram into an object store
	Put Kind = "put" // from an object store to Telegram
)

// to is where files of a kind go, as events say it.
func (k Kind) to() string {
	if k == Get {
		return "nats"
	}
	return "telegram"
}

// Work moves the bytes of one job.
type Work interface {
	// Do does what is left to do, and gives what came of it. It is called again where it failed for a while.
	Do(ctx context.Context, j *Job) (any, error)
	// Undo takes away what there is of what ended with an error, so that nothing is left.
	Undo(ctx context.Context, r *Record, why error) error
	// At is how far it is.
	At() At
}

// At is how far a job is.
type At struct {
	Begun bool
	Name  string   // the file's; empty: not known
	Size  int64    // bytes; less than 0: not known
	Done  int64    // of them
	Of    []string // who stands in the message that it comes from, as far as that is known
}

// Config of an account's jobs.
type Config struct {
	Account string
	User    int64     // the account's
	Records *Records  // nil: no job outlives its owner
	Box     vault.Box // seals what was asked for
	// Guard does something in a way that a fault of ours in it ends nothing else.
	Guard func(ctx context.Context, do func(context.Context) (any, error)) (any, error)
	// Fault is what callers are told of an error.
	Fault func(error) *answer.Fault
	// Tell tells of what happens to the account.
	Tell func(event string, fields map[string]any)
	// Ended is told of each job that is over, with the code of the error.
	Ended func(kind Kind, code int)
	// Revive makes the work of a job of a former owner. A loud one tells of itself however small it is.
	Revive func(kind Kind, r *Record) (w Work, loud bool)
	Log    *slog.Logger
}

// Jobs are those of an account, for as long as its owner has it.
type Jobs struct {
	c    Config
	life context.Context //nolint:containedctx // the owner's
	work sync.WaitGroup

	mu     sync.Mutex
	closed bool
	all    map[string]*Job // by what they write or send
	asked  int             // bytes of what was asked for
	left   chan struct{}   // closed once those of a former owner go on; nil: nobody looks for any
}

// New makes the jobs of an account: none, until [Jobs.Resume].
func New(life context.Context, c Config) *Jobs {
	return &Jobs{c: c, life: life, all: map[string]*Job{}}
}

const (
	most      = 1000     // of an account
	askedMost = 16 << 20 // bytes of what was asked for, of all of them
	loudOver  = 8 << 20
	tellEvery = time.Second
	triesMost = 8 // without a byte more
)

var pause = retry.Backoff{Min: 200 * time.Millisecond, Max: 30 * time.Second}

// Causes of the end of a job.
var (
	ErrCancelled = errors.New("files: the job was cancelled")
	ErrErased    = fmt.Errorf("%w: what is kept of somebody is erased", ErrCancelled)
	ErrLeaving   = errors.New("files: the account is being stopped here")
)

// Start begins a job, or gives the one that does the same: also one of a former owner, whose jobs are waited for, since one that is
// begun beside them would do all of it again and leave their record behind. It is done with the values of ctx, and whether that ends or
// not. A loud job tells of itself however small it is.
func (s *Jobs) Start(ctx context.Context, kind Kind, r *Record, loud bool, w Work) (*Job, error) {
	if err := s.resumed(ctx); err != nil {
		return nil, err
	}
	r.User = s.c.User
	return s.start(ctx, &Job{id: nuid.Next(), kind: kind, record: r, asked: loud, work: w})
}

// resumed waits until the jobs of a former owner go on.
func (s *Jobs) resumed(ctx context.Context) error {
	s.mu.Lock()
	left := s.left
	s.mu.Unlock()
	if left == nil {
		return nil
	}
	select {
	case <-left:
		return nil
	case <-s.life.Done():
		return ErrLeaving
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s *Jobs) start(ctx context.Context, j *Job) (*Job, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if other := s.all[j.target()]; other != nil {
		if other.record.Key != j.record.Key {
			return nil, answer.Refuse(409, string(j.kind)+": to: another file is being put into "+j.record.Bucket+"/"+j.record.Object)
		}
		return other, nil
	}
	if s.closed || s.life.Err() != nil {
		return nil, ErrLeaving
	}
	if len(s.all) >= most || s.asked+len(j.record.Asked) > askedMost {
		return nil, answer.Later(string(j.kind) + ": " + strconv.Itoa(len(s.all)) + " files are on their way already")
	}
	j.of, j.since, j.over = s, time.Now(), make(chan struct{})
	own, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	j.cancel = cancel
	stop := context.AfterFunc(s.life, func() { cancel(ErrLeaving) })
	s.all[j.target()] = j
	s.asked += len(j.record.Asked)
	s.work.Go(func() {
		defer stop()
		defer cancel(nil)
		value, err := s.c.Guard(own, func(ctx context.Context) (any, error) { return s.carry(ctx, j) })
		s.end(own, j, value, err)
	})
	return j, nil
}

// carry does a job, through whatever passes by.
func (s *Jobs) carry(ctx context.Context, j *Job) (any, error) {
	tries, best, wait := 0, j.work.At().Done, time.Duration(0)
	for {
		value, err := j.work.Do(ctx, j)
		if err == nil && !errors.Is(context.Cause(ctx), ErrErased) { // else what it has brought goes again
			return value, nil
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if now := j.work.At().Done; now > best {
			tries, best, wait = 0, now, 0
		}
		if tries++; tries == triesMost || !passing(err) {
			return nil, err
		}
		s.c.Log.Info("a file on its way is interrupted", "job", j.id, "bytes", best, "err", err)
		if wait = pause.After(wait); retry.Pause(ctx, max(wait, mtproto.RetryAfter(err))) != nil {
			return nil, context.Cause(ctx)
		}
	}
}

// passing reports whether an error may be over in a while.
func passing(err error) bool {
	var own *answer.Fault
	if errors.As(err, &own) {
		return own.Code == 503 || own.Code == 504
	}
	var e *mtproto.Error
	if errors.As(err, &e) && e.Code != 0 {
		return e.Code == 420 || e.Code >= 500 || e.Code < 0
	}
	for _, never := range []error{files.ErrGone, files.ErrRange, files.ErrHash, files.ErrSize, objects.ErrNoBucket} {
		if errors.Is(err, never) {
			return false
		}
	}
	return !objects.IsFull(err)
}

// end tells what came of a job, and takes away what must not stay.
func (s *Jobs) end(ctx context.Context, j *Job, value any, err error) {
	left := s.life.Err() != nil && err != nil && !errors.Is(context.Cause(ctx), ErrCancelled)
	if !left {
		s.settle(j, err)
	}
	if j.value = value; err != nil {
		j.value, j.err = nil, err
		if left {
			j.err = ErrLeaving
		}
	}
	s.mu.Lock()
	delete(s.all, j.target())
	s.asked -= len(j.record.Asked)
	s.mu.Unlock()
	close(j.over)
	if !left {
		s.told(j, err)
	}
}

// told tells of what came of a job.
func (s *Jobs) told(j *Job, err error) {
	fault := new(answer.Fault)
	if err != nil {
		fault = s.c.Fault(err)
	}
	s.c.Ended(j.kind, fault.Code)
	if !j.Loud() || errors.Is(err, ErrErased) { // what is told is kept
		return
	}
	about := j.about()
	about["size"], about["took_ms"] = j.work.At().Done, time.Since(j.since).Milliseconds()
	if err == nil {
		s.c.Tell(eventDone, about)
		return
	}
	about["error"], about["code"] = fault.Text, fault.Code
	s.c.Tell(eventFailed, about)
}

// settle forgets a job, and has taken away what is left of one that failed.
func (s *Jobs) settle(j *Job, why error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*askTime)
	defer cancel()
	if why != nil {
		if err := j.work.Undo(ctx, j.record, why); err != nil {
			s.c.Log.Warn("what there is of a file is not taken away", "bucket", j.record.Bucket, "object", j.record.Object, "err", err)
			return // the record stays, so that the next owner tries again
		}
	}
	if !j.noted {
		return
	}
	drop := s.c.Records.drop
	if errors.Is(why, ErrErased) {
		drop = s.c.Records.erase
	}
	if err := drop(ctx, j.key()); err != nil {
		s.c.Log.Warn("the record of a file on its way is not taken away", "job", j.id, "err", err)
	}
}

// List tells of the jobs that wait or are at work, the oldest first.
func (s *Jobs) List() []Told {
	s.mu.Lock()
	defer s.mu.Unlock()
	told := []Told{}
	for _, j := range s.all {
		told = append(told, j.Tell())
	}
	slices.SortFunc(told, func(a, b Told) int { return cmp.Or(a.Since.Compare(b.Since), strings.Compare(a.ID, b.ID)) })
	return told
}

// Figures are how many there are.
func (s *Jobs) Figures() (waiting, running int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, j := range s.all {
		if j.work.At().Begun {
			running++
		} else {
			waiting++
		}
	}
	return waiting, running
}

// Cancel ends a job and waits for that. False: there is no such job, or it ended otherwise before.
func (s *Jobs) Cancel(id string) (there, cancelled bool) {
	s.mu.Lock()
	var found *Job
	for _, j := range s.all {
		if j.id == id {
			found = j
		}
	}
	s.mu.Unlock()
	if found == nil {
		return false, false
	}
	found.cancel(ErrCancelled)
	<-found.over
	return true, errors.Is(found.err, ErrCancelled)
}

// Resume goes on with the jobs of a former owner, and takes away what is left of those that nobody can go on with.
func (s *Jobs) Resume() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.c.Records == nil {
		return
	}
	left := make(chan struct{})
	s.left = left
	s.work.Go(func() {
		defer close(left)
		err := retry.Do(s.life, pause, func(ctx context.Context) (bool, error) {
			return true, errors.Join(s.goOn(ctx, Get), s.goOn(ctx, Put))
		})
		if err != nil && s.life.Err() == nil {
			s.c.Log.Warn("which files were on their way is not known", "err", err)
		}
	})
}

var errLost = errors.New("files: nobody can go on with the job")

func (s *Jobs) goOn(ctx context.Context, kind Kind) error {
	all, err := s.c.Records.Left(ctx, s.c.Account, kind, s.c.Box)
	if err != nil {
		return err
	}
	for id, r := range all {
		w, loud := s.c.Revive(kind, r)
		j := &Job{id: id, kind: kind, of: s, record: r, noted: true, asked: loud, work: w}
		if r.Key != "" && r.User == s.c.User {
			if _, err := s.start(s.life, j); err == nil {
				continue
			}
		}
		s.settle(j, errLost)
	}
	return nil
}

// Close waits for all to end, behind the end of the life that they have. Their records stay.
func (s *Jobs) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.work.Wait()
}
