// Package batch stores single messages together where many come at a time. Where every write is synced the disk does some hundreds to
// thousands a second, so what gathers while others are on their way goes as one atomic batch, where that is faster: it costs some
// syncs however large it is.
package batch

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/pace"
)

const (
	// tellingFrom is how many side by side tell what each adds: of fewer most of the time is the way there and back.
	tellingFrom = 4

	most      = 256
	mostBytes = 1 << 20

	// askTime bounds the wait for an acknowledgement.
	askTime = 3 * time.Second
)

// write is one that is to be stored.
type write struct {
	key    string
	msg    *nats.Msg
	stored chan stored
}

type stored struct {
	revision uint64
	err      error
}

// Writer stores messages, together where many come. It is safe for concurrent use.
type Writer struct {
	conn  *nats.Conn
	pace  pace.Pace // of run, as the next
	tried bool      // it is known how long single writes take

	mu    sync.Mutex
	queue []*write
	busy  bool
}

// New makes a writer.
func New(conn *nats.Conn) *Writer { return &Writer{conn: conn} }

// Put stores a message, and gives its sequence. Two with one key are never in one batch, and keep their order. When ctx ends before, it
// may be stored all the same. What the server refuses is a [*jetstream.APIError].
func (w *Writer) Put(ctx context.Context, key string, msg *nats.Msg) (uint64, error) {
	one := &write{key, msg, make(chan stored, 1)}
	w.mu.Lock()
	w.queue = append(w.queue, one)
	begin := !w.busy
	w.busy = true
	w.mu.Unlock()
	if begin {
		go w.run()
	}
	select {
	case s := <-one.stored:
		return s.revision, s.err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// run stores until nothing waits.
func (w *Writer) run() {
	for all := w.next(); len(all) > 0; all = w.next() {
		begun := time.Now()
		if w.tried && len(all) >= w.pace.From() {
			ack, err := w.store(all...)
			if err == nil {
				w.pace.Batch(len(all), time.Since(begun))
				for i, one := range all {
					one.stored <- stored{ack.Sequence - uint64(len(all)-1-i), nil} //nolint:gosec // not negative
				}
				continue
			}
			var refused *jetstream.APIError
			if !errors.As(err, &refused) {
				for _, one := range all {
					one.stored <- stored{0, err}
				}
				continue
			}
			// Nothing of it is stored. Most often one of them is not as it was expected: each finds out by itself.
			begun = time.Now()
		}
		w.singly(all)
		if len(all) >= tellingFrom {
			w.pace.Plain(len(all), time.Since(begun))
			w.tried = true
		}
	}
}

// next takes what goes next: of a key one write at a time.
func (w *Writer) next() (all []*write) {
	w.mu.Lock()
	defer w.mu.Unlock()
	size, keys := 0, map[string]bool{}
	w.queue = slices.DeleteFunc(w.queue, func(one *write) bool {
		if len(all) >= most || len(all) > 0 && size+one.msg.Size() > mostBytes || keys[one.key] {
			keys[one.key] = true // and none behind it comes before it
			return false
		}
		size += one.msg.Size()
		keys[one.key] = true
		all = append(all, one)
		return true
	})
	w.busy = len(all) > 0
	return all
}

// singly stores each by itself, side by side.
func (w *Writer) singly(all []*write) {
	var work sync.WaitGroup
	for _, one := range all {
		work.Go(func() {
			ack, err := w.store(one)
			one.stored <- stored{ack.Sequence, err}
		})
	}
	work.Wait()
}

// store stores some all or nothing.
func (w *Writer) store(all ...*write) (Ack, error) {
	ctx, cancel := context.WithTimeout(context.Background(), askTime)
	defer cancel()
	messages := make([]*nats.Msg, len(all))
	for i, one := range all {
		messages[i] = one.msg
	}
	return Publish(ctx, w.conn, messages...)
}
