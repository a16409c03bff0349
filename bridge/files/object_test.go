package files

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/embedded/embeddedtest"
	"github.com/natsgram/natsgram/bridge/vault"
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
	b := &bucket{"B", js, st}
	sure := func() bool { return true }
	begin := func(at written) *writer {
		t.Helper()
		w, err := b.begin(ctx, at, sure)
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	data := make([]byte, 5*chunkSize+99)
	for i := range data {
		data[i] = byte(i / 1000)
	}
	write := func(w *writer, from, to int) error {
		if err := w.write(ctx, data[from:to]); err != nil {
			return err
		}
		_, err := w.drain(ctx)
		return err
	}
	first := begin(written{NUID: "n", Chunk: chunkSize})
	if err := write(first, 0, 2*chunkSize); err != nil {
		t.Fatal(err)
	}
	at, err := first.drain(ctx)
	if err != nil {
		t.Fatal(err)
	}
	next := begin(at)
	if err := write(first, 2*chunkSize, 3*chunkSize); err != nil { // the former owner is still there
		t.Fatal(err)
	}
	if err := write(next, 2*chunkSize, 3*chunkSize); !errors.Is(err, errDisorder) {
		t.Fatalf("a chunk was there already: %v", err)
	}
	next = begin(at)
	if next.at.Bytes != 3*chunkSize {
		t.Fatalf("%+v", next.at)
	}
	if err := next.write(ctx, data[3*chunkSize:]); err != nil {
		t.Fatal(err)
	}
	if _, err := next.finish(ctx, jetstream.ObjectMeta{Name: "a"}, 0); err != nil {
		t.Fatal(err)
	}
	if got, err := store.GetBytes(ctx, "a"); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if _, err := next.finish(ctx, jetstream.ObjectMeta{Name: "a"}, 0); err == nil {
		t.Error("an object was written over that came in between")
	}
	// A chunk that none of ours wrote.
	foreign := begin(written{NUID: "m", Chunk: chunkSize})
	if err := write(foreign, 0, chunkSize); err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(ctx, b.chunks("m"), data[:chunkSize]); err != nil {
		t.Fatal(err)
	}
	if _, err := b.begin(ctx, foreign.at, sure); !errors.Is(err, errDisorder) {
		t.Errorf("a foreign chunk counts: %v", err)
	}
	if _, err := foreign.finish(ctx, jetstream.ObjectMeta{Name: "b"}, 0); !errors.Is(err, errDisorder) {
		t.Errorf("an object has a foreign chunk: %v", err)
	}
	// Whoever is no more sure of the account writes nothing.
	lost := begin(written{NUID: "l", Chunk: chunkSize})
	lost.sure = func() bool { return false }
	if err := write(lost, 0, chunkSize); err == nil {
		t.Error("a former owner goes on writing")
	}
}

// Whatever stands in a record: what is taken away by it is one object's, and what is gone on with makes sense.
func FuzzRecord(f *testing.F) {
	key, err := vault.KeyFromSecret("sixteen characters")
	if err != nil {
		f.Fatal(err)
	}
	box, err := vault.NewBox("files", key)
	if err != nil {
		f.Fatal(err)
	}
	const name = "main.get.1"
	for _, a := range []asked{{}, {Link: "t.me/a/5", To: "object"}} {
		plain, _ := json.Marshal(a)
		sealed, err := box.Seal(name, plain)
		if err != nil {
			f.Fatal(err)
		}
		body, _ := json.Marshal(record{Bucket: "TG_FILES", Object: "a/b", Key: "k", written: written{NUID: "n", Chunk: chunkSize}, Sealed: sealed})
		if r, err := readRecord(name, body, box); err != nil || r.asked.Link != a.Link {
			f.Fatal(err)
		}
		f.Add(body)
	}
	f.Add([]byte(`{"bucket":"*","nuid":">"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := readRecord(name, body, box)
		if strings.ContainsAny(r.Bucket+r.NUID, ".*> ") || err == nil && (r.NUID == "" || r.Bytes != int64(r.Chunks)*chunkSize) {
			t.Errorf("%+v %v", r, err)
		}
	})
}
