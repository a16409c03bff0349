package stream

import (
	"context"
	"sync"
	"time"
)

// Doing is how the publishing of a log does.
type Doing struct {
	Oldest  time.Time // when the update that waits longest was added; zero: none waits
	Failing time.Time // since when nothing that waits could be stored; zero: it can
	Err     error     // why not
}

// Doing tells how the publishing does.
func (l *Log) Doing() Doing {
	l.mu.Lock()
	var d Doing
	if len(l.queue) > 0 {
		d.Oldest = l.queue[0].added
	}
	l.mu.Unlock()
	d.Failing, d.Err = l.trouble.told()
	return d
}

// trouble is since when, and why, nothing could be stored.
type trouble struct {
	mu       sync.Mutex
	since    time.Time
	err      error
	refusals int // in a row, for a reason that time may not mend
}

func (t *trouble) note(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.since.IsZero() {
		t.since = time.Now()
	}
	if t.err = err; unmendable(err) {
		t.refusals++
	} else {
		t.refusals = 0
	}
}

func (t *trouble) over() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.since, t.err, t.refusals = time.Time{}, nil, 0
}

func (t *trouble) told() (time.Time, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.since, t.err
}

// tried notes an attempt to publish.
func (l *Log) tried(ctx context.Context, took time.Duration, err error) {
	if err != nil && ctx.Err() != nil {
		return // it was told to end
	}
	if err != nil {
		l.trouble.note(err)
		l.store.storage.Suspect(err)
	}
	if l.opts.Tried != nil {
		l.opts.Tried(took, err)
	}
}
