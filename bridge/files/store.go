package files

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/storage"
)

// Store is where files are put, and where it stands how far they have come. All accounts share it.
type Store struct {
	storage *storage.Storage
	kv      jetstream.KeyValue
	records jetstream.Stream // of kv
}

// OpenStore opens the records; object stores are opened when they are needed.
func OpenStore(ctx context.Context, st *storage.Storage) (*Store, error) {
	kv, err := st.Bucket(ctx, storage.Transfers)
	if err != nil {
		return nil, err
	}
	records, err := st.JetStream().Stream(ctx, "KV_"+kv.Bucket())
	if err != nil {
		return nil, err
	}
	return &Store{st, kv, records}, nil
}

// own is the object store that is there for files.
func (s *Store) own() string { return s.storage.Scheme().StreamName(storage.Files) }

// bucket is an object store, as the stream that it is.
type bucket struct {
	name   string
	js     jetstream.JetStream
	stream jetstream.Stream
}

// askTime is for one question to JetStream.
const askTime = 10 * time.Second

// bucket opens an object store. The one for files is made where it is missing.
func (s *Store) bucket(ctx context.Context, name string) (*bucket, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	js := s.storage.JetStream()
	if name == s.own() {
		if _, err := s.storage.Objects(ctx, storage.Files); err != nil {
			return nil, err
		}
	}
	st, err := js.Stream(ctx, "OBJ_"+name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, answer.Refuse(404, "get: to: there is no object store "+name)
	}
	if err != nil {
		return nil, err
	}
	return &bucket{name, js, st}, nil
}

func (b *bucket) chunks(nuid string) string { return "$O." + b.name + ".C." + nuid }

func (b *bucket) meta(object string) string {
	return "$O." + b.name + ".M." + base64.URLEncoding.EncodeToString([]byte(object))
}

// info is what is known of an object, and the sequence of that; nil: there is none, and what was said of its end has the sequence.
func (b *bucket) info(ctx context.Context, object string) (*jetstream.ObjectInfo, uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	m, err := b.stream.GetLastMsgForSubject(ctx, b.meta(object))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	info := new(jetstream.ObjectInfo)
	if json.Unmarshal(m.Data, info) != nil || info.Deleted || info.Opts != nil && info.Opts.Link != nil || strings.ContainsAny(info.NUID, ".*> \t\r\n") || info.NUID == "" {
		if info.Deleted {
			return nil, m.Sequence, nil
		}
		return &jetstream.ObjectInfo{}, m.Sequence, nil // somebody's all the same
	}
	return info, m.Sequence, nil
}

// count is how many chunks there are.
func (b *bucket) count(ctx context.Context, nuid string) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	info, err := b.stream.Info(ctx, jetstream.WithSubjectFilter(b.chunks(nuid)))
	if err != nil {
		return 0, err
	}
	return info.State.Subjects[b.chunks(nuid)], nil
}

// purge takes the chunks of an object away.
func (b *bucket) purge(ctx context.Context, nuid string) error {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	return b.stream.Purge(ctx, jetstream.WithPurgeSubject(b.chunks(nuid)))
}

// room refuses what there is not room for, as far as that is known before.
func (b *bucket) room(ctx context.Context, size int64) error {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	info, err := b.stream.Info(ctx)
	if err != nil {
		return err
	}
	most := info.Config.MaxBytes
	if need := size + size/chunkSize*chunkHead; most > 0 && int64(info.State.Bytes)+need > most { //nolint:gosec // what a disk holds
		return noRoom(b.name, fmt.Sprintf("it may have %d bytes and has %d, the file has %d", most, info.State.Bytes, size))
	}
	return nil
}

func noRoom(bucket, why string) error {
	return answer.Refuse(507, "get: the object store "+bucket+" has no room: "+why+" (NATSGRAM_LIMITS, NATSGRAM_FILES_AGE)")
}

// full reports whether an error of JetStream's says that there is no room.
func full(err error) bool {
	var api *jetstream.APIError
	if !errors.As(err, &api) {
		return false
	}
	switch api.ErrorCode {
	case 10047, 10002, 10023, 10028:
		return true // of the server, or of the NATS account
	}
	return strings.Contains(api.Description, "maximum bytes exceeded") || strings.Contains(api.Description, "no space left")
}
