package peers

import (
	"context"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/batch"
	"github.com/natsgram/natsgram/bridge/storage"
)

// Store is where directories are kept. NATS's is [NewStore]'s.
type Store interface {
	// Get reads a key; [storage.ErrNone].
	Get(ctx context.Context, key string) ([]byte, error)
	// Put writes a key. Many at a time are stored together.
	Put(ctx context.Context, key string, value []byte) error
	// Each tells of all keys that match a filter, until yield has enough.
	Each(ctx context.Context, filter string, yield func(key string, value []byte) bool) error
	// Remove takes all keys out that match a filter.
	Remove(ctx context.Context, filter string) error
	// Erase takes out one key, and has its bytes written over.
	Erase(ctx context.Context, key string) error
	// Made is when the bucket was made: one made anew is empty.
	Made() time.Time
}

const (
	// storeTime bounds one question: whoever waits for it has a request of his own to answer.
	storeTime = 3 * time.Second
	// eachTime bounds going through an account's records.
	eachTime = 20 * time.Second
)

// bucket is a Store in JetStream.
type bucket struct {
	st    *storage.Storage
	kv    jetstream.KeyValue
	batch *batch.Writer
}

// NewStore makes the bucket where it is missing.
func NewStore(ctx context.Context, st *storage.Storage) (Store, error) {
	kv, err := st.Bucket(ctx, storage.Peers)
	if err != nil {
		return nil, err
	}
	return &bucket{st, kv, batch.New(st.JetStream().Conn())}, nil
}

func (b *bucket) Get(ctx context.Context, key string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	return b.st.Get(ctx, b.kv, key)
}

func (b *bucket) Put(ctx context.Context, key string, value []byte) error {
	ctx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	_, err := b.batch.Put(ctx, key, b.st.KeyMsg(storage.Peers, key, value, nil))
	b.st.Suspect(err)
	return err
}

func (b *bucket) Each(ctx context.Context, filter string, yield func(key string, value []byte) bool) error {
	ctx, cancel := context.WithTimeout(ctx, eachTime)
	defer cancel()
	return b.st.Each(ctx, b.kv, filter, yield)
}

func (b *bucket) Remove(ctx context.Context, filter string) error {
	ctx, cancel := context.WithTimeout(ctx, eachTime)
	defer cancel()
	s, err := b.st.JetStream().Stream(ctx, "KV_"+b.kv.Bucket())
	if err == nil {
		err = s.Purge(ctx, jetstream.WithPurgeSubject("$KV."+b.kv.Bucket()+"."+filter))
	}
	b.st.Suspect(err)
	return err
}

func (b *bucket) Erase(ctx context.Context, key string) error {
	ctx, cancel := context.WithTimeout(ctx, eachTime)
	defer cancel()
	_, err := b.st.EraseKeys(ctx, storage.Peers, key)
	b.st.Suspect(err)
	return err
}

func (b *bucket) Made() time.Time { return b.st.Created(storage.Peers) }
