package account

import (
	"context"

	"github.com/natsgram/natsgram/bridge/once"
)

// newJournal is what knows requests by their Nats-Msg-Id, while this owner has the account; nil where there is nowhere to keep it.
func (r *Runner) newJournal(user int64) (*once.Journal, error) {
	if r.Once == nil {
		return nil, nil
	}
	box, err := r.Vault.Box("once")
	if err != nil {
		return nil, err
	}
	return once.New(once.Config{
		Account: r.Name, User: user, Store: r.Once, Box: box, Layer: r.Methods.Schema().Layer(), Sure: r.Sure, Log: r.Log,
	}), nil
}

// closeJournal stores what it has not stored yet, before another owner looks there.
func (t *tenure) closeJournal(ctx context.Context) {
	if t.journal != nil {
		t.journal.Close(ctx)
	}
}
