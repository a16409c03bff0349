package objects

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/storage"
)

// Bucket is an object store, as the stream that it is: what writes objects so that it can go on with them.
type Bucket struct {
	name   string
	js     jetstream.JetStream
	stream jetstream.Stream
}

// OpenBucket opens an object store that is there.
func OpenBucket(ctx context.Context, js jetstream.JetStream, name string) (*Bucket, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	st, err := js.Stream(ctx, "OBJ_"+name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, fmt.Errorf("%w %s", ErrNoBucket, name)
	}
	if err != nil {
		return nil, err
	}
	return &Bucket{name, js, st}, nil
}

// askTime is for one question to JetStream.
const askTime = 10 * time.Second

func (b *Bucket) chunks(nuid string) string { return "$O." + b.name + ".C." + nuid }

func (b *Bucket) meta(object string) string {
	return "$O." + b.name + ".M." + base64.URLEncoding.EncodeToString([]byte(object))
}

// Last is what is known of an object, and the sequence of that; nil: there is none, and what was said of its end has the sequence.
func (b *Bucket) Last(ctx context.Context, object string) (*jetstream.ObjectInfo, uint64, error) {
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
	unread := json.Unmarshal(m.Data, info) != nil
	switch link := info.Opts != nil && info.Opts.Link != nil; {
	case info.Deleted:
		return nil, m.Sequence, nil
	case unread || link || !Token(info.NUID):
		return &jetstream.ObjectInfo{}, m.Sequence, nil // somebody's all the same
	}
	return info, m.Sequence, nil
}

// Count is how many chunks there are.
func (b *Bucket) Count(ctx context.Context, nuid string) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	info, err := b.stream.Info(ctx, jetstream.WithSubjectFilter(b.chunks(nuid)))
	if err != nil {
		return 0, err
	}
	return info.State.Subjects[b.chunks(nuid)], nil
}

// Purge takes the chunks of an object away.
func (b *Bucket) Purge(ctx context.Context, nuid string) error {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	return b.stream.Purge(ctx, jetstream.WithPurgeSubject(b.chunks(nuid)))
}

// Room refuses what there is not room for, as far as that is known before.
func (b *Bucket) Room(ctx context.Context, size int64) error {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	info, err := b.stream.Info(ctx)
	if err != nil {
		return err
	}
	most := info.Config.MaxBytes
	if need := size + size/ChunkSize*chunkHead; most > 0 && int64(info.State.Bytes)+need > most { //nolint:gosec // what a disk holds
		return noRoom(b.name, fmt.Sprintf("it may have %d bytes and has %d, the file has %d", most, info.State.Bytes, size))
	}
	return nil
}

func noRoom(bucket, why string) error {
	return fmt.Errorf("%w: the object store %s: %s", ErrFull, bucket, why)
}

// IsFull reports whether an error says that there is no room, in JetStream's words or ours.
func IsFull(err error) bool { return errors.Is(err, ErrFull) || storage.Full(err) }

// PurgeBelow takes away the objects below a prefix that have a metadata of a name.
func (b *Bucket) PurgeBelow(ctx context.Context, prefix, key string) error {
	metas := b.meta("")
	info, err := b.stream.Info(ctx, jetstream.WithSubjectFilter(metas+">"))
	if err != nil {
		return err
	}
	for subject := range info.State.Subjects {
		name, err := base64.URLEncoding.DecodeString(strings.TrimPrefix(subject, metas))
		if err != nil || !strings.HasPrefix(string(name), prefix) {
			continue
		}
		object, _, err := b.Last(ctx, string(name))
		if err != nil {
			return err
		}
		if object == nil || object.Metadata[key] == "" {
			continue // somebody's own
		}
		if err := errors.Join(b.Purge(ctx, object.NUID), b.stream.Purge(ctx, jetstream.WithPurgeSubject(subject))); err != nil {
			return err
		}
	}
	return nil
}
