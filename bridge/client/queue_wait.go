package client

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/retry"
	"github.com/natsgram/natsgram/subjects"
)

// Wait returns what became of the job, and waits for it until ctx ends, also while the job waits for a flood to end or its time to come.
// It returns a job of the state unknown as that, although somebody may have it run again. Where the job is not in the queue any more and what
// became of it is not kept, its error is an [*Error] with [ErrJobForgotten] behind it; who may not read the queue is not told that.
func (q *Queued) Wait(ctx context.Context) (*JobResult, error) {
	messages, err := q.c.resultMessages(ctx, q.subjects, jetstream.DeliverLastPerSubjectPolicy)
	if err != nil {
		return nil, q.c.noResults(err)
	}
	defer messages.Stop()
	waiting, stop := context.WithCancel(ctx)
	defer stop()
	looked := make(chan whereabouts, 1)
	go func() { looked <- q.lookAfter(waiting); stop() }()
	r, err := q.next(waiting, messages)
	stop()
	switch x := <-looked; {
	case err == nil:
		return r, nil
	case x.told != nil:
		return x.told, nil
	case x.lost:
		return nil, &Error{
			Account: q.c.account, Method: q.method, MsgID: q.ID, Code: codeUnknown, Sent: SentUnknown, Err: ErrJobForgotten,
			Text: "the job is not in the queue any more, and what became of it is not kept",
		}
	}
	return nil, q.c.noResults(err)
}

// next is the job's result, as it comes.
func (q *Queued) next(ctx context.Context, messages jetstream.MessagesContext) (*JobResult, error) {
	for {
		if r, err := q.c.nextResult(ctx, messages); err != nil || r.digest == q.digest {
			return r, err
		}
	}
}

// whereabouts are what is known of a job. The zero one: it waits, or nobody says.
type whereabouts struct {
	told *JobResult
	lost bool // it is not in the queue, and not told of
}

// looks are how long a job is waited for before it is looked for.
var looks = retry.Backoff{Min: time.Second, Max: 30 * time.Second}

// lookTime is how long a look may take. Who has not the right to gets no answer.
const lookTime = 5 * time.Second

// lookAfter looks after a job again and again, until it is told of or lost, or ctx ends.
func (q *Queued) lookAfter(ctx context.Context) (x whereabouts) {
	for pause := looks.After(0); x == (whereabouts{}) && retry.Pause(ctx, pause) == nil; pause = looks.After(pause) {
		brief, cancel := context.WithTimeout(ctx, lookTime)
		x, _ = q.look(brief) // else it is looked again
		cancel()
	}
	return x
}

// look: a daemon takes a job out of the queue when it is told of, so that what is told is read behind that.
func (q *Queued) look(ctx context.Context) (x whereabouts, err error) {
	js, err := q.c.jetStream()
	if err != nil {
		return x, err
	}
	if queued, err := q.queued(ctx, js); queued || err != nil {
		return x, err
	}
	done, err := js.Stream(ctx, q.c.o.scheme.StreamName(doneName))
	if err != nil {
		return x, err
	}
	for _, subject := range q.subjects {
		m, err := done.GetLastMsgForSubject(ctx, subject)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			return x, err
		}
		if r, ok := q.c.readResult(m.Subject, m.Header, m.Data, m.Time); ok && r.digest == q.digest {
			return whereabouts{told: r}, nil
		}
	}
	return whereabouts{lost: true}, nil
}

// queued reports whether the job is in the queue. In its place another one stands where the stream was made anew.
func (q *Queued) queued(ctx context.Context, js jetstream.JetStream) (bool, error) {
	queue, err := js.Stream(ctx, q.c.o.scheme.StreamName(queueName))
	if err != nil {
		return false, err
	}
	m, err := queue.GetMsg(ctx, q.Sequence)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	digest := subjects.JobDigest(q.method, m.Header.Get(subjects.HeaderContentType), m.Data)
	return m.Subject == q.subject && m.Header.Get(subjects.HeaderMsgID) == q.ID && digest == q.digest, nil
}
