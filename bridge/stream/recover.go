package stream

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/storage"
)

// Recover tells of the headers of every message of the account after sequence `from` and before this log's epoch, in order.
// That is all there is: nobody but this log can write any more.
func (l *Log) Recover(ctx context.Context, from uint64, fold func(seq uint64, h nats.Header) error) error {
	return l.scan(ctx, from, fold)
}

// scan reads headers from the account's updates and owner records: its own record, at the epoch, is where it ends.
func (l *Log) scan(ctx context.Context, from uint64, fold func(uint64, nats.Header) error) error {
	if from >= l.epoch.Load() {
		return nil
	}
	asking, answered := l.patiently(ctx)
	consumer, err := l.store.js.OrderedConsumer(asking, l.store.scheme.StreamName(storage.Updates), jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{l.store.scheme.Updates(l.account), l.ownSubject},
		DeliverPolicy:  jetstream.DeliverByStartSequencePolicy, OptStartSeq: from + 1, HeadersOnly: true,
		InactiveThreshold: scanWait,
	})
	if answered(err); err != nil {
		return fmt.Errorf("%s: reading the stream: %w", l.account, err)
	}
	messages, err := consumer.Messages()
	if err != nil {
		return fmt.Errorf("%s: reading the stream: %w", l.account, err)
	}
	defer l.endScan(ctx, consumer, messages)
	return l.drain(ctx, messages, fold)
}

// endScan removes the consumer: a server keeps about a thousand for a stream, and a daemon takes as many accounts.
func (l *Log) endScan(ctx context.Context, consumer jetstream.Consumer, messages jetstream.MessagesContext) {
	messages.Stop()
	if info := consumer.CachedInfo(); info != nil {
		_ = l.store.js.DeleteConsumer(ctx, info.Stream, info.Name) // it passes away by itself as well
	}
}

// wrote tells what a log has published, this one or a former owner's, from what somebody else put on the subject: all of it
// has the account's fence, or is a part of a batch whose first message had it. A user of NATS with the right to publish there
// could imitate that; nobody does it by mistake.
func (l *Log) wrote(h nats.Header) bool {
	return h.Get(jetstream.ExpectedLastSubjSeqSubjHeader) == l.ownSubject || h.Get(headerBatchID) != ""
}

// scanWait is how long the next header may take. It passes when somebody removed this log's record meanwhile.
const scanWait = 10 * time.Second

func (l *Log) drain(ctx context.Context, messages jetstream.MessagesContext, fold func(uint64, nats.Header) error) error {
	for {
		msg, err := messages.Next(jetstream.NextMaxWait(scanWait))
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("%s: reading the stream: %w", l.account, err)
		}
		meta, err := msg.Metadata()
		if err != nil {
			return fmt.Errorf("%s: reading the stream: %w", l.account, err)
		}
		seq := meta.Sequence.Stream
		if seq >= l.epoch.Load() {
			return nil
		}
		if msg.Subject() == l.ownSubject {
			continue
		}
		if !l.wrote(msg.Headers()) {
			l.opts.Log.Warn("a message in the stream of updates that no natsgram wrote", "seq", seq, "subject", msg.Subject())
			continue
		}
		if err := fold(seq, msg.Headers()); err != nil {
			return fmt.Errorf("%s: message %d of the stream: %w", l.account, seq, err)
		}
	}
}

// Counts reports whether a sequence of the stream stands below this log's own record. A stream out of a backup may end before it.
func (l *Log) Counts(seq uint64) bool { return seq < l.epoch.Load() }
