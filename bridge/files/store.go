package files

import (
	"context"
	"errors"
	"fmt"

	"github.com/natsgram/natsgram/bridge/files/jobs"
	"github.com/natsgram/natsgram/bridge/objects"
	"github.com/natsgram/natsgram/bridge/storage"
	"github.com/natsgram/natsgram/bridge/vault"
)

// Store is where files are put, and where it stands which are on their way. All accounts share it.
type Store struct {
	storage *storage.Storage
	records *jobs.Records
}

// OpenStore opens the records; object stores are opened when they are needed.
func OpenStore(ctx context.Context, st *storage.Storage) (*Store, error) {
	records, err := jobs.OpenRecords(ctx, st)
	return &Store{st, records}, err
}

// own is the object store that is there for files.
func (s *Store) own() string { return s.storage.Scheme().StreamName(storage.Files) }

// bucket opens an object store. The one for files is made where it is missing.
func (s *Store) bucket(ctx context.Context, name string) (*objects.Bucket, error) {
	if name == s.own() {
		if _, err := s.storage.Objects(ctx, storage.Files); err != nil {
			return nil, err
		}
	}
	return objects.OpenBucket(ctx, s.storage.JetStream(), name)
}

// Purge deletes what is kept of an account's files: how far they have come, and the objects that nobody gave another name.
func (s *Store) Purge(ctx context.Context, account string) error {
	if err := s.purge(ctx, account); err != nil {
		return fmt.Errorf("files of %s: %w", account, err)
	}
	return nil
}

func (s *Store) purge(ctx context.Context, account string) error {
	left, err := s.records.Left(ctx, account, jobs.Get, vault.Box{}) // what was asked for is not needed
	if err != nil {
		return err
	}
	for _, r := range left {
		if r.Bucket == "" {
			continue
		}
		if b, err := s.bucket(ctx, r.Bucket); err == nil {
			if err := b.Purge(ctx, r.NUID); err != nil {
				return err
			}
		}
	}
	if err := s.records.Purge(ctx, account); err != nil {
		return err
	}
	b, err := objects.OpenBucket(ctx, s.storage.JetStream(), s.own())
	if errors.Is(err, objects.ErrNoBucket) {
		return nil
	}
	if err != nil {
		return err
	}
	return b.PurgeBelow(ctx, account+"/", objects.MetaFile)
}
