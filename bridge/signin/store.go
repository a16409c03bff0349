package signin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/natsgram/natsgram/bridge/records"
	"github.com/natsgram/natsgram/bridge/storage"
	"github.com/natsgram/natsgram/bridge/vault"
	"github.com/natsgram/natsgram/mtproto"
)

// Store is where sessions are kept, and where their updates stand.
type Store struct {
	Vault   *vault.Vault
	Storage *storage.Storage
}

// Replaceable says, before a code is asked for, whether a new session of the account can be stored at the end of its login.
func (s Store) Replaceable(ctx context.Context, account string) error {
	_, err := s.Vault.Load(ctx, account)
	if errors.Is(err, vault.ErrNotFound) {
		return nil
	}
	if errors.Is(err, vault.ErrSealed) {
		return fmt.Errorf("%w: use the NATSGRAM_SECRET or key file of the daemon that runs it, or remove the account first "+
			"(natsgram accounts remove %[2]s; where no daemon runs, nats kv del %[3]s %[2]s)",
			err, account, s.Storage.Scheme().StreamName(storage.Sessions))
	}
	return err
}

// keep stores a new session, and where its updates stand.
func (s Store) keep(ctx context.Context, account string, state mtproto.State, standing json.RawMessage) error {
	text, err := json.Marshal(state)
	if err != nil {
		return err
	}
	if standing != nil {
		// Without it updates begin when a daemon first runs the account; the stream says where.
		if all, err := records.Open(ctx, s.Storage); err == nil {
			_ = all.SignedIn(ctx, account, state.UserID, standing)
		}
	}
	_, err = s.Vault.Replace(ctx, account, text)
	return err
}
