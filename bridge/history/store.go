package history

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

// Store is the stream TG_HISTORY. It is made when it is first needed. All accounts share it.
type Store struct {
	st     *storage.Storage
	js     jetstream.JetStream
	scheme subjects.Scheme
}

// NewStore makes the store of a NATS.
func NewStore(st *storage.Storage) *Store { return &Store{st, st.JetStream(), st.Scheme()} }

// shelf is what the stream holds of one chat, as this writer knows it.
type shelf struct {
	s       *Store
	subject string
	user    string    // whose messages count: another user of the account's name has others by these numbers
	made    time.Time // the stream
	have    ids
	last    uint64      // sequence of the newest message on the subject
	sure    func() bool // whether the account is still this writer's
}

const (
	openTime  = 10 * time.Second
	writeTime = 10 * time.Second
	// writeTries is how often a batch is written at once where others write into the stream at the same time.
	writeTries = 10
	// batchBytes bounds what is stored all or nothing.
	batchBytes = 4 << 20
)

// firstTime is how long the first message may take.
var firstTime = 10 * time.Second

// open makes the stream where it is missing, and reads what of a chat is in it.
func (s *Store) open(ctx context.Context, account string, user int64, kind subjects.Kind, id int64, sure func() bool) (*shelf, error) {
	brief, cancel := context.WithTimeout(ctx, openTime)
	defer cancel()
	st, err := s.st.Stream(brief, storage.History)
	if err != nil {
		return nil, err
	}
	x := &shelf{s: s, subject: subjects.Histories(s.scheme).Subject(account, kind, id), user: strconv.FormatInt(user, 10), made: st.CachedInfo().Created, sure: sure}
	return x, x.read(ctx)
}

// read reads anew which messages are there: what was written and not confirmed, and what somebody has deleted.
func (x *shelf) read(ctx context.Context) error {
	x.have, x.last = ids{}, 0
	for more := true; more; {
		var err error
		if more, err = x.readOn(ctx); err != nil {
			return fmt.Errorf("reading %s: %w", x.s.scheme.StreamName(storage.History), err)
		}
	}
	return nil
}

// readOn reads what stands behind what was read. more: some did not come, as they may have been taken out meanwhile.
func (x *shelf) readOn(ctx context.Context) (more bool, err error) {
	brief, cancel := context.WithTimeout(ctx, openTime)
	defer cancel()
	c, err := x.s.js.OrderedConsumer(brief, x.s.scheme.StreamName(storage.History), jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{x.subject}, HeadersOnly: true, InactiveThreshold: time.Minute,
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: x.last + 1,
	})
	if err != nil {
		return false, err
	}
	defer x.s.forget(ctx, c)
	if c.CachedInfo().NumPending == 0 {
		return false, nil
	}
	all, err := c.Messages()
	if err != nil {
		return false, err
	}
	defer all.Stop()
	for wait := firstTime; ; wait = storage.NextTime {
		m, err := storage.Next(ctx, all, wait)
		switch {
		case ctx.Err() != nil:
			return false, ctx.Err()
		case wait == storage.NextTime && errors.Is(err, context.DeadlineExceeded):
			return true, nil
		case err != nil:
			return false, err
		}
		meta, err := m.Metadata()
		if err != nil {
			return false, err
		}
		x.last = meta.Sequence.Stream
		h := m.Headers()
		if id, err := strconv.Atoi(h.Get(subjects.HeaderMessage)); err == nil && h.Get(subjects.HeaderUser) == x.user {
			x.have.add(id)
		}
		if meta.NumPending == 0 {
			return false, nil
		}
	}
}

// forget removes a consumer: a server keeps about a thousand for a stream.
func (s *Store) forget(ctx context.Context, c jetstream.Consumer) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if info := c.CachedInfo(); info != nil {
		_ = s.js.DeleteConsumer(ctx, info.Stream, info.Name) // it passes away by itself as well
	}
}

// message is one that is to stand in the stream.
type message struct {
	id  int
	msg *nats.Msg
}

// put stores those of some messages that are not there, in order, and gives how many. Each batch is stored behind the last message that
// is known of the chat or not at all, so that nothing stands twice, whoever else writes and whatever was not confirmed. After an error
// what is there has to be read again.
func (x *shelf) put(ctx context.Context, all []message) (stored int, err error) {
	var some []message
	size := 0
	flush := func() error {
		if len(some) == 0 {
			return nil
		}
		seq, err := x.write(ctx, some)
		if err != nil {
			return err
		}
		for _, m := range some {
			x.have.add(m.id)
		}
		x.last, stored = seq, stored+len(some)
		some, size = nil, 0
		return nil
	}
	for _, m := range all {
		if x.have.has(m.id) {
			continue
		}
		if size+len(m.msg.Data) > batchBytes {
			if err := flush(); err != nil {
				return stored, err
			}
		}
		some, size = append(some, m), size+len(m.msg.Data)
	}
	return stored, flush()
}

// write stores a batch all or nothing, and gives the sequence of its last message. What others store between is no obstacle, if it is not of the
// chat.
func (x *shelf) write(ctx context.Context, some []message) (seq uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, writeTime)
	defer cancel()
	for range writeTries {
		if seq, err = x.attempt(ctx, some); !storage.Taken(err) {
			break
		}
	}
	return seq, err
}

// attempt stores a batch behind all that the stream has now. The sequence of that never comes again, as what stands with the subject does when
// somebody is erased: see void.
func (x *shelf) attempt(ctx context.Context, some []message) (uint64, error) {
	st, err := x.s.js.Stream(ctx, x.s.scheme.StreamName(storage.History))
	if err != nil {
		return 0, err
	}
	if !x.sure() { // behind that: what another owner voids comes behind what the stream had then
		return 0, errUnsure
	}
	messages := make([]*nats.Msg, len(some))
	for i, m := range some {
		delete(m.msg.Header, jetstream.ExpectedLastSubjSeqHeader) // of an attempt before
		delete(m.msg.Header, jetstream.ExpectedLastSeqHeader)
		messages[i] = m.msg
	}
	messages[0].Header.Set(jetstream.ExpectedLastSubjSeqHeader, strconv.FormatUint(x.last, 10))
	messages[0].Header.Set(jetstream.ExpectedLastSeqHeader, strconv.FormatUint(st.CachedInfo().State.LastSeq, 10))
	ack, err := batch.Publish(ctx, x.s.js.Conn(), messages...)
	if err == nil && ack.Duplicate {
		err = errors.New("the message is there already")
	}
	return ack.Sequence, err
}

// void has the stream refuse what was begun before, of whatever chat, and may still be on its way to it.
func (s *Store) void(ctx context.Context) error {
	st, err := s.js.Stream(ctx, s.scheme.StreamName(storage.History))
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	ack, err := s.js.Publish(ctx, subjects.Histories(s.scheme).Nowhere(), nil)
	if err != nil {
		return err
	}
	return storage.EraseMsg(ctx, st, ack.Sequence)
}

// Purge deletes what the stream holds of an account.
func (s *Store) Purge(ctx context.Context, account string) error {
	st, err := s.js.Stream(ctx, s.scheme.StreamName(storage.History))
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil
	}
	if err == nil {
		err = st.Purge(ctx, jetstream.WithPurgeSubject(subjects.Histories(s.scheme).Of(account)))
	}
	if err != nil {
		return fmt.Errorf("history of %s: %w", account, err)
	}
	return nil
}
