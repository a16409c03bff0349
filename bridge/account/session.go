package account

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/natsgram/natsgram/bridge/vault"
	"github.com/natsgram/natsgram/mtproto"
)

// keeper keeps the account's session in the vault.
type keeper struct {
	vault   *vault.Vault
	account string

	mu      sync.Mutex
	session vault.Session
}

// saveTime bounds one write to the vault.
const saveTime = 15 * time.Second

func (k *keeper) load(ctx context.Context) (mtproto.State, error) {
	s, err := k.vault.Load(ctx, k.account)
	if err != nil {
		return mtproto.State{}, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.session = s
	state, err := mtproto.ParseState(s.State)
	if err != nil {
		return mtproto.State{}, fmt.Errorf("%s: %w", k.account, err)
	}
	return state, nil
}

// save stores a state over the one that was loaded or saved last, and never over somebody else's.
func (k *keeper) save(state mtproto.State) error {
	b, err := json.Marshal(state)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), saveTime)
	defer cancel()
	k.mu.Lock()
	defer k.mu.Unlock()
	s, err := k.vault.Save(ctx, k.account, k.session, b)
	if err == nil {
		k.session = s
	}
	return err
}

// Generation is which sign-in the runner has taken its session from, 0 before it has.
func (r *Runner) Generation() uint64 {
	r.keeper.mu.Lock()
	defer r.keeper.mu.Unlock()
	return r.keeper.session.Generation()
}
