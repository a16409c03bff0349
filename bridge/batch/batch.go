// Package batch stores single messages together where many come at a time. Where every write is synced the disk does some hundreds to
// thousands a second, so what gathers while others are on their way goes as one atomic batch, where that is faster: it costs some
// syncs however large it is.
package batch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"github.com/natsgram/natsgram/bridge/pace"
	"github.com/natsgram/natsgram/subjects"
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
			last, err := w.batch(all)
			if err == nil {
				w.pace.Batch(len(all), time.Since(begun))
				for i, one := range all {
					one.stored <- stored{last - uint64(len(all)-1-i), nil} //nolint:gosec // not negative
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
			for _, h := range []string{subjects.HeaderBatchID, subjects.HeaderBatchSequence, subjects.HeaderBatchCommit} { // of an attempt as a batch
				delete(one.msg.Header, h)
			}
			ack, err := w.ask(one.msg)
			one.stored <- stored{ack.Sequence, err}
		})
	}
	work.Wait()
}

// batch stores all or nothing, and gives the sequence of the last.
func (w *Writer) batch(all []*write) (uint64, error) {
	id := []string{nuid.Next()}
	for i, one := range all {
		if one.msg.Header == nil {
			one.msg.Header = nats.Header{}
		}
		h := one.msg.Header
		h[subjects.HeaderBatchID], h[subjects.HeaderBatchSequence] = id, []string{strconv.Itoa(i + 1)}
		if i < len(all)-1 {
			if err := w.conn.PublishMsg(one.msg); err != nil {
				return 0, err
			}
			continue
		}
		h[subjects.HeaderBatchCommit] = []string{"1"}
	}
	ack, err := w.ask(all[len(all)-1].msg)
	if err == nil && (ack.BatchID != id[0] || ack.BatchSize != len(all)) {
		err = errors.New("the server did not take the writes as one batch")
	}
	return ack.Sequence, err
}

// pubAck is JetStream's answer to a publish.
type pubAck struct {
	Error     *jetstream.APIError `json:"error"`
	Stream    string              `json:"stream"`
	Sequence  uint64              `json:"seq"`
	BatchID   string              `json:"batch"`
	BatchSize int                 `json:"count"`
}

func (w *Writer) ask(msg *nats.Msg) (ack pubAck, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), askTime)
	defer cancel()
	reply, err := w.conn.RequestMsgWithContext(ctx, msg)
	switch {
	case err != nil:
		return ack, err
	case json.Unmarshal(reply.Data, &ack) != nil || ack.Error == nil && ack.Stream == "":
		return ack, fmt.Errorf("acknowledgement of the server: %.80q", reply.Data)
	case ack.Error != nil:
		return ack, ack.Error
	}
	return ack, nil
}
