package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"github.com/natsgram/natsgram/subjects"
)

// Job is a call that is made later: as soon as it may be, in the order of its chat, through restarts, hand-overs and flood waits
// (docs/calls.md). Kind and ChatID say which chat it is about; with None and 0 it is about none.
type Job struct {
	Kind   Kind
	ChatID int64
	Method string // messages.sendMessage
	Params any    // as encoding/json writes them; the method's peer may be left out, the chat stands in for it

	ID        string    // Nats-Msg-Id, up to 256 bytes: the same job with the same one is run once; empty: one is drawn
	Priority  int       // -9 to 9: higher goes first
	NotBefore time.Time // zero: at once
	Expires   time.Time // what has not been run by then is not run any more; zero: never
	Coalesce  string    // of the jobs of a chat that wait with the same text the newest is run; empty: none is replaced
}

// Queued is a job in the stream, which no crash loses.
type Queued struct {
	ID        string
	Sequence  uint64 // in the stream of jobs
	Duplicate bool   // the stream had it already, under the same ID

	c        *Client
	method   string
	subject  string   // of the job
	subjects []string // of the result: by its ID, and by its sequence where another job has the ID
	digest   string
}

// JobState is what became of a job.
type JobState string

// The states in which a job ends.
const (
	JobDone      JobState = "done"
	JobFailed    JobState = "failed"  // refused, and not to be tried again
	JobUnknown   JobState = "unknown" // nobody knows whether Telegram has executed it; it stays in the queue for queue.retry or queue.cancel
	JobExpired   JobState = "expired"
	JobReplaced  JobState = "replaced"
	JobCancelled JobState = "cancelled"
)

// JobResult is what became of a job.
type JobResult struct {
	ID       string
	Sequence uint64 // of the job, in the stream of jobs
	Kind     Kind
	ChatID   int64
	Method   string
	State    JobState
	Tries    int
	Told     time.Time
	Data     []byte // the result as JSON; of what is not done, the error
	Err      error  // an [*Error] where the state is not done, or the result was erased

	digest string
}

// Names of the streams, behind the prefix.
const (
	queueName = "QUEUE"
	doneName  = "DONE"
)

// ErrJob is the error of a job that cannot be published as it is.
var ErrJob = errors.New("natsgram: not a job")

// Queue stores a job. Without an error the job is in the stream, even if no daemon runs. After an error it may be there: store the same
// job with the same ID again.
func (c *Client) Queue(ctx context.Context, j Job) (*Queued, error) {
	if c.err != nil {
		return nil, c.err
	}
	if j.ID == "" {
		j.ID = nuid.Next()
	}
	m, chat, err := c.jobMessage(&j)
	if err != nil {
		return nil, err
	}
	js, err := c.jetStream()
	if err != nil {
		return nil, err
	}
	ack, err := js.PublishMsg(ctx, m, jetstream.WithExpectStream(c.o.scheme.StreamName(queueName)))
	if err != nil {
		return nil, fmt.Errorf("natsgram: %s: queue: %w", c.account, err)
	}
	return &Queued{
		ID: j.ID, Sequence: ack.Sequence, Duplicate: ack.Duplicate, c: c, method: j.Method, subject: m.Subject, digest: subjects.JobDigest(j.Method, subjects.ContentJSON, m.Data),
		subjects: []string{subjects.Results(c.o.scheme).Subject(c.account, chat, j.ID), subjects.Results(c.o.scheme).Subject(c.account, chat, strconv.FormatUint(ack.Sequence, 10))},
	}, nil
}

func (c *Client) jobMessage(j *Job) (*nats.Msg, subjects.ChatRef, error) {
	chat, err := subjects.ParseChat(string(j.Kind) + "." + strconv.FormatInt(j.ChatID, 10))
	if err != nil {
		return nil, chat, fmt.Errorf("%w: %w", ErrJob, err)
	}
	subject := subjects.Jobs(c.o.scheme).Subject(c.account, chat, j.Method)
	if _, ok := subjects.Jobs(c.o.scheme).Parse(subject); !ok {
		return nil, chat, fmt.Errorf("%w: method %.80q", ErrJob, j.Method)
	}
	body, err := json.Marshal(j.Params)
	if err != nil {
		return nil, chat, fmt.Errorf("%w: %w", ErrJob, err)
	}
	if j.Params == nil {
		body = []byte("{}")
	}
	h := nats.Header{subjects.HeaderContentType: {subjects.ContentJSON}, subjects.HeaderMsgID: {j.ID}}
	for name, value := range map[string]string{
		subjects.HeaderPriority: priorityText(j.Priority), subjects.HeaderNotBefore: timeText(j.NotBefore), subjects.HeaderExpires: timeText(j.Expires),
		subjects.HeaderCoalesce: j.Coalesce,
	} {
		if value != "" {
			h[name] = []string{value}
		}
	}
	return &nats.Msg{Subject: subject, Header: h, Data: body}, chat, nil
}

func priorityText(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func timeText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// jetStream is how streams are reached.
func (c *Client) jetStream() (jetstream.JetStream, error) {
	if c.o.js != nil {
		return c.o.js, nil
	}
	return jetstream.New(c.nc)
}

// JobResults yields the results of all of the account's jobs from now on, in the order of the stream. The loop ends with an error,
// which may be that of ctx.
func (c *Client) JobResults(ctx context.Context) iter.Seq2[*JobResult, error] {
	return func(yield func(*JobResult, error) bool) {
		messages, err := c.resultMessages(ctx, []string{subjects.Results(c.o.scheme).Of(c.account)}, jetstream.DeliverNewPolicy)
		if err != nil {
			yield(nil, c.noResults(err))
			return
		}
		defer messages.Stop()
		for {
			r, err := c.nextResult(ctx, messages)
			if err != nil {
				yield(nil, c.noResults(err))
				return
			}
			if !yield(r, nil) {
				return
			}
		}
	}
}

func (c *Client) noResults(err error) error {
	return fmt.Errorf("natsgram: %s: results of jobs: %w", c.account, err)
}

func (c *Client) resultMessages(ctx context.Context, wanted []string, from jetstream.DeliverPolicy) (jetstream.MessagesContext, error) {
	if c.err != nil {
		return nil, c.err
	}
	js, err := c.jetStream()
	if err != nil {
		return nil, err
	}
	consumer, err := js.OrderedConsumer(ctx, c.o.scheme.StreamName(doneName), jetstream.OrderedConsumerConfig{FilterSubjects: wanted, DeliverPolicy: from})
	if err != nil {
		return nil, err
	}
	return consumer.Messages()
}

// nextResult is the next one that this package knows.
func (c *Client) nextResult(ctx context.Context, messages jetstream.MessagesContext) (*JobResult, error) {
	for {
		msg, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return nil, err
		}
		place, err := msg.Metadata()
		if err != nil {
			return nil, err
		}
		if r, ok := c.readResult(msg.Subject(), msg.Headers(), msg.Data(), place.Timestamp); ok {
			return r, nil
		}
	}
}

// readResult reads a result; false: it is none that this package knows.
func (c *Client) readResult(subject string, h nats.Header, data []byte, told time.Time) (*JobResult, bool) {
	account, chat, job, ok := subjects.Results(c.o.scheme).Parse(subject)
	if !ok || account != c.account {
		return nil, false
	}
	r := &JobResult{ID: job, Kind: Kind(chat.Kind), ChatID: chat.ID, State: JobState(h.Get(subjects.HeaderJobState)), Told: told, Data: data, digest: h.Get(subjects.HeaderJobDigest)}
	r.Method, _ = subjects.Unescape(h.Get(subjects.HeaderMethod))
	r.Tries, _ = strconv.Atoi(h.Get(subjects.HeaderTries))
	r.Sequence, _ = strconv.ParseUint(h.Get(subjects.HeaderJobSeq), 10, 64)
	if e := refused(h); e != nil {
		e.Account, e.Method, e.MsgID, e.Attempts = c.account, r.Method, r.ID, r.Tries
		r.Err = e
	}
	return r, true
}
