package bridge

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/natsgram/natsgram/bridge/stream"
	"github.com/natsgram/natsgram/bridge/vault"
)

// openFitting opens the vault for a daemon. One that shares NATS with others and has another secret than they is turned away:
// it would be given accounts that it cannot run, take them from those that can, and so on in a circle. A daemon with its own
// NATS server takes nothing from anybody; it says of each account what is wrong, and can remove them.
func (b *base) openFitting(ctx context.Context, s Settings) error {
	if err := b.openVault(ctx, s); err != nil || !s.External() {
		return err
	}
	names, err := b.vault.Accounts(ctx)
	if err != nil {
		return err
	}
	names = slices.DeleteFunc(names, func(name string) bool { return !s.Serves(name) })
	err = b.vault.Fits(ctx, names)
	if errors.Is(err, vault.ErrSealed) {
		return fmt.Errorf("%w: none of the %d sessions of %s opens. Daemons on the same NATS servers need the same NATSGRAM_SECRET (or NATSGRAM_ACCOUNTS apart). "+
			"If that one is lost, delete each session, `nats kv del %[3]s ACCOUNT`, and sign in again", err, len(names), s.Scheme().StreamName(stream.SessionsName))
	}
	return err
}

// replaceable says, before a code is asked for, whether a new session of the account can be stored at the end of its login.
func (b *base) replaceable(ctx context.Context, name string) error {
	_, err := b.vault.Load(ctx, name)
	if errors.Is(err, vault.ErrNotFound) {
		return nil
	}
	if errors.Is(err, vault.ErrSealed) {
		return fmt.Errorf("%w: use the NATSGRAM_SECRET or key file of the daemon that runs it, or remove the account first (natsgram accounts remove %s)", err, name)
	}
	return err
}
