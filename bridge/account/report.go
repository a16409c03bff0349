package account

import (
	"math"
	"time"
)

// Status is how the account does.
func (r *Runner) Status() Status {
	o := r.ownership() // first: what is told of it comes after
	out := r.status.told()
	out.Layer = r.c.Methods.Schema().Layer()
	if o != nil {
		o.tellStatus(&out)
	}
	return out
}

// tellStatus adds what the owner knows.
func (o *ownership) tellStatus(out *Status) {
	if out.State != Stopped && (o.c.Sure == nil || o.c.Sure()) {
		out.Owner, out.Epoch = o.log.OwnerID(), o.log.Epoch()
	}
	out.Waiting = o.log.Waiting()
	out.InFlight = o.service.InFlight()
	out.Pts, out.Stored = o.driver.ledger.figures()
	out.Held = o.driver.held()
	if k := o.driver.chats; k != nil {
		out.Dialogs = k.Figures()
	}
	out.Peers = o.driver.publisher.directory.Figures()
	out.WaitingSince = o.log.Doing().Oldest
	out.Heard = heard(o.client)
	out.Ways = waysOf(o.client)
	out.FloodWaits = o.calls.floods.Waits()
	if out.MoreWaits = max(len(out.FloodWaits)-waitsShown, 0); out.MoreWaits > 0 {
		out.FloodWaits = out.FloodWaits[:waitsShown]
	}
	if jobs := o.calls.jobs.figures(); jobs.Chats > 0 {
		out.Jobs = &jobs
	}
	figures := o.files.Figures()
	out.Files = &figures
	if skew := ahead(o.client); skew.Abs() >= skewLeast {
		out.Skew = math.Round(skew.Seconds())
	}
	var behind bool
	out.Difference, behind, out.DifferenceError = o.driver.differences.told()
	if out.Follows = out.Follows && !behind && !out.Difference.IsZero(); behind && out.State == Connected {
		out.State, out.Error = Behind, out.DifferenceError
	}
}

// Busy is how long what puts the account's updates in order has been at one thing.
func (r *Runner) Busy() time.Duration {
	o := r.ownership()
	if o == nil {
		return 0
	}
	return o.driver.pulse.Busy()
}

// UpToDate reports whether the account follows its updates, and no difference is due.
func (r *Runner) UpToDate() bool {
	o := r.ownership()
	return o != nil && r.Status().Follows && o.driver.differences.upToDate()
}

// Starting reports that the account is not this daemon's yet: what its stream holds is still being read.
func (r *Runner) Starting() bool {
	now, _ := r.status.phase()
	return now == Starting
}

// Changed is closed when State or Follows is not what it was.
func (r *Runner) Changed() <-chan struct{} {
	r.status.mu.Lock()
	defer r.status.mu.Unlock()
	return r.status.changed
}
