package account

import (
	"context"
	"encoding/json"
	"errors"
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
	sure    func() bool // the account is this daemon's; nil: always
	tell    *teller
	status  *status

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
	k.session = s
	k.mu.Unlock()
	if s.Foreign != "" {
		k.foreign(s.Foreign)
	}
	state, err := mtproto.ParseState(s.State)
	if err != nil {
		return mtproto.State{}, fmt.Errorf("%s: %w", k.account, err)
	}
	return state, nil
}

// save is mtproto.Options.Save: it stores a state over the one that was loaded or saved last, and never over somebody else's. That somebody
// signed in anew is no fault: what is known of the former session is of no use, and the account begins again.
func (k *keeper) save(state mtproto.State) error {
	b, err := json.Marshal(state)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), saveTime)
	defer cancel()
	err = k.do(func() (foreign string, err error) {
		k.session, foreign, err = k.vault.Keep(ctx, k.account, k.session, b)
		return foreign, err
	})
	if errors.Is(err, vault.ErrChanged) {
		k.tell.log.Info("the session was replaced: the state of this one is not stored")
		return nil
	}
	return err
}

// do does something with the session, and tells what was found in its place.
func (k *keeper) do(do func() (foreign string, err error)) error {
	k.mu.Lock()
	foreign, err := do()
	k.mu.Unlock()
	if foreign != "" {
		k.foreign(foreign)
	}
	return err
}

// eventForeign is told when something that is no session of this account's stood in its place.
const eventForeign = "session.foreign"

// foreign tells of a record that is not the account's session. The account goes on with the one in memory, which is stored again.
func (k *keeper) foreign(what string) {
	if what == vault.NoRecord {
		k.tell.log.Warn("the vault did not hold this account's session any more; it is stored again")
	} else {
		k.tell.log.Error("what stood in the vault is not this account's session, and was written over: who may write to the bucket?",
			"found", what)
	}
	k.status.foreign(what)
	k.tell.event(eventForeign, map[string]any{"found": what})
}

// present is the session that the account runs with; its State is nil where it runs with none.
func (k *keeper) present() vault.Session {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.session
}

// reconcile writes the session back where the vault does not hold it any more. Anew: the account has to begin anew.
func (k *keeper) reconcile(ctx context.Context) (anew bool, err error) {
	err = k.do(func() (foreign string, err error) {
		if k.session.State == nil {
			anew = true // it runs with none
			return "", nil
		}
		if k.sure != nil && !k.sure() {
			return "", ErrLost
		}
		k.session, foreign, err = k.vault.Check(ctx, k.account, k.session)
		return foreign, err
	})
	return anew || errors.Is(err, vault.ErrChanged), err
}
