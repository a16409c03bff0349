package storage

import (
	"errors"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
)

// No revision of a bucket that says who owns what is one of its successor's, also where whoever makes that knows nothing of the one
// before; and the mark of a deletion is told from nothing.
func TestRevisionsOfTheNextBucket(t *testing.T) {
	js := newJS(t)
	for _, name := range []string{Leases, Accounts} {
		last := uint64(0)
		for range 3 {
			s := Daemon(js, Options{}, nil)
			kv, err := s.Bucket(soon(t), name)
			if err != nil {
				t.Fatal(err)
			}
			if mark, err := s.Mark(soon(t), name, "key"); err != nil || mark != (Mark{}) {
				t.Errorf("%s: nothing: %+v, %v", name, mark, err)
			}
			rev, err := kv.Create(soon(t), "key", nil)
			if err != nil || rev <= last {
				t.Fatalf("%s: revision %d after %d, %v", name, rev, last, err)
			}
			if err := kv.Delete(soon(t), "key"); err != nil {
				t.Fatal(err)
			}
			if _, err := kv.Get(soon(t), "key"); !errors.Is(err, jetstream.ErrKeyNotFound) {
				t.Errorf("%s: deleted: %v", name, err)
			}
			if mark, err := s.Mark(soon(t), name, "key"); err != nil || mark.Revision <= rev || mark.At.IsZero() {
				t.Errorf("%s: deleted: %+v, %v", name, mark, err)
			} else {
				last = mark.Revision
			}
			if err := js.DeleteKeyValue(soon(t), kv.Bucket()); err != nil {
				t.Fatal(err)
			}
		}
	}
}
