package mtproto

import (
	"context"
	"errors"
	"math/rand/v2"
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
	if err := l.resume(); err != nil {
		return err
	}
	for {
		began := time.Now()
		err := l.connect(ctx)
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
	r, err := l.dial(ctx)
	if err != nil {
		return err
	}
	l.tries.via = r
	defer r.Close()
	stop := context.AfterFunc(ctx, func() { _ = r.Close() })
	defer stop()
	w, err := newWire(r, l.c.o.Limits)
	if err != nil {
		return err
	}
	if err := l.ensureKey(w); err != nil {
		return err
	}
	return l.serve(ctx, w)
}

// judge decides what a lost connection means. An error of its own ends the link.
func (l *link) judge(err error, began time.Time) error {
	l.account(err, began)
	var t *transportError
	switch {
	case l.hopeless(err):
		return err
	case !errors.As(err, &t):
	case t.code == transport.CodeFlood:
		l.c.o.Throttle.Flooded(time.Now())
	case t.code == transport.CodeUnknownKey && t.keyed:
		return l.doubt()
	}
	return l.report(err)
}

// hopeless says that another attempt would end the same way: there is no address, the environment is the wrong one (A13),
// or, at another data centre than the home, none of our RSA keys is known (B3). At home that one may be somebody between
// us and Telegram, who has to go away some time.
func (l *link) hopeless(err error) bool {
	var noKey *handshake.NoKeyError
	return errors.Is(err, errIdle) || errors.Is(err, ErrNoDC) || errors.Is(err, ErrEnvironment) ||
		errors.As(err, &noKey) && !l.home()
}

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
	if heard {
		l.tries.doubts = 0
		l.tries.lost(time.Since(began))
	} else {
		l.tries.failed()
	}
}

// report says that the connection is gone and notes how long to wait.
func (l *link) report(err error) error {
	now := time.Now()
	l.tries.pause = l.tries.next(rand.Float64())
	if wait := l.c.o.Throttle.Wait(now); wait > l.tries.pause {
		l.tries.pause = wait
		l.c.emit(Throttled{DC: l.id, Wait: wait})
	}
	l.c.o.Log.Info("disconnected", "dc", l.id, "error", err, "next", l.tries.pause)
	l.c.emit(Disconnected{DC: l.id, Err: err, Attempt: l.tries.attempt(), Next: l.tries.pause})
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

// doubt counts a denial of our key, and gives the key up after several (A10, A11): at home, where somebody is signed in,
// that is the end. Each denial but the first came from a peer that had proved, by a key exchange on the same connection,
// to be the data centre (see ensureKey).
func (l *link) doubt() error {
	l.tries.doubts++
	l.c.emit(KeyDoubted{DC: l.id, Times: l.tries.doubts})
	if l.tries.doubts < doubtsMost || l.c.keyAge(l.id) < keyYoung {
		return l.report(ErrKeyUnknown)
	}
	if l.home() && l.c.signedIn() {
		return l.c.loseAuth(ErrKeyUnknown)
	}
	l.c.o.Log.Warn("the data centre does not know our key: making another one", "dc", l.id)
	l.c.dropKey(l.id)
	l.abandon()
	l.tries.doubts = 0
	return l.report(ErrKeyUnknown)
}

// resume begins a session with the key of former runs, if there is one.
func (l *link) resume() error {
	cfg, ok, err := l.c.sessionConfig(l.id)
	if err != nil || !ok {
		return err
	}
	return l.begin(cfg)
}

// begin makes the session.
func (l *link) begin(cfg session.Config) error {
	s, err := session.New(cfg)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sess = s
	return nil
}

// abandon leaves the session, whose key is gone. Calls that were not sent, or do no harm when sent twice, wait for the
// next one.
func (l *link) abandon() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, k := range l.calls {
		sent := l.sess.Cancel(time.Now(), id)
		switch {
		case k.then != nil:
		case sent == SentNo || k.safe:
			l.held = append(l.held, k)
		default:
			l.fail(k, sent, ErrKeyUnknown)
		}
	}
	clear(l.calls)
	l.sess, l.open, l.init = nil, false, nil
}
