package objects

import (
	"bytes"
	"errors"
	"testing"

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
