package bridge

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/natsgram/natsgram/bridge/account"
	"github.com/natsgram/natsgram/bridge/storage"
	"github.com/natsgram/natsgram/bridge/vault"
)

// openFitting opens the vault for a daemon, if that can run accounts of it.
func (b *base) openFitting(ctx context.Context, s Settings) error {
	if err := b.openVault(ctx, s); err != nil {
		return err
	}
	return b.fits(ctx, s)
}

// fits says why a daemon can run none of the accounts of the vault. One that shares NATS with others, and has another secret
// than they or no api_id, has to go: it would be given accounts, take them from those that can run them, and so on in a circle.
// A daemon with its own NATS server takes nothing from anybody; it says of each account what is wrong, and can remove them.
func (b *base) fits(ctx context.Context, s Settings) error {
	if !s.External() {
		return nil
	}
	if s.APIID == 0 || s.APIHash == "" {
		return account.ErrNoAPI
	}
	names, err := b.vault.Accounts(ctx)
	if err != nil {
		return err
	}
	names = slices.DeleteFunc(names, func(name string) bool { return !s.Serves(name) })
	err = b.vault.Fits(ctx, names)
	if errors.Is(err, vault.ErrSealed) {
		return fmt.Errorf("%w: none of the %d sessions of %s opens. Daemons on the same NATS servers need the same NATSGRAM_SECRET (or NATSGRAM_ACCOUNTS apart). "+
			"If that one is lost, delete each session, `nats kv del %[3]s ACCOUNT`, and sign in again", err, len(names), s.Scheme().StreamName(storage.Sessions))
	}
	return err
}

// unfit ends the daemon when an account could not be run because this is the wrong place for all of them: when it began, there
// may have been no session yet to see that by.
func (s *supervisor) unfit(why error) {
	if !errors.Is(why, vault.ErrSealed) {
		return
	}
	if err := s.base.fits(s.ctx, s.b.settings); errors.Is(err, vault.ErrSealed) {
		s.end(err)
	}
}

// replaceable says, before a code is asked for, whether a new session of the account can be stored at the end of its login.
func (b *base) replaceable(ctx context.Context, name string) error {
	_, err := b.vault.Load(ctx, name)
	if errors.Is(err, vault.ErrNotFound) {
		return nil
	}
	if errors.Is(err, vault.ErrSealed) {
		return fmt.Errorf("%w: use the NATSGRAM_SECRET or key file of the daemon that runs it, or remove the account first (natsgram accounts remove %[2]s; where no daemon runs, nats kv del %[3]s %[2]s)",
			err, name, b.storage.Scheme().StreamName(storage.Sessions))
	}
	return err
}
