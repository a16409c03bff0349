package peers

import (
	"context"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/batch"
	"github.com/natsgram/natsgram/bridge/storage"
)

// Store is where directories are kept. NATS's is [NewStore]'s.
type Store interface {
	// Get reads a key, with its revision, which the mark of one that was erased has as well; [storage.ErrNone].
	Get(ctx context.Context, key string) (value []byte, revision uint64, err error)
	// Put writes a key, whatever is there. Many at a time are stored together.
	Put(ctx context.Context, key string, value []byte) error
	// Update is Put for as long as the key of, which may be the same one, is at a revision, 0: is not there; else the error is one of
	// [storage.Taken].
	Update(ctx context.Context, key string, value []byte, of string, revision uint64) (uint64, error)
	// Each tells of all keys that match a filter, until yield has enough.
	Each(ctx context.Context, filter string, yield func(key string, value []byte) bool) error
	// Remove takes all keys out that match a filter.
	Remove(ctx context.Context, filter string) error
	// Erase takes out one key, and has its bytes written over. A mark stays, with a revision.
	Erase(ctx context.Context, key string) error
	// EraseWhole is Erase that leaves no mark.
	EraseWhole(ctx context.Context, key string) error
	// First is the lowest revision that the bucket held lately: whatever has a lower one is gone.
	First() uint64
	// PushedOut reports whether what had a revision had to make room for what is newer.
	PushedOut(ctx context.Context, revision uint64) (bool, error)
}

const (
	// storeTime bounds one question: whoever waits for it has a request of his own to answer.
	storeTime = 3 * time.Second
	// eachTime bounds going through an account's records, of which there may be a million.
	eachTime = time.Minute
	// eraseTime bounds taking some of them out.
	eraseTime = 20 * time.Second
)

// bucket is a Store in JetStream.
type bucket struct {
	st     *storage.Storage
	kv     jetstream.KeyValue
	stream jetstream.Stream // of kv
	batch  *batch.Writer
}

// NewStore makes the bucket where it is missing.
func NewStore(ctx context.Context, st *storage.Storage) (Store, error) {
	kv, err := st.Bucket(ctx, storage.Peers)
	if err != nil {
		return nil, err
	}
	stream, err := st.JetStream().Stream(ctx, "KV_"+kv.Bucket())
	if err != nil {
		return nil, err
	}
	return &bucket{st, kv, stream, batch.New(st.JetStream().Conn())}, nil
}

// subject is that of a key.
func (b *bucket) subject(key string) string { return "$KV." + b.kv.Bucket() + "." + key }

func (b *bucket) Get(ctx context.Context, key string) ([]byte, uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	return b.st.Last(ctx, b.stream, b.subject(key))
}

func (b *bucket) Put(ctx context.Context, key string, value []byte) error {
	_, err := b.put(ctx, key, value, nil)
	return err
}

func (b *bucket) Update(ctx context.Context, key string, value []byte, of string, revision uint64) (uint64, error) {
	h := nats.Header{jetstream.ExpectedLastSubjSeqHeader: {strconv.FormatUint(revision, 10)}}
	if of != key {
		h[jetstream.ExpectedLastSubjSeqSubjHeader] = []string{b.subject(of)}
	}
	return b.put(ctx, key, value, h)
}

func (b *bucket) put(ctx context.Context, key string, value []byte, h nats.Header) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	revision, err := b.batch.Put(ctx, key, b.st.KeyMsg(storage.Peers, key, value, h))
	b.st.Suspect(err)
	return revision, err
}

func (b *bucket) Each(ctx context.Context, filter string, yield func(key string, value []byte) bool) error {
	ctx, cancel := context.WithTimeout(ctx, eachTime)
	defer cancel()
	return b.st.Each(ctx, b.kv, filter, yield)
}

func (b *bucket) Remove(ctx context.Context, filter string) error {
	ctx, cancel := context.WithTimeout(ctx, eraseTime)
	defer cancel()
	err := b.stream.Purge(ctx, jetstream.WithPurgeSubject(b.subject(filter)))
	b.st.Suspect(err)
	return err
}

func (b *bucket) Erase(ctx context.Context, key string) error {
	ctx, cancel := context.WithTimeout(ctx, eraseTime)
	defer cancel()
	err := b.st.EraseKey(ctx, storage.Peers, key)
	b.st.Suspect(err)
	return err
}

func (b *bucket) EraseWhole(ctx context.Context, key string) error {
	ctx, cancel := context.WithTimeout(ctx, eraseTime)
	defer cancel()
	_, err := b.st.EraseKeys(ctx, storage.Peers, key)
	b.st.Suspect(err)
	return err
}

func (b *bucket) First() uint64 { return b.st.First(storage.Peers) }

func (b *bucket) PushedOut(ctx context.Context, revision uint64) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	info, err := b.stream.Info(ctx)
	b.st.Suspect(err)
	return err == nil && revision < info.State.FirstSeq && storage.PushesOut(info), err
}
