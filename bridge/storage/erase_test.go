package storage

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/embedded"
)

// Of a key that is erased nothing is left, neither in the bucket nor in the server's files; others stay. Of a bucket as NATS's libraries make it,
// the key goes.
func TestEraseKeys(t *testing.T) {
	dir := t.TempDir()
	srv, err := embedded.Start(embedded.Config{Dir: dir, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(srv.Close)
	s := Daemon(dial(t, srv.ClientURL()), Options{}, nil)
	for _, name := range []string{Peers, Positions} {
		kv, err := s.Bucket(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"main.user.5", "main.user.55", "main.name.eve", "other.user.5"} {
			if _, err := kv.PutString(t.Context(), key, "secret of "+key+" in "+name); err != nil {
				t.Fatal(err)
			}
		}
		if n, err := s.EraseKeys(t.Context(), name, "main.user.5"); n != 1 || err != nil {
			t.Errorf("%s: %d %v", name, n, err)
		}
		if n, err := s.EraseKeys(t.Context(), name, "main.user.5"); n != 0 || err != nil {
			t.Errorf("%s, again: %d %v", name, n, err)
		}
		if _, err := kv.Get(t.Context(), "main.user.5"); err == nil {
			t.Errorf("%s: it is there", name)
		}
		for _, key := range []string{"main.user.55", "main.name.eve", "other.user.5"} {
			if _, err := kv.Get(t.Context(), key); err != nil {
				t.Errorf("%s: %s: %v", name, key, err)
			}
		}
	}
	if n, err := s.EraseKeys(t.Context(), Once, ">"); n != 0 || err != nil {
		t.Errorf("of a bucket that is not there: %d %v", n, err)
	}
	left := ""
	err = filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return nil //nolint:nilerr // the server takes files away meanwhile
		}
		b, _ := os.ReadFile(path)
		left += string(b)
		return nil
	})
	if err != nil || strings.Contains(left, "secret of main.user.5 in "+Peers) || !strings.Contains(left, "secret of main.user.55 in "+Peers) {
		t.Errorf("the files hold what is erased, or not what stays: %v", err)
	}
}

// Of a key that is erased a mark stays, over which nothing comes that was to go over what was there, or over nothing; what is written over the mark
// does. It can be erased again.
func TestEraseKeyLeavesAMark(t *testing.T) {
	srv, err := embedded.Start(embedded.Config{Dir: t.TempDir(), NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(srv.Close)
	s := Daemon(dial(t, srv.ClientURL()), Options{}, nil)
	kv, err := s.Bucket(t.Context(), Peers)
	if err != nil {
		t.Fatal(err)
	}
	revision, err := kv.PutString(t.Context(), "main.user.5", "secret")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.EraseKey(t.Context(), Peers, "main.user.5"); err != nil {
			t.Fatal(err)
		}
	}
	for _, over := range []uint64{0, revision} {
		if _, err := kv.Update(t.Context(), "main.user.5", []byte("late"), over); !Taken(err) {
			t.Errorf("over %d: %v", over, err)
		}
	}
	if _, err := kv.Get(t.Context(), "main.user.5"); !errors.Is(err, jetstream.ErrKeyNotFound) {
		t.Error(err)
	}
	mark, err := s.Mark(t.Context(), Peers, "main.user.5")
	if err == nil {
		_, err = kv.Update(t.Context(), "main.user.5", []byte("anew"), mark.Revision)
	}
	if err != nil {
		t.Error(err)
	}
}

// That a message was gone before it is deleted is as good, and that nobody knows the stream says nothing of it.
func TestEraseMsgThatIsGone(t *testing.T) {
	js := newJS(t)
	st, err := js.CreateStream(soon(t), jetstream.StreamConfig{Name: "S", Subjects: []string{"s"}})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := js.Publish(soon(t), "s", nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := st.Purge(soon(t), jetstream.WithPurgeSequence(2)); err != nil {
		t.Fatal(err)
	}
	for _, seq := range []uint64{1, 2, 2, 3, 3} {
		if err := EraseMsg(soon(t), st, seq); err != nil {
			t.Errorf("%d: %v", seq, err)
		}
	}
	if err := js.DeleteStream(soon(t), "S"); err != nil {
		t.Fatal(err)
	}
	if err := EraseMsg(soon(t), st, 3); err == nil {
		t.Error("of a stream that nobody knows a message counts as gone")
	}
}
