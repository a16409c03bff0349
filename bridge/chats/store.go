// Package chats keeps the dialogs of accounts as they are now in the stream TG_STATE: one record for each, the last of which the
// stream keeps. It reads what is stored of updates, asks Telegram for what no update tells, and writes behind both, so that the log
// of updates never waits for it.
//
// Records are written in batches, all or nothing, each with a record that says up to which update they go. That one is written over
// the one before by compare-and-set: of two daemons that believe that the account is theirs, one writes. Whoever goes on, after
// whatever end, reads the records and then the updates behind them, as every program does that joins late.
package chats

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/batch"
	"github.com/natsgram/natsgram/bridge/storage"
	"github.com/natsgram/natsgram/subjects"
)

// Store is the stream.
type Store struct {
	st     *storage.Storage
	js     jetstream.JetStream
	scheme subjects.Scheme
}

// streams is what a keeper needs of a [Store].
type streams interface {
	names() subjects.Scheme
	made() time.Time // when the stream of updates was
	most() int64     // bytes in a message
	suspect(err error)
	first(ctx context.Context) (uint64, error)
	records(ctx context.Context, filter string, each func(message)) error
	tail(ctx context.Context) (tail, error)
	marks(ctx context.Context, account string, from, until uint64, each func(message)) error
	updates(ctx context.Context, account string, from, until uint64, each func(message)) error
	write(ctx context.Context, all []*nats.Msg, over uint64) (revision uint64, err error)
}

func (s *Store) names() subjects.Scheme { return s.scheme }

func (s *Store) made() time.Time { return s.st.Created(storage.Updates) }

func (s *Store) most() int64 { return s.js.Conn().MaxPayload() }

func (s *Store) suspect(err error) { s.st.Suspect(err) }

// Open makes the stream where it is missing.
func Open(ctx context.Context, st *storage.Storage) (*Store, error) {
	if _, err := st.Stream(ctx, storage.State); err != nil {
		return nil, err
	}
	return &Store{st, st.JetStream(), st.Scheme()}, nil
}

// through is the record of how far the others go.
type through struct {
	Seq    uint64    `json:"seq"`    // of the stream of updates: what is up to there is in the records
	User   int64     `json:"user"`   // whose dialogs they are
	Stream time.Time `json:"stream"` // when the stream was made in which Seq counts

	Listing bool `json:"listing,omitempty"` // which dialogs and folders there are, and which are pinned, is being asked for
}

// kept reports whether it is the word of somebody who keeps dialogs.
func (t *through) kept() bool { return t.User != 0 && !t.Stream.IsZero() }

// gone is the record of a dialog that there is no more.
var gone = []byte(`{"gone":true}`)

// unwritable is the record of a dialog that is larger than NATS takes.
var unwritable = []byte(`{"stale":true}`)

// message is one of a stream.
type message struct {
	subject string
	header  nats.Header
	data    []byte
	seq     uint64
}

const fetchMost = 500

// errBroken says that messages got lost on their way here.
var errBroken = errors.New("not all messages arrived")

// read gives the messages that a consumer has to give at present, in order.
func (s *Store) read(ctx context.Context, name string, c jetstream.ConsumerConfig, each func(message) (more bool)) error {
	c.AckPolicy, c.InactiveThreshold, c.MemoryStorage, c.Replicas = jetstream.AckNonePolicy, time.Minute, true, 1
	stream := s.scheme.StreamName(name)
	consumer, err := s.js.CreateConsumer(ctx, stream, c)
	if err != nil {
		return fmt.Errorf("reading %s: %w", stream, err)
	}
	defer s.js.DeleteConsumer(context.WithoutCancel(ctx), stream, consumer.CachedInfo().Name) //nolint:errcheck // it passes away by itself as well
	pending, at := consumer.CachedInfo().NumPending, uint64(0)
	for pending > 0 {
		batch, err := consumer.FetchNoWait(fetchMost)
		if err != nil {
			return fmt.Errorf("reading %s: %w", stream, err)
		}
		n := 0
		for m := range batch.Messages() {
			meta, err := m.Metadata()
			if err != nil {
				return err
			}
			if at++; meta.Sequence.Consumer != at {
				return errBroken
			}
			n++
			pending = meta.NumPending
			if !each(message{m.Subject(), m.Headers(), m.Data(), meta.Sequence.Stream}) {
				return nil
			}
			if pending == 0 {
				break
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if n == 0 {
			return errBroken
		}
	}
	return nil
}

// records reads those of a subject, or of all that match.
func (s *Store) records(ctx context.Context, filter string, each func(message)) error {
	return s.read(ctx, storage.State, jetstream.ConsumerConfig{
		FilterSubject: filter, DeliverPolicy: jetstream.DeliverLastPerSubjectPolicy,
	}, func(m message) bool { each(m); return true })
}

// tail is how the stream stands: where it ends, and how many messages it has.
type tail struct{ last, count uint64 }

func (s *Store) tail(ctx context.Context) (tail, error) {
	st, err := s.js.Stream(ctx, s.scheme.StreamName(storage.State))
	if err != nil {
		return tail{}, err
	}
	state := st.CachedInfo().State
	return tail{state.LastSeq, state.Msgs}, nil
}

// marks reads where an account's records stand, without their contents: from a sequence on, or all from 0 on, up to another.
func (s *Store) marks(ctx context.Context, account string, from, until uint64, each func(message)) error {
	c := jetstream.ConsumerConfig{FilterSubject: subjects.Records(s.scheme).Of(account), HeadersOnly: true, DeliverPolicy: jetstream.DeliverLastPerSubjectPolicy}
	if from > 0 {
		c.DeliverPolicy, c.OptStartSeq = jetstream.DeliverByStartSequencePolicy, from
	}
	return s.read(ctx, storage.State, c, func(m message) bool {
		if m.seq <= until {
			each(m)
		}
		return m.seq < until
	})
}

// updates reads what the stream of updates has of an account behind from, up to a sequence that is known to be there.
func (s *Store) updates(ctx context.Context, account string, from, until uint64, each func(message)) error {
	return s.read(ctx, storage.Updates, jetstream.ConsumerConfig{
		FilterSubject: s.scheme.Updates(account), DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: from + 1,
	}, func(m message) bool {
		if m.seq <= until {
			each(m)
		}
		return m.seq < until
	})
}

// first is where the stream of updates begins.
func (s *Store) first(ctx context.Context) (uint64, error) {
	st, err := s.js.Stream(ctx, s.scheme.StreamName(storage.Updates))
	if err != nil {
		return 0, err
	}
	return st.CachedInfo().State.FirstSeq, nil
}

const writeTime = 10 * time.Second

// write stores records all or nothing. The last is written over the one with the revision over, and gets the revision that is given
// back.
func (s *Store) write(ctx context.Context, all []*nats.Msg, over uint64) (revision uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, writeTime)
	defer cancel()
	last := all[len(all)-1]
	last.Header.Set(jetstream.ExpectedLastSubjSeqHeader, strconv.FormatUint(over, 10))
	ack, err := batch.Publish(ctx, s.js.Conn(), all...)
	return ack.Sequence, err
}
