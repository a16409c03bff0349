package client

import (
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/embedded/embeddedtest"
	"github.com/natsgram/natsgram/subjects"
)

// A job that was told of and taken out of the queue since its result was looked for is not lost.
func TestJobDoneBetweenTwoLooks(t *testing.T) {
	nc := embeddedtest.Connect(t, embeddedtest.Start(t))
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	for name, all := range map[string][]string{"TG_QUEUE": subjects.Jobs(subjects.Scheme{}).All(), "TG_DONE": {subjects.Results(subjects.Scheme{}).All()}} {
		if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: name, Subjects: all}); err != nil {
			t.Fatal(err)
		}
	}
	q, err := New(nc, "main").Queue(t.Context(), Job{Kind: User, ChatID: 5, Method: "messages.sendMessage", ID: "a"})
	if err != nil {
		t.Fatal(err)
	}
	look := func(told, lost bool) {
		t.Helper()
		if x, err := q.look(t.Context()); err != nil || (x.told != nil) != told || x.lost != lost {
			t.Errorf("%+v, %v", x, err)
		}
	}
	look(false, false)
	m := nats.NewMsg(q.subjects[1]) // another job has the id
	m.Header.Set(subjects.HeaderJobDigest, q.digest)
	if _, err := js.PublishMsg(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	look(false, false)
	if err := js.DeleteStream(t.Context(), "TG_QUEUE"); err != nil {
		t.Fatal(err)
	}
	if _, err := q.look(t.Context()); err == nil {
		t.Error("nobody said where it is")
	}
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "TG_QUEUE", Subjects: subjects.Jobs(subjects.Scheme{}).All()}); err != nil {
		t.Fatal(err)
	}
	look(true, false)
	if err := js.DeleteStream(t.Context(), "TG_DONE"); err != nil {
		t.Fatal(err)
	}
	if x, err := q.look(t.Context()); err == nil || x.lost {
		t.Errorf("nobody said what became of it: %+v", x)
	}
}
