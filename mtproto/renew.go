package mtproto

import (
	"context"
	"errors"
	"time"
)

const (
	renewPause = 250 * time.Millisecond // for the server to see that the former connection is closed (D8)
	renewRetry = 5 * time.Minute        // until a failed renewal is tried again
	drainMost  = 10 * time.Second       // that new calls wait for those under way, when keys change
	drainAgain = time.Minute            // until the next attempt, if that was not enough
)

// errRenewed ends a connection whose temporary key has a successor.
var errRenewed = errors.New("mtproto: the next temporary key is ready")

// tenure is a link's temporary key and how it is succeeded (B26). As the binding of the next one ends the present one, it
// waits for a moment in which no call is under way: for the first one that comes, if need be with new calls held back
// until there is one. So no call is lost for it. Under the link's lock.
type tenure struct {
	temp    *temporary // nil: everything is sent under the permanent key
	renewAt time.Time  // when the next key is to be made
	parting time.Time  // since when new calls are held back; zero: they are not
	partAt  time.Time  // not before
	unbound bool       // the server says that the key stands for nothing any more
}

// started begins the tenure of a key.
func started(t *temporary) tenure {
	if t == nil {
		return tenure{}
	}
	return tenure{temp: t, renewAt: t.until.Add(-min(renewBefore, t.life/8))}
}

// succession sees to the next key in time. It returns how long it has nothing to do, or errRenewed. The lock is held.
func (l *link) succession(now time.Time) (time.Duration, error) {
	if l.temp == nil {
		return never, nil
	}
	if l.unbound {
		return l.partUnbound(now)
	}
	if next := l.c.keys.get(l.temp.at); next != l.temp && next != nil {
		return l.part(now)
	}
	if !now.Before(l.renewAt) {
		l.renewAt = now.Add(renewRetry)
		if present := l.temp; l.c.keys.claim(present, now) {
			l.c.life.wg.Go(func() { l.renew(l.c.life.ctx, present) })
		}
	}
	return l.renewAt.Sub(now), nil
}

// part leaves the present key as soon as no call is under way with it.
func (l *link) part(now time.Time) (time.Duration, error) {
	late := l.c.ends(l.temp, now, drainForce)
	switch {
	case len(l.calls) == 0:
		return 0, errRenewed
	case !l.parting.IsZero():
	case now.Before(l.partAt) && !late:
		return l.partAt.Sub(now), nil
	case l.open:
		l.parting, l.open = now, false
	}
	if left := l.parting.Add(drainMost).Sub(now); left > 0 || l.parting.IsZero() {
		return max(left, time.Second), nil
	}
	if late {
		return 0, errRenewed
	}
	l.parting, l.partAt = time.Time{}, now.Add(drainAgain)
	l.reopen()
	return drainAgain, nil
}

// unbind notes that the key is bound no more (B25). The calls under way will all be told so: they find another key when they
// are repeated, for which no connection must break under them. The lock is held.
func (l *link) unbind(now time.Time) {
	if l.temp == nil || l.unbound {
		return
	}
	l.unbound, l.parting, l.open = true, now, false
	l.poke()
}

func (l *link) partUnbound(now time.Time) (time.Duration, error) {
	left := l.parting.Add(drainMost).Sub(now)
	if len(l.calls) == 0 || left <= 0 {
		return 0, errUnbound
	}
	return left, nil
}

// renew makes the next key over a connection of its own, on which nothing else is sent (D8). The present connection goes on
// meanwhile.
func (l *link) renew(ctx context.Context, present *temporary) {
	next, err := l.successor(ctx)
	switch {
	case err == nil:
		l.c.keys.succeed(present, next)
		l.poke()
	case ctx.Err() == nil:
		l.c.o.Log.Warn("no next temporary key yet", "dc", l.id, "error", err)
	}
}

func (l *link) successor(ctx context.Context) (*temporary, error) {
	if wait := l.c.o.Throttle.Wait(time.Now()); wait > 0 {
		return nil, errors.New("mtproto: too many connections")
	}
	r, err := l.dial(ctx, 0)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	stop := context.AfterFunc(ctx, func() { _ = r.Close() })
	defer stop()
	w, err := newWire(r, l.c.o.Limits)
	if err != nil {
		return nil, err
	}
	return l.makeTemporary(w)
}
