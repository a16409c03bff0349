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

// metaFile is the metadata of an object that says which file of Telegram's it is: document/5368324170671202286.
const metaFile = "natsgram_file"

// Files are the objects of an object store that are files of Telegram's, by their ids: those that an account has fetched, and those of which
// nobody can say who has.
func Files(ctx context.Context, js jetstream.JetStream, bucket, account string) (map[int64][]string, error) {
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
	all := map[int64][]string{}
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
		if id, ok := fileID(object.Metadata[metaFile]); ok {
			all[id] = append(all[id], object.Name)
		}
	}
	return all, nil
}

// fileID is the id in what says which file it is, perhaps with a size or range behind.
func fileID(key string) (int64, bool) {
	_, rest, ok := strings.Cut(key, "/")
	digits := rest[:len(rest)-len(strings.TrimLeft(rest, "-0123456789"))]
	id, err := strconv.ParseInt(digits, 10, 64)
	return id, ok && err == nil && id != 0
}

// Object takes an object out, and has its bytes written over.
func Object(ctx context.Context, js jetstream.JetStream, bucket, name string) error {
	st, err := js.Stream(ctx, "OBJ_"+bucket)
	if err != nil {
		return fmt.Errorf("%s: %w", bucket, err)
	}
	meta := "$O." + bucket + ".M." + base64.URLEncoding.EncodeToString([]byte(name))
	m, err := st.GetLastMsgForSubject(ctx, meta)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil
	}
	var object jetstream.ObjectInfo
	if err == nil {
		err = json.Unmarshal(m.Data, &object)
	}
	if err == nil && object.NUID != "" && !strings.ContainsAny(object.NUID, ".*> ") {
		err = eraseChunks(ctx, st, "$O."+bucket+".C."+object.NUID, object.Chunks)
	}
	if err == nil {
		err = storage.EraseSubject(ctx, st, meta) // last: without it nobody finds the rest
	}
	if err != nil {
		return fmt.Errorf("%s: %w", bucket, err)
	}
	return nil
}

// chunksWritten is how many chunks are written over one by one. For each the server writes a whole file of its store, so that of larger objects
// whole files are deleted instead; what stands in a file with something else goes when the server tidies up.
const chunksWritten = 128

func eraseChunks(ctx context.Context, st jetstream.Stream, subject string, n uint32) error {
	if n > chunksWritten {
		return st.Purge(ctx, jetstream.WithPurgeSubject(subject))
	}
	return storage.EraseSubject(ctx, st, subject)
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
