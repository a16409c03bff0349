package account

import (
	"context"

	"github.com/natsgram/natsgram/bridge/flood"
	"github.com/natsgram/natsgram/bridge/gate"
	"github.com/natsgram/natsgram/bridge/once"
	"github.com/natsgram/natsgram/bridge/queue"
	"github.com/natsgram/natsgram/bridge/turns"
	"github.com/natsgram/natsgram/mtproto"
)

// calls is what decides about the calls that an owner is asked for: which were made before, which nobody wants to be made, which
// Telegram wants to wait, and which are made later.
type calls struct {
	journal *once.Journal // nil: none
	gate    *gate.Gate    // nil: all calls pass
	floods  *flood.Account
	jobs    *queue.Runner // nil: none are run
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
func (o *ownership) newJournal(user int64) (*once.Journal, error) {
	if o.c.Once == nil {
		return nil, nil
	}
	box, err := o.c.Vault.Box("once")
	if err != nil {
		return nil, err
	}
	return once.New(once.Config{
		Account: o.c.Name, User: user, Store: o.c.Once, Box: box, Layer: o.c.Methods.Schema().Layer(), Sure: o.c.Sure, Log: o.tell.log,
	}), nil
}

// invoke makes the calls of others: as far as the gate lets them pass.
func (o *ownership) invoke(ctx context.Context, query []byte) ([]byte, error) {
	result, err := o.ask(ctx, query)
	if err == nil {
		o.told(query, result)
	}
	return result, err
}

// ask makes calls, as far as the gate lets them pass.
func (o *ownership) ask(ctx context.Context, query []byte) ([]byte, error) {
	if o.calls.gate != nil {
		return o.calls.gate.Invoke(ctx, query)
	}
	return o.client.Invoke(ctx, query)
}

// sequences is rpc.Config.Sequence: the calls of a sequence pass the gate in their turn. Nil for a client that has none.
func (o *ownership) sequences() func() turns.Sequence {
	c, ok := o.client.(interface{ Sequence() *mtproto.Sequence })
	if !ok {
		return nil
	}
	return func() turns.Sequence { return sequence{o, c.Sequence()} }
}

type sequence struct {
	o *ownership
	*mtproto.Sequence
}

// Next is the next place.
func (s sequence) Next() turns.Turn { return turn{s.o, s.Sequence.Next()} }

type turn struct {
	o *ownership
	*mtproto.Place
}

// Invoke makes the call, as far as the gate lets it pass.
func (t turn) Invoke(ctx context.Context, query []byte) ([]byte, error) {
	defer t.Leave()
	invoke := t.Place.Invoke
	if g := t.o.calls.gate; g != nil {
		invoke = func(ctx context.Context, query []byte) ([]byte, error) { return g.Through(ctx, query, t.Place.Invoke) }
	}
	result, err := invoke(ctx, query)
	if err == nil {
		t.o.told(query, result)
	}
	return result, err
}
