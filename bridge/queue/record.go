package queue

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/retry"
	"github.com/natsgram/natsgram/bridge/storage"
)

// state is what a record says of a job.
type state string

const (
	began   state = "began"   // it may have been run
	waits   state = "waits"   // it was not, so far
	unknown state = "unknown" // nobody knows, and its sender was told; it waits for a person
)

// record is what is known of a job that was tried, in the bucket of jobs.
type record struct {
	State state     `json:"state"`
	By    string    `json:"by"` // the owner who wrote it
	At    time.Time `json:"at"`
	Tries int       `json:"tries"`
	Error string    `json:"error,omitempty"`
	Until time.Time `json:"until,omitzero"`

	revision uint64
}

// errTaken says that somebody else has begun with a job.
var errTaken = errors.New("another owner has written of this job")

func recordKey(account string, seq uint64) string {
	return account + "." + utoa(seq)
}

// write writes a record over the one that was read, and over no other.
func (s *Store) write(ctx context.Context, account string, seq uint64, r *record) error {
	body, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return retry.Do(ctx, tries, func(ctx context.Context) (again bool, err error) {
		asking, cancel := context.WithTimeout(ctx, askTime)
		defer cancel()
		revision, err := s.jobs.Update(asking, recordKey(account, seq), body, r.revision)
		if err == nil {
			r.revision = revision
			return false, nil
		}
		if errors.Is(err, nats.ErrConnectionClosed) {
			return false, err
		}
		// Without an answer it may have been written: who reads finds his own.
		now, readErr := s.record(ctx, account, seq)
		switch {
		case readErr != nil:
			s.storage.Suspect(err)
		case now == nil: // nothing was written yet, or the bucket was deleted: of a job that is gone whoever writes finds that
			r.revision = 0
		case now.revision == r.revision:
		case now.By == r.By && now.At.Equal(r.At) && now.State == r.State:
			r.revision = now.revision
			return false, nil
		default:
			return false, errTaken
		}
		return true, err
	})
}

// record reads what is written of a job; nil: nothing.
func (s *Store) record(ctx context.Context, account string, seq uint64) (*record, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	entry, err := s.jobs.Get(ctx, recordKey(account, seq))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil, nil //nolint:nilnil // none is no error
	}
	if err != nil {
		return nil, err
	}
	r := &record{}
	if json.Unmarshal(entry.Value(), r) != nil {
		r.State = began // whatever was written there: somebody has had to do with the job
	}
	r.revision = entry.Revision()
	return r, nil
}

// recorded are the jobs of an account of which something is written.
func (s *Store) recorded(ctx context.Context, account string) (seqs []uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	info, err := s.records.Info(ctx, jetstream.WithSubjectFilter(s.recordSubject(account)+">"))
	if err != nil {
		return nil, err
	}
	for subject := range info.State.Subjects {
		seq, err := strconv.ParseUint(strings.TrimPrefix(subject, s.recordSubject(account)), 10, 64)
		if err == nil {
			seqs = append(seqs, seq)
		}
	}
	return seqs, nil
}

// recordSubject begins the subjects of an account's records.
func (s *Store) recordSubject(account string) string {
	return "$KV." + s.scheme.StreamName(storage.Jobs) + "." + account + "."
}

// purge removes records of jobs that are gone: those of an account below a revision.
func (s *Store) purge(ctx context.Context, account string, below uint64) error {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	return s.records.Purge(ctx, jetstream.WithPurgeSubject(s.recordSubject(account)+">"), jetstream.WithPurgeSequence(below))
}
