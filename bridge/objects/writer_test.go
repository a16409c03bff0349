package objects

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/embedded/embeddedtest"
)

// A writer that another has overtaken notices: no chunk is there twice or in another's place, and who goes on reads what is there.
func TestWriterOvertaken(t *testing.T) {
	js, _ := embeddedtest.JetStream(t)
	ctx := t.Context()
	store, err := js.CreateObjectStore(ctx, jetstream.ObjectStoreConfig{Bucket: "B"})
	if err != nil {
		t.Fatal(err)
	}
	st, err := js.Stream(ctx, "OBJ_B")
	if err != nil {
		t.Fatal(err)
	}
	b := &Bucket{"B", js, st}
	sure := func() bool { return true }
	begin := func(at Written) *Writer {
		t.Helper()
		w, err := b.Begin(ctx, at, sure)
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	data := make([]byte, 5*ChunkSize+99)
	for i := range data {
		data[i] = byte(i / 1000)
	}
	write := func(w *Writer, from, to int) error {
		if err := w.Write(ctx, data[from:to]); err != nil {
			return err
		}
		_, err := w.Drain(ctx)
		return err
	}
	first := begin(Written{NUID: "n", Chunk: ChunkSize})
	if err := write(first, 0, 2*ChunkSize); err != nil {
		t.Fatal(err)
	}
	at, err := first.Drain(ctx)
	if err != nil {
		t.Fatal(err)
	}
	next := begin(at)
	if err := write(first, 2*ChunkSize, 3*ChunkSize); err != nil { // the former owner is still there
		t.Fatal(err)
	}
	if err := write(next, 2*ChunkSize, 3*ChunkSize); !errors.Is(err, ErrDisorder) {
		t.Fatalf("a chunk was there already: %v", err)
	}
	next = begin(at)
	if next.at.Bytes != 3*ChunkSize {
		t.Fatalf("%+v", next.at)
	}
	if err := next.Write(ctx, data[3*ChunkSize:]); err != nil {
		t.Fatal(err)
	}
	if _, err := next.Finish(ctx, jetstream.ObjectMeta{Name: "a"}, 0); err != nil {
		t.Fatal(err)
	}
	if got, err := store.GetBytes(ctx, "a"); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if _, err := next.Finish(ctx, jetstream.ObjectMeta{Name: "a"}, 0); err == nil {
		t.Error("an object was written over that came in between")
	}
	// A chunk that none of ours wrote.
	foreign := begin(Written{NUID: "m", Chunk: ChunkSize})
	if err := write(foreign, 0, ChunkSize); err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(ctx, b.chunks("m"), data[:ChunkSize]); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Begin(ctx, foreign.at, sure); !errors.Is(err, ErrDisorder) {
		t.Errorf("a foreign chunk counts: %v", err)
	}
	if _, err := foreign.Finish(ctx, jetstream.ObjectMeta{Name: "b"}, 0); !errors.Is(err, ErrDisorder) {
		t.Errorf("an object has a foreign chunk: %v", err)
	}
	// Whoever is no more sure of the account writes nothing.
	lost := begin(Written{NUID: "l", Chunk: ChunkSize})
	lost.sure = func() bool { return false }
	if err := write(lost, 0, ChunkSize); err == nil {
		t.Error("a former owner goes on writing")
	}
}

// late is a JetStream that refuses the first chunk, and says of the others a second later that they are stored.
type late struct {
	jetstream.JetStream
	sent int
}

type future struct {
	jetstream.PubAckFuture
	ok  chan *jetstream.PubAck
	err chan error
}

func (f *future) Ok() <-chan *jetstream.PubAck { return f.ok }
func (f *future) Err() <-chan error            { return f.err }

func (l *late) PublishMsgAsync(*nats.Msg, ...jetstream.PublishOpt) (jetstream.PubAckFuture, error) {
	f := &future{ok: make(chan *jetstream.PubAck, 1), err: make(chan error, 1)}
	if l.sent++; l.sent == 1 {
		f.err <- &jetstream.APIError{Code: 503, ErrorCode: 10077, Description: "maximum bytes exceeded"}
	} else {
		time.AfterFunc(time.Second, func() { f.ok <- &jetstream.PubAck{Sequence: uint64(l.sent)} }) //nolint:gosec // small
	}
	return f, nil
}

// After a chunk was refused nothing more is written, which is said at once, as often as it is asked; and chunks on their way are waited for, so
// that whoever takes the object away leaves none of them behind.
func TestWriterRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &late{}
		w := &Writer{b: &Bucket{"B", l, nil}, at: NewWritten(), sum: sha256.New(), sure: func() bool { return true }}
		if err := w.Write(t.Context(), make([]byte, 3*ChunkSize)); err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		for range 2 {
			if _, err := w.Drain(t.Context()); err == nil || !strings.Contains(err.Error(), "maximum bytes exceeded") {
				t.Errorf("drained: %v", err)
			}
		}
		if err := w.Write(t.Context(), make([]byte, ChunkSize)); err == nil || l.sent != 3 || time.Since(begun) > 0 {
			t.Errorf("%v; %d chunks were sent, after %v", err, l.sent, time.Since(begun))
		}
		if w.Settle(); time.Since(begun) != time.Second || len(w.sent) > 0 {
			t.Errorf("settled after %v; %d are on their way", time.Since(begun), len(w.sent))
		}
	})
}
