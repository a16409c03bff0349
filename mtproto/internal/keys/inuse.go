package keys

import (
	"errors"
	"time"
)

// Why a connection is to be left for the sake of its temporary key.
var (
	// ErrRenewed says that the key has a successor.
	ErrRenewed = errors.New("mtproto: the next temporary key is ready")

	// ErrUnbound says that the key is not, or not any more, bound to the permanent one (B25).
	ErrUnbound = errors.New("mtproto: the temporary key is not bound")
)

// Never is a wait for nothing.
const Never = 24 * time.Hour

const (
	drainMost  = 10 * time.Second // that new calls wait for those under way, when keys change
	drainRetry = time.Minute      // until the next attempt, if that was not enough
)

// InUse is the temporary key that a session is encrypted with, and how another succeeds it (B26). As the binding of the next key
// ends the present one, it waits for a moment in which no call is under way: for the first one that comes, if need be with
// new calls held back until there is one. So no call is lost for it. The zero InUse stands for none: everything is sent
// under the permanent key. It is not safe for concurrent use.
type InUse struct {
	key        *Temporary
	renewAt    time.Time // when the next key is to be made
	drainSince time.Time // since when new calls are held back; zero: they are not
	drainAt    time.Time // not before
	unbound    bool      // the server says that the key is not bound any more
}

// Use begins to use a key, nil for none.
func Use(t *Temporary) InUse {
	if t == nil {
		return InUse{}
	}
	return InUse{key: t, renewAt: t.until.Add(-min(renewBefore, t.life/8))}
}

// Key returns the key, nil for none.
func (u *InUse) Key() *Temporary { return u.key }

// Draining reports whether new calls are held back until those under way are over.
func (u *InUse) Draining() bool { return !u.drainSince.IsZero() }

// Unbind notes that the server takes the key for one that is not bound (B25), and reports whether that is new. New calls are held
// back. Those under way are all answered so: they find another key when they are repeated, for which no connection must
// break under them.
func (u *InUse) Unbind(now time.Time) bool {
	if u.key == nil || u.unbound {
		return false
	}
	u.unbound, u.drainSince = true, now
	return true
}

// Load is what is under way in a session.
type Load struct {
	Calls int  // that wait for an answer
	Open  bool // new calls are sent at once
}

// Task is what is to be done about a key.
type Task struct {
	Wait    time.Duration // until the next step
	Leave   error         // the connection is to be left: [ErrRenewed] or [ErrUnbound]
	Renew   bool          // the caller is to make the next key
	Hold    bool          // new calls are to be held back
	Release bool          // new calls are to be sent again
}

// Next decides what is to be done. wall is the wall clock, see [Temporary.Ends].
func (u *InUse) Next(now, wall time.Time, r *Ring, load Load) Task {
	switch {
	case u.key == nil:
		return Task{Wait: Never}
	case u.unbound:
		return u.leaveUnbound(now, load)
	}
	if next := r.Get(u.key.at); next != u.key && next != nil {
		return u.drain(now, u.key.Ends(now, wall, ForcedLeast), load)
	}
	var s Task
	if !now.Before(u.renewAt) {
		u.renewAt = now.Add(renewRetry)
		s.Renew = r.claim(u.key, now)
	}
	s.Wait = u.renewAt.Sub(now)
	return s
}

// drain leaves the key as soon as no call is under way with it, or, where it ends soon, whatever is under way.
func (u *InUse) drain(now time.Time, endsSoon bool, load Load) Task {
	var s Task
	switch {
	case load.Calls == 0:
		return Task{Leave: ErrRenewed}
	case u.Draining():
	case now.Before(u.drainAt) && !endsSoon:
		return Task{Wait: u.drainAt.Sub(now)}
	case load.Open:
		u.drainSince, s.Hold = now, true
	}
	if left := u.drainSince.Add(drainMost).Sub(now); left > 0 || !u.Draining() {
		s.Wait = max(left, time.Second)
		return s
	}
	if endsSoon {
		return Task{Leave: ErrRenewed}
	}
	u.drainSince, u.drainAt = time.Time{}, now.Add(drainRetry)
	return Task{Wait: drainRetry, Release: true}
}

func (u *InUse) leaveUnbound(now time.Time, load Load) Task {
	left := u.drainSince.Add(drainMost).Sub(now)
	if load.Calls == 0 || left <= 0 {
		return Task{Leave: ErrUnbound}
	}
	return Task{Wait: left}
}
