package gate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/storage"
	"github.com/natsgram/natsgram/mtproto"
)

// Frozen is why and since when an account writes nothing.
type Frozen struct {
	Reason string    `json:"reason,omitempty"`
	Since  time.Time `json:"since"`
}

// codeLocked is that of what is refused for the time being, as in HTTP.
const codeLocked = 423

// freezeGrace is how long writes that are at work when the account is frozen may take to come to their end by themselves.
const freezeGrace = 3 * time.Second

// reasonMost is how long a reason may be, in bytes.
const reasonMost = 200

var errFrozen = errors.New("the account was frozen")

// refusal is the fault of a write to a frozen account.
func (f *Frozen) refusal() *answer.Fault {
	text := "the account is frozen since " + f.Since.Format(time.RFC3339) + ", and writes nothing"
	if f.Reason != "" {
		text += ": " + f.Reason
	}
	return refuse(codeLocked, text+" (natsgram unfreeze)")
}

// Frozen says why the account writes nothing; nil: it does.
func (g *Gate) Frozen() *Frozen { return g.frozen.Load() }

// begin counts a write as at work, until end.
func (g *Gate) begin(ctx context.Context) (context.Context, *work, *answer.Fault) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if f := g.frozen.Load(); f != nil {
		return ctx, nil, f.refusal()
	}
	ctx, stop := context.WithCancelCause(ctx)
	w := &work{stop}
	g.works[w] = struct{}{}
	return ctx, w, nil
}

func (g *Gate) end(w *work) {
	w.stop(nil)
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.works, w)
	if len(g.works) == 0 && g.idle != nil {
		close(g.idle)
		g.idle = nil
	}
}

// stopped is the fault of a write that was at work when the account was frozen, and had not come to its end.
func (g *Gate) stopped(err error) error {
	return answer.Fail(codeLocked, answer.Sent(mtproto.Reached(err).String()), "the account was frozen while the call was at work")
}

// Freeze stops every write: those that come are refused, those at work come to their end or are stopped. When it returns without an
// error nothing more is written for this account by anybody, until Unfreeze, whichever daemon owns it.
func (g *Gate) Freeze(ctx context.Context, reason string) (*Frozen, *answer.Fault) {
	if len(reason) > reasonMost {
		return nil, refuse(400, fmt.Sprintf("reason: it has %d bytes, want %d at most", len(reason), reasonMost))
	}
	g.changing.Lock()
	defer g.changing.Unlock()
	if fault := g.mine(); fault != nil {
		return nil, fault
	}
	f := &Frozen{Reason: reason, Since: g.c.Now().UTC().Truncate(time.Millisecond)}
	if already := g.frozen.Load(); already != nil {
		f.Since = already.Since
	}
	// Here first: whatever becomes of the record, nobody who wanted to freeze the account is to see it write.
	g.mu.Lock()
	g.frozen.Store(f)
	g.mu.Unlock()
	g.c.Tell(f)
	err := writeFrozen(ctx, g.c.Store, g.c.Account, f)
	idle := g.drain()
	switch {
	case !idle:
		return nil, answer.Done(504, "no write begins any more, but some that are at work have not ended: ask again").Soon()
	case err != nil:
		return nil, answer.Doubt(503, "this daemon writes nothing more for the account, but that was not stored, so another one or a restart would: "+
			err.Error()).Soon()
	case !g.c.Sure():
		return nil, g.passing(answer.Unknown)
	}
	return f, nil
}

// drain waits until no write is at work, and reports whether that is so.
func (g *Gate) drain() bool {
	idle := g.whenIdle()
	if within(idle, freezeGrace) {
		return true
	}
	g.mu.Lock()
	for w := range g.works {
		w.stop(errFrozen)
	}
	g.mu.Unlock()
	return within(idle, freezeGrace)
}

func within(done <-chan struct{}, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-done:
		return true
	case <-t.C:
		return false
	}
}

// whenIdle is closed when no write is at work.
func (g *Gate) whenIdle() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.works) == 0 {
		now := make(chan struct{})
		close(now)
		return now
	}
	if g.idle == nil {
		g.idle = make(chan struct{})
	}
	return g.idle
}

// Unfreeze lets writes pass again.
func (g *Gate) Unfreeze(ctx context.Context) *answer.Fault {
	g.changing.Lock()
	defer g.changing.Unlock()
	if fault := g.mine(); fault != nil {
		return fault
	}
	if err := writeFrozen(ctx, g.c.Store, g.c.Account, nil); err != nil {
		return answer.Doubt(503, "it could not be stored: "+err.Error()).Soon()
	}
	if g.frozen.Swap(nil) != nil {
		g.c.Tell(nil)
	}
	return nil
}

// mine refuses to change anything for an account that is another daemon's. To be called with changing held.
func (g *Gate) mine() *answer.Fault {
	if g.closed || !g.c.Sure() {
		return g.passing(answer.No)
	}
	return nil
}

func (g *Gate) passing(sent answer.Sent) *answer.Fault {
	return answer.Fail(503, sent, "the account is passing to another daemon: ask again").Soon()
}

// Close ends what is being decided, before the account is given to another owner, and stores what was counted.
func (g *Gate) Close(ctx context.Context) {
	g.changing.Lock()
	g.closed = true
	g.changing.Unlock()
	g.budgets.close(ctx)
}

func frozenKey(account string) string { return account + ".freeze" }

func readFrozen(ctx context.Context, s Store, account string) (*Frozen, error) {
	value, err := s.Get(ctx, frozenKey(account))
	if errors.Is(err, storage.ErrNone) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading whether the account is frozen: %w", err)
	}
	f := &Frozen{}
	if err := json.Unmarshal(value, f); err != nil {
		return &Frozen{Reason: "its record cannot be read", Since: time.Now().UTC()}, nil // somebody wrote there: better not
	}
	return f, nil
}

func writeFrozen(ctx context.Context, s Store, account string, f *Frozen) error {
	if f == nil {
		return s.Delete(ctx, frozenKey(account))
	}
	value, err := json.Marshal(f)
	if err != nil {
		return err
	}
	return s.Put(ctx, frozenKey(account), value)
}
