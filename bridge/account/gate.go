package account

import (
	"context"
	"encoding/json"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/gate"
	"github.com/natsgram/natsgram/bridge/rpc"
	"github.com/natsgram/natsgram/mtproto"
)

const (
	eventFrozen   = "writes.frozen"
	eventUnfrozen = "writes.resumed"
)

// newGate is what decides which of the account's calls are made, from what was decided before. Nil: all are.
func (r *Runner) newGate(ctx context.Context, invoke gate.Invoke) (*gate.Gate, error) {
	if r.Limits == nil {
		return nil, nil
	}
	var standing []gate.Budget
	of, err := r.Settings.BudgetsOf()
	if err != nil {
		return nil, err
	}
	for method, calls := range of {
		standing = append(standing, gate.Standing(method, calls))
	}
	g := gate.New(gate.Config{
		Account: r.Name, Rules: r.Rates, Store: r.Limits, Invoke: invoke, Standing: standing, Sure: r.Sure, Tell: r.frozen, Log: r.Log,
	})
	return g, g.Load(ctx)
}

// frozen tells of it that the account was frozen, or is not any more.
func (r *Runner) frozen(f *gate.Frozen) {
	r.status.freeze(f)
	if f == nil {
		r.Log.Warn("the account may write again")
		r.event(eventUnfrozen, nil)
		return
	}
	r.Log.Warn("the account is frozen, and writes nothing", "reason", f.Reason, "since", f.Since)
	r.event(eventFrozen, map[string]any{"reason": f.Reason, "since": f.Since})
}

// govern adds the verbs of a gate to a service.
func govern(c *rpc.Config, g *gate.Gate) {
	if g == nil {
		return
	}
	add := func(name, verb string, do func(ctx context.Context, request []byte) (any, *answer.Fault)) {
		c.Extra[name] = rpc.Extra{Subject: c.Scheme.Ctl(c.Account, verb), Slow: true, Answer: func(ctx context.Context, request []byte) ([]byte, *answer.Fault) {
			v, fault := do(ctx, request)
			if fault != nil {
				return nil, fault
			}
			b, err := json.Marshal(v)
			if err != nil {
				return nil, answer.Refuse(500, err.Error())
			}
			return b, nil
		}}
	}
	add("freeze", "freeze", func(ctx context.Context, request []byte) (any, *answer.Fault) {
		var in struct {
			Reason string `json:"reason"`
		}
		if err := answer.ReadJSON(request, &in); err != nil {
			return nil, answer.Refuse(400, "freeze: "+err.Error())
		}
		return frozenAnswer(g.Freeze(ctx, in.Reason))
	})
	add("unfreeze", "unfreeze", func(ctx context.Context, request []byte) (any, *answer.Fault) {
		if err := answer.ReadJSON(request, &struct{}{}); err != nil {
			return nil, answer.Refuse(400, "unfreeze: "+err.Error())
		}
		return map[string]bool{"frozen": false}, g.Unfreeze(ctx)
	})
	add("budget_set", "budget.set", func(ctx context.Context, request []byte) (any, *answer.Fault) {
		var u gate.Budget
		if err := answer.ReadJSON(request, &u); err != nil {
			return nil, answer.Refuse(400, "budget.set: "+err.Error())
		}
		return g.SetBudget(ctx, u)
	})
	add("budget_remove", "budget.remove", func(ctx context.Context, request []byte) (any, *answer.Fault) {
		var in struct {
			Name string `json:"name"`
		}
		if err := answer.ReadJSON(request, &in); err != nil {
			return nil, answer.Refuse(400, "budget.remove: "+err.Error())
		}
		return map[string]string{"removed": in.Name}, g.RemoveBudget(ctx, in.Name)
	})
	add("budget_list", "budget.list", func(_ context.Context, request []byte) (any, *answer.Fault) {
		if err := answer.ReadJSON(request, &struct{}{}); err != nil {
			return nil, answer.Refuse(400, "budget.list: "+err.Error())
		}
		return map[string]any{"budgets": g.Budgets()}, nil
	})
}

func frozenAnswer(f *gate.Frozen, fault *answer.Fault) (any, *answer.Fault) {
	if fault != nil {
		return nil, fault
	}
	return map[string]any{"frozen": true, "reason": f.Reason, "since": f.Since}, nil
}

// closeGate ends it before another owner has the account.
func (t *tenure) closeGate(ctx context.Context) {
	if t.gate != nil {
		t.gate.Close(ctx)
	}
}

// invoke makes the calls of others: as far as the gate lets them pass.
func (t *tenure) invoke(ctx context.Context, query []byte) ([]byte, error) {
	if t.gate != nil {
		return t.gate.Invoke(ctx, query)
	}
	return t.client.Invoke(ctx, query)
}

// sequences is rpc.Config.Sequence: the calls of a sequence pass the gate in their turn. Nil for a client that has none.
func (t *tenure) sequences() func() rpc.Sequence {
	c, ok := t.client.(interface{ Sequence() *mtproto.Sequence })
	if !ok {
		return nil
	}
	return func() rpc.Sequence { return sequence{t, c.Sequence()} }
}

type sequence struct {
	t *tenure
	*mtproto.Sequence
}

// Next is the next place.
func (s sequence) Next() rpc.Turn { return turn{s.t, s.Sequence.Next()} }

type turn struct {
	t *tenure
	*mtproto.Place
}

// Invoke makes the call, as far as the gate lets it pass.
func (t turn) Invoke(ctx context.Context, query []byte) ([]byte, error) {
	defer t.Leave()
	if t.t.gate != nil {
		return t.t.gate.Through(ctx, query, t.Place.Invoke)
	}
	return t.Place.Invoke(ctx, query)
}
