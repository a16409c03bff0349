package jobs

import (
	"context"
	"sync"
	"time"
)

// Events of jobs.
const (
	eventProgress = "file.progress"
	eventDone     = "file.done"
	eventFailed   = "file.failed"
)

// Job is one file on its way.
type Job struct {
	id     string
	kind   Kind
	of     *Jobs
	record *Record
	noted  bool // it may be in the bucket
	work   Work
	asked  bool // for a job: it tells of itself
	since  time.Time
	cancel context.CancelCauseFunc

	over  chan struct{} // closed when the rest is set
	value any
	err   error

	mu   sync.Mutex
	told time.Time
}

// target is what no two jobs may do at the same time: writing an object, or sending the same contents of one.
func (j *Job) target() string {
	at := string(j.kind) + " " + j.record.Bucket + "/" + j.record.Object
	if j.kind == Put {
		at += " " + j.record.Key
	}
	return at
}

func (j *Job) key() string { return key(j.of.c.Account, j.kind, j.id) }

// ID tells it from all other jobs.
func (j *Job) ID() string { return j.id }

// Record is what is written down of it. Its work alone changes that.
func (j *Job) Record() *Record { return j.record }

// Save writes it down.
func (j *Job) Save(ctx context.Context) error {
	if j.of.c.Records == nil {
		return nil
	}
	j.noted = true
	return j.of.c.Records.save(ctx, j.key(), j.record, j.of.c.Box)
}

// Await waits until it is done. Where ctx ends before, it is not.
func (j *Job) Await(ctx context.Context) (value any, done bool, err error) {
	select {
	case <-j.over:
		return j.value, true, j.err
	case <-ctx.Done():
		return nil, false, nil
	}
}

// Loud reports whether a job is worth events.
func (j *Job) Loud() bool {
	at := j.work.At()
	return j.asked || max(at.Done, at.Size) > loudOver
}

// about is what every event says.
func (j *Job) about() map[string]any {
	return map[string]any{"job": j.id, "bucket": j.record.Bucket, "object": j.record.Object, "to": j.kind.to()}
}

// Progress tells how far it is, now and then.
func (j *Job) Progress() {
	if !j.Loud() {
		return
	}
	j.mu.Lock()
	due := time.Since(j.told) >= tellEvery
	if due {
		j.told = time.Now()
	}
	j.mu.Unlock()
	if !due {
		return
	}
	at, about := j.work.At(), j.about()
	if about["done"] = at.Done; at.Size >= 0 {
		about["size"] = at.Size
	}
	j.of.c.Tell(eventProgress, about)
}

// Told is what callers are told of a job.
type Told struct {
	ID     string    `json:"id"`
	State  string    `json:"state"` // waiting, running
	To     string    `json:"to"`    // nats, telegram
	Bucket string    `json:"bucket"`
	Object string    `json:"object"`
	Name   string    `json:"name,omitempty"`
	Size   int64     `json:"size,omitempty"` // bytes; missing: not known
	Done   int64     `json:"done"`           // of them
	Since  time.Time `json:"since"`
}

// Tell tells of it.
func (j *Job) Tell() Told {
	at := j.work.At()
	t := Told{
		ID: j.id, State: "waiting", To: j.kind.to(), Bucket: j.record.Bucket, Object: j.record.Object,
		Name: at.Name, Size: max(at.Size, 0), Done: at.Done, Since: j.since.UTC(),
	}
	if at.Begun {
		t.State = "running"
	}
	return t
}
