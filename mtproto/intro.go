package mtproto

import (
	"errors"
	"math/rand/v2"
	"time"
)

// greeted takes the answer to initConnection(help.getConfig) (D1, D5).
func (l *link) greeted(k *call) {
	body, e := k.result(method{name: "initConnection"}, l.id)
	l.c.freeCall(k)
	l.mu.Lock()
	if l.init = nil; e == nil {
		l.refusals = refusals{}
	}
	l.mu.Unlock()
	if e != nil {
		l.unwelcome(e)
		return
	}
	l.config(body)
	if l.opened() {
		l.renewed(0)
	}
	l.connected(l.roundTrip())
	if l.home() && l.c.signedIn() {
		l.whoAmI()
	}
}

// initError is a refusal of initConnection at another data centre than the home, which no repetition cures.
type initError struct{ said *Error }

func (e *initError) Error() string { return "mtproto: the data centre refuses us: " + e.said.Error() }
func (e *initError) Unwrap() error { return e.said }

// unwelcome deals with a refusal of initConnection. What may pass is asked again over the same connection, as TDLib does: a
// data centre in trouble that cost each account a new connection every second would be in more.
func (l *link) unwelcome(e *Error) {
	r := react(e.Code, e.Kind())
	switch {
	case e.Code == 0: // the answer was lost, or the session is being left
	case r == loseAuth && l.home() && l.c.signedIn():
		_ = l.c.loseAuth(e)
		return
	case r == loseKey && l.home() && l.c.signedIn():
		_ = l.c.duplicated(e)
		return
	case r == moveHome && l.home():
		l.followInit(e)
	case (r == toCaller || r == rewrap || r == askWho) && l.home(): // of these, repetition cures none
		l.c.fatal(e)
		l.drop(e)
		return
	case r == loseAuth, r == loseKey, r == toCaller, r == rewrap, r == askWho:
		l.drop(&initError{e})
		return
	}
	l.refuse(e)
}

// followInit goes where the account lives, or will. That of somebody who is signed in cannot be brought along by a data
// centre that does not take our calls: then it is asked again.
func (l *link) followInit(e *Error) {
	if l.c.signedIn() || e.Arg == 0 || e.Arg == l.id {
		return
	}
	l.c.background(func() { l.follow(e) })
}

// refuse notes that the beginning was refused for a while: as long as Telegram says, or 1, 2, 4 ... 60 s (NetQueryDelayer.cpp
// of TDLib).
func (l *link) refuse(e *Error) {
	now := time.Now()
	l.mu.Lock()
	l.refused++
	pause := retryPause(l.refused, rand.Float64())
	if told := RetryAfter(e); told > 0 {
		pause = told + floodJitter()
	}
	l.until = now.Add(pause)
	l.mu.Unlock()
	l.c.o.Log.Warn("the beginning was refused", "dc", l.id, "error", e, "next", pause)
	if l.use == forCalls {
		l.c.emit(InitRefused{DC: l.id, Err: e, Next: pause})
	}
	l.poke()
}

// askAgain begins again after a refusal. It returns how long that has to wait. The lock is held.
func (l *link) askAgain(now time.Time) time.Duration {
	if l.until.IsZero() || l.open {
		return never
	}
	if left := l.until.Sub(now); left > 0 {
		return left
	}
	l.until, l.since = time.Time{}, now
	l.introduce()
	l.poke()
	return never
}

// reinitEvery is how often initConnection is repeated at most because an update could not be read: one such update each
// second must not be a new connection each second. TDLib makes none, it only fetches the difference.
const reinitEvery = time.Minute

var errReinit = errors.New("mtproto: begin again with initConnection")

// Reinit closes the connection, and says initConnection again on the next one: the cure for updates in a layer that we do
// not speak (D3). Fetch the difference afterwards. It does so once a minute at most; asked for more often, it waits.
func (c *Client) Reinit() {
	l := c.home.Load()
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if soonest := l.done.Add(reinitEvery); soonest.After(now) {
		l.reinit.due = soonest
		l.poke()
		return
	}
	l.reinited(now)
	l.drop(errReinit)
}

// reinitLeft is how long there is until the connection is to be closed for [Client.Reinit], or errReinit. The lock is held.
func (l *link) reinitLeft(now time.Time) (time.Duration, error) {
	if l.reinit.due.IsZero() {
		return never, nil
	}
	if left := l.reinit.due.Sub(now); left > 0 {
		return left, nil
	}
	l.reinited(now)
	return 0, errReinit
}

// reinited has initConnection said again, on the next connection or on the one that begins. The lock is held.
func (l *link) reinited(now time.Time) {
	l.reinit = reinit{done: now}
	l.open = false
}
