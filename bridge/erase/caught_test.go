package erase

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/embedded/embeddedtest"
)

// A stream that takes over another's messages is waited for until it has what the other one has now, whatever has happened to what it had; of one that
// is behind it is said that it is.
func TestCaught(t *testing.T) {
	js, _ := embeddedtest.JetStream(t)
	make := func(c jetstream.StreamConfig) jetstream.Stream {
		t.Helper()
		st, err := js.CreateOrUpdateStream(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		return st
	}
	from := make(jetstream.StreamConfig{Name: "FROM", Subjects: []string{"f.>"}})
	own := jetstream.StreamConfig{Name: "OWN", Sources: []*jetstream.StreamSource{{Name: "FROM", FilterSubject: "f.a.>"}}, MaxMsgs: 2, Discard: jetstream.DiscardNew}
	st := make(own)
	caught := func(within time.Duration) error {
		ctx, cancel := context.WithTimeout(t.Context(), within)
		defer cancel()
		return Caught(ctx, js, "OWN", "FROM", "f.a.>")
	}
	say := func(subjects ...string) {
		t.Helper()
		for _, subject := range subjects {
			if _, err := js.Publish(t.Context(), subject, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	has := func(n uint64) {
		t.Helper()
		if err := caught(20 * time.Second); err != nil {
			t.Fatal(err)
		}
		if info, err := st.Info(t.Context()); err != nil || info.State.Msgs != n {
			t.Errorf("%v %+v, want %d", err, info, n)
		}
	}
	has(0)
	say("f.b.1")
	has(0)
	say("f.a.1", "f.a.2", "f.b.2")
	has(2)
	say("f.a.3") // for which there is no room
	if err := caught(300 * time.Millisecond); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	own.MaxMsgs = -1
	st = make(own)
	has(3)
	if err := st.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	has(0)
	if err := from.DeleteMsg(t.Context(), 5); err != nil {
		t.Fatal(err)
	}
	has(0)
}
