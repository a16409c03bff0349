package client_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/client"
	"github.com/natsgram/natsgram/subjects"
)

// jobs are the streams of jobs, without a daemon.
type jobs struct {
	t     *testing.T
	nc    *nats.Conn
	js    jetstream.JetStream
	looks *nats.Subscription // those of somebody who waits, at the queue
}

func newJobs(t *testing.T) *jobs {
	t.Helper()
	j := &jobs{t: t, nc: busOnly(t)}
	var err error
	if j.js, err = jetstream.New(j.nc); err == nil {
		j.looks, err = j.nc.SubscribeSync("$JS.API.STREAM.MSG.GET.TG_QUEUE")
	}
	for name, all := range map[string][]string{"TG_QUEUE": subjects.Jobs(subjects.Scheme{}).All(), "TG_DONE": {subjects.Results(subjects.Scheme{}).All()}} {
		_, made := j.js.CreateStream(t.Context(), jetstream.StreamConfig{Name: name, Subjects: all, Duplicates: 100 * time.Millisecond})
		err = errors.Join(err, made)
	}
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func (j *jobs) add(id, text string) *client.Queued {
	j.t.Helper()
	q, err := client.New(j.nc, "main").Queue(j.t.Context(), client.Job{Kind: client.User, ChatID: 5, Method: "messages.sendMessage", Params: map[string]string{"message": text}, ID: id})
	if err != nil {
		j.t.Fatal(err)
	}
	return q
}

// remove takes a job out of the queue.
func (j *jobs) remove(q *client.Queued) {
	j.t.Helper()
	st, err := j.js.Stream(j.t.Context(), "TG_QUEUE")
	if err == nil {
		err = st.DeleteMsg(j.t.Context(), q.Sequence)
	}
	if err != nil {
		j.t.Fatal(err)
	}
}

// tell says what became of a job that sends a text.
func (j *jobs) tell(id, text string) {
	j.t.Helper()
	m := nats.NewMsg("tg.done.main.user.5." + id)
	m.Header.Set(subjects.HeaderJobState, string(client.JobDone))
	m.Header.Set(subjects.HeaderJobDigest, subjects.JobDigest("messages.sendMessage", subjects.ContentJSON, []byte(`{"message":"`+text+`"}`)))
	if _, err := j.js.PublishMsg(j.t.Context(), m); err != nil {
		j.t.Fatal(err)
	}
}

// Who waits for a job that is not in the queue any more, and of which nothing is kept, is told that; also where another job stands in its place.
func TestWaitForALostJob(t *testing.T) {
	j := newJobs(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	q := j.add("gone", "a")
	j.remove(q)
	wait := func(what string, q *client.Queued) {
		t.Helper()
		var e *client.Error
		if r, err := q.Wait(ctx); r != nil || !errors.Is(err, client.ErrJobForgotten) || !errors.As(err, &e) || e.MsgID != q.ID || e.Sent != client.SentUnknown {
			t.Errorf("%s: %+v, %v", what, r, err)
		}
	}
	wait("taken out", q)
	j.tell("gone", "b")
	wait("told of another job with its id", q)
	if err := j.js.DeleteStream(t.Context(), "TG_QUEUE"); err != nil {
		t.Fatal(err)
	}
	if _, err := j.js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "TG_QUEUE", Subjects: subjects.Jobs(subjects.Scheme{}).All()}); err != nil {
		t.Fatal(err)
	}
	if other := j.add("other", "a"); other.Sequence != q.Sequence {
		t.Fatalf("sequence %d, not %d", other.Sequence, q.Sequence)
	}
	wait("the queue is another one", q)
}

// A job that waits is waited for, however often it is looked for; so is one of which nobody says where it is.
func TestWaitForAJobThatWaits(t *testing.T) {
	j := newJobs(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	q, done := j.add("late", "a"), make(chan error, 1)
	go func() {
		r, err := q.Wait(ctx)
		if err == nil && (r.State != client.JobDone || r.ID != q.ID) {
			err = errors.New("it is told of another")
		}
		done <- err
	}()
	for range 2 {
		if _, err := j.looks.NextMsgWithContext(ctx); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case err := <-done:
		t.Fatal("it has not been told of:", err)
	default:
	}
	j.tell("late", "a")
	if err := <-done; err != nil {
		t.Error(err)
	}
}
