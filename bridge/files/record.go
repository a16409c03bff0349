package files

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/vault"
)

// record is what is kept of a job until it is done: enough to go on with it, and to take away what it has written. What was asked for may
// hold an access hash and a reference, so it is sealed.
type record struct {
	Bucket string `json:"bucket"`
	Object string `json:"object"`
	Key    string `json:"key"` // of the file
	written
	User   int64  `json:"user"` // whose job it is: a name can pass on to another
	Sealed []byte `json:"sealed"`

	asked asked
}

// recordKey is where the record of a job is.
func recordKey(account, id string) string { return account + ".get." + id }

// save writes a record. An error costs what it would have saved.
func (s *Store) save(ctx context.Context, account, id string, r *record, box vault.Box) error {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	key := recordKey(account, id)
	if r.Sealed == nil {
		plain, err := json.Marshal(r.asked)
		if err != nil {
			return err
		}
		if r.Sealed, err = box.Seal(key, plain); err != nil {
			return err
		}
	}
	body, err := json.Marshal(r)
	if err != nil {
		return err
	}
	_, err = s.kv.Put(ctx, key, body)
	return err
}

func (s *Store) drop(ctx context.Context, account, id string) error {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	return s.kv.Purge(ctx, recordKey(account, id))
}

// left are the records of an account's jobs, by their ids.
func (s *Store) left(ctx context.Context, account string, box vault.Box) (map[string]*record, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	prefix := "$KV." + s.kv.Bucket() + "." + recordKey(account, "")
	info, err := s.records.Info(ctx, jetstream.WithSubjectFilter(prefix+"*"))
	if err != nil {
		return nil, err
	}
	all := map[string]*record{}
	for subject := range info.State.Subjects {
		id := strings.TrimPrefix(subject, prefix)
		entry, err := s.kv.Get(ctx, recordKey(account, id))
		if errors.Is(err, jetstream.ErrKeyNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		r, err := readRecord(recordKey(account, id), entry.Value(), box)
		if err != nil {
			r.Key = "" // there is nothing to go on with, but to take away
		}
		all[id] = r
	}
	return all, nil
}

// readRecord reads a record. Of one that makes no sense it gives what could be read, beside the error.
func readRecord(key string, body []byte, box vault.Box) (*record, error) {
	r := new(record)
	if err := json.Unmarshal(body, r); err != nil {
		return new(record), err
	}
	if strings.Trim(r.Bucket+r.NUID, bucketBytes) != "" || r.Bucket == "" || r.NUID == "" {
		return new(record), errors.New("a record that names no object")
	}
	if r.Chunk != chunkSize || r.Bytes != int64(r.Chunks)*chunkSize {
		return r, fmt.Errorf("a record of %d chunks with %d bytes", r.Chunks, r.Bytes)
	}
	plain, err := box.Open(key, r.Sealed)
	if err == nil {
		err = json.Unmarshal(plain, &r.asked)
	}
	return r, err
}
