// Package stream is the bridge's write-ahead log: the stream of updates, in which every account's updates stand once and in
// order (design §4).
//
// The stream itself is the state. What the updates machine knows after a message travels in that message's headers
// (Tg-State), so no second write can get ahead of the first. A [Log] is one account's pen: it owns the account by the
// sequence of its record on tg.own.<account>, its epoch, and every publish says which epoch it belongs to. From the moment
// another owner has written its record, the server refuses (10071) whatever a former one still has in flight.
package stream

import (
	"context"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/storage"
	"github.com/natsgram/natsgram/subjects"
)

// Store is where all accounts' logs are. It is safe for concurrent use.
type Store struct {
	js      jetstream.JetStream
	scheme  subjects.Scheme
	storage *storage.Storage
	updates jetstream.Stream
	extents extent
}

// Setup opens the stream of updates, and has that of events there, which listens as everybody else does.
func Setup(ctx context.Context, st *storage.Storage) (s *Store, err error) {
	s = &Store{js: st.JetStream(), scheme: st.Scheme(), storage: st}
	if s.updates, err = st.Stream(ctx, storage.Updates); err != nil {
		return nil, err
	}
	if _, err = st.Stream(ctx, storage.Events); err != nil {
		return nil, err
	}
	return s, nil
}

// JetStream is where the stream is.
func (s *Store) JetStream() jetstream.JetStream { return s.js }
