package files

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/files/jobs"
	"github.com/natsgram/natsgram/bridge/files/source"
	"github.com/natsgram/natsgram/bridge/objects"
)

// download brings a file of Telegram's into an object store: the work of a job. It needs the finder, the store and who moves files, and
// nothing of requests.
type download struct {
	s     *Service
	asked source.Asked

	down atomic.Int64 // bytes that are in JetStream

	mu    sync.Mutex
	found *source.Found // nil: it has to be found again
	begun bool          // it has a place at work
}

const saveEvery = 16 << 20 // bytes

// At is how far it is.
func (d *download) At() jobs.At {
	d.mu.Lock()
	defer d.mu.Unlock()
	at := jobs.At{Begun: d.begun, Size: -1, Done: d.down.Load()}
	if d.found != nil {
		at.Name, at.Size, at.Of = d.found.Name, d.found.Part(&d.asked), d.found.Of
	}
	return at
}

// Do brings what is missing of a file, and makes the object.
func (d *download) Do(ctx context.Context, j *jobs.Job) (any, error) {
	leave, err := place(ctx, d.s.jobPlaces)
	if err != nil {
		return nil, err
	}
	defer leave()
	d.mu.Lock()
	d.begun = true
	d.mu.Unlock()
	file, err := d.attempt(ctx, j)
	if err != nil {
		d.mu.Lock()
		d.found = nil // its reference may be what was wrong
		d.mu.Unlock()
		return nil, err
	}
	return file, nil
}

func (d *download) attempt(ctx context.Context, j *jobs.Job) (*File, error) {
	r := j.Record()
	f, err := d.again(ctx, r)
	if err != nil {
		return nil, err
	}
	b, err := d.s.c.Store.bucket(ctx, r.Bucket)
	if err != nil {
		return nil, err
	}
	there, last, err := b.Last(ctx, r.Object)
	if err != nil {
		return nil, err
	}
	if there != nil {
		file, err := d.known(ctx, b, r, there)
		if file != nil && err == nil {
			err = d.also(ctx, b, there, last, f.Of)
		}
		if file != nil || err != nil {
			return file, err
		}
	}
	w, err := d.writer(ctx, b, j)
	if err != nil {
		return nil, err
	}
	defer w.Settle()
	if err := d.bring(ctx, j, f, w); err != nil {
		return nil, err
	}
	info, err := w.Finish(ctx, metaOf(d.s.c.Account, r, f), last)
	if err != nil {
		return nil, err
	}
	d.down.Store(w.Bytes())
	if there != nil && there.NUID != "" {
		_ = b.Purge(ctx, there.NUID) // what was left of it ends by its age as well
	}
	return fileOf(info), nil
}

// again finds the file, which has to be the one that the job is about.
func (d *download) again(ctx context.Context, r *jobs.Record) (*source.Found, error) {
	d.mu.Lock()
	f := d.found
	d.mu.Unlock()
	if f != nil {
		return f, nil
	}
	f, err := d.s.finder.FindAnew(ctx, &d.asked)
	if err != nil {
		return nil, err
	}
	if d.asked.Ranged(f.Key) != r.Key {
		return nil, answer.Refuse(410, "get: there is another file now")
	}
	d.mu.Lock()
	d.found = f
	d.mu.Unlock()
	return f, nil
}

func metaOf(account string, r *jobs.Record, f *source.Found) jetstream.ObjectMeta {
	m := jetstream.ObjectMeta{
		Name: r.Object, Headers: nats.Header{"Content-Type": {f.Mime}},
		Metadata: map[string]string{objects.MetaFile: r.Key, objects.MetaAccount: account, objects.MetaName: f.Name, objects.MetaMime: f.Mime},
	}
	if len(f.Of) > 0 {
		m.Metadata[objects.MetaOf] = strings.Join(f.Of, " ")
	}
	return m
}

// mostOf is how much of whom an object came from is noted, in bytes: a file that many forward is everybody's.
const mostOf = 4 << 10

// also notes of an object that is there already that it came from these as well.
func (d *download) also(ctx context.Context, b *objects.Bucket, there *jetstream.ObjectInfo, last uint64, of []string) error {
	had := strings.Fields(there.Metadata[objects.MetaOf])
	all := slices.Clone(had)
	for _, who := range of {
		if !slices.Contains(all, who) {
			all = append(all, who)
		}
	}
	text := strings.Join(all, " ")
	if len(all) == len(had) || len(text) > mostOf || there.Metadata[objects.MetaAccount] != d.s.c.Account || !d.s.sure() {
		return nil
	}
	there.Metadata[objects.MetaOf] = text
	return b.Describe(ctx, there, last)
}

func fileOf(info *jetstream.ObjectInfo) *File {
	return &File{
		Bucket: info.Bucket, Object: info.Name, Name: info.Metadata[objects.MetaName], Size: int64(info.Size), //nolint:gosec // what a stream holds
		Mime: info.Metadata[objects.MetaMime], Digest: info.Digest,
	}
}

// known is an object that is there already. Nil: it is the same file, but some of it has aged away. One of somebody else's is never
// written over.
func (d *download) known(ctx context.Context, b *objects.Bucket, r *jobs.Record, there *jetstream.ObjectInfo) (*File, error) {
	if there.Metadata[objects.MetaFile] != r.Key {
		return nil, answer.Refuse(409, "get: to: "+r.Bucket+"/"+r.Object+" is there, and is not this file: delete it, or choose another name")
	}
	n, err := b.Count(ctx, there.NUID)
	if err != nil || n != uint64(there.Chunks) {
		return nil, err
	}
	if there.NUID == r.NUID {
		r.NUID = "" // it is an object now
	} else if r.NUID != "" {
		if err := b.Purge(ctx, r.NUID); err != nil {
			return nil, err
		}
		r.NUID = ""
	}
	d.down.Store(int64(there.Size)) //nolint:gosec // what a stream holds
	return fileOf(there), nil
}

// writer goes on where the job was, or begins.
func (d *download) writer(ctx context.Context, b *objects.Bucket, j *jobs.Job) (*objects.Writer, error) {
	r := j.Record()
	if r.NUID != "" {
		w, err := b.Begin(ctx, r.Written, d.s.sure)
		if err == nil || !errors.Is(err, objects.ErrDisorder) {
			return w, err
		}
		d.s.c.Log.Warn("a download begins anew", "job", j.ID(), "err", err)
		if err := b.Purge(ctx, r.NUID); err != nil {
			return nil, err
		}
	}
	if n := d.At().Size; n > 0 {
		if err := b.Room(ctx, n); err != nil {
			return nil, err
		}
	}
	r.Written = objects.NewWritten()
	d.down.Store(0)
	if err := j.Save(ctx); err != nil {
		return nil, fmt.Errorf("noting a download: %w", err)
	}
	return b.Begin(ctx, r.Written, d.s.sure)
}

// bring copies what is missing.
func (d *download) bring(ctx context.Context, j *jobs.Job, f *source.Found, w *objects.Writer) error {
	from := f.Source
	from.Offset = d.asked.Offset + w.Bytes()
	d.down.Store(w.Bytes())
	if d.asked.Limit > 0 {
		if from.Limit = d.asked.Limit - w.Bytes(); from.Limit <= 0 {
			return nil
		}
	}
	if from.Size >= 0 && from.Offset >= from.Size {
		return nil
	}
	saved := w.Bytes()
	_, err := d.s.files.Copy(ctx, from, progress(func(data []byte) error {
		if err := w.Write(ctx, data); err != nil {
			return err
		}
		d.down.Store(w.Bytes())
		j.Progress()
		if w.Bytes()-saved < saveEvery {
			return nil
		}
		saved = w.Bytes()
		return d.save(ctx, j, w)
	}))
	if err != nil {
		d.saveLast(j, w)
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
func (d *download) save(ctx context.Context, j *jobs.Job, w *objects.Writer) error {
	at, err := w.Drain(ctx)
	if err != nil {
		return err // the state of the digest would not fit what is stored
	}
	j.Record().Written = at
	if err := j.Save(ctx); err != nil {
		d.s.c.Log.Warn("how far a download has come is not written down", "job", j.ID(), "err", err)
	}
	return nil
}

// saveLast notes it when nothing more comes now.
func (d *download) saveLast(j *jobs.Job, w *objects.Writer) {
	ctx, cancel := context.WithTimeout(context.Background(), lastTime)
	defer cancel()
	if d.s.sure() {
		_ = d.save(ctx, j, w) // what is not noted is read from the chunks
	}
	d.down.Store(w.Bytes())
}

// lastTime is for noting how far a job is that ends here.
const lastTime = 10 * time.Second

// Undo takes away the chunks that are no object. Where what is kept of somebody is erased, they are written over.
func (d *download) Undo(ctx context.Context, r *jobs.Record, why error) error {
	if r.NUID == "" || r.Bucket == "" {
		return nil
	}
	b, err := d.s.c.Store.bucket(ctx, r.Bucket)
	if err != nil {
		return err
	}
	if errors.Is(why, jobs.ErrErased) {
		return b.Erase(ctx, r.NUID)
	}
	return b.Purge(ctx, r.NUID)
}

// place waits for a place at work.
func place(ctx context.Context, places chan struct{}) (leave func(), err error) {
	select {
	case places <- struct{}{}:
		return func() { <-places }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}
