package once

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/batch"
	"github.com/natsgram/natsgram/bridge/storage"
)

// errTaken says that a key is not as it was expected to be.
var errTaken = errors.New("another request was faster")

// Store is where records are. NATS's is [NewStore]'s.
type Store interface {
	// Get reads a key, from who knows it best; storage.ErrNone.
	Get(ctx context.Context, key string) (value []byte, revision uint64, err error)
	// Create writes a key that is at this revision, 0: that is not there; errTaken.
	Create(ctx context.Context, key string, value []byte, at uint64) (uint64, error)
	// CreateBeside writes a key, whatever is there, for as long as another is at this revision; errTaken.
	CreateBeside(ctx context.Context, key string, value []byte, other string, at uint64) error
	// Keys are those of an account's records.
	Keys(ctx context.Context, account string) ([]string, error)
	// Erase takes out the keys that match a filter, and has their bytes written over.
	Erase(ctx context.Context, filter string) error
	// Mark leaves the mark of a deleted key at one, which gets another revision.
	Mark(ctx context.Context, key string) error
	// Since is since when all records are there.
	Since(ctx context.Context) (time.Time, error)
}

// bucket is a Store in JetStream. Its handle knows the stream by its name, so that it is good for one made anew as well.
type bucket struct {
	st     *storage.Storage
	stream jetstream.Stream
	prefix string // of the subjects of keys
	batch  *batch.Writer
}

// NewStore makes the bucket where it is missing.
func NewStore(ctx context.Context, st *storage.Storage) (Store, error) {
	s, err := st.Stream(ctx, storage.Once)
	if err != nil {
		return nil, err
	}
	return &bucket{
		st: st, stream: s, prefix: "$KV." + st.Scheme().StreamName(storage.Once) + ".", batch: batch.New(st.JetStream().Conn()),
	}, nil
}

const (
	// storeTime bounds one question: whoever waits for it has a request of his own to answer.
	storeTime = 3 * time.Second
)

func (b *bucket) Get(ctx context.Context, key string) ([]byte, uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	return b.st.Last(ctx, b.stream, b.prefix+key)
}

func (b *bucket) Create(ctx context.Context, key string, value []byte, at uint64) (uint64, error) {
	return b.create(ctx, key, value, nats.Header{jetstream.ExpectedLastSubjSeqHeader: {strconv.FormatUint(at, 10)}})
}

func (b *bucket) CreateBeside(ctx context.Context, key string, value []byte, other string, at uint64) error {
	_, err := b.create(ctx, key, value, nats.Header{
		jetstream.ExpectedLastSubjSeqHeader: {strconv.FormatUint(at, 10)}, jetstream.ExpectedLastSubjSeqSubjHeader: {b.prefix + other},
	})
	return err
}

func (b *bucket) create(ctx context.Context, key string, value []byte, h nats.Header) (revision uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	err = storage.Beside(ctx, func(ctx context.Context) (err error) {
		revision, err = b.batch.Put(ctx, key, b.st.KeyMsg(storage.Once, key, value, h))
		return err
	})
	if storage.Taken(err) {
		return 0, errTaken
	}
	b.st.Suspect(err)
	return revision, err
}

func (b *bucket) Keys(ctx context.Context, account string) (all []string, err error) {
	info, err := b.stream.Info(ctx, jetstream.WithSubjectFilter(b.prefix+account+".*"))
	if err != nil {
		b.st.Suspect(err)
		return nil, err
	}
	for subject := range info.State.Subjects {
		if key := strings.TrimPrefix(subject, b.prefix); key != erasedKey(account) {
			all = append(all, key)
		}
	}
	return all, nil
}

func (b *bucket) Mark(ctx context.Context, key string) error {
	err := b.st.EraseKey(ctx, storage.Once, key)
	b.st.Suspect(err)
	return err
}

func (b *bucket) Erase(ctx context.Context, filter string) error {
	_, err := b.st.EraseKeys(ctx, storage.Once, filter)
	b.st.Suspect(err)
	return err
}

// Since looks how far back the bucket reaches: one that is full lets go of what is oldest.
func (b *bucket) Since(ctx context.Context) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	info, err := b.stream.Info(ctx)
	if err != nil {
		b.st.Suspect(err)
		return time.Time{}, err
	}
	since, first := info.Created, info.State.FirstTime
	if most := info.Config.MaxBytes; most > 0 && int64(info.State.Bytes) > most/10*9 && first.After(since) { //nolint:gosec // of a disk
		since = first
	}
	return since, nil
}
