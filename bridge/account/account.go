// Package account runs one Telegram account: its client of Telegram, the machine that puts its updates in order, its log in
// the stream, and its methods on NATS.
//
// A [Runner] owns the account from the moment its log has written the owner record until it returns. What the account
// knows of its updates is folded from what is in the stream, so that however it ends, the next owner goes on from there.
package account

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/natsgram/natsgram/bridge/vault"
	"github.com/natsgram/natsgram/mtproto"
)

// Runner runs one account. Run runs once.
type Runner struct {
	Name   string
	c      Config
	tell   teller
	status status // what callers are told
	keeper keeper // of the session

	differenceLate, heldAfter time.Duration

	mu    sync.Mutex
	owned *ownership // nil: the account is not run yet, or nobody is signed in
}

// New prepares a runner.
func New(c Config) *Runner {
	if c.NewClient == nil {
		c.NewClient = func(o mtproto.Options) (Client, error) { return mtproto.New(o) }
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	c.Log = c.Log.With("account", c.Name)
	r := &Runner{Name: c.Name, c: c, differenceLate: differenceLate, heldAfter: heldAfter}
	r.tell = teller{name: c.Name, log: c.Log, conn: c.Conn, scheme: c.Settings.Scheme(), metrics: c.Metrics}
	r.status.init(c.Name)
	r.keeper = keeper{vault: c.Vault, account: c.Name, sure: c.Sure, tell: &r.tell, status: &r.status}
	return r
}

// Run owns the account until ctx ends, and then lets go of it in order. It returns nil then; a *stream.FencedError when another
// owner took the account; ErrLost when Lost was closed; or what else makes going on senseless. An account that is not signed in,
// or not any more, is served with clear refusals until ctx ends.
func (r *Runner) Run(ctx context.Context) error {
	state, err := r.keeper.load(ctx)
	switch {
	case errors.Is(err, vault.ErrNotFound):
		return r.serveSignedOut(ctx, WaitingForLogin)
	case err == nil && state.UserID == 0:
		return r.serveSignedOut(ctx, SignedOut)
	}
	if err != nil {
		return err
	}
	o, err := r.begin(ctx, state)
	if err != nil {
		return err
	}
	return o.run(ctx)
}

// ownership is the present one; nil: the account is not run yet, or nobody is signed in.
func (r *Runner) ownership() *ownership {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.owned
}

// Session is the one that the account runs with; its State is nil where it runs with none.
func (r *Runner) Session() vault.Session { return r.keeper.present() }

// Written reports whether the vault's record of that revision is the one that this account wrote or read last.
func (r *Runner) Written(revision uint64) bool {
	s := r.keeper.present()
	return s.Revision() == revision
}

// Reconcile looks whether the vault still holds the session with which the account runs, and writes it back if it does not: the
// record was deleted, purged, overwritten, or lost with the whole store. It reports whether the account has to begin anew, because a
// person signed in anew, or another daemon has the account.
func (r *Runner) Reconcile(ctx context.Context) (anew bool, err error) {
	return r.keeper.reconcile(ctx)
}
