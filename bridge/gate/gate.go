// Package gate decides which of an account's calls are made (design §10): none that writes while the account is frozen, none above a
// budget of calls, and none that spends Stars without a budget of Stars.
//
// A Gate stands between whoever makes calls for others and the client of Telegram. What it knows is in a bucket, so that it holds for
// every daemon and through restarts; the account's owner alone counts and writes.
package gate

import (
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/tl/codec"
)

// Invoke makes an encoded call.
type Invoke func(ctx context.Context, query []byte) ([]byte, error)

// Config of a gate.
type Config struct {
	Account  string
	Rules    *Rules
	Store    Store
	Invoke   Invoke
	Standing []Budget // budgets of the settings; they have names of their own
	// Sure says whether the account is this daemon's beyond doubt; nil: always.
	Sure func() bool
	// Tell is told when the account was frozen, with why, or is not any more: nil. May be nil.
	Tell func(*Frozen)
	Now  func() time.Time // nil: time.Now
	Log  *slog.Logger
}

// Gate is an account's. It is safe for concurrent use.
type Gate struct {
	c       Config
	budgets budgets

	changing sync.Mutex // held while the account is frozen, or is not any more, and is no more another owner's
	closed   bool       // under changing

	frozen atomic.Pointer[Frozen]
	mu     sync.Mutex
	works  map[*work]struct{} // writes at work
	idle   chan struct{}      // closed when there are none; nil: nobody waits for that
}

// work is a write at work.
type work struct{ stop context.CancelCauseFunc }

// New makes the gate of an account. It lets nothing pass before Load.
func New(c Config) *Gate {
	if c.Sure == nil {
		c.Sure = func() bool { return true }
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Tell == nil {
		c.Tell = func(*Frozen) {}
	}
	g := &Gate{c: c, works: map[*work]struct{}{}}
	g.budgets.init(c)
	return g
}

// Load reads what is decided about the account. Without knowing that nothing may be made.
func (g *Gate) Load(ctx context.Context) error {
	f, err := readFrozen(ctx, g.c.Store, g.c.Account)
	if err == nil {
		err = g.budgets.load(ctx)
	}
	if err != nil {
		return err
	}
	if f != nil {
		g.frozen.Store(f)
		g.c.Tell(f)
	}
	return nil
}

// Invoke makes a call if it may be made. Refusals are an *answer.Fault.
func (g *Gate) Invoke(ctx context.Context, query []byte) ([]byte, error) {
	return g.Through(ctx, query, g.c.Invoke)
}

// Through is Invoke by another way.
func (g *Gate) Through(ctx context.Context, query []byte, invoke Invoke) ([]byte, error) {
	rule, view := g.c.Rules.of(query)
	if rule.reads && !g.budgets.some.Load() {
		return invoke(ctx, query)
	}
	took, fault := g.budgets.spend(ctx, rule, view, CallerOf(ctx))
	if fault != nil {
		return nil, fault
	}
	if rule.reads {
		result, err := invoke(ctx, query)
		g.settle(took, err)
		return result, err
	}
	ctx, w, fault := g.begin(ctx)
	if fault != nil {
		g.budgets.giveBack(took)
		return nil, fault
	}
	result, err := invoke(ctx, query)
	cause := context.Cause(ctx)
	g.end(w)
	g.settle(took, err)
	if err != nil && errors.Is(cause, errFrozen) {
		err = g.stopped(err)
	}
	return result, err
}

// settle gives back what a call did not use: Telegram has executed nothing.
func (g *Gate) settle(took []spent, err error) {
	if len(took) == 0 || err == nil {
		return
	}
	if sent := mtproto.SentOf(err); sent == mtproto.SentNo || sent == mtproto.SentRefused {
		g.budgets.giveBack(took)
	}
}

// Rules are what has to be known of the methods of a schema. All accounts share them.
type Rules struct {
	schema *codec.Schema
	byID   map[uint32]*rule
}

// of is the rule of the call that is carried in the end. The view is of a call that may cost something, or that stands in a wrapper.
func (rs *Rules) of(query []byte) (*rule, codec.View) {
	if len(query) < 4 {
		return unknown, codec.View{}
	}
	r := rs.byID[binary.LittleEndian.Uint32(query)]
	if r != nil && !r.wraps && !r.money {
		return r, codec.View{}
	}
	view, err := rs.schema.View(query)
	for ok := true; err == nil && r != nil && r.wraps; {
		if view, ok = view.Object(r.carries); !ok {
			return unknown, codec.View{}
		}
		r = rs.byID[view.ID()]
	}
	if err != nil || r == nil {
		return unknown, codec.View{}
	}
	return r, view
}

// unknown is the rule of what is no call of the schema: it may write.
var unknown = &rule{name: "a call that is not of this layer"}

type callerKey struct{}

// WithCaller says for whom calls with a context are made, where NATS says that.
func WithCaller(ctx context.Context, caller string) context.Context {
	if caller == "" {
		return ctx
	}
	return context.WithValue(ctx, callerKey{}, caller)
}

// CallerOf is for whom they are made; empty: nobody says.
func CallerOf(ctx context.Context) string {
	caller, _ := ctx.Value(callerKey{}).(string)
	return caller
}

// refuse is the fault of a call that is not made.
func refuse(code int, text string) *answer.Fault { return answer.Refuse(code, text) }
