package stream

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

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

// over notes that something was stored. It reports whether that ends a trouble.
func (t *trouble) over() (was bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	was = t.err != nil
	t.since, t.err, t.refusals = time.Time{}, nil, 0
	return was
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
		l.server.store.storage.Suspect(err)
	}
	if l.opts.Tried != nil {
		l.opts.Tried(took, err)
	}
}

// troubled has the owner of the log look at what keeps it from storing anything.
func (l *Log) troubled() {
	if l.opts.Troubled != nil {
		l.opts.Troubled()
	}
}

// refused reports whether the server said no, so that nothing was stored. The fence says no too, but whose account it is has to
// be found out then.
func refused(err error) bool {
	if errors.Is(err, nats.ErrMaxPayload) {
		return true
	}
	switch codeOf(err) {
	case 0, codeWrongSequence, codeInProcess:
		return false
	}
	return true
}

// unmendable reports whether waiting may not help: the server finds fault with the request, and knows no limit that was
// reached for now.
func unmendable(err error) bool {
	var api *jetstream.APIError
	if !errors.As(err, &api) || api.Code < 400 || api.Code >= 500 {
		return false
	}
	switch api.ErrorCode {
	case codeAccountFull, codeWrongSequence, codeInProcess, codeIncomplete, codeTooManyBatches, codeDuplicate:
		return false
	}
	return true
}

// hopelessAfter is how many refusals in a row make it likely that there will be no other answer.
const hopelessAfter = 4

// hopeless reports, now and then, that refusals repeat which time may not mend.
func (t *trouble) hopeless() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.refusals > 0 && t.refusals%hopelessAfter == 0
}
