package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/objects"
	"github.com/natsgram/natsgram/bridge/storage"
	"github.com/natsgram/natsgram/bridge/vault"
)

// Record is what is kept of a job until it is done: enough to go on with it, and to take away what it has written. What was asked for may
// hold an access hash and a reference, so it is sealed.
type Record struct {
	Bucket string `json:"bucket"`
	Object string `json:"object"`
	Key    string `json:"key"` // of the file, or of the object's contents: a name can come to mean another one
	objects.Written
	User   int64  `json:"user"` // whose job it is: a name can pass on to another
	Sealed []byte `json:"sealed"`

	Asked []byte `json:"-"` // what was asked for, in JSON

	revision uint64 // in the bucket; 0: it is not there
}

// Records is the bucket of them. All accounts share it.
type Records struct {
	st     *storage.Storage
	kv     jetstream.KeyValue
	stream jetstream.Stream // of kv
}

// OpenRecords opens it.
func OpenRecords(ctx context.Context, st *storage.Storage) (*Records, error) {
	kv, err := st.Bucket(ctx, storage.Transfers)
	if err != nil {
		return nil, err
	}
	stream, err := st.JetStream().Stream(ctx, "KV_"+kv.Bucket())
	if err != nil {
		return nil, err
	}
	return &Records{st, kv, stream}, nil
}

// askTime is for one question to JetStream.
const askTime = 10 * time.Second

// key is where the record of a job is.
func key(account string, kind Kind, id string) string { return account + "." + string(kind) + "." + id }

// errErased says that the record was erased.
var errErased = errors.New("files: what is kept of the job was erased")

// save writes a record over what it wrote before, and over nothing else: so none comes late over the mark that an erased one leaves. An error costs
// what it would have saved.
func (r *Records) save(ctx context.Context, at string, record *Record, box vault.Box) error {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	if record.Sealed == nil {
		sealed, err := box.Seal(at, record.Asked)
		if err != nil {
			return err
		}
		record.Sealed = sealed
	}
	body, err := json.Marshal(record)
	if err != nil {
		return err
	}
	revision, err := r.kv.Update(ctx, at, body, record.revision)
	if storage.Taken(err) { // by what was written and not confirmed, if that is not of somebody else
		if record.revision, err = r.last(ctx, at); err == nil {
			revision, err = r.kv.Update(ctx, at, body, record.revision)
		}
	}
	if err == nil {
		record.revision = revision
	}
	return err
}

// last is the revision of what stands at a key; 0: there is nothing.
func (r *Records) last(ctx context.Context, at string) (uint64, error) {
	m, err := r.stream.GetLastMsgForSubject(ctx, "$KV."+r.kv.Bucket()+"."+at)
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return 0, nil
	case err != nil:
		return 0, err
	case storage.Deleted(m.Header):
		return 0, errErased
	}
	return m.Sequence, nil
}

func (r *Records) drop(ctx context.Context, at string) error {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	return r.kv.Purge(ctx, at)
}

// erase is drop, and has the server write over the bytes. What is still on its way to the bucket is refused from then on.
func (r *Records) erase(ctx context.Context, at string) error {
	return r.st.EraseKey(ctx, storage.Transfers, at)
}

// Left are the records of an account's jobs of a kind, by their ids. One that cannot be gone on with has no Key; one that names nothing to
// take away, no Bucket.
func (r *Records) Left(ctx context.Context, account string, kind Kind, box vault.Box) (map[string]*Record, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	prefix := "$KV." + r.kv.Bucket() + "." + key(account, kind, "")
	info, err := r.stream.Info(ctx, jetstream.WithSubjectFilter(prefix+"*"))
	if err != nil {
		return nil, err
	}
	all := map[string]*Record{}
	for subject := range info.State.Subjects {
		id := strings.TrimPrefix(subject, prefix)
		entry, err := r.kv.Get(ctx, key(account, kind, id))
		if errors.Is(err, jetstream.ErrKeyNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		record, err := readRecord(kind, key(account, kind, id), entry.Value(), box)
		if err != nil {
			record.Key = "" // there is nothing to go on with, but to take away
		}
		record.revision = entry.Revision()
		all[id] = record
	}
	return all, nil
}

// Purge takes away all that is kept of an account's files on their way, its uploads with them.
func (r *Records) Purge(ctx context.Context, account string) error {
	return r.stream.Purge(ctx, jetstream.WithPurgeSubject("$KV."+r.kv.Bucket()+"."+account+".>"))
}

// readRecord reads a record. Of one that makes no sense it gives what could be read, beside the error.
func readRecord(kind Kind, at string, body []byte, box vault.Box) (*Record, error) {
	r := new(Record)
	err := json.Unmarshal(body, r)
	if err != nil {
		return new(Record), err
	}
	if _, err := objects.Parse(r.Bucket + "/" + r.Object); err != nil || kind == Get && !objects.Token(r.NUID) {
		return new(Record), errors.New("a record that names no object")
	}
	if kind == Get && !r.Valid() {
		return r, fmt.Errorf("a record of %d chunks with %d bytes", r.Chunks, r.Bytes)
	}
	if r.Asked, err = box.Open(at, r.Sealed); err == nil {
		r.Sealed = nil // it is sealed anew when it is written again: the secret may be another one by now
	}
	return r, err
}
