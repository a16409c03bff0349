package backing

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/natsgram/natsgram/bridge/settings"
	"github.com/natsgram/natsgram/bridge/storage"
	"github.com/natsgram/natsgram/bridge/vault"
)

// Key files in the state folder. The next and the former one are there only while the key is being changed.
const (
	keyFile     = "secret.key"
	keyFileNext = "secret.key.next"
	keyFileOld  = "secret.key.old"
)

// errNoKey says that no secret is set and no key file there.
var errNoKey = errors.New("no key")

// keysOf are the keys to the vault: the first seals, all open. It makes none.
func keysOf(s settings.Settings) (all []vault.Key, err error) {
	if s.Secret == "" && s.StateDir == "" {
		return nil, errors.New("set NATSGRAM_SECRET or NATSGRAM_STATE_DIR: " +
			"sessions are sealed by the one, or by a key file in the other")
	}
	for _, secret := range []string{s.Secret, s.Other} {
		if secret == "" {
			continue
		}
		k, err := vault.KeyFromSecret(secret)
		if err != nil {
			return nil, err
		}
		all = append(all, k)
	}
	files, err := keyFiles(s)
	if err != nil {
		return nil, err
	}
	if s.Secret == "" {
		all = append(files, all...) // the file seals, and another secret only opens
		if len(files) == 0 {
			return nil, errNoKey
		}
		return all, nil
	}
	return append(all, files...), nil // who comes from a key file to a secret has both for a while
}

// Keys are the keys that the settings know; none is no error.
func Keys(s settings.Settings) ([]vault.Key, error) {
	keys, err := keysOf(s)
	if errors.Is(err, errNoKey) {
		return nil, nil
	}
	return keys, err
}

// keyFiles are the keys in the state folder, the one that seals first.
func keyFiles(s settings.Settings) (all []vault.Key, err error) {
	if s.StateDir == "" {
		return nil, nil
	}
	for _, name := range []string{keyFile, keyFileNext, keyFileOld} {
		k, err := vault.ReadKey(filepath.Join(s.StateDir, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, k)
	}
	return all, nil
}

// openVault opens the vault. A key is made only where there is nothing yet that another one has sealed.
func (b *Services) openVault(ctx context.Context) error {
	keys, err := keysOf(b.o.Settings)
	if errors.Is(err, errNoKey) {
		keys, err = b.firstKey(ctx)
	}
	if err != nil {
		return err
	}
	b.Vault, err = vault.Open(ctx, b.Storage, keys[0], keys[1:]...)
	return err
}

func (b *Services) firstKey(ctx context.Context) ([]vault.Key, error) {
	s := b.o.Settings
	path := filepath.Join(s.StateDir, keyFile)
	n, err := vault.Count(ctx, b.Storage)
	if err != nil {
		return nil, err
	}
	if n > 0 {
		return nil, fmt.Errorf("%s is missing, and sessions are sealed (%d in %s): put the key file back that they were sealed with, "+
			"or set NATSGRAM_SECRET to their secret. If it is lost, set NATSGRAM_SECRET to a new one, "+
			"remove each account (natsgram accounts remove) and sign in again", path, n, s.Scheme().StreamName(storage.Sessions))
	}
	k, err := vault.MakeKey(path)
	return []vault.Key{k}, err
}
