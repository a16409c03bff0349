package backing

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/natsgram/natsgram/bridge/settings"
	"github.com/natsgram/natsgram/bridge/storage"
	"github.com/natsgram/natsgram/bridge/vault"
)

// openFitting opens the vault for a daemon, if that can run accounts of it.
func (b *Services) openFitting(ctx context.Context) error {
	if err := b.openVault(ctx); err != nil {
		return err
	}
	return b.Fits(ctx)
}

// Fits says why a daemon can run none of the accounts of the vault. One that shares NATS with others, and has another secret
// than they or no api_id, has to go: it would be given accounts, take them from those that can run them, and so on in a circle.
// A daemon with its own NATS server takes nothing from anybody; it says of each account what is wrong, and can remove them.
func (b *Services) Fits(ctx context.Context) error {
	s := b.o.Settings
	if !s.External() {
		return nil
	}
	if s.APIID == 0 || s.APIHash == "" {
		return settings.ErrNoAPI
	}
	names, err := b.Vault.Accounts(ctx)
	if err != nil {
		return err
	}
	names = slices.DeleteFunc(names, func(name string) bool { return !s.Serves(name) })
	err = b.Vault.Fits(ctx, names)
	if errors.Is(err, vault.ErrSealed) {
		return fmt.Errorf("%w: none of the %d sessions of %s opens. Daemons on the same NATS servers need the same NATSGRAM_SECRET "+
			"(or NATSGRAM_ACCOUNTS apart). If that one is lost, delete each session, `nats kv del %[3]s ACCOUNT`, and sign in again",
			err, len(names), s.Scheme().StreamName(storage.Sessions))
	}
	return err
}
