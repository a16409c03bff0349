package records

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

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

// A page that is still on its way when the next one is stored in its slot does not come over it.
func TestPagesAreNotStoredLate(t *testing.T) {
	hold := embeddedtest.Hold(embeddedtest.Start(t))
	js, err := jetstream.New(embeddedtest.Connect(t, hold))
	if err != nil {
		t.Fatal(err)
	}
	r, err := Open(t.Context(), storage.Daemon(js, storage.Options{}, nil))
	if err != nil {
		t.Fatal(err)
	}
	for _, known := range []uint64{0, 1} {
		hold.Back(func(subject string) bool { return strings.HasPrefix(subject, "$KV.TG_POSITIONS.") })
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		_, err := r.SavePage(ctx, "main", 7, 3, []byte("with her"), known)
		if cancel(); !errors.Is(err, context.DeadlineExceeded) || len(hold.Held()) != 1 {
			t.Fatalf("%v, held back: %q", err, hold.Held())
		}
		hold.Back(nil)
		if _, err := r.SavePage(t.Context(), "main", 7, 3, []byte("without"), known); err != nil {
			t.Fatal(err)
		}
		hold.Release(t)
		if _, err := r.SavePage(t.Context(), "main", 7, 4, []byte("another"), 0); err != nil { // behind it
			t.Fatal(err)
		}
		if all, err := r.Pages(t.Context(), "main", 7); err != nil || len(all) != 2 || string(all[0]) != "without" && string(all[1]) != "without" {
			t.Errorf("%q %v", all, err)
		}
	}
}
