package runner

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/mtproto/updates/loop"
)

// follower is the [loop.Owner] of a run: it hands out items, and saves where the account stands.
type follower struct {
	r       *Runner
	ctx     context.Context //nolint:containedctx // of the run
	machine *updates.Machine
	state   updates.State // of what was handled
	unsaved bool
}

// Admit admits everything: Runner.push declined what there is no room for.
func (f *follower) Admit(time.Time, loop.Input) bool { return true }

// Store hands out the items of a batch, then saves where the account stands, then acknowledges.
func (f *follower) Store(b *updates.Batch) error {
	for i := range b.Items {
		err := context.Cause(f.ctx)
		if err == nil {
			err = handleError(&b.Items[i], f.r.c.Handle(b.Items[i]))
		}
		if err != nil {
			return errors.Join(err, f.handledPart(b, i))
		}
	}
	if err := f.apply(b.State); err != nil {
		return err
	}
	if len(b.Items) > 0 {
		if err := f.saveUnsaved(); err != nil {
			return err
		}
	}
	f.r.loop.Acknowledge(b.Release)
	return nil
}

// Fetch makes a call at once.
func (f *follower) Fetch(fetch *updates.Fetch) { f.r.loop.Call(fetch, nil) }

// Unreadable has the next connection tell Telegram the layer again.
func (f *follower) Unreadable(*updates.Unreadable) { f.r.client.Reinit() }

// Turned has Telegram send again what was declined.
func (f *follower) Turned(time.Time) error {
	if f.r.declined.Swap(false) {
		f.r.client.Reinit()
	}
	return nil
}

// Due leaves it to the machine.
func (f *follower) Due(time.Time) time.Duration { return time.Hour }

func handleError(it *updates.Item, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("runner: handling %s (box %s, pts %d): %w", it.Name, it.Box, it.Pts, err)
}

// handledPart notes that the first n items of a batch were handled, where each of them carries its own change of the state.
func (f *follower) handledPart(b *updates.Batch, n int) error {
	if b.Whole {
		return nil
	}
	for i := range b.Items[:n] {
		if err := f.apply(b.Items[i].State); err != nil {
			return err
		}
	}
	return nil
}

func (f *follower) apply(change string) error {
	if change == "" {
		return nil
	}
	f.unsaved = true
	return f.state.Apply(change)
}

// saveUnsaved saves the state if it has changed.
func (f *follower) saveUnsaved() error {
	if !f.unsaved {
		return nil
	}
	f.unsaved = false // where it fails the run ends
	if err := f.r.c.Store.Save(f.state); err != nil {
		return fmt.Errorf("runner: saving the state: %w", err)
	}
	return nil
}
