package records

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/natsgram/natsgram/bridge/embedded/embeddedtest"
	"github.com/natsgram/natsgram/bridge/storage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T) (*Records, jetstream.JetStream) {
	t.Helper()
	js, _ := embeddedtest.JetStream(t)
	st := storage.Daemon(js, storage.Options{}, nil)
	if _, err := st.Stream(t.Context(), storage.Updates); err != nil {
		t.Fatal(err)
	}
	r, err := Open(t.Context(), st)
	if err != nil {
		t.Fatal(err)
	}
	return r, js
}

func TestPosition(t *testing.T) {
	ctx := context.Background()
	r, js := open(t)
	if p, err := r.Position(ctx, "main"); err != nil || p.Seq != 0 || p.State != nil {
		t.Errorf("of an account that has none: %+v %v", p, err)
	}
	if err := r.SavePosition(ctx, "main", Position{Seq: 3, User: 7, State: json.RawMessage(`{"pts":2}`)}); err != nil {
		t.Fatal(err)
	}
	if p, err := r.Position(ctx, "main"); err != nil || p.Seq != 3 || p.User != 7 || string(p.State) != `{"pts":2}` {
		t.Errorf("%+v %v", p, err)
	}
	if err := r.PutBackPosition(ctx, "main", Position{Seq: 1, State: json.RawMessage(`{"pts":1}`)}); err != nil {
		t.Fatal(err)
	}
	if p, err := r.Position(ctx, "main"); err != nil || string(p.State) != `{"pts":2}` {
		t.Errorf("what is put back does not stand over what is there: %+v %v", p, err)
	}
	if err := js.DeleteStream(ctx, "TG_UPDATES"); err != nil {
		t.Fatal(err)
	}
	again := storage.Daemon(js, storage.Options{}, nil)
	if _, err := again.Stream(ctx, storage.Updates); err != nil {
		t.Fatal(err)
	}
	r, err := Open(ctx, again)
	if err != nil {
		t.Fatal(err)
	}
	if p, err := r.Position(ctx, "main"); err != nil || p.Seq != 0 || string(p.State) != `{"pts":2}` {
		t.Errorf("in another stream everything is behind it: %+v %v", p, err)
	}
	if _, err := r.bucket.Put(ctx, "main", []byte(`{`)); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Position(ctx, "main"); !errors.Is(err, ErrPosition) {
		t.Error(err)
	}
}

func TestForget(t *testing.T) {
	ctx := context.Background()
	r, _ := open(t)
	watched := Watched{Add: []int64{1, 2}, Remove: []int64{3}}
	if err := errors.Join(
		r.SavePosition(ctx, "main", Position{Seq: 3, State: json.RawMessage(`{"pts":2}`)}),
		r.SavePosition(ctx, "other", Position{Seq: 4, State: json.RawMessage(`{"pts":4}`)}),
		r.SignedIn(ctx, "main", 7, json.RawMessage(`{"pts":1}`)),
		r.SetWatched(ctx, "main", watched),
	); err != nil {
		t.Fatal(err)
	}
	if p, err := r.SignIn(ctx, "main"); err != nil || p.User != 7 || string(p.State) != `{"pts":1}` {
		t.Errorf("%+v %v", p, err)
	}
	if err := r.Forget(ctx, "main"); err != nil {
		t.Fatal(err)
	}
	if p, err := r.Position(ctx, "main"); err != nil || p.State != nil {
		t.Errorf("%+v %v", p, err)
	}
	if p, err := r.SignIn(ctx, "main"); err != nil || p.User != 0 {
		t.Errorf("%+v %v", p, err)
	}
	if w, err := r.Watched(ctx, "main"); err != nil || !reflect.DeepEqual(w, watched) {
		t.Errorf("%+v %v", w, err)
	}
	if p, err := r.Position(ctx, "other"); err != nil || p.Seq != 4 {
		t.Errorf("%+v %v", p, err)
	}
}

func TestHasBegun(t *testing.T) {
	ctx := context.Background()
	r, _ := open(t)
	if err := r.SignedIn(ctx, "main", 7, json.RawMessage(`{"pts":1}`)); err != nil {
		t.Fatal(err)
	}
	if err := r.HasBegun(ctx, "main"); err != nil {
		t.Fatal(err)
	}
	if p, err := r.SignIn(ctx, "main"); err != nil || p.User != 0 {
		t.Errorf("%+v %v", p, err)
	}
}

func TestWatchedOfNobody(t *testing.T) {
	r, _ := open(t)
	if w, err := r.Watched(t.Context(), "main"); err != nil || w.Add != nil || w.Remove != nil {
		t.Errorf("%+v %v", w, err)
	}
	if _, err := r.bucket.Put(t.Context(), WatchedKey("main"), []byte("[]")); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Watched(t.Context(), "main"); err == nil {
		t.Error("a record that is none")
	}
}
