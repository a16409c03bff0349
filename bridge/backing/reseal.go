package backing

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/natsgram/natsgram/bridge/vault"
)

// Sealed is a bucket in whose values something is sealed with a box of the vault.
type Sealed struct {
	Bucket  string // as bridge/storage calls it
	Purpose string // of the box
	// Reseal seals what a value has sealed with the first key of a box; nil: that is so already.
	Reseal func(box vault.Box, key string, value []byte) ([]byte, error)
}

// Resealed counts records.
type Resealed struct {
	Sealed int // anew
	Failed int // that open with neither secret
}

// reseal seals anew what stands in a bucket.
func (b *Services) reseal(ctx context.Context, one Sealed) (n Resealed, err error) {
	box, err := b.Vault.Box(one.Purpose)
	if err != nil {
		return n, err
	}
	var done, failed atomic.Int64
	err = b.Storage.Rewrite(ctx, one.Bucket, func(key string, value []byte) ([]byte, error) {
		next, err := one.Reseal(box, key, value)
		switch {
		case errors.Is(err, vault.ErrSealed):
			failed.Add(1)
			return nil, nil
		case next != nil:
			done.Add(1)
		}
		return next, err
	})
	return Resealed{int(done.Load()), int(failed.Load())}, err
}
