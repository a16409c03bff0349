package mtproto

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"syscall"
	"time"

	"github.com/natsgram/natsgram/mtproto/handshake"
	"github.com/natsgram/natsgram/mtproto/session"
	"github.com/natsgram/natsgram/mtproto/transport"
)

const (
	doubtsMost = 3           // denials of a key that are believed (A11)
	keyYoung   = time.Minute // a younger key is never given up: the data centre may not know it everywhere yet (A11)
)

// errIdle ends the link to a data centre that nobody needs.
var errIdle = errors.New("mtproto: nothing to do at this data centre")

// run is the link's loop: it keeps the link connected until ctx ends, nobody needs it, or something is beyond repair.
func (l *link) run(ctx context.Context) {
	why := l.live(ctx)
	switch {
	case ctx.Err() != nil:
		why = l.c.ending()
	case errors.Is(why, errIdle):
		why = errMoved
	case l.home():
		l.c.fatal(why)
	}
	l.c.forget(l) // first, so that calls which are turned away find another link
	l.finish(why)
}

// live returns why the link cannot go on.
func (l *link) live(ctx context.Context) error {
	for {
		began := time.Now()
		err := l.hungUp(l.connect(ctx))
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err = l.judge(err, began); err == nil {
			err = l.rest(ctx)
		}
		if err != nil {
			return err
		}
	}
}

// connect makes a connection and serves it until it breaks; it always returns an error.
func (l *link) connect(ctx context.Context) error {
	w, err := l.arrive(ctx)
	if err != nil {
		return err
	}
	return l.serve(ctx, w)
}

// hungUp tells the end of a connection by an MTProxy over which nothing came: the likeliest reason is the secret.
func (l *link) hungUp(err error) error {
	l.mu.Lock()
	heard := l.heard
	l.mu.Unlock()
	via := l.tries.via
	if via == nil || heard || !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
		return err
	}
	if _, _, ok := l.c.ways.Way(via.way).MTProxy(); !ok {
		return err
	}
	return fmt.Errorf("%w (%v: %w)", ErrProxySecret, l.c.ways.Way(via.way), err)
}

// arrive makes a connection over which a session can go on. It is no part of connect, so that what it needs of the stack does
// not lie there for as long as the connection lives.
func (l *link) arrive(ctx context.Context) (w *wire, err error) {
	if wait := l.c.dialing.take(l.pier(), time.Now()); wait > 0 {
		if err := l.c.sleep(ctx, wait); err != nil {
			return nil, err
		}
	}
	r, err := l.dial(ctx, l.tries.failures)
	if err != nil {
		return nil, err
	}
	l.tries.via = r
	hangUp := func() { _ = r.Close() }
	stop := context.AfterFunc(ctx, hangUp)
	if w, err = newWire(r, l.limits()); err == nil {
		err = l.ensureKey(ctx, w)
	}
	if !stop() {
		err = ctx.Err()
	}
	if err != nil {
		hangUp()
		return nil, err
	}
	return w, nil
}

// judge decides what a lost connection means. An error of its own ends the link.
func (l *link) judge(err error, began time.Time) error {
	l.mu.Lock()
	heard := l.heard
	l.mu.Unlock()
	err = l.suspect(err, heard)
	var t *transportError
	crowded := errors.As(err, &t) && l.crowded(t)
	l.account(err, began)
	var refused *bindError
	switch {
	case l.hopeless(err):
		return err
	case errors.As(err, &refused):
		return l.bindRefused(refused)
	case errors.Is(err, errUnbound), IsKind(err, kindUnbound):
		l.forgetTemporary()
	case errors.Is(err, errSilent):
		l.startOver()
	case !errors.As(err, &t):
	case t.code == transport.CodeFlood && !crowded:
		l.c.o.Throttle.Flooded(time.Now())
	case t.code == transport.CodeUnknownKey && t.keyed:
		return l.denied()
	}
	return l.report(err)
}

// hopeless says that another attempt would end the same way: there is no address, the environment is the wrong one (A13),
// or, at another data centre than the home, none of our RSA keys is known (B3). At home that one may be somebody between
// us and Telegram, who has to go away some time. So may whoever says -444, four bytes that nothing proves, once the data centre
// has made a key with us: the environment was the right one then.
func (l *link) hopeless(err error) bool {
	var noKey *handshake.NoKeyError
	var refused *initError
	return errors.Is(err, errIdle) || errors.As(err, &refused) || errors.Is(err, ErrNoDC) ||
		errors.Is(err, ErrEnvironment) && l.c.permanent(l.id).Zero() ||
		errors.As(err, &noKey) && !l.home()
}

func (l *link) pier() pier { return pier{l.id, l.use} }

// account tells the backoff, and the health of the way, how the connection went.
func (l *link) account(err error, began time.Time) {
	l.mu.Lock()
	heard := l.heard
	l.heard = false
	l.mu.Unlock()
	if via := l.tries.via; via != nil {
		l.health(via, heard, err)
		l.tries.via = nil
	}
	if heard && l.trusted() {
		l.tries.doubts = 0
	}
	var refused *bindError
	if heard && !errors.As(err, &refused) {
		l.tries.lost(time.Since(began))
	} else {
		l.tries.failed()
	}
}

// report says that the connection is gone and notes how long to wait.
func (l *link) report(err error) error {
	now := time.Now()
	l.tries.pause = max(l.tries.next(rand.Float64()), l.c.dialing.wait(l.pier(), now))
	if errors.Is(err, errRenewed) {
		l.tries.pause = max(l.tries.pause, renewPause)
	}
	if wait := l.c.o.Throttle.Wait(now); wait > l.tries.pause {
		l.tries.pause = wait
		l.c.emit(Throttled{DC: l.id, Wait: wait})
	}
	l.c.o.Log.Info("disconnected", "dc", l.id, "error", err, "next", l.tries.pause)
	if l.use == forCalls {
		l.c.emit(Disconnected{DC: l.id, Err: err, Attempt: l.tries.attempt(), Next: l.tries.pause})
	}
	return nil
}

// rest waits before the next attempt. A link that nobody needs does not make one.
func (l *link) rest(ctx context.Context) error {
	l.mu.Lock()
	needed := l.busy()
	l.mu.Unlock()
	if !needed && !l.home() {
		return errIdle
	}
	if l.tries.pause <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(l.tries.pause)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
	return ctx.Err()
}

// begin takes a session into use, which is under a temporary key or nil.
func (l *link) begin(s *session.Session, t *temporary) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sess, l.tenure, l.noticed = s, started(t), false
}

// abandon leaves the session, whose key is gone. Calls that were not sent, or do no harm when sent twice, wait for the
// next one.
func (l *link) abandon() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(l.calls)) {
		k, sent := l.calls[id], sentBy(l.sess.Cancel(time.Now(), id))
		k.turn.leave()
		switch {
		case k.then != nil:
		case sent == SentNo || k.safe:
			l.held = append(l.held, k)
			k.turn.taken()
		default:
			l.fail(k, sent, ErrKeyUnknown)
		}
	}
	clear(l.calls)
	l.leave()
	l.sess, l.intro, l.tenure = nil, intro{told: l.told, refusals: l.refusals, reinit: l.reinit}, tenure{}
}
