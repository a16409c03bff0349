package objects

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/embedded"
	"github.com/natsgram/natsgram/bridge/embedded/embeddedtest"
)

// Of an object that is erased no byte is left in any file of the server, without waiting for it to tidy up: neither of one that stands among
// others, nor of one whose chunks alternate with another's. What others have is where it was.
func TestErase(t *testing.T) {
	var dir string
	js, _ := embeddedtest.JetStream(t, func(c *embedded.Config) { dir = c.Dir })
	store, err := js.CreateObjectStore(t.Context(), jetstream.ObjectStoreConfig{Bucket: "B", MaxBytes: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	b, err := OpenBucket(t.Context(), js, "B")
	if err != nil {
		t.Fatal(err)
	}
	const large = 24 << 20 / ChunkSize // some files of the server's
	objects := map[string]*Writer{}
	write := func(chunks int, names ...string) {
		t.Helper()
		for range chunks {
			for _, name := range names {
				w := objects[name]
				if w == nil {
					if w, err = b.Begin(t.Context(), NewWritten(), func() bool { return true }); err != nil {
						t.Fatal(err)
					}
					objects[name] = w
				}
				if err := w.Write(t.Context(), bytes.Repeat([]byte("what is in "+name+"! "), ChunkSize/len("what is in "+name+"! ")+1)[:ChunkSize]); err != nil {
					t.Fatal(err)
				}
				if _, err := w.Drain(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	write(10, "before")
	write(large, "alone")
	write(10, "after")
	write(large/2, "mixed", "other")
	write(10, "last")
	for name, w := range objects {
		if _, err := w.Finish(t.Context(), jetstream.ObjectMeta{Name: name}, 0); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"alone", "mixed"} {
		if len(embeddedtest.Found(dir, "what is in "+name)) == 0 {
			t.Fatalf("%s was not there", name)
		}
		for range 2 { // it can be done again
			if err := b.Erase(t.Context(), objects[name].at.NUID); err != nil {
				t.Fatal(err)
			}
		}
		if len(embeddedtest.Found(dir, "what is in "+name)) > 0 {
			t.Errorf("%s is in the files of the server", name)
		}
	}
	for _, name := range []string{"before", "after", "other", "last"} {
		if _, err := store.GetBytes(t.Context(), name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Chunks far from all others need not be written over: the file in which they stand holds nothing else.
func TestShared(t *testing.T) {
	var row []uint64
	for seq := uint64(100); seq < 100+3*blockMost; seq++ {
		row = append(row, seq)
	}
	if got := shared(row); len(got) != 2*blockMost || !slices.Contains(got, row[blockMost-1]) || slices.Contains(got, row[blockMost]) || !slices.Contains(got, row[2*blockMost]) {
		t.Errorf("of %d in a row %d", len(row), len(got))
	}
	if got := shared(row[:2*blockMost]); len(got) != 2*blockMost {
		t.Errorf("of as many as two files hold %d", len(got))
	}
	torn := append(slices.Clone(row), row[len(row)-1]+2)
	if got := shared(torn); !slices.Contains(got, torn[len(torn)-1]) || !slices.Contains(got, torn[len(torn)-2]) {
		t.Errorf("where something else stands between: %v", got)
	}
	if shared(nil) != nil {
		t.Error("of none some")
	}
}

// A chunk that was sent before the object is erased is stored before, or never: nothing is taken away until the server has said that it has come
// to what was sent then.
func TestEraseWaitsForWhatWasSent(t *testing.T) {
	srv := embeddedtest.Start(t)
	hold := embeddedtest.Hold(srv)
	js, err := jetstream.New(embeddedtest.Connect(t, hold))
	if err != nil {
		t.Fatal(err)
	}
	other, err := jetstream.New(embeddedtest.Connect(t, srv))
	if err != nil {
		t.Fatal(err)
	}
	if _, err = js.CreateObjectStore(t.Context(), jetstream.ObjectStoreConfig{Bucket: "B"}); err != nil {
		t.Fatal(err)
	}
	b, err := OpenBucket(t.Context(), js, "B")
	if err != nil {
		t.Fatal(err)
	}
	hold.Back(func(subject string) bool { return subject == b.chunks("n") })
	erased := make(chan error, 1)
	go func() { erased <- b.Erase(t.Context(), "n") }()
	for begun := time.Now(); len(hold.Held()) == 0; time.Sleep(time.Millisecond) {
		if time.Since(begun) > 20*time.Second {
			t.Fatal("it does not ask")
		}
	}
	if _, err := other.Publish(t.Context(), b.chunks("n"), []byte("on its way until now")); err != nil {
		t.Fatal(err)
	}
	hold.Release(t)
	if err := <-erased; err != nil {
		t.Fatal(err)
	}
	if n, err := b.Count(t.Context(), "n"); n != 0 || err != nil {
		t.Errorf("%d chunks, %v", n, err)
	}
}
