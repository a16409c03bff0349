package account

import (
	"context"

	"github.com/natsgram/natsgram/bridge/flood"
	"github.com/natsgram/natsgram/bridge/gate"
	"github.com/natsgram/natsgram/bridge/once"
	"github.com/natsgram/natsgram/bridge/turns"
	"github.com/natsgram/natsgram/mtproto"
)

// calls is what decides about the calls that an owner is asked for: which were made before, which nobody wants to be made, which
// Telegram wants to wait, and which are made later.
type calls struct {
	client  Client
	done    func(query, result []byte) // is told of every call of others that was made
	journal *once.Journal              // nil: none
	gate    *gate.Gate                 // nil: all calls pass
	floods  *flood.Account
	jobs    jobs
}

// close stores what is not stored yet, before another owner looks there.
func (l *calls) close(ctx context.Context) {
	if l.gate != nil {
		l.gate.Close(ctx)
	}
	if l.journal != nil {
		l.journal.Close(ctx)
	}
	l.floods.Close(ctx)
}

// newJournal is what knows requests by their Nats-Msg-Id, while this owner has the account; nil where there is nowhere to keep it.
func newJournal(c *Config, user int64) (*once.Journal, error) {
	if c.Once == nil {
		return nil, nil
	}
	box, err := c.Vault.Box("once")
	if err != nil {
		return nil, err
	}
	return once.New(once.Config{
		Account: c.Name, User: user, Store: c.Once, Box: box, Layer: c.Methods.Schema().Layer(), Sure: c.Sure, Log: c.Log,
	}), nil
}

// invoke makes the calls of others: as far as the gate lets them pass.
func (l *calls) invoke(ctx context.Context, query []byte) ([]byte, error) {
	result, err := l.ask(ctx, query)
	if err == nil {
		l.done(query, result)
	}
	return result, err
}

// ask makes calls, as far as the gate lets them pass.
func (l *calls) ask(ctx context.Context, query []byte) ([]byte, error) {
	if l.gate != nil {
		return l.gate.Invoke(ctx, query)
	}
	return l.client.Invoke(ctx, query)
}

// sequences is rpc.Config.Sequence: the calls of a sequence pass the gate in their turn. Nil for a client that has none.
func (l *calls) sequences() func() turns.Sequence {
	c, ok := l.client.(interface{ Sequence() *mtproto.Sequence })
	if !ok {
		return nil
	}
	return func() turns.Sequence { return sequence{l, c.Sequence()} }
}

type sequence struct {
	calls *calls
	*mtproto.Sequence
}

// Next is the next place.
func (s sequence) Next() turns.Turn { return turn{s.calls, s.Sequence.Next()} }

type turn struct {
	calls *calls
	*mtproto.Place
}

// Invoke makes the call, as far as the gate lets it pass.
func (t turn) Invoke(ctx context.Context, query []byte) ([]byte, error) {
	defer t.Leave()
	invoke := t.Place.Invoke
	if g := t.calls.gate; g != nil {
		invoke = func(ctx context.Context, query []byte) ([]byte, error) { return g.Through(ctx, query, t.Place.Invoke) }
	}
	result, err := invoke(ctx, query)
	if err == nil {
		t.calls.done(query, result)
	}
	return result, err
}
