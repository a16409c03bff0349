package files

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/vault"
)

// Purge deletes what is kept of an account's files: how far they have come, and the objects that nobody gave another name.
func (s *Store) Purge(ctx context.Context, account string) error {
	left, err := s.left(ctx, account, vault.Box{}) // what was asked for is not needed
	if err != nil {
		return fmt.Errorf("files of %s: %w", account, err)
	}
	for _, r := range left {
		if r.Bucket == "" {
			continue
		}
		if b, err := s.bucket(ctx, r.Bucket); err == nil {
			err = b.purge(ctx, r.NUID)
			if err != nil {
				return fmt.Errorf("files of %s: %w", account, err)
			}
		}
	}
	if err := s.records.Purge(ctx, jetstream.WithPurgeSubject("$KV."+s.kv.Bucket()+"."+account+".>")); err != nil {
		return fmt.Errorf("files of %s: %w", account, err)
	}
	st, err := s.storage.JetStream().Stream(ctx, "OBJ_"+s.own())
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil
	}
	if err == nil {
		err = (&bucket{s.own(), s.storage.JetStream(), st}).purgeOf(ctx, account+"/")
	}
	if err != nil {
		return fmt.Errorf("files of %s: %w", account, err)
	}
	return nil
}

// purgeOf deletes the objects that the daemons called by a file's id, below a prefix.
func (b *bucket) purgeOf(ctx context.Context, prefix string) error {
	metas := b.meta("")
	info, err := b.stream.Info(ctx, jetstream.WithSubjectFilter(metas+">"))
	if err != nil {
		return err
	}
	for subject := range info.State.Subjects {
		name, err := base64.URLEncoding.DecodeString(strings.TrimPrefix(subject, metas))
		if err != nil || !strings.HasPrefix(string(name), prefix) {
			continue
		}
		object, _, err := b.info(ctx, string(name))
		if err != nil {
			return err
		}
		if object == nil || object.Metadata[metaKey] == "" {
			continue // somebody's own
		}
		if err := errors.Join(b.purge(ctx, object.NUID), b.stream.Purge(ctx, jetstream.WithPurgeSubject(subject))); err != nil {
			return err
		}
	}
	return nil
}
