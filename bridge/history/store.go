package history

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

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
	last    uint64 // sequence of the newest message on the subject
}

const (
	openTime  = 10 * time.Second
	writeTime = 10 * time.Second
	// readTime is how long the next message may take.
	readTime = 10 * time.Second
	// batchBytes bounds what is stored all or nothing.
	batchBytes = 4 << 20
)

// open makes the stream where it is missing, and reads what of a chat is in it.
func (s *Store) open(ctx context.Context, account string, user int64, kind subjects.Kind, id int64) (*shelf, error) {
	brief, cancel := context.WithTimeout(ctx, openTime)
	defer cancel()
	st, err := s.st.Stream(brief, storage.History)
	if err != nil {
		return nil, err
	}
	x := &shelf{s: s, subject: subjects.Histories(s.scheme).Subject(account, kind, id), user: strconv.FormatInt(user, 10), made: st.CachedInfo().Created}
	return x, x.read(ctx)
}

// read reads anew which messages are there: what was written and not confirmed, and what somebody has deleted.
func (x *shelf) read(ctx context.Context) error {
	x.have, x.last = ids{}, 0
	name := x.s.scheme.StreamName(storage.History)
	brief, cancel := context.WithTimeout(ctx, openTime)
	defer cancel()
	c, err := x.s.js.OrderedConsumer(brief, name, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{x.subject}, HeadersOnly: true, InactiveThreshold: time.Minute,
	})
	if err != nil {
		return fmt.Errorf("reading %s: %w", name, err)
	}
	defer x.s.forget(ctx, c)
	if c.CachedInfo().NumPending == 0 {
		return nil
	}
	all, err := c.Messages()
	if err != nil {
		return fmt.Errorf("reading %s: %w", name, err)
	}
	defer all.Stop()
	for {
		m, err := all.Next(jetstream.NextMaxWait(readTime))
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("reading %s: %w", name, err)
		}
		meta, err := m.Metadata()
		if err != nil {
			return fmt.Errorf("reading %s: %w", name, err)
		}
		x.last = meta.Sequence.Stream
		h := m.Headers()
		if id, err := strconv.Atoi(h.Get(subjects.HeaderMessage)); err == nil && h.Get(subjects.HeaderUser) == x.user {
			x.have.add(id)
		}
		if meta.NumPending == 0 {
			return nil
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

// atomicHeaders are those by which messages are stored all or nothing, and behind what is known.
var atomicHeaders = []string{
	subjects.HeaderBatchID, subjects.HeaderBatchSequence, subjects.HeaderBatchCommit, jetstream.ExpectedLastSubjSeqHeader,
}

// errBatch says that the server does not store messages all or nothing.
var errBatch = errors.New("the server did not take the messages as one batch: atomic publishing needs nats-server 2.12 or newer")

// put stores those of some messages that are not there, in order, and gives how many. Each batch is stored behind the last message that
// is known of the chat or not at all, so that nothing stands twice, whoever else writes and whatever was not confirmed. After an error
// what is there has to be read again.
func (x *shelf) put(ctx context.Context, all []message) (stored int, err error) {
	var batch []message
	size := 0
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		seq, err := x.write(ctx, batch)
		if err != nil {
			return err
		}
		for _, m := range batch {
			x.have.add(m.id)
		}
		x.last, stored = seq, stored+len(batch)
		batch, size = nil, 0
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
		batch, size = append(batch, m), size+len(m.msg.Data)
	}
	return stored, flush()
}

// write stores a batch all or nothing, and gives the sequence of its last message.
func (x *shelf) write(ctx context.Context, batch []message) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, writeTime)
	defer cancel()
	conn, id := x.s.js.Conn(), nuid.Next()
	for i, m := range batch {
		h := m.msg.Header
		for _, of := range atomicHeaders {
			delete(h, of) // of an attempt before
		}
		if i == 0 {
			h.Set(jetstream.ExpectedLastSubjSeqHeader, strconv.FormatUint(x.last, 10))
		}
		if len(batch) > 1 {
			h.Set(subjects.HeaderBatchID, id)
			h.Set(subjects.HeaderBatchSequence, strconv.Itoa(i+1))
		}
		if i < len(batch)-1 {
			if err := conn.PublishMsg(m.msg); err != nil {
				return 0, err
			}
		}
	}
	last := batch[len(batch)-1].msg
	if len(batch) > 1 {
		last.Header.Set(subjects.HeaderBatchCommit, "1")
	}
	reply, err := conn.RequestMsgWithContext(ctx, last)
	if err != nil {
		return 0, err
	}
	var ack struct {
		Error     *jetstream.APIError `json:"error"`
		Sequence  uint64              `json:"seq"`
		Duplicate bool                `json:"duplicate"`
		Size      int                 `json:"count"`
	}
	switch err := json.Unmarshal(reply.Data, &ack); {
	case err != nil:
		return 0, err
	case ack.Error != nil:
		return 0, ack.Error
	case len(batch) > 1 && ack.Size != len(batch):
		return 0, errBatch
	case ack.Duplicate:
		return 0, errors.New("the message is there already")
	}
	return ack.Sequence, nil
}

// refusals of the server that say that there is no room.
const (
	codeServerFull  = jetstream.ErrorCode(10023)
	codeAccountFull = jetstream.ErrorCode(10002)
	codeStoreFailed = jetstream.ErrorCode(10077)
	codeNoRoom      = jetstream.ErrorCode(10047)
)

// full reports whether the stream takes no more.
func full(err error) bool {
	var api *jetstream.APIError
	if !errors.As(err, &api) {
		return false
	}
	switch api.ErrorCode {
	case codeServerFull, codeAccountFull, codeStoreFailed, codeNoRoom:
		return true
	}
	return false
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
