package account

import (
	"context"
	"encoding/json"
	"log/slog"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/gate"
	"github.com/natsgram/natsgram/bridge/rpc"
)

const (
	eventFrozen   = "writes.frozen"
	eventUnfrozen = "writes.resumed"
)

// newGate is what decides which of the account's calls are made, from what was decided before. Nil: all are.
func newGate(ctx context.Context, c *Config, invoke gate.Invoke, frozen func(*gate.Frozen), log *slog.Logger) (*gate.Gate, error) {
	if c.Limits == nil {
		return nil, nil
	}
	var standing []gate.Budget
	of, err := c.Settings.BudgetsOf()
	if err != nil {
		return nil, err
	}
	for method, calls := range of {
		standing = append(standing, gate.Standing(method, calls))
	}
	g := gate.New(gate.Config{
		Account: c.Name, Rules: c.Rates, Store: c.Limits, Invoke: invoke, Standing: standing, Sure: c.Sure, Tell: frozen, Log: log,
	})
	return g, g.Load(ctx)
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
