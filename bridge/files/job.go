package files

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/retry"
	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/files"
	"github.com/natsgram/natsgram/subjects"
)

// job is a file on its way into an object store. It goes on whether somebody waits for it or not, and after a crash where it was.
type job struct {
	id     string
	bucket string
	object string
	asked  asked
	since  time.Time
	done   chan struct{} // closed when it has ended
	cancel context.CancelCauseFunc

	down atomic.Int64 // bytes that are in JetStream

	mu     sync.Mutex
	found  *found
	record *record
	begun  bool // it has a place at work
	told   time.Time
	file   *File // what came of it
	err    error
}

// States of a job.
const (
	jobWaits = "waiting"
	jobRuns  = "running"
)

// Events of jobs.
const (
	eventProgress = "file.progress"
	eventDone     = "file.done"
	eventFailed   = "file.failed"
)

// Job is what is told of a job.
type Job struct {
	ID     string    `json:"id"`
	State  string    `json:"state"` // waiting, running
	Bucket string    `json:"bucket"`
	Object string    `json:"object"`
	Name   string    `json:"name,omitempty"`
	Size   int64     `json:"size,omitempty"` // bytes; missing: not known
	Done   int64     `json:"done"`           // of them
	Since  time.Time `json:"since"`
}

func (j *job) tell() Job {
	j.mu.Lock()
	defer j.mu.Unlock()
	t := Job{ID: j.id, State: jobWaits, Bucket: j.bucket, Object: j.object, Done: j.down.Load(), Since: j.since.UTC()}
	if j.begun {
		t.State = jobRuns
	}
	if j.found != nil {
		t.Name, t.Size = j.found.name, max(j.size(), 0)
	}
	return t
}

// size is how many bytes the object is to have, as far as that is known; else less than 0.
func (j *job) size() int64 {
	from := j.found.Source
	from.Offset, from.Limit = j.asked.Offset, j.asked.Limit
	if n, known := wanted(from); known && from.Size >= 0 {
		return n
	}
	return unknownSize
}

const (
	jobsMost  = 1000 // of an account
	jobsAtMax = 3    // of them at work
	loudOver  = 8 << 20
	tellEvery = time.Second
	saveEvery = 16 << 20 // bytes
	triesMost = 8        // without a byte more
)

var jobPause = retry.Backoff{Min: 200 * time.Millisecond, Max: 30 * time.Second}

// Causes of the end of a job.
var (
	errCancelled = errors.New("files: the job was cancelled")
	errLeaving   = errors.New("files: the account is being stopped here")
)

// toStore has a file put into an object store: by a job of its own, by one that does so already, or not, where it is there.
func (s *Service) toStore(ctx context.Context, a *asked) (*job, error) {
	if s.c.Store == nil {
		return nil, answer.Refuse(404, "get: to: files are put into no object store here")
	}
	f, err := s.find(ctx, a)
	if err != nil {
		return nil, err
	}
	bucket, object, fault := a.target()
	if fault != nil {
		return nil, fault
	}
	bucket = cmp.Or(bucket, s.c.Store.own())
	if !slices.Contains(append([]string{s.c.Store.own()}, s.c.Buckets...), bucket) {
		return nil, answer.Refuse(403, "get: to: files are not put into the object store "+bucket+" (NATSGRAM_FILES_BUCKETS)")
	}
	if bucket == s.c.Store.own() && ofAnother(object, s.c.Account) {
		return nil, answer.Refuse(403, "get: to: "+quote(object)+" is a name for files of another account: choose another")
	}
	object = cmp.Or(object, s.objectName(f, a))
	return s.start(nuid.Next(), &record{Bucket: bucket, Object: object, Key: rangeKey(f.key, a), User: s.c.User, asked: *a}, f)
}

// objectName is what an object is called that nobody named: by the file's id, so that the same file has the same one.
func (s *Service) objectName(f *found, a *asked) string {
	ext := path.Ext(f.name)
	if len(ext) > 10 || strings.ContainsFunc(ext, func(r rune) bool { return r > unicode.MaxASCII }) { // nats.js reads no objects with such names
		ext = ""
	}
	return s.c.Account + "/" + rangeKey(f.key, a) + ext
}

// ofAnother reports whether an object is called as the files of another account are that nobody named. Whoever may fetch files of one
// account is not to take their names, nor to be told of them.
func ofAnother(object, account string) bool {
	whose, key, _ := strings.Cut(object, "/")
	kind, id, ok := strings.Cut(key, "/")
	return ok && whose != account && subjects.CheckAccount(whose) == nil && id != "" && (kind == "document" || kind == "photo" || kind == "location")
}

func rangeKey(key string, a *asked) string {
	if a.Offset == 0 && a.Limit == 0 {
		return key
	}
	return key + "@" + strconv.FormatInt(a.Offset, 10) + "+" + strconv.FormatInt(a.Limit, 10)
}

// start begins a job, or gives the one that writes the same object.
func (s *Service) start(id string, r *record, f *found) (*job, error) {
	target := r.Bucket + "/" + r.Object
	s.mu.Lock()
	defer s.mu.Unlock()
	if j := s.jobs[target]; j != nil {
		if j.record.Key != r.Key {
			return nil, answer.Refuse(409, "get: to: another file is being put into "+target)
		}
		return j, nil
	}
	if s.closed {
		return nil, errLeaving
	}
	if len(s.jobs) >= jobsMost {
		return nil, answer.Later("get: " + strconv.Itoa(jobsMost) + " files are on their way already")
	}
	j := &job{id: id, bucket: r.Bucket, object: r.Object, asked: r.asked, since: time.Now(), done: make(chan struct{}), found: f, record: r}
	j.down.Store(r.Bytes)
	ctx, cancel := context.WithCancelCause(s.ctx)
	j.cancel = cancel
	s.jobs[target] = j
	s.work.Add(1)
	go func() {
		defer s.work.Done()
		defer cancel(nil)
		file, err := s.guarded(ctx, func(ctx context.Context) (any, error) { return s.carry(ctx, j) })
		s.end(ctx, j, file, err)
	}()
	return j, nil
}

// end tells what came of a job, and takes away what must not stay.
func (s *Service) end(ctx context.Context, j *job, file any, err error) {
	left := s.ctx.Err() != nil && err != nil && !errors.Is(context.Cause(ctx), errCancelled)
	if !left {
		s.settle(j, err != nil)
	}
	j.mu.Lock()
	if j.file, _ = file.(*File); err != nil {
		j.file, j.err = nil, err
		if left {
			j.err = errLeaving
		}
	}
	j.mu.Unlock()
	s.mu.Lock()
	delete(s.jobs, j.bucket+"/"+j.object)
	s.mu.Unlock()
	close(j.done)
	if left || !j.loud() {
		return
	}
	about := map[string]any{"job": j.id, "bucket": j.bucket, "object": j.object, "size": j.down.Load(), "took_ms": time.Since(j.since).Milliseconds()}
	if err == nil {
		s.tell(eventDone, about)
		return
	}
	fault := s.fault(err)
	about["error"], about["code"] = fault.Text, fault.Code
	s.tell(eventFailed, about)
}

func (s *Service) tell(event string, fields map[string]any) {
	if s.c.Tell != nil {
		s.c.Tell(event, fields)
	}
}

// settle forgets a job, and what it has written where that is no object.
func (s *Service) settle(j *job, failed bool) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*askTime)
	defer cancel()
	if failed && j.record.NUID != "" {
		b, err := s.c.Store.bucket(ctx, j.bucket)
		if err == nil {
			err = b.purge(ctx, j.record.NUID)
		}
		if err != nil {
			s.c.Log.Warn("what was written of an object is not taken away", "bucket", j.bucket, "object", j.object, "err", err)
			return // the record stays, so that the next owner tries again
		}
	}
	if j.record.Sealed == nil {
		return // it was never written
	}
	if err := s.c.Store.drop(ctx, s.c.Account, j.id); err != nil {
		s.c.Log.Warn("the record of a download is not taken away", "job", j.id, "err", err)
	}
}

// loud says that a job is worth events.
func (j *job) loud() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.asked.Job || j.down.Load() > loudOver || j.found != nil && j.size() > loudOver
}

// carry brings a file, through whatever passes by.
func (s *Service) carry(ctx context.Context, j *job) (*File, error) {
	select {
	case s.jobPlaces <- struct{}{}:
		defer func() { <-s.jobPlaces }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	j.mu.Lock()
	j.begun = true
	j.mu.Unlock()
	tries, best, wait := 0, j.down.Load(), time.Duration(0)
	for {
		file, err := s.attempt(ctx, j)
		if err == nil {
			return file, nil
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if now := j.down.Load(); now > best {
			tries, best, wait = 0, now, 0
		}
		if tries++; tries == triesMost || !passing(err) {
			return nil, err
		}
		s.c.Log.Info("a download is interrupted", "job", j.id, "bytes", best, "err", err)
		if wait = jobPause.After(wait); retry.Pause(ctx, max(wait, mtproto.RetryAfter(err))) != nil {
			return nil, context.Cause(ctx)
		}
		j.mu.Lock()
		j.found = nil // its reference may be what was wrong
		j.mu.Unlock()
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
	for _, never := range []error{files.ErrGone, files.ErrRange, files.ErrHash, files.ErrSize, errOurs} {
		if errors.Is(err, never) {
			return false
		}
	}
	return true
}

// attempt brings what is missing of a file, and makes the object.
func (s *Service) attempt(ctx context.Context, j *job) (*File, error) {
	f, err := s.again(ctx, j)
	if err != nil {
		return nil, err
	}
	b, err := s.c.Store.bucket(ctx, j.bucket)
	if err != nil {
		return nil, err
	}
	there, last, err := b.info(ctx, j.object)
	if err != nil {
		return nil, err
	}
	if there != nil {
		file, err := s.known(ctx, b, j, there)
		if file != nil || err != nil {
			return file, err
		}
	}
	w, err := s.writer(ctx, b, j)
	if err != nil {
		return nil, err
	}
	if err := s.bring(ctx, j, f, w); err != nil {
		return nil, err
	}
	info, err := w.finish(ctx, metaOf(j, f), last)
	if err != nil {
		return nil, err
	}
	j.down.Store(w.at.Bytes)
	if there != nil && there.NUID != "" {
		_ = b.purge(ctx, there.NUID) // what was left of it ends by its age as well
	}
	return fileOf(info), nil
}

// again finds the file, which has to be the one that the job is about.
func (s *Service) again(ctx context.Context, j *job) (*found, error) {
	j.mu.Lock()
	f := j.found
	j.mu.Unlock()
	if f != nil {
		return f, nil
	}
	f, err := s.findAnew(ctx, &j.asked)
	if err != nil {
		return nil, err
	}
	if rangeKey(f.key, &j.asked) != j.record.Key {
		return nil, answer.Refuse(410, "get: there is another file now")
	}
	j.mu.Lock()
	j.found = f
	j.mu.Unlock()
	return f, nil
}

// metaKey is the metadata that says which file an object is.
const metaKey = "natsgram_file"

func metaOf(j *job, f *found) jetstream.ObjectMeta {
	return jetstream.ObjectMeta{
		Name: j.object, Headers: nats.Header{"Content-Type": {f.mime}}, Metadata: map[string]string{metaKey: j.record.Key, "name": f.name, "mime_type": f.mime},
	}
}

func fileOf(info *jetstream.ObjectInfo) *File {
	return &File{
		Bucket: info.Bucket, Object: info.Name, Name: info.Metadata["name"], Size: int64(info.Size), //nolint:gosec // what a stream holds
		Mime: info.Metadata["mime_type"], Digest: info.Digest,
	}
}

// known is an object that is there already. Nil: it is the same file, but some of it has aged away. One of somebody else's is never
// written over.
func (s *Service) known(ctx context.Context, b *bucket, j *job, there *jetstream.ObjectInfo) (*File, error) {
	if there.Metadata[metaKey] != j.record.Key {
		return nil, answer.Refuse(409, "get: to: "+j.bucket+"/"+j.object+" is there, and is not this file: delete it, or choose another name")
	}
	n, err := b.count(ctx, there.NUID)
	if err != nil || n != uint64(there.Chunks) {
		return nil, err
	}
	if there.NUID == j.record.NUID {
		j.record.NUID = "" // it is an object now
	} else if j.record.NUID != "" {
		if err := b.purge(ctx, j.record.NUID); err != nil {
			return nil, err
		}
		j.record.NUID = ""
	}
	j.down.Store(int64(there.Size)) //nolint:gosec // what a stream holds
	return fileOf(there), nil
}

// writer goes on where the job was, or begins.
func (s *Service) writer(ctx context.Context, b *bucket, j *job) (*writer, error) {
	if j.record.NUID != "" {
		w, err := b.begin(ctx, j.record.written, s.sure)
		if err == nil || !errors.Is(err, errDisorder) {
			return w, err
		}
		s.c.Log.Warn("a download begins anew", "job", j.id, "err", err)
		if err := b.purge(ctx, j.record.NUID); err != nil {
			return nil, err
		}
	}
	if n := j.size(); n > 0 {
		if err := b.room(ctx, n); err != nil {
			return nil, err
		}
	}
	j.record.written = written{NUID: nuid.Next(), Chunk: chunkSize}
	j.down.Store(0)
	if err := s.c.Store.save(ctx, s.c.Account, j.id, j.record, s.c.Box); err != nil {
		return nil, fmt.Errorf("noting a download: %w", err)
	}
	return b.begin(ctx, j.record.written, s.sure)
}

func (s *Service) sure() bool { return s.c.Sure == nil || s.c.Sure() }

// bring copies what is missing.
func (s *Service) bring(ctx context.Context, j *job, f *found, w *writer) error {
	from := f.Source
	from.Offset = j.asked.Offset + w.at.Bytes
	j.down.Store(w.at.Bytes)
	if j.asked.Limit > 0 {
		if from.Limit = j.asked.Limit - w.at.Bytes; from.Limit <= 0 {
			return nil
		}
	}
	if from.Size >= 0 && from.Offset >= from.Size {
		return nil
	}
	saved := w.at.Bytes
	_, err := s.files.Copy(ctx, from, progress(func(data []byte) error {
		if err := w.write(ctx, data); err != nil {
			return err
		}
		j.down.Store(w.at.Bytes)
		s.progress(j)
		if w.at.Bytes-saved < saveEvery {
			return nil
		}
		saved = w.at.Bytes
		return s.save(ctx, j, w)
	}))
	if err != nil {
		s.saveLast(j, w)
	}
	return err
}

// progress is an io.Writer.
type progress func(data []byte) error

func (p progress) Write(data []byte) (int, error) {
	if err := p(data); err != nil {
		return 0, err
	}
	return len(data), nil
}

// save notes how far a job has come.
func (s *Service) save(ctx context.Context, j *job, w *writer) error {
	at, err := w.drain(ctx)
	if err != nil {
		return err // the state of the digest would not fit what is stored
	}
	j.record.written = at
	if err := s.c.Store.save(ctx, s.c.Account, j.id, j.record, s.c.Box); err != nil {
		s.c.Log.Warn("how far a download has come is not written down", "job", j.id, "err", err)
	}
	return nil
}

// saveLast notes it when nothing more comes now.
func (s *Service) saveLast(j *job, w *writer) {
	ctx, cancel := context.WithTimeout(context.Background(), askTime)
	defer cancel()
	if s.sure() {
		_ = s.save(ctx, j, w) // what is not noted is read from the chunks
	}
	j.down.Store(w.at.Bytes)
}

// progress tells how far a job has come, now and then.
func (s *Service) progress(j *job) {
	if !j.loud() {
		return
	}
	j.mu.Lock()
	due := time.Since(j.told) >= tellEvery
	if due {
		j.told = time.Now()
	}
	size := j.size()
	j.mu.Unlock()
	if !due {
		return
	}
	about := map[string]any{"job": j.id, "bucket": j.bucket, "object": j.object, "done": j.down.Load(), "to": "nats"}
	if size >= 0 {
		about["size"] = size
	}
	s.tell(eventProgress, about)
}

// Start goes on with the jobs of a former owner, and takes away what is left of those that nobody can go on with.
func (s *Service) Start() {
	if s.c.Store == nil || s.files == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.work.Add(1)
	go func() {
		defer s.work.Done()
		err := retry.Do(s.ctx, jobPause, func(ctx context.Context) (bool, error) { return true, s.goOn(ctx) })
		if err != nil && s.ctx.Err() == nil {
			s.c.Log.Warn("what downloads there were is not known", "err", err)
		}
	}()
}

func (s *Service) goOn(ctx context.Context) error {
	all, err := s.c.Store.left(ctx, s.c.Account, s.c.Box)
	if err != nil {
		return err
	}
	for id, r := range all {
		if r.Key != "" && r.User == s.c.User {
			if _, err := s.start(id, r, nil); err == nil {
				continue
			}
		}
		s.settle(&job{id: id, bucket: r.Bucket, object: r.Object, record: r}, r.Bucket != "")
	}
	return nil
}

// await waits for a job until ctx ends. Nil: it is not done.
func (j *job) await(ctx context.Context) (*File, error) {
	select {
	case <-j.done:
		j.mu.Lock()
		defer j.mu.Unlock()
		return j.file, j.err
	case <-ctx.Done():
		return nil, nil //nolint:nilnil // the doc says so
	}
}
