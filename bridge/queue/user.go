package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/subjects"
)

// user is whose jobs are in the queue of an account: a name can pass on to another user, who must not run what was meant for the first.
type user struct {
	ID int64 `json:"user"`
	// Since is the last job that was there when the name passed on to this user: those up to it were meant for another.
	Since uint64 `json:"since"`
}

// userKey is where that is written. No account is called so.
func userKey(account string) string { return "_." + account }

// others are the last job that was meant for another user of the account's name; 0: none was.
func (s *Store) others(ctx context.Context, account string, id int64, last uint64) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	var u user
	entry, err := s.jobs.Get(ctx, userKey(account))
	revision := uint64(0)
	switch {
	case errors.Is(err, jetstream.ErrKeyNotFound):
		u.ID = id
	case err != nil:
		return 0, err
	case json.Unmarshal(entry.Value(), &u) != nil:
		return 0, fmt.Errorf("bucket %s: the key %s cannot be read: delete it, if the jobs of %s are its user's", s.jobs.Bucket(), userKey(account), account)
	default:
		if revision = entry.Revision(); u.ID == id {
			return u.Since, nil
		}
		u = user{ID: id, Since: last}
	}
	body, err := json.Marshal(u)
	if err != nil {
		return 0, err
	}
	if _, err := s.jobs.Update(ctx, userKey(account), body, revision); err != nil {
		return 0, err
	}
	return u.Since, nil
}

// Purge deletes all that is kept of an account's jobs.
func (s *Store) Purge(ctx context.Context, account string) error {
	for _, p := range []struct {
		from    jetstream.Stream
		subject string
	}{
		{s.queue, subjects.Jobs(s.scheme).Of(account)}, {s.done, subjects.Results(s.scheme).Of(account)}, {s.records, s.recordSubject(account) + ">"},
		{s.records, s.recordSubject("_") + account},
	} {
		if err := p.from.Purge(ctx, jetstream.WithPurgeSubject(p.subject)); err != nil {
			return fmt.Errorf("deleting %s: %w", p.subject, err)
		}
	}
	return nil
}
