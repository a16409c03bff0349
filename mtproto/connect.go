package mtproto

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/natsgram/natsgram/mtproto/handshake"
	"github.com/natsgram/natsgram/mtproto/internal/conn"
	"github.com/natsgram/natsgram/mtproto/internal/keys"
	"github.com/natsgram/natsgram/mtproto/transport"
)

// renewPause is for the server to see that the former connection is closed, before the one with the next temporary key (D8).
const renewPause = 250 * time.Millisecond

// run keeps the link connected until ctx ends, nobody needs it, or something is beyond repair.
func (r *connector) run(ctx context.Context) {
	l := r.l
	why := r.reconnect(ctx)
	switch {
	case ctx.Err() != nil:
		why = l.c.life.ending()
	case errors.Is(why, errIdle):
		why = errMoved
	case l.home():
		l.c.life.fatal(why)
	}
	l.c.links.forget(l) // first, so that calls which are turned away find another link
	l.finish(why)
}

// reconnect returns why the link cannot go on.
func (r *connector) reconnect(ctx context.Context) error {
	for {
		began := time.Now()
		proved, err := r.connect(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err = r.judge(r.suspectSecret(err, proved), proved, began); err == nil {
			err = r.rest(ctx)
		}
		if err != nil {
			return err
		}
	}
}

// connect makes a connection and serves it until it breaks; it always returns an error. proved reports whether the data
// centre has proved to have the key.
func (r *connector) connect(ctx context.Context) (proved bool, err error) {
	w, err := r.open(ctx)
	if err != nil {
		return false, err
	}
	return r.l.conn.Serve(ctx, w)
}

// open makes a connection over which a session can go on. It is no part of connect, so that what it needs of the stack does
// not lie there for as long as the connection lives.
func (r *connector) open(ctx context.Context) (*conn.Wire, error) {
	if wait := r.l.c.dialing.take(r.l.path(), time.Now()); wait > 0 {
		if err := r.l.c.life.sleep(ctx, wait); err != nil {
			return nil, err
		}
	}
	via, err := r.dial(ctx, r.backoff.failures)
	if err != nil {
		return nil, err
	}
	r.via = via
	hangUp := func() { _ = via.Close() }
	stop := context.AfterFunc(ctx, hangUp)
	w, err := via.wire(r.l.use.limits(r.l.c.o.Limits))
	if err == nil {
		err = r.l.keys.ensure(ctx, w)
	}
	if !stop() {
		err = ctx.Err()
	}
	if err != nil {
		hangUp()
		return nil, err
	}
	return w.Wire, nil
}

// judge decides what a lost connection means. An error of its own ends the link.
func (r *connector) judge(err error, proved bool, began time.Time) error {
	var t *conn.TransportError
	var refused *bindError
	crowded := errors.As(err, &t) && r.crowded(t)
	r.settle(err, proved, began)
	final := r.hopeless(err)
	switch {
	case final:
	case errors.As(err, &refused):
		err, final = r.l.keys.bindRefused(refused)
	case errors.Is(err, keys.ErrUnbound), IsKind(err, kindUnbound):
		r.l.keys.forgetTemporary()
	case errors.Is(err, errSilent):
		r.l.init.startOver()
	case !errors.As(err, &t):
	case t.Code == transport.CodeFlood && !crowded:
		r.l.c.o.Throttle.flooded(time.Now())
	case t.Code == transport.CodeUnknownKey && t.Keyed:
		err, final = r.l.keys.denied()
	}
	if final {
		return err
	}
	r.report(err)
	return nil
}

// hopeless reports whether another attempt would end the same way: there is no address, the environment is the wrong one (A13),
// or, at another data centre than the home, none of our RSA keys is known (B3). At home that one may be somebody between
// us and Telegram, who goes away one day. So may whoever says -444, four bytes that nothing proves, once the data centre
// has made a key with us: the environment was the right one then.
func (r *connector) hopeless(err error) bool {
	var noKey *handshake.NoKeyError
	var refused *initError
	return errors.Is(err, errIdle) || errors.As(err, &refused) || errors.Is(err, ErrNoDC) ||
		errors.Is(err, ErrEnvironment) && r.l.c.store.permanent(r.l.id).Zero() ||
		errors.As(err, &noKey) && !r.l.home()
}

// settle tells the backoff, and the health of the way, how the connection went.
func (r *connector) settle(err error, proved bool, began time.Time) {
	if r.via != nil {
		r.noteHealth(r.via, proved, err)
		r.via = nil
	}
	if proved && r.l.keys.trusted() {
		r.l.keys.doubts.Known()
	}
	var refused *bindError
	if proved && !errors.As(err, &refused) {
		r.backoff.lost(time.Since(began))
	} else {
		r.backoff.failed()
	}
}

// report says that the connection is gone and notes how long to wait.
func (r *connector) report(err error) {
	now, l := time.Now(), r.l
	r.pause = max(r.backoff.next(rand.Float64()), l.c.dialing.wait(l.path(), now))
	if errors.Is(err, keys.ErrRenewed) {
		r.pause = max(r.pause, renewPause)
	}
	if wait := l.c.o.Throttle.wait(now); wait > r.pause {
		r.pause = wait
		l.c.events.emit(Throttled{DC: l.id, Wait: wait})
	}
	l.c.o.Log.Info("disconnected", "dc", l.id, "error", err, "next", r.pause)
	if l.use == forCalls {
		l.c.events.emit(Disconnected{DC: l.id, Err: err, Attempt: r.backoff.attempt(), Next: r.pause})
	}
}

// rest waits before the next attempt. A link that nobody needs does not make one.
func (r *connector) rest(ctx context.Context) error {
	r.l.conn.Lock()
	needed := r.l.calls.busy()
	r.l.conn.Unlock()
	if !needed && !r.l.home() {
		return errIdle
	}
	if r.pause <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(r.pause)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
	return ctx.Err()
}
