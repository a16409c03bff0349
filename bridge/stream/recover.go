package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/storage"
)

// Position is where recovery begins: a state, and the stream sequence after which it has to be brought up to date.
type Position struct {
	Seq  uint64 `json:"seq"`
	User int64  `json:"user"` // whose: another user under the same account name counts anew
	// Stream is when the stream was made in which Seq counts; zero: it is not known. In another one, everything is behind it.
	Stream time.Time       `json:"stream,omitzero"`
	State  json.RawMessage `json:"state"`
}

// ErrPosition says that the position in the bucket cannot be read.
var ErrPosition = errors.New("the position in the bucket cannot be read")

// Position reads the last one saved, zero when there is none. It may be old: it only makes recovery short.
func (s *Store) Position(ctx context.Context, account string) (p Position, err error) {
	entry, err := s.positions.Get(ctx, account)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return p, nil
	}
	if err != nil {
		return p, fmt.Errorf("%s: reading the position: %w", account, err)
	}
	if err := json.Unmarshal(entry.Value(), &p); err != nil {
		return Position{}, fmt.Errorf("%s: %w: %w", account, ErrPosition, err)
	}
	if made := s.storage.Created(storage.Updates); !p.Stream.IsZero() && !p.Stream.Equal(made) {
		p.Seq = 0
	}
	return p, nil
}

// SavePosition stores a position. It must be true: the state after every message of the account up to Seq.
func (s *Store) SavePosition(ctx context.Context, account string, p Position) error {
	p.Stream = s.storage.Created(storage.Updates)
	body, err := json.Marshal(p)
	if err != nil {
		return err
	}
	if _, err := s.positions.Put(ctx, account, body); err != nil {
		return fmt.Errorf("%s: saving the position: %w", account, err)
	}
	return nil
}

// PutBackPosition stores a position again that was lost with the bucket, unless there is one.
func (s *Store) PutBackPosition(ctx context.Context, account string, p Position) error {
	p.Seq = 0 // in whichever stream is there now, everything is behind it
	body, err := json.Marshal(p)
	if err != nil {
		return err
	}
	if _, err := s.positions.Create(ctx, account, body); err != nil && !errors.Is(err, jetstream.ErrKeyExists) {
		return fmt.Errorf("%s: storing the position again: %w", account, err)
	}
	return nil
}

// Forget removes an account's position, so that recovery reads the stream alone.
func (s *Store) Forget(ctx context.Context, account string) error {
	return errors.Join(s.positions.Purge(ctx, account), s.positions.Purge(ctx, SignInKey(account)))
}

// SignInKey is the key of what SignedIn notes. It stands beside the position: an account's name has no dot.
func SignInKey(account string) string { return account + ".signin" }

// SignedIn notes where the updates of a user stood when he signed in under an account's name, so that the account begins there.
func SignedIn(ctx context.Context, st *storage.Storage, account string, user int64, state json.RawMessage) error {
	body, err := json.Marshal(Position{User: user, State: state})
	if err != nil {
		return err
	}
	positions, err := st.Bucket(ctx, storage.Positions)
	if err == nil {
		_, err = positions.Put(ctx, SignInKey(account), body)
	}
	if err != nil {
		return fmt.Errorf("%s: noting where updates begin: %w", account, err)
	}
	return nil
}

// SignIn is what SignedIn noted, zero when there is nothing; it is nothing once the account has begun.
func (s *Store) SignIn(ctx context.Context, account string) (p Position, err error) {
	entry, err := s.positions.Get(ctx, SignInKey(account))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return p, nil
	}
	if err == nil {
		err = json.Unmarshal(entry.Value(), &p)
	}
	return p, err
}

// HasBegun removes what SignedIn noted.
func (s *Store) HasBegun(ctx context.Context, account string) error {
	return s.positions.Purge(ctx, SignInKey(account))
}

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

// Counts reports whether the sequence of a position stands below this log's own record. A stream out of a backup may end before it.
func (l *Log) Counts(p Position) bool { return p.Seq < l.epoch.Load() }
