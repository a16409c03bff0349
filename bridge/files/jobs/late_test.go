package jobs

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/embedded/embeddedtest"
	"github.com/natsgram/natsgram/bridge/objects"
	"github.com/natsgram/natsgram/bridge/storage"
	"github.com/natsgram/natsgram/bridge/vault"
)

// heldRecords are records of which what is written can be held back, and what seals them.
func heldRecords(t *testing.T) (*embeddedtest.Holding, *Records, vault.Box) {
	t.Helper()
	hold := embeddedtest.Hold(embeddedtest.Start(t))
	js, err := jetstream.New(embeddedtest.Connect(t, hold))
	if err != nil {
		t.Fatal(err)
	}
	r, err := OpenRecords(t.Context(), storage.Daemon(js, storage.Options{}, nil))
	if err != nil {
		t.Fatal(err)
	}
	secret, err := vault.KeyFromSecret("sixteen characters")
	if err != nil {
		t.Fatal(err)
	}
	box, err := vault.NewBox("files", secret)
	if err != nil {
		t.Fatal(err)
	}
	return hold, r, box
}

// A record that is still on its way to the bucket when it is erased does not come there any more, the first one or a later one; nor does one that is
// written then.
func TestErasedIsNotNotedLate(t *testing.T) {
	for name, saved := range map[string]int{"the first": 0, "a later one": 2} {
		t.Run(name, func(t *testing.T) {
			hold, r, box := heldRecords(t)
			record := &Record{Bucket: "TG_FILES", Object: "eve", Key: "k", Written: objects.NewWritten(), Asked: []byte(`{}`)}
			at := key("main", Get, "1")
			for range saved {
				if err := r.save(t.Context(), at, record, box); err != nil {
					t.Fatal(err)
				}
			}
			hold.Back(func(subject string) bool { return strings.HasPrefix(subject, "$KV.TG_TRANSFERS.") })
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			if err := r.save(ctx, at, record, box); !errors.Is(err, context.DeadlineExceeded) || len(hold.Held()) == 0 {
				t.Fatalf("%v, held back: %q", err, hold.Held())
			}
			hold.Back(nil)
			if err := r.erase(t.Context(), at); err != nil {
				t.Fatal(err)
			}
			hold.Release(t)
			if err := r.save(t.Context(), at, record, box); !errors.Is(err, errErased) { // behind it
				t.Error(err)
			}
			if all, err := r.Left(t.Context(), "main", Get, box); len(all) > 0 || err != nil {
				t.Errorf("%+v %v", all, err)
			}
		})
	}
}

// Of a write that was not confirmed and is there after all, the next one is written over it.
func TestNotedOverWhatWasNotConfirmed(t *testing.T) {
	hold, r, box := heldRecords(t)
	record := &Record{Bucket: "TG_FILES", Object: "a", Key: "k", Written: objects.NewWritten(), Asked: []byte(`{}`)}
	hold.Back(func(subject string) bool { return strings.HasPrefix(subject, "$KV.TG_TRANSFERS.") })
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := r.save(ctx, "main.get.1", record, box); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	hold.Release(t)
	for range 2 {
		if err := r.save(t.Context(), "main.get.1", record, box); err != nil {
			t.Error(err)
		}
	}
}

// What a job has brought in the moment in which it is erased is taken away like all else of it, and nothing is told.
func TestErasedThoughDone(t *testing.T) {
	r := newRig()
	defer r.Close()
	defer r.end()
	begun := make(chan struct{})
	m := &moves{do: func(ctx context.Context, _ int) (any, error) {
		close(begun)
		<-ctx.Done()
		return "file", nil
	}}
	j := r.begin(t, "eve", m)
	<-begun
	if read, gone, err := r.Erase(t.Context(), func(*Record, []string) bool { return true }, false); read != 1 || gone != 1 || err != nil {
		t.Errorf("%d of %d, %v", gone, read, err)
	}
	if v, _, err := j.Await(t.Context()); v != nil || !errors.Is(err, ErrErased) || !errors.Is(m.undone, ErrErased) {
		t.Errorf("%v %v, undone for %v", v, err, m.undone)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.told) > 0 {
		t.Errorf("told: %q", r.told)
	}
}
