package storage

import (
	"context"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/retry"
)

// Refusals of a message by a server that say that something else stands where it was to go.
const (
	codeLastSequence = jetstream.ErrorCode(10071)
	codeInFlight     = jetstream.ErrorCode(10164) // of a cluster: another message to the same place has not come through yet
)

// Taken reports whether a message was refused because not that stands at its subject over which it was to go. Nothing of it, or of its batch, is
// stored.
func Taken(err error) bool {
	code := codeOf(err)
	return code == codeLastSequence || code == codeInFlight
}

// InFlight reports whether a message was Taken's only for now: what it names, another message names that a cluster has not come through with yet.
func InFlight(err error) bool { return codeOf(err) == codeInFlight }

// besidePause is between attempts to write beside what others write beside too: as long as copies take to have a message.
var besidePause = retry.Backoff{Min: 5 * time.Millisecond, Max: 5 * time.Millisecond}

// Beside attempts to store a message that names a place which many may name at once, until it is refused for good, or ctx ends: a cluster takes one of
// them at a time, until its copies have that.
func Beside(ctx context.Context, attempt func(context.Context) error) error {
	return retry.Do(ctx, besidePause, func(ctx context.Context) (again bool, err error) {
		err = attempt(ctx)
		return InFlight(err), err
	})
}
