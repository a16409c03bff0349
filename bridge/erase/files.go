package erase

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/objects"
	"github.com/natsgram/natsgram/bridge/storage"
	"github.com/natsgram/natsgram/subjects"
)

// File is an object of an object store that is a file of Telegram's.
type File struct {
	Name string
	ID   int64    // at Telegram
	Of   []string // who stands in the messages that it came from
}

// Files are the objects of an object store that are files of Telegram's: those that an account has fetched, and those of which nobody can say
// who has.
func Files(ctx context.Context, js jetstream.JetStream, bucket, account string) (all []File, err error) {
	st, err := js.Stream(ctx, "OBJ_"+bucket)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", bucket, err)
	}
	metas := "$O." + bucket + ".M."
	info, err := st.Info(ctx, jetstream.WithSubjectFilter(metas+">"))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", bucket, err)
	}
	for subject := range info.State.Subjects {
		m, err := st.GetLastMsgForSubject(ctx, subject)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", bucket, err)
		}
		var object jetstream.ObjectInfo
		if json.Unmarshal(m.Data, &object) != nil {
			continue
		}
		if owner := cmp.Or(objects.OwnerOf(object.Name), object.Metadata[objects.MetaAccount]); owner != "" && owner != account {
			continue
		}
		if key := object.Metadata[objects.MetaFile]; key != "" {
			f := File{Name: object.Name, Of: strings.Fields(object.Metadata[objects.MetaOf])}
			f.ID = FileID(key)
			all = append(all, f)
		}
	}
	return all, nil
}

// FileID is the id in what says which file it is, perhaps with a size or range behind; 0: there is none.
func FileID(key string) int64 {
	_, rest, ok := strings.Cut(key, "/")
	digits := rest[:len(rest)-len(strings.TrimLeft(rest, "-0123456789"))]
	id, err := strconv.ParseInt(digits, 10, 64)
	if !ok || err != nil {
		return 0
	}
	return id
}

// Object takes an object out, and has its bytes written over.
func Object(ctx context.Context, js jetstream.JetStream, bucket, name string) error {
	b, err := objects.OpenBucket(ctx, js, bucket)
	if err != nil {
		return err
	}
	object, _, err := b.Last(ctx, name)
	if err == nil && object != nil && object.NUID != "" {
		err = b.Erase(ctx, object.NUID)
	}
	var st jetstream.Stream
	if err == nil {
		st, err = js.Stream(ctx, "OBJ_"+bucket)
	}
	if err == nil { // last: without it nobody finds the rest
		err = storage.EraseSubject(ctx, st, "$O."+bucket+".M."+base64.URLEncoding.EncodeToString([]byte(name)))
	}
	if err != nil {
		return fmt.Errorf("%s: %w", bucket, err)
	}
	return nil
}

// Longs are the numbers in a payload that may be ids: more than those that are.
func Longs(h nats.Header, payload []byte) iter.Seq[int64] {
	return func(yield func(int64) bool) {
		switch first(h, subjects.HeaderContentType) {
		case subjects.ContentMsgpack:
			for i := 0; i+9 <= len(payload); i++ {
				if payload[i] == 0xd3 && !yield(int64(binary.BigEndian.Uint64(payload[i+1:]))) { //nolint:gosec // two's complement is meant
					return
				}
			}
		case subjects.ContentTL:
			for i := 0; i+8 <= len(payload); i += 4 {
				if !yield(int64(binary.LittleEndian.Uint64(payload[i:]))) { //nolint:gosec // two's complement is meant
					return
				}
			}
		default:
			quoted(payload, yield)
		}
	}
}

// quoted gives the numbers that stand in quotes, as JSON has longs.
func quoted(text []byte, yield func(int64) bool) {
	for i := 0; i < len(text); i++ {
		if text[i] != '"' {
			continue
		}
		j := i + 1
		for j < len(text) && j-i <= 20 && (text[j] == '-' || text[j] >= '0' && text[j] <= '9') {
			j++
		}
		if j == i+1 || j == len(text) || text[j] != '"' {
			continue
		}
		if n, err := strconv.ParseInt(string(text[i+1:j]), 10, 64); err == nil && !yield(n) {
			return
		}
	}
}
