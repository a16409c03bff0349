package erase

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/embedded/embeddedtest"
)

// What goes out of a stream while it is gone through, by age or for want of room, is not waited for.
func TestTakenOutMeanwhile(t *testing.T) {
	js, _ := embeddedtest.JetStream(t)
	st, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"s.>"}})
	if err != nil {
		t.Fatal(err)
	}
	const n = 2000
	for i := range n {
		if _, err := js.PublishAsync("s."+strconv.Itoa(i%2), []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	<-js.PublishAsyncComplete()
	purged := false
	c, err := Stream(t.Context(), js, "S", "s.1", 0, func(string, nats.Header, []byte) bool {
		if !purged {
			purged = true
			if err := st.Purge(t.Context(), jetstream.WithPurgeSubject("s.1")); err != nil {
				t.Error(err)
			}
		}
		return false
	}, false)
	if err != nil || c.Read == 0 || c.Read >= n/2 {
		t.Errorf("%+v %v", c, err)
	}
}

// What is to be deleted and has gone out by itself just before is no error.
func TestGoneBeforeItIsDeleted(t *testing.T) {
	js, _ := embeddedtest.JetStream(t)
	st, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"s.>"}})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := js.Publish(t.Context(), "s.1", []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	c, err := Stream(t.Context(), js, "S", "s.1", 0, func(string, nats.Header, []byte) bool {
		if err := st.Purge(t.Context(), jetstream.WithPurgeSequence(2)); err != nil {
			t.Error(err)
		}
		return true
	}, false)
	if err != nil || c.Erased == 0 {
		t.Errorf("%+v %v", c, err)
	}
	if st, err = js.Stream(t.Context(), "S"); err != nil || st.CachedInfo().State.Msgs != 0 {
		t.Errorf("%v, something is left", err)
	}
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "F", Subjects: []string{"f.>"}, DenyDelete: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(t.Context(), "f.1", []byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := Stream(t.Context(), js, "F", ">", 0, func(string, nats.Header, []byte) bool { return true }, false); err == nil {
		t.Error("what may not be deleted counts as gone")
	}
}

// That all which was to come has gone out before the first of it came is no error either.
func TestTakenOutBeforeItCame(t *testing.T) {
	t.Parallel() // it waits most of the time
	hold := embeddedtest.Hold(embeddedtest.Start(t))
	js, err := jetstream.New(embeddedtest.Connect(t, hold))
	if err != nil {
		t.Fatal(err)
	}
	st, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"s.>"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(t.Context(), "s.1", []byte("x")); err != nil {
		t.Fatal(err)
	}
	hold.Back(func(subject string) bool { return strings.HasPrefix(subject, "$JS.API.CONSUMER.MSG.NEXT.") })
	done := make(chan error, 1)
	go func() {
		_, err := Stream(t.Context(), js, "S", "s.1", 0, func(string, nats.Header, []byte) bool { return true }, false)
		done <- err
	}()
	for begun := time.Now(); len(hold.Held()) == 0 && time.Since(begun) < time.Minute; {
		time.Sleep(time.Millisecond)
	}
	if err := st.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	hold.Release(t)
	if err := <-done; err != nil {
		t.Error(err)
	}
}
