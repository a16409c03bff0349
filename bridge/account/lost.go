package account

import (
	"context"

	"github.com/natsgram/natsgram/bridge/records"
	"github.com/natsgram/natsgram/bridge/storage"
)

// eventStorageLost is told when a stream or bucket was deleted or emptied under the running daemon.
const eventStorageLost = "storage.lost"

// StorageLost tells that storage of natsgram's was lost. Of updates it is told up to which sequence they are gone from the
// stream: those that consumers have not read, they will not.
func (r *Runner) StorageLost(c storage.Change) {
	if c.Maybe {
		r.lookForPeers(c)
		return
	}
	if o := r.ownership(); o != nil && c.Name == storage.Updates && c.Anew {
		o.driver.ledger.anotherStream()
		o.driver.publisher.directory.untold.Store(true)
	}
	if o := r.ownership(); o != nil && c.Name == storage.Peers && !c.Maybe {
		o.relearning.lost()
	}
	if o := r.ownership(); o != nil && o.driver.chats != nil && (c.Name == storage.Updates || c.Name == storage.State) {
		o.driver.chats.Lost()
	}
	r.tell.event(eventStorageLost, map[string]any{"storage": r.tell.scheme.StreamName(c.Name), "up_to": c.Lost, "cause": c.Cause})
}

// lookForPeers looks whether the bucket of peers, from which something was taken out, lacks any of this account, and tells it then.
func (r *Runner) lookForPeers(c storage.Change) {
	o := r.ownership()
	if o == nil || c.Name != storage.Peers {
		return
	}
	o.work.Go(func() {
		if o.relearning.Missing(o.hard) {
			c.Maybe = false
			r.StorageLost(c)
		}
	})
}

// WritePosition writes everything down anew that stands in the bucket of positions.
func (r *Runner) WritePosition(ctx context.Context) error {
	o := r.ownership()
	if o == nil {
		return nil
	}
	if err := o.driver.watched.writeAnew(ctx); err != nil {
		return err
	}
	return o.driver.ledger.writeAnew(ctx)
}

// WriteLimits writes everything down anew that stands in the bucket of limits.
func (r *Runner) WriteLimits(ctx context.Context) error {
	o := r.ownership()
	if o == nil || o.calls.gate == nil {
		return nil
	}
	return o.calls.gate.Rewrite(ctx)
}

// Position is where the account's updates go on, by what this daemon stored of them; its State is empty where that is not known.
func (r *Runner) Position() records.Position {
	o := r.ownership()
	if o == nil {
		return records.Position{}
	}
	if _, begun := o.driver.ledger.counts(); !begun {
		return records.Position{}
	}
	return o.driver.ledger.position()
}
