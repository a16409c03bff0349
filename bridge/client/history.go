package client

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/retry"
	"github.com/natsgram/natsgram/subjects"
)

// HistoryOf says which messages of the past are meant.
type HistoryOf struct {
	Peer string // the chat: @news, a t.me link, channel.123, me

	FromID, ToID     int       // the first message and the last, both included; 0: not said
	FromDate, ToDate time.Time // the same by dates, where there is no id; zero: not said
	Limit            int       // the newest so many of these; 0: all
	Topic            int       // those of a forum's topic alone, or of a thread outside of forums, by the id of the message that began it; 0: all
}

// HistoryJob is a job that fetches messages into the stream TG_HISTORY.
type HistoryJob struct {
	ID      string `json:"id"`
	State   string `json:"state"` // waiting, running, done, failed, cancelled
	Peer    string `json:"peer"`  // channel.123
	Subject string `json:"subject"`
	Done    int    `json:"done"`    // messages that were looked at
	Stored  int    `json:"stored"`  // of them, those that were not in the stream before
	Of      int    `json:"of"`      // how many there are to come at most; 0: not known
	Percent int    `json:"percent"` // of the range
	First   int    `json:"first"`   // ids of the messages that are wanted
	Last    int    `json:"last"`
	Through uint64 `json:"through"` // sequence of the stream of updates behind which updates go on where the history ends
	Reason  string `json:"reason"`  // it waits for
	Error   string `json:"error"`
	Code    int    `json:"code"`
	Former  string `json:"migrated_from"` // the basic group that the chat was, whose messages are a history of their own
}

// HistoryOption is one of a call of FetchHistory or History.
type HistoryOption func(*historyOptions)

type historyOptions struct{ progress func(HistoryJob) }

// WithHistoryProgress has f told how far the job is, about once a second.
func WithHistoryProgress(f func(HistoryJob)) HistoryOption {
	return func(o *historyOptions) { o.progress = f }
}

// FetchHistory has messages of a chat fetched into the stream TG_HISTORY, and waits until they are there. When ctx ends before, the job
// goes on; the same call again waits for the same one. Its error is an [*Error], with [ErrJobForgotten] behind it where so many jobs ended
// meanwhile that this one is not told of any more.
func (c *Client) FetchHistory(ctx context.Context, of HistoryOf, opts ...HistoryOption) (j HistoryJob, err error) {
	var o historyOptions
	for _, set := range opts {
		set(&o)
	}
	var begun struct {
		Job HistoryJob `json:"job"`
	}
	if err := c.control(ctx, "history.fetch", of.request(), &begun); err != nil {
		return j, err
	}
	j = begun.Job
	every := retry.Backoff{Min: 50 * time.Millisecond, Max: time.Second}
	for wait := every.After(0); j.State == "waiting" || j.State == "running"; wait = every.After(wait) {
		if err := retry.Pause(ctx, wait); err != nil {
			return j, err
		}
		var all struct {
			Jobs []HistoryJob `json:"jobs"`
		}
		if err := c.control(ctx, "history.list", map[string]string{"job": j.ID}, &all); err != nil {
			return j, forgottenJob(err)
		}
		if len(all.Jobs) != 1 {
			return j, fmt.Errorf("natsgram: history: the daemon tells of %d jobs, and not of the one that was asked for", len(all.Jobs))
		}
		if j = all.Jobs[0]; o.progress != nil {
			o.progress(j)
		}
	}
	if j.State != "done" {
		k := &call{method: "history.fetch", subject: c.o.scheme.Ctl(c.account, "history.fetch")}
		return j, c.failed(k, &Error{Code: j.Code, Text: j.Error, Sent: SentNo})
	}
	return j, nil
}

// forgottenJob calls by its name that a job is not in the list, which has the last 50 that ended, for a week.
func forgottenJob(err error) error {
	var e *Error
	if errors.As(err, &e) && e.Code == codeUnknown && e.Type == "" {
		e.Text, e.Sent, e.Err = "the job ended and is not listed any more, so that how it ended is not known; the same call again fetches what is missing", SentUnknown, ErrJobForgotten
	}
	return err
}

// History has messages of a chat fetched, and gives them as the updates that they would be if they came now: those of the range that stand
// in the stream TG_HISTORY, in its order. That is by id where one job has fetched them all; a later job for older ones has written behind
// it. It takes the right to make consumers of TG_HISTORY.
func (c *Client) History(ctx context.Context, of HistoryOf, opts ...HistoryOption) iter.Seq2[*Update, error] {
	return func(yield func(*Update, error) bool) {
		j, err := c.FetchHistory(ctx, of, opts...)
		if err == nil && j.Last > 0 {
			err = c.readHistory(ctx, j, of.Topic, func(u *Update) bool { return yield(u, nil) })
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

// readHistory reads what of a job's range stands in the stream.
func (c *Client) readHistory(ctx context.Context, j HistoryJob, topic int, give func(*Update) (more bool)) error {
	js, err := c.jetStream()
	if err != nil {
		return err
	}
	for at := uint64(0); ; {
		r, err := c.historyBehind(ctx, js, j, at)
		if err != nil || r.left == 0 {
			return err
		}
		more, err := r.read(ctx, func(u *Update) bool {
			at = u.Sequence
			wanted := len(u.MessageIDs) == 1 && u.MessageIDs[0] >= j.First && u.MessageIDs[0] <= j.Last && inTopic(u, topic)
			return !wanted || give(u)
		})
		if err != nil {
			return fmt.Errorf("natsgram: history of %s: %w", j.Peer, err)
		}
		if !more {
			return nil
		}
	}
}

// historyReader reads those messages that were there when it began.
type historyReader struct {
	messages jetstream.MessagesContext
	left     uint64
}

// historyBehind begins to read what stands behind a sequence.
func (c *Client) historyBehind(ctx context.Context, js jetstream.JetStream, j HistoryJob, at uint64) (r historyReader, err error) {
	consumer, err := js.OrderedConsumer(ctx, c.o.scheme.StreamName("HISTORY"), jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{j.Subject}, DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: at + 1,
	})
	if err != nil {
		return r, fmt.Errorf("natsgram: history of %s: %w", j.Peer, err)
	}
	if r.left = consumer.CachedInfo().NumPending; r.left == 0 {
		return r, nil
	}
	if r.messages, err = consumer.Messages(); err != nil {
		return r, fmt.Errorf("natsgram: history of %s: %w", j.Peer, err)
	}
	return r, nil
}

// historyWait is how long the next message may take before it is looked whether it is still there.
const historyWait = 5 * time.Second

// read gives messages until all have come, or no more is wanted. more: some may have been taken out meanwhile, or are late.
func (r *historyReader) read(ctx context.Context, give func(*Update) (more bool)) (more bool, err error) {
	defer r.messages.Stop()
	for ; r.left > 0; r.left-- {
		brief, cancel := context.WithTimeout(ctx, historyWait)
		msg, err := r.messages.Next(jetstream.NextContext(brief))
		late := brief.Err() != nil
		cancel()
		switch {
		case ctx.Err() != nil:
			return false, ctx.Err()
		case err != nil && late:
			return true, nil
		case err != nil:
			return false, err
		}
		if !give(historical(msg)) {
			return false, nil
		}
	}
	return false, nil
}

// historical reads a message of TG_HISTORY. Its subject names no update: that the header does.
func historical(msg jetstream.Msg) *Update {
	meta := readMeta(msg.Subject(), msg.Headers())
	meta.Type = msg.Headers().Get(subjects.HeaderType)
	u := newUpdate(meta, msg)
	if m, err := msg.Metadata(); err == nil {
		u.Sequence, u.Stored, u.Delivered = m.Sequence.Stream, m.Timestamp, int(m.NumDelivered) //nolint:gosec // few
	}
	return u
}

// request is what the daemon is asked for.
func (of HistoryOf) request() map[string]any {
	in := map[string]any{"peer": of.Peer}
	for _, end := range []struct {
		name string
		id   int
		date time.Time
	}{{"from", of.FromID, of.FromDate}, {"to", of.ToID, of.ToDate}} {
		if end.id != 0 {
			in[end.name] = end.id
		} else if !end.date.IsZero() {
			in[end.name] = end.date.UTC().Format(time.RFC3339)
		}
	}
	if of.Limit != 0 {
		in["limit"] = of.Limit
	}
	if of.Topic != 0 {
		in["topic"] = of.Topic
	}
	return in
}
