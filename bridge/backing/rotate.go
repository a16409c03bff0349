package backing

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/natsgram/natsgram/bridge/retry"
	"github.com/natsgram/natsgram/bridge/vault"
)

// Rotation is what came of changing the secret.
type Rotation struct {
	Sealed []string          // anew
	Kept   []string          // that were sealed with the new one already
	Failed map[string]string // that could not be, and why: they are as they were
	Back   []string          // that a running daemon sealed with the former secret again

	Records Resealed // of other buckets
}

// settled is how long a running daemon with the former secret alone takes to write its sessions back, at most.
const settled = 2 * time.Second

// RotateSecret seals every session, and what other buckets have sealed, with the secret of the settings: NATSGRAM_SECRET, or a new key file where a
// key file is used. What else the settings know opens them. It can be interrupted anywhere and called again: a record is replaced as a whole, and
// until all are the former key is known too.
func RotateSecret(ctx context.Context, o Options, others []Sealed) (out Rotation, err error) {
	b, err := Command(ctx, o)
	if err != nil {
		return out, err
	}
	defer b.Close()
	byFile := o.Settings.Secret == ""
	if byFile {
		if err := b.nextKey(ctx); err != nil {
			return out, err
		}
	}
	names, err := b.Vault.Accounts(ctx)
	if err != nil {
		return out, err
	}
	out.Failed = map[string]string{}
	for _, name := range names {
		done, err := b.Vault.Reseal(ctx, name)
		switch {
		case errors.Is(err, vault.ErrSealed):
			out.Failed[name] = err.Error()
		case err != nil:
			return out, err
		case done:
			out.Sealed = append(out.Sealed, name)
		default:
			out.Kept = append(out.Kept, name)
		}
	}
	if err := out.look(ctx, b.Vault); err != nil {
		return out, err
	}
	if len(out.Back) > 0 {
		return out, nil // a daemon that does not know the new secret could read nothing of it
	}
	for _, one := range others {
		n, err := b.reseal(ctx, one)
		out.Records.Sealed += n.Sealed
		out.Records.Failed += n.Failed
		if err != nil {
			return out, err
		}
	}
	if byFile && len(out.Failed) == 0 {
		return out, changeKeyFile(o.Settings.StateDir)
	}
	return out, nil
}

// look finds out whether a running daemon that does not know the new secret has written its sessions back.
func (r *Rotation) look(ctx context.Context, v *vault.Vault) error {
	if len(r.Sealed) == 0 {
		return nil
	}
	if err := retry.Pause(ctx, settled); err != nil {
		return err
	}
	for _, name := range r.Sealed {
		sealed, err := v.SealedByFirst(ctx, name)
		if err != nil {
			return err
		}
		if !sealed {
			r.Back = append(r.Back, name)
		}
	}
	return nil
}

// nextKey makes a new key file beside the present one, or goes on with one that was made, and opens the vault with it first.
func (b *Services) nextKey(ctx context.Context) error {
	s := b.o.Settings
	if !s.External() && b.Server == nil {
		return errors.New("the daemon of this state folder runs, with the former key in memory: stop it first")
	}
	next, err := vault.MakeKey(filepath.Join(s.StateDir, keyFileNext))
	if err != nil {
		return err
	}
	keys, err := keysOf(s)
	if err != nil {
		return err
	}
	b.Vault, err = vault.Open(ctx, b.Storage, next, keys...)
	return err
}

// changeKeyFile puts the next key in the present one's place. Whoever reads in between finds both.
func changeKeyFile(dir string) error {
	present, next, old := filepath.Join(dir, keyFile), filepath.Join(dir, keyFileNext), filepath.Join(dir, keyFileOld)
	if err := os.Rename(present, old); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("key file: %w", err)
	}
	if err := os.Rename(next, present); err != nil {
		return fmt.Errorf("key file: %w", err)
	}
	if err := os.Remove(old); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("key file: %w", err)
	}
	return nil
}
