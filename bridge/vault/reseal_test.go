package vault

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/embedded/embeddedtest"
	"github.com/natsgram/natsgram/bridge/storage"
)

// A session is sealed anew whatever a daemon with the former secret has written beside it, and stands alone then; one that is sealed with the next one alone
// is left as it is.
func TestReseal(t *testing.T) {
	ctx := t.Context()
	js, _ := embeddedtest.JetStream(t)
	with := func(secret string, others ...string) *Vault {
		t.Helper()
		var keys []Key
		for _, o := range others {
			keys = append(keys, testKey(t, o))
		}
		v, err := Open(ctx, storage.Command(js, storage.Options{}), testKey(t, secret), keys...)
		must(t, err)
		return v
	}
	former, next, alone := with("former", "next"), with("next", "former"), with("next")
	if done, err := next.Reseal(ctx, "main"); done || err != nil {
		t.Errorf("nothing: %v, %v", done, err)
	}
	s, err := former.Save(ctx, "main", Session{}, []byte("0"))
	must(t, err)
	for i := range 3 {
		state := fmt.Sprint(i)
		if sealed, err := next.SealedByFirst(ctx, "main"); sealed || err != nil {
			t.Errorf("%d, before: %v, %v", i, sealed, err)
		}
		for _, want := range []bool{true, false} {
			if done, err := next.Reseal(ctx, "main"); done != want || err != nil {
				t.Errorf("%d: done is %v, %v", i, done, err)
			}
		}
		got, err := alone.Load(ctx, "main")
		if sealed, e := next.SealedByFirst(ctx, "main"); err != nil || string(got.State) != state || got.n != s.n || !sealed || e != nil {
			t.Errorf("%d, afterwards: %v %v, %v %v", i, got.n, err, sealed, e)
		}
		if all, err := alone.versions(ctx, "main"); err != nil || len(all) != 1 {
			t.Errorf("%d: %d versions, %v", i, len(all), err)
		}
		got, err = former.Load(ctx, "main")
		must(t, err)
		s, err = former.Save(ctx, "main", got, fmt.Append(nil, i+1)) // by who does not know that the secret is being changed
		must(t, err)
	}
	if _, err := with("another").Reseal(ctx, "main"); !errors.Is(err, ErrSealed) {
		t.Errorf("with neither: %v", err)
	}
}

// meddled is a stream of which somebody writes a record behind its having been read.
type meddled struct {
	jetstream.Stream
	behind func()
}

func (m meddled) GetMsg(ctx context.Context, seq uint64, o ...jetstream.GetMsgOpt) (*jetstream.RawStreamMsg, error) {
	msg, err := m.Stream.GetMsg(ctx, seq, o...)
	if errors.Is(err, jetstream.ErrMsgNotFound) { // all was read
		m.behind()
	}
	return msg, err
}

// Who saves the session while it is sealed anew is not written over: what he saved is sealed anew then.
func TestResealBesideADaemon(t *testing.T) {
	ctx := t.Context()
	js, _ := embeddedtest.JetStream(t)
	former, err := Open(ctx, storage.Command(js, storage.Options{}), testKey(t, "former"))
	must(t, err)
	next, err := Open(ctx, storage.Command(js, storage.Options{}), testKey(t, "next"), testKey(t, "former"))
	must(t, err)
	s, err := former.Save(ctx, "main", Session{}, []byte("first"))
	must(t, err)
	saved := false
	next.stream = meddled{next.stream, func() {
		if !saved {
			saved = true
			_, err = former.Save(ctx, "main", s, []byte("second"))
			must(t, err)
		}
	}}
	if done, err := next.Reseal(ctx, "main"); !done || err != nil {
		t.Errorf("%v, %v", done, err)
	}
	if got, err := next.Load(ctx, "main"); err != nil || string(got.State) != "second" {
		t.Errorf("%s, %v", got.State, err)
	}
}
