package stream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/storage"
)

// reader reads an account's messages back from the stream.
type reader struct {
	fence *fence
	log   *slog.Logger
}

// scanWait is how long the next header may take. It passes when somebody removed this log's record meanwhile.
const scanWait = 10 * time.Second

// scan reads headers from the account's updates and owner records: its own record, at the epoch, is where it ends.
func (r *reader) scan(ctx context.Context, from uint64, fold func(uint64, string, nats.Header) error) error {
	if from >= r.fence.epoch.Load() {
		return nil
	}
	s := r.fence.server.store
	asking, answered := r.fence.server.patiently(ctx)
	consumer, err := s.js.OrderedConsumer(asking, s.scheme.StreamName(storage.Updates), jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{s.scheme.Updates(r.fence.account), r.fence.subject},
		DeliverPolicy:  jetstream.DeliverByStartSequencePolicy, OptStartSeq: from + 1, HeadersOnly: true,
		InactiveThreshold: scanWait,
	})
	if answered(err); err != nil {
		return fmt.Errorf("%s: reading the stream: %w", r.fence.account, err)
	}
	messages, err := consumer.Messages()
	if err != nil {
		return fmt.Errorf("%s: reading the stream: %w", r.fence.account, err)
	}
	defer r.end(ctx, consumer, messages)
	return r.drain(ctx, messages, fold)
}

// end removes the consumer: a server keeps about a thousand for a stream, and a daemon takes as many accounts.
func (r *reader) end(ctx context.Context, consumer jetstream.Consumer, messages jetstream.MessagesContext) {
	if messages != nil {
		messages.Stop()
	}
	if info := consumer.CachedInfo(); info != nil {
		_ = r.fence.server.store.js.DeleteConsumer(ctx, info.Stream, info.Name) // it passes away by itself as well
	}
}

func (r *reader) drain(ctx context.Context, messages jetstream.MessagesContext, fold func(uint64, string, nats.Header) error) error {
	for {
		msg, err := storage.Next(ctx, messages, scanWait)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("%s: reading the stream: %w", r.fence.account, err)
		}
		meta, err := msg.Metadata()
		if err != nil {
			return fmt.Errorf("%s: reading the stream: %w", r.fence.account, err)
		}
		seq := meta.Sequence.Stream
		if seq >= r.fence.epoch.Load() {
			return nil
		}
		if msg.Subject() == r.fence.subject {
			continue
		}
		if !r.fence.stamped(msg.Headers()) {
			r.log.Warn("a message in the stream of updates that no natsgram wrote", "seq", seq, "subject", msg.Subject())
			continue
		}
		if err := fold(seq, msg.Subject(), msg.Headers()); err != nil {
			return fmt.Errorf("%s: message %d of the stream: %w", r.fence.account, seq, err)
		}
	}
}

// find looks for the last of messages, by its id, behind from. They went out as one: the last is there with all, or none is.
func (r *reader) find(ctx context.Context, from uint64, messages []Message) (there bool, at uint64, err error) {
	if len(messages) == 0 {
		return true, 0, nil
	}
	id := messages[len(messages)-1].Header.Get(jetstream.MsgIDHeader)
	err = r.scan(ctx, from, func(seq uint64, _ string, h nats.Header) error {
		if id != "" && h.Get(jetstream.MsgIDHeader) == id {
			there, at = true, seq
		}
		return nil
	})
	return there, at, err
}

// Read tells of the account's updates that stand in the stream behind a sequence, oldest first and in full, up to the last one there is
// when it begins. What no natsgram wrote is left out. It is for what can be learned from them, and waits for nothing else.
func (l *Log) Read(ctx context.Context, from uint64, take func(m jetstream.Msg) error) (err error) {
	for more := true; more; {
		if more, err = l.readOn(ctx, &from, take); err != nil {
			return err
		}
	}
	return nil
}

// readOn tells of what stands behind a sequence, and moves that. more: some did not come, as they may have been taken out meanwhile.
func (l *Log) readOn(ctx context.Context, from *uint64, take func(m jetstream.Msg) error) (more bool, err error) {
	wrong := func(err error) error { return fmt.Errorf("%s: reading the stream: %w", l.opts.Account, err) }
	s := l.server.store
	consumer, err := s.js.OrderedConsumer(ctx, s.scheme.StreamName(storage.Updates), jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{s.scheme.Updates(l.opts.Account)}, DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: *from + 1,
		InactiveThreshold: scanWait,
	})
	if err != nil {
		return false, wrong(err)
	}
	info := consumer.CachedInfo()
	left := info.NumPending
	if left == 0 {
		l.reader.end(ctx, consumer, nil)
		return false, nil
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessages(readAhead))
	if err != nil {
		return false, wrong(err)
	}
	defer l.reader.end(ctx, consumer, messages)
	for wait := scanWait; left > 0; left-- {
		msg, err := storage.Next(ctx, messages, wait)
		switch {
		case ctx.Err() != nil:
			return false, ctx.Err()
		case wait == storage.NextTime && errors.Is(err, context.DeadlineExceeded):
			return true, nil
		case err != nil:
			return false, wrong(err)
		}
		meta, err := msg.Metadata()
		if err != nil {
			return false, wrong(err)
		}
		*from, wait = meta.Sequence.Stream, storage.NextTime
		if !l.fence.stamped(msg.Headers()) {
			continue
		}
		if err := take(msg); err != nil {
			return false, err
		}
	}
	return false, nil
}

// readAhead is how many messages wait here at most.
const readAhead = 100
