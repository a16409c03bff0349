package mtproto

import (
	"errors"
	"math/rand/v2"
	"time"
)

var (
	// errSilent says that the server took what comes first, and did not answer it.
	errSilent = errors.New("mtproto: the beginning was not answered")

	errReinit = errors.New("mtproto: begin again with initConnection")
)

const (
	initMost = 30 * time.Second // that the server has to answer what comes first

	// reinitEvery is how often initConnection is repeated at most because an update could not be read: one such update each
	// second must not be a new connection each second. TDLib makes none, it only fetches the difference.
	reinitEvery = time.Minute
)

// introduction is what comes before all calls of a session, and how far that has got: the binding of its temporary key, then
// initConnection.
type introduction struct {
	l *link

	// Under the link's lock.
	since     time.Time // when the connection was made, or the last refusal was over
	binding   *rpc      // of the temporary key, under way
	query     *rpc      // the initConnection under way
	announced int       // the way that initConnection told the server of (D1)
	noticed   bool      // the server said that the session is new (C36)

	// Refusals of initConnection and of the binding that may pass. The connection is kept meanwhile.
	refused int       // in a row
	retryAt time.Time // when to ask again; zero: nothing was refused

	reinitDone time.Time // when initConnection was last repeated for [Client.Reinit]
	reinitDue  time.Time // when it will be, because it was asked for too soon
}

// anew returns the state of the next session.
func (i *introduction) anew() introduction {
	return introduction{
		l: i.l, announced: i.announced, refused: i.refused, retryAt: i.retryAt, reinitDone: i.reinitDone, reinitDue: i.reinitDue,
	}
}

// accepted forgets refusals.
func (i *introduction) accepted() { i.refused, i.retryAt = 0, time.Time{} }

// answerDue returns how long the server has yet to answer what comes first, or errSilent.
func (i *introduction) answerDue(now time.Time) (time.Duration, error) {
	if i.binding == nil && i.query == nil {
		return never, nil
	}
	left := i.since.Add(initMost).Sub(now)
	if left <= 0 {
		return 0, errSilent
	}
	return left, nil
}

// refuse notes a refusal, and returns how long to wait: as long as Telegram says, or 1, 2, 4 ... 60 s (NetQueryDelayer.cpp of
// TDLib).
func (i *introduction) refuse(now time.Time, e *Error) time.Duration {
	i.refused++
	pause := retryPause(i.refused, rand.Float64())
	if wait := RetryAfter(e); wait > 0 {
		pause = wait + floodJitter()
	}
	i.retryAt = now.Add(pause)
	return pause
}

// reinitLeft returns how long there is until the connection is to be closed for [Client.Reinit], or errReinit.
func (i *introduction) reinitLeft(now time.Time) (time.Duration, error) {
	if i.reinitDue.IsZero() {
		return never, nil
	}
	if left := i.reinitDue.Sub(now); left > 0 {
		return left, nil
	}
	i.reinit(now)
	return 0, errReinit
}

// reinit notes that initConnection is repeated, on the next connection or on the one that begins. Calls are held until then.
func (i *introduction) reinit(now time.Time) {
	i.reinitDone, i.reinitDue = now, time.Time{}
}

// askReinit reports whether initConnection may be repeated at once; if not, it is when the last time is long enough ago.
func (i *introduction) askReinit(now time.Time) bool {
	if soonest := i.reinitDone.Add(reinitEvery); soonest.After(now) {
		i.reinitDue = soonest
		return false
	}
	i.reinit(now)
	return true
}

// Reinit closes the connection, and repeats initConnection on the next one: the cure for updates in a layer that the client does
// not speak (D3). Fetch the difference afterwards. It does so once a minute at most; asked for more often, it waits.
func (c *Client) Reinit() {
	l := c.links.home.Load()
	if l == nil {
		return
	}
	l.conn.Lock()
	defer l.conn.Unlock()
	if l.init.askReinit(time.Now()) {
		l.calls.open = false
		l.conn.Drop(errReinit)
	} else {
		l.conn.Wake()
	}
}

// begin starts what comes before all other calls: with a key that is not bound yet, to bind it, as such a key may
// call next to nothing else (B20); then initConnection, also after each binding (B23, D1). The lock is held.
func (i *introduction) begin() {
	l := i.l
	way, t := l.up.via.way, l.temp.Key()
	switch {
	case !i.retryAt.IsZero(): // see retry
	case t != nil && !l.c.keys.Bound(t):
		if i.binding == nil {
			i.binding = l.keys.bind(l.c.store.permanent(l.id), t)
		}
	case l.use != forCalls:
		l.beginFiles(way)
	case !l.calls.open && i.query == nil && !l.temp.Draining():
		i.announced = way
		i.query = l.calls.start(l.c.encoded.inits[way], i.answered)
	}
}

// retry begins again after a refusal. It returns how long that has to wait. The lock is held.
func (i *introduction) retry(now time.Time) time.Duration {
	l := i.l
	if i.retryAt.IsZero() || l.calls.open {
		return never
	}
	if left := i.retryAt.Sub(now); left > 0 {
		return left
	}
	i.retryAt, i.since = time.Time{}, now
	i.begin()
	l.conn.Wake()
	return never
}

// startOver gives up what was not answered, so that the next connection begins with it anew.
func (i *introduction) startOver() {
	l := i.l
	if !l.keys.trusted() {
		l.keys.forgetTemporary()
		return
	}
	l.conn.Lock()
	defer l.conn.Unlock()
	if k := i.query; k != nil {
		l.calls.drop(k)
		i.query = nil
	}
}

// answered takes the answer to initConnection(help.getConfig) (D1, D5).
func (i *introduction) answered(k *rpc) {
	l := i.l
	body, e := k.result(method{name: "initConnection"}, l.id)
	l.c.rpcs.put(k)
	l.conn.Lock()
	if i.query = nil; e == nil {
		i.accepted()
	}
	l.conn.Unlock()
	if e != nil {
		i.turnedAway(e)
		return
	}
	l.config.read(l, body)
	if i.done() {
		l.newSession(0)
	}
	l.connected(l.conn.RTT())
	if l.home() && l.c.store.signedIn() {
		l.c.userCheck.ask(l)
	}
}

// done lets calls through after initConnection was answered. It reports whether this is the first that is heard of a new
// session.
func (i *introduction) done() bool {
	l := i.l
	l.conn.Lock()
	defer l.conn.Unlock()
	if l.calls.closed == nil {
		l.calls.release()
	}
	return !i.noticed
}

// initError is a refusal of initConnection at another data centre than the home, which no repetition cures.
type initError struct{ refusal *Error }

func (e *initError) Error() string {
	return "mtproto: the data centre refuses us: " + e.refusal.Error()
}
func (e *initError) Unwrap() error { return e.refusal }

// turnedAway deals with a refusal of initConnection. What may pass is asked again over the same connection, as TDLib does: a
// data centre in trouble that cost each account a new connection every second would be in more.
func (i *introduction) turnedAway(e *Error) {
	l := i.l
	r := react(e.Code, e.Kind())
	mine := l.home() && l.c.store.signedIn()
	switch {
	case e.Code == 0: // the answer was lost, or the session is being left
	case r == loseAuth && mine:
		_ = l.c.loseAuth(e)
		return
	case r == loseKey && mine:
		_ = l.c.duplicated(e)
		return
	case r == moveHome && l.home():
		// What somebody who is signed in has cannot be brought along by a data centre that does not take our calls: it is asked again.
		if !mine && e.Arg != 0 && e.Arg != l.id {
			_ = l.c.life.background(func() { l.c.links.follow(l.id, e) })
		}
	case (r == toCaller || r == rewrap || r == checkSignIn) && l.home(): // of these, repetition cures none
		l.c.life.fatal(e)
		l.conn.Drop(e)
		return
	case r == loseAuth, r == loseKey, r == toCaller, r == rewrap, r == checkSignIn:
		l.conn.Drop(&initError{e})
		return
	}
	i.retryLater(e)
}

// retryLater has what comes first asked again after a refusal that may pass.
func (i *introduction) retryLater(e *Error) {
	l := i.l
	l.conn.Lock()
	pause := i.refuse(time.Now(), e)
	l.conn.Unlock()
	l.c.o.Log.Warn("the beginning was refused", "dc", l.id, "error", e, "next", pause)
	if l.use == forCalls {
		l.c.events.emit(InitRefused{DC: l.id, Err: e, Next: pause})
	}
	l.conn.Wake()
}
