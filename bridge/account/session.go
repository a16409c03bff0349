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

	told func(foreign string) // what stood in the session's place

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
		k.told(s.Foreign)
	}
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
	return k.tell(func() (foreign string, err error) {
		k.session, foreign, err = k.vault.Keep(ctx, k.account, k.session, b)
		return foreign, err
	})
}

// save is mtproto.Options.Save. That somebody signed in anew is no fault: what is known of the former session is of no use, and
// the account begins again.
func (r *Runner) save(state mtproto.State) error {
	err := r.keeper.save(state)
	if errors.Is(err, vault.ErrChanged) {
		r.tell.log.Info("the session was replaced: the state of this one is not stored")
		return nil
	}
	return err
}

// tell does something with the session, and tells what was found in its place.
func (k *keeper) tell(do func() (foreign string, err error)) error {
	k.mu.Lock()
	foreign, err := do()
	k.mu.Unlock()
	if foreign != "" {
		k.told(foreign)
	}
	return err
}

// Session is the one that the account runs with; its State is nil where it runs with none.
func (r *Runner) Session() vault.Session {
	r.keeper.mu.Lock()
	defer r.keeper.mu.Unlock()
	return r.keeper.session
}

// Written reports whether the vault's record of that revision is the one that this account wrote or read last.
func (r *Runner) Written(revision uint64) bool {
	r.keeper.mu.Lock()
	defer r.keeper.mu.Unlock()
	return r.keeper.session.Revision() == revision
}

// Reconcile looks whether the vault still holds the session with which the account runs, and writes it back if it does not: the
// record was deleted, purged, overwritten, or lost with the whole store. It reports whether the account has to begin anew, because a
// person signed in anew, or another daemon has the account.
func (r *Runner) Reconcile(ctx context.Context) (anew bool, err error) {
	k := &r.keeper
	err = k.tell(func() (foreign string, err error) {
		if k.session.State == nil {
			anew = true // it runs with none
			return "", nil
		}
		if r.c.Sure != nil && !r.c.Sure() {
			return "", ErrLost
		}
		k.session, foreign, err = k.vault.Check(ctx, k.account, k.session)
		return foreign, err
	})
	return anew || errors.Is(err, vault.ErrChanged), err
}

// eventForeign is told when something that is no session of this account's stood in its place.
const eventForeign = "session.foreign"

// foreign tells of a record that is not the account's session. The account goes on with the one in memory, which is stored again.
func (r *Runner) foreign(what string) {
	if what == vault.NoRecord {
		r.tell.log.Warn("the vault did not hold this account's session any more; it is stored again")
	} else {
		r.tell.log.Error("what stood in the vault is not this account's session, and was written over: who may write to the bucket?",
			"found", what)
	}
	r.status.foreign(what)
	r.tell.event(eventForeign, map[string]any{"found": what})
}
