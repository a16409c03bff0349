package account

import (
	"context"
	"encoding/json"
	"time"

	"github.com/natsgram/natsgram/bridge/records"
	"github.com/natsgram/natsgram/bridge/stream"
	"github.com/natsgram/natsgram/subjects"
)

// stored is told by the log of every group that is in the stream, in order: the durable state is folded from exactly that.
func (d *driver) stored(g *stream.Group, seq uint64) {
	d.tellRedacted(g)
	if d.relieved() {
		d.poke()
	}
	d.durable.mu.Lock()
	defer d.durable.mu.Unlock()
	if err := d.durable.state.Apply(g.State); err != nil {
		d.r.Log.Error("the state of updates cannot be read", "err", err)
	}
	d.durable.begun = d.durable.begun || !d.durable.state.Empty()
	if seq > 0 {
		d.durable.seq = seq // not the higher one: a stream that was made anew counts anew
	}
	d.durable.stored++
	d.durable.total += updatesIn(g)
	if d.durable.stored == 1 || d.durable.stored == savePositionAfter {
		d.post(input{kind: inBarrier}) // to look at when to save
	}
}

// updatesIn counts what of a group is an update: not the gaps, and not what of a state had no room.
func updatesIn(g *stream.Group) (n uint64) {
	for _, m := range g.Messages {
		if name := first(m.Header, subjects.HeaderType); name != gapName && name != stateName {
			n++
		}
	}
	return n
}

func (d *driver) unsaved() bool {
	d.durable.mu.Lock()
	defer d.durable.mu.Unlock()
	return d.durable.stored > 0
}

func (d *driver) figures() (pts int, total uint64) {
	d.durable.mu.Lock()
	defer d.durable.mu.Unlock()
	return d.durable.state.Pts, d.durable.total
}

// position is what may be saved now.
func (d *driver) position() records.Position {
	d.durable.mu.Lock()
	defer d.durable.mu.Unlock()
	state, err := json.Marshal(&d.durable.state)
	if err != nil {
		d.r.Log.Error("the state of updates cannot be written", "err", err)
		return records.Position{}
	}
	d.durable.stored = 0
	return records.Position{Seq: d.durable.seq, User: d.durable.user, State: state}
}

// maybeSave saves the position when it is due, and says that updates are followed once the stream holds where they begin.
func (d *driver) maybeSave() {
	d.durable.mu.Lock()
	n, begun := d.durable.stored, d.durable.begun
	d.durable.mu.Unlock()
	if begun && !d.saving.begun {
		d.saving.begun, d.saving.last = true, time.Now()
		d.r.status.follows()
		d.fetches.Go(func() {
			d.savePosition(d.ctx)
			d.forgetSignIn(d.ctx)
		})
		return
	}
	if n >= savePositionAfter || n > 0 && time.Since(d.saving.last) >= savePositionEvery {
		d.saving.last = time.Now()
		d.fetches.Go(func() { d.savePosition(d.ctx) })
	}
}

// savePosition failing costs nothing but time at the next start.
func (d *driver) savePosition(ctx context.Context) {
	if err := d.r.Records.SavePosition(ctx, d.r.Name, d.position()); err != nil && ctx.Err() == nil {
		d.r.Log.Warn("saving the position", "err", err)
	}
}
