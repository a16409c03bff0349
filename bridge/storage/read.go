package storage

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go/jetstream"
)

// ErrNone says that there is nothing under a key.
var ErrNone = errors.New("there is no record")

// Get reads a key of a bucket; ErrNone. What looks as if the bucket were gone is looked into.
func (s *Storage) Get(ctx context.Context, bucket jetstream.KeyValue, key string) ([]byte, error) {
	e, err := bucket.Get(ctx, key)
	switch {
	case errors.Is(err, jetstream.ErrKeyNotFound):
		return nil, ErrNone
	case err != nil:
		s.Suspect(err)
		return nil, err
	}
	return e.Value(), nil
}

// Each tells of all keys of a bucket that match a filter, until yield has enough.
func (s *Storage) Each(ctx context.Context, bucket jetstream.KeyValue, filter string, yield func(key string, value []byte) bool) error {
	w, err := bucket.Watch(ctx, filter, jetstream.IgnoreDeletes())
	if err != nil {
		s.Suspect(err)
		return err
	}
	defer w.Stop() //nolint:errcheck // the end of ctx stops it as well
	for {
		select {
		case e, open := <-w.Updates():
			if !open || e == nil { // all that is there
				return ctx.Err()
			}
			if !yield(e.Key(), e.Value()) {
				return nil
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
