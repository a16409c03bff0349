package records

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// Watched is how an account's watched channels differ from what the settings say. It outlives the daemon that was told.
type Watched struct {
	Add    []int64 `json:"add,omitempty"`
	Remove []int64 `json:"remove,omitempty"`
}

// WatchedKey stands beside the positions: an account's name has no dot.
func WatchedKey(account string) string { return account + ".watched" }

// Watched reads the record, zero when there is none.
func (r *Records) Watched(ctx context.Context, account string) (w Watched, err error) {
	entry, err := r.bucket.Get(ctx, WatchedKey(account))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return w, nil
	}
	if err == nil {
		err = json.Unmarshal(entry.Value(), &w)
	}
	if err != nil {
		return Watched{}, fmt.Errorf("%s: reading the watched channels: %w", account, err)
	}
	return w, nil
}

// SetWatched stores the record.
func (r *Records) SetWatched(ctx context.Context, account string, w Watched) error {
	body, err := json.Marshal(w)
	if err != nil {
		return err
	}
	if _, err := r.bucket.Put(ctx, WatchedKey(account), body); err != nil {
		return fmt.Errorf("%s: storing the watched channels: %w", account, err)
	}
	return nil
}

// ForgetWatched removes the record.
func (r *Records) ForgetWatched(ctx context.Context, account string) error {
	return r.bucket.Purge(ctx, WatchedKey(account))
}
