package records

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/storage"
)

// HistoryKey stands beside the positions: an account's name has no dot.
func HistoryKey(account string) string { return account + ".history" }

// ErrChanged says that a record is not as it was read.
var ErrChanged = errors.New("another owner has written the record")

// History reads what is kept of an account's jobs that fetch history, with the revision that SaveHistory writes over; nil: nothing.
func (r *Records) History(ctx context.Context, account string) (body []byte, revision uint64, err error) {
	entry, err := r.bucket.Get(ctx, HistoryKey(account))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("%s: reading what history is fetched: %w", account, err)
	}
	return entry.Value(), entry.Revision(), nil
}

// SaveHistory stores it over the revision that was read, and over no other: else the error is ErrChanged.
func (r *Records) SaveHistory(ctx context.Context, account string, body []byte, over uint64) (revision uint64, err error) {
	err = storage.Beside(ctx, func(ctx context.Context) (err error) { // one before may have got no answer
		if over == 0 {
			revision, err = r.bucket.Create(ctx, HistoryKey(account), body)
		} else {
			revision, err = r.bucket.Update(ctx, HistoryKey(account), body, over)
		}
		return err
	})
	switch {
	case errors.Is(err, jetstream.ErrKeyExists):
		return 0, ErrChanged
	case err != nil:
		return 0, fmt.Errorf("%s: storing what history is fetched: %w", account, err)
	}
	return revision, nil
}
