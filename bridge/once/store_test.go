package once

import (
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/natsgram/natsgram/bridge/embedded/embeddedtest"
	"github.com/natsgram/natsgram/bridge/storage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newBucket is one in JetStream.
func newBucket(t *testing.T) (*rig, *bucket) {
	t.Helper()
	js, _ := embeddedtest.JetStream(t)
	s, err := NewStore(t.Context(), storage.Daemon(js, storage.Options{}, nil))
	if err != nil {
		t.Fatal(err)
	}
	return newRig(t), s.(*bucket)
}

func newOwner(g *rig, s Store) *Journal {
	return New(Config{Account: "main", Store: s, Box: g.box, Layer: 223})
}

func TestBucket(t *testing.T) {
	g, s := newBucket(t)
	st, js := s.st, s.st.JetStream()
	info, err := js.Stream(t.Context(), "KV_TG_ONCE")
	if err != nil {
		t.Fatal(err)
	}
	if c := info.CachedInfo().Config; c.MaxAge != 24*time.Hour || c.Discard != jetstream.DiscardOld || c.MaxBytes <= 0 || c.AllowDirect {
		t.Errorf("%+v", c)
	}
	owner := func() *Journal { return newOwner(g, s) }
	if _, _, err := s.Get(t.Context(), key("main", 0, "", "1")); !errors.Is(err, storage.ErrNone) {
		t.Error(err)
	}
	g.runs(owner(), ask("1", "a")).Done(t.Context(), []byte("x"), nil)
	g.answered(owner(), ask("1", "a"), "x")
	g.refused(owner(), ask("1", "b"), 409, "no", "Nats-Msg-Id")
	g.runs(owner(), ask("2", "a"))
	if r := g.runs(owner(), ask("2", "a")); !r.Unknown() || r.New(t.Context()) {
		t.Errorf("%+v", r)
	}
	g.runs(owner(), ask("3", "a")).Leave(t.Context())
	if r := g.runs(owner(), ask("3", "b")); r.Unknown() {
		t.Errorf("%+v", r)
	}
	kv, err := st.Bucket(t.Context(), storage.Once)
	if err != nil {
		t.Fatal(err)
	}
	if err := kv.Delete(t.Context(), key("main", 0, "", "1")); err != nil {
		t.Fatal(err)
	}
	if r := g.runs(owner(), ask("1", "b")); r.Unknown() {
		t.Errorf("a record that an operator has deleted: %+v", r)
	}
	if since, err := s.Since(t.Context()); err != nil || time.Since(since) > time.Minute {
		t.Error(since, err)
	}
	j := owner()
	if err := js.DeleteStream(t.Context(), "KV_TG_ONCE"); err != nil {
		t.Fatal(err)
	}
	g.refused(j, ask("4", "a"), 503, "no", "nothing was sent")
	if _, err := NewStore(t.Context(), st); err != nil {
		t.Fatal(err)
	}
	if r := g.runs(j, ask("4", "a")); r.Unknown() {
		t.Errorf("%+v", r)
	}
}
