package bridge

import (
	"context"
	"errors"
	"io"
	"log/slog"

	"github.com/natsgram/natsgram/bridge/backup"
	"github.com/natsgram/natsgram/bridge/storage"
	"github.com/natsgram/natsgram/bridge/vault"
)

// Storage opens what natsgram keeps in JetStream, for a command: nothing of it is changed by that. It works with and without a daemon
// running.
func Storage(ctx context.Context, s Settings, o Options) (st *storage.Storage, done func(), err error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	b, err := reach(ctx, s, o, false)
	if err != nil {
		return nil, nil, err
	}
	return b.storage, b.close, nil
}

// Backup writes what cannot be made again. Checked is false where there is no secret here to tell sessions by from other records.
func Backup(ctx context.Context, s Settings, o Options, w io.Writer, updates bool) (m backup.Manifest, checked bool, err error) {
	st, done, err := Storage(ctx, s, o)
	if err != nil {
		return m, false, err
	}
	defer done()
	keys, err := keysHere(s)
	if err != nil {
		return m, false, err
	}
	m, err = backup.Write(ctx, st, w, backup.Options{Version: o.Version, Keys: keys, Updates: updates})
	return m, len(keys) > 0, err
}

// Restore puts a backup into place.
func Restore(ctx context.Context, s Settings, o Options, b *backup.Backup, force bool) (backup.Restored, error) {
	st, done, err := Storage(ctx, s, o)
	if err != nil {
		return backup.Restored{}, err
	}
	defer done()
	keys, err := keysHere(s)
	if err != nil {
		return backup.Restored{}, err
	}
	return b.Restore(ctx, st, backup.How{Keys: keys, Force: force})
}

// keysHere are the keys that the settings know; none is no error.
func keysHere(s Settings) ([]vault.Key, error) {
	keys, err := keysOf(s)
	if errors.Is(err, errNoKey) {
		return nil, nil
	}
	return keys, err
}
