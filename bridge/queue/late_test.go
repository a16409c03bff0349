package queue

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/embedded/embeddedtest"
	"github.com/natsgram/natsgram/bridge/storage"
	"github.com/natsgram/natsgram/subjects"
)

// A result that is still on its way when it is erased does not come there any more. That the job was run stays known, so that it is not run once more.
func TestErasedResultIsNotToldLate(t *testing.T) {
	hold := embeddedtest.Hold(embeddedtest.Start(t))
	js, err := jetstream.New(embeddedtest.Connect(t, hold))
	if err != nil {
		t.Fatal(err)
	}
	s, err := Setup(t.Context(), storage.Daemon(js, storage.Options{}, nil), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, j, ok := readJob(subjects.Scheme{}, "tg.queue.main.user.5."+send, 7, time.Now(), nats.Header{subjects.HeaderMsgID: {"once"}}, []byte("to eve"))
	if !ok {
		t.Fatal("it is no job")
	}
	var before told
	answered := &result{end: Done, header: nats.Header{subjects.HeaderContentType: {subjects.ContentJSON}, subjects.HeaderSent: {"yes"}}, body: []byte("what came of it, to eve"), tries: 1}
	hold.Back(func(subject string) bool { return strings.HasPrefix(subject, "tg.done.") })
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := s.publish(ctx, s.message("main", j, answered), 0); !errors.Is(err, context.DeadlineExceeded) || len(hold.Held()) != 1 {
		t.Fatalf("%v, held back: %q", err, hold.Held())
	}
	hold.Back(nil)
	if err := errors.Join(s.tell(t.Context(), "main", j, answered, before), s.publish(t.Context(), &nats.Msg{Subject: "tg.done.main.user.6.other", Data: []byte("to alice")}, 0)); err != nil {
		t.Fatal(err)
	}
	r := New(Config{Account: "main", Store: s})
	about := func(_ string, _ nats.Header, body []byte) bool { return strings.Contains(string(body), "eve") }
	for n, want := range []Counts{{2, 1}, {2, 1}, {2, 0}} { // dry, in earnest, and again
		if got, err := r.EraseResults(t.Context(), about, n == 0); got != want || err != nil {
			t.Errorf("%d: %+v %v, want %+v", n, got, err, want)
		}
	}
	hold.Release(t)
	if err := s.publish(t.Context(), &nats.Msg{Subject: "tg.done.main.user.6.behind"}, 0); err != nil {
		t.Fatal(err)
	}
	m, err := s.done.GetLastMsgForSubject(t.Context(), "tg.done.main.user.5.once")
	if err != nil || strings.Contains(string(m.Data), "eve") || m.Header.Get(subjects.HeaderErrorCode) != "410" || m.Header.Get(subjects.HeaderSent) != "yes" || m.Header.Get(subjects.HeaderMethod) == "" {
		t.Fatalf("%v %+v", err, m)
	}
	if known, err := s.told(t.Context(), "main", j); err != nil || known.job != 7 || known.end != Done || known.digest != j.digest() {
		t.Errorf("%+v %v", known, err)
	}
}
