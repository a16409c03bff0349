// Package records keeps what is known of an account beside the stream of updates: where recovery begins, where its updates stood
// when it signed in, which channels it watches, and what history it fetches. All of it stands in one bucket; the stream tells the truth where the two
// differ.
package records

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/storage"
)

// Records reads and writes the records of all accounts. It is safe for concurrent use.
type Records struct {
	storage *storage.Storage
	bucket  jetstream.KeyValue
}

// Open opens the bucket.
func Open(ctx context.Context, st *storage.Storage) (*Records, error) {
	bucket, err := st.Bucket(ctx, storage.Positions)
	if err != nil {
		return nil, err
	}
	return &Records{storage: st, bucket: bucket}, nil
}

// Position is where recovery begins: a state, and the stream sequence after which it has to be brought up to date.
type Position struct {
	Seq  uint64 `json:"seq"`
	User int64  `json:"user"` // whose: another user under the same account name counts anew
	// Stream is when the stream was made in which Seq counts; zero: it is not known. In another one, everything is behind it.
	Stream time.Time       `json:"stream,omitzero"`
	State  json.RawMessage `json:"state"`
}

// ErrPosition says that the position in the bucket cannot be read.
var ErrPosition = errors.New("the position in the bucket cannot be read")

// StreamMade is when the stream was made in which sequences count.
func (r *Records) StreamMade() time.Time { return r.storage.Created(storage.Updates) }

// Position reads the last one saved, zero when there is none. It may be old: it only makes recovery short.
func (r *Records) Position(ctx context.Context, account string) (p Position, err error) {
	entry, err := r.bucket.Get(ctx, account)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return p, nil
	}
	if err != nil {
		return p, fmt.Errorf("%s: reading the position: %w", account, err)
	}
	if err := json.Unmarshal(entry.Value(), &p); err != nil {
		return Position{}, fmt.Errorf("%s: %w: %w", account, ErrPosition, err)
	}
	if made := r.storage.Created(storage.Updates); !p.Stream.IsZero() && !p.Stream.Equal(made) {
		p.Seq = 0
	}
	return p, nil
}

// SavePosition stores a position. It must be true: the state after every message of the account up to Seq.
func (r *Records) SavePosition(ctx context.Context, account string, p Position) error {
	p.Stream = r.storage.Created(storage.Updates)
	body, err := json.Marshal(p)
	if err != nil {
		return err
	}
	if _, err := r.bucket.Put(ctx, account, body); err != nil {
		return fmt.Errorf("%s: saving the position: %w", account, err)
	}
	return nil
}

// PutBackPosition stores a position again that was lost with the bucket, unless there is one.
func (r *Records) PutBackPosition(ctx context.Context, account string, p Position) error {
	p.Seq = 0 // in whichever stream is there now, everything is behind it
	body, err := json.Marshal(p)
	if err != nil {
		return err
	}
	if _, err := r.bucket.Create(ctx, account, body); err != nil && !errors.Is(err, jetstream.ErrKeyExists) {
		return fmt.Errorf("%s: storing the position again: %w", account, err)
	}
	return nil
}

// Forget removes where an account's updates go on or begin, so that recovery reads the stream alone, in which chats its messages
// are, and what history is being fetched. What it watches stays.
func (r *Records) Forget(ctx context.Context, account string) error {
	return errors.Join(r.bucket.Purge(ctx, account), r.bucket.Purge(ctx, SignInKey(account)), r.bucket.Purge(ctx, HistoryKey(account)), r.forgetPages(ctx, account))
}

// SignInKey is the key of what SignedIn notes. It stands beside the position: an account's name has no dot.
func SignInKey(account string) string { return account + ".signin" }

// SignedIn notes where the updates of a user stood when he signed in under an account's name, so that the account begins there.
func (r *Records) SignedIn(ctx context.Context, account string, user int64, state json.RawMessage) error {
	body, err := json.Marshal(Position{User: user, State: state})
	if err != nil {
		return err
	}
	if _, err := r.bucket.Put(ctx, SignInKey(account), body); err != nil {
		return fmt.Errorf("%s: noting where updates begin: %w", account, err)
	}
	return nil
}

// SignIn is what SignedIn noted, zero when there is nothing; it is nothing once the account has begun.
func (r *Records) SignIn(ctx context.Context, account string) (p Position, err error) {
	entry, err := r.bucket.Get(ctx, SignInKey(account))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return p, nil
	}
	if err == nil {
		err = json.Unmarshal(entry.Value(), &p)
	}
	return p, err
}

// HasBegun removes what SignedIn noted.
func (r *Records) HasBegun(ctx context.Context, account string) error {
	return r.bucket.Purge(ctx, SignInKey(account))
}
