package account

import (
	"context"

	"github.com/natsgram/natsgram/bridge/records"
	"github.com/natsgram/natsgram/bridge/storage"
)

// eventStorageLost is told when a stream or bucket was deleted or emptied under the running daemon.
const eventStorageLost = "storage.lost"

// StorageLost tells that storage of natsgram's was lost. Of updates it is told up to which sequence they are gone from the stream: those
// that consumers have not read, they will not.
func (r *Runner) StorageLost(c storage.Change) {
	if t := r.tenure(); t != nil && c.Name == storage.Updates && c.Anew {
		t.driver.durable.mu.Lock()
		t.driver.durable.seq = 0 // sequences of the former stream say nothing
		t.driver.durable.mu.Unlock()
	}
	r.event(eventStorageLost, map[string]any{"storage": r.Settings.Scheme().StreamName(c.Name), "up_to": c.Lost, "cause": c.Cause})
}

// WritePosition writes everything down anew that stands in the bucket of positions.
func (r *Runner) WritePosition(ctx context.Context) error {
	t := r.tenure()
	if t == nil {
		return nil
	}
	return t.driver.writeAnew(ctx)
}

// WriteLimits writes everything down anew that stands in the bucket of limits.
func (r *Runner) WriteLimits(ctx context.Context) error {
	t := r.tenure()
	if t == nil || t.gate == nil {
		return nil
	}
	return t.gate.Rewrite(ctx)
}

// Position is where the account's updates go on, by what this daemon stored of them; its State is empty where that is not known.
func (r *Runner) Position() records.Position {
	t := r.tenure()
	if t == nil {
		return records.Position{}
	}
	t.driver.durable.mu.Lock()
	begun := t.driver.durable.begun
	t.driver.durable.mu.Unlock()
	if !begun {
		return records.Position{}
	}
	return t.driver.position()
}

// tenure is the present one; nil: the account is not run yet, or nobody is signed in.
func (r *Runner) tenure() *tenure {
	r.status.mu.Lock()
	defer r.status.mu.Unlock()
	return r.status.t
}

func (d *driver) writeAnew(ctx context.Context) error {
	d.watching.Lock()
	defer d.watching.Unlock()
	d.mu.Lock()
	changes := d.watch.changes
	d.mu.Unlock()
	if len(changes.Add)+len(changes.Remove) > 0 {
		if err := d.r.Records.SetWatched(ctx, d.r.Name, changes); err != nil {
			return err
		}
	}
	d.durable.mu.Lock()
	begun := d.durable.begun
	d.durable.mu.Unlock()
	if !begun {
		return nil
	}
	return d.r.Records.SavePosition(ctx, d.r.Name, d.position())
}
