package storage

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// The header of the mark that a key leaves which was deleted, and its value.
const (
	kvOperation = "KV-Operation"
	kvDeleted   = "DEL"
)

// Deleted reports whether what stands at a key is the mark of one that was deleted.
func Deleted(h nats.Header) bool { return h.Get(kvOperation) != "" }

// Last reads what stands last at a subject of a bucket's stream, with its revision, which the mark of a key that was deleted has as well; [ErrNone].
func (s *Storage) Last(ctx context.Context, st jetstream.Stream, subject string) (value []byte, revision uint64, err error) {
	m, err := st.GetLastMsgForSubject(ctx, subject)
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return nil, 0, ErrNone
	case err != nil:
		s.Suspect(err)
		return nil, 0, err
	case Deleted(m.Header):
		return nil, m.Sequence, ErrNone
	}
	return m.Data, m.Sequence, nil
}

// PutKey writes a key of a bucket with a header of its own, for what the buckets of the library have no words for. It gives the
// revision.
func (s *Storage) PutKey(ctx context.Context, name, key string, value []byte, header nats.Header) (uint64, error) {
	ack, err := s.js.PublishMsg(ctx, s.KeyMsg(name, key, value, header))
	if err != nil {
		return 0, err
	}
	return ack.Sequence, nil
}

// Mark is what stands last at a key: a value, or the mark of a deletion, which the buckets of the library do not tell from nothing.
type Mark struct {
	Revision uint64 // 0: there is nothing
	At       time.Time
}

// Mark reads what stands last at a key of a bucket.
func (s *Storage) Mark(ctx context.Context, name, key string) (Mark, error) {
	kv := s.o.Scheme.StreamName(name)
	st, err := s.js.Stream(ctx, "KV_"+kv)
	if err != nil {
		return Mark{}, err
	}
	msg, err := st.GetLastMsgForSubject(ctx, "$KV."+kv+"."+key)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return Mark{}, nil
	}
	if err != nil {
		return Mark{}, err
	}
	return Mark{msg.Sequence, msg.Time}, nil
}

// KeyMsg is the message that writes a key.
func (s *Storage) KeyMsg(name, key string, value []byte, header nats.Header) *nats.Msg {
	return &nats.Msg{Subject: s.apiPrefix() + "$KV." + s.o.Scheme.StreamName(name) + "." + key, Header: header, Data: value}
}

// apiPrefix stands before the subjects of keys where JetStream is reached by a domain or prefix.
func (s *Storage) apiPrefix() string {
	o := s.js.Options()
	switch {
	case o.Domain != "":
		return "$JS." + o.Domain + ".API."
	case o.APIPrefix != "" && o.APIPrefix+"." != jetstream.DefaultAPIPrefix && o.APIPrefix != jetstream.DefaultAPIPrefix:
		return o.APIPrefix + "."
	}
	return ""
}
