package mtproto

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/natsgram/natsgram/mtproto/session"
)

const (
	movesMost = 4 // data centres that one call is sent on to
	authsMost = 2 // times that an authorization is imported for one call
	wrapsMost = 2 // times that one call is wrapped in initConnection
)

// Invoke makes a call at the account's data centre and returns its result, both as TL. The call may be wrapped in
// whatever the API has wrappers for, but initConnection, which is the client's own business; one by a business connection
// goes to that connection's data centre. Query must not change
// before Invoke returns; the result belongs to the caller.
//
// Invoke waits for the connection, and through reconnections, for as long as ctx allows. It repeats the call where that is
// known to be right (see the table in react.go), and sits out short flood waits. Its error is an [*Error].
func (c *Client) Invoke(ctx context.Context, query []byte) ([]byte, error) {
	return c.invoke(ctx, 0, query)
}

// InvokeDC is [Client.Invoke] at a data centre of the caller's choice, where the account's authorization is brought first
// (D7). The connection there is closed when nobody uses it.
func (c *Client) InvokeDC(ctx context.Context, id int, query []byte) ([]byte, error) {
	return c.invoke(ctx, id, query)
}

// attempts is what was tried for one call.
type attempts struct {
	m       method
	query   []byte
	id      int // of the data centre; 0: the home
	tries   int // repetitions after errors of Telegram's side
	soon    int
	moves   int
	auths   int
	wraps   int
	flooded time.Duration
	turn    *turn // in a [Sequence]
}

func (c *Client) invoke(ctx context.Context, id int, query []byte) ([]byte, error) {
	a := &attempts{m: c.method(query), query: query, id: id}
	if id == 0 {
		return c.carryHome(ctx, a)
	}
	return c.carry(ctx, a)
}

// carryHome makes a call at the account's data centre, or where the business connection is at home by which it is made.
func (c *Client) carryHome(ctx context.Context, a *attempts) ([]byte, error) {
	if connection := c.businessConnection(a); connection != "" {
		return c.invokeBusiness(ctx, a, connection)
	}
	return c.carry(ctx, a)
}

// carry makes a call until there is an answer, or an error that repetition does not mend.
func (c *Client) carry(ctx context.Context, a *attempts) ([]byte, error) {
	if err := c.running(ctx); err != nil {
		return nil, a.failed(SentNo, err)
	}
	for {
		if err := c.queueForFlood(ctx, a); err != nil {
			return nil, err
		}
		if e := c.awaitTurn(ctx, a); e != nil {
			return nil, e
		}
		body, e := c.try(ctx, a)
		if e == nil {
			return body, nil
		}
		if err := c.mend(ctx, a, e); err != nil {
			return nil, err
		}
	}
}

// failed is an error that is not Telegram's.
func (a *attempts) failed(sent Sent, err error) *Error {
	return &Error{Method: a.m.name, DC: a.id, Sent: sent, Err: err}
}

// running waits for Run.
func (c *Client) running(ctx context.Context) error {
	select {
	case <-c.life.begun:
		return ctx.Err()
	default:
	}
	select {
	case <-c.life.begun:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// try makes the call once.
func (c *Client) try(ctx context.Context, a *attempts) ([]byte, *Error) {
	l := c.home.Load()
	if a.id != 0 && a.id != l.id {
		var err error
		if l, err = c.foreign(ctx, a.id); err != nil {
			return nil, a.failed(SentNo, err)
		}
	}
	return l.do(ctx, a.m, a.query, a.turn)
}

// do makes a call over the link and waits for what comes of it. Turn is nil for a call outside of a [Sequence].
func (l *link) do(ctx context.Context, m method, query []byte, t *turn) ([]byte, *Error) {
	k := l.c.newCall(query, m)
	k.turn = t
	defer l.c.freeCall(k)
	if err := l.add(k); err != nil {
		return nil, &Error{Method: m.name, DC: l.id, Sent: SentNo, Err: err}
	}
	select {
	case <-k.done:
	case <-ctx.Done():
		if sent, mine := l.cancel(k); mine {
			return nil, &Error{Method: m.name, DC: l.id, Sent: sent, Err: ctx.Err()}
		}
		<-k.done
	}
	return k.result(m, l.id)
}

// queueForFlood waits where an earlier call of the same method, and to the same peer perhaps, was told to, or fails as that
// would.
func (c *Client) queueForFlood(ctx context.Context, a *attempts) error {
	for {
		p, some := c.floods.left(a.m.id, time.Now(), func() peer { return c.about(a) })
		if !some {
			return nil
		}
		if err := c.sitOut(ctx, a, p.refusal(a.m, a.id), time.Until(p.until)+floodJitter()); err != nil {
			return err
		}
	}
}

// hold has calls like this one wait as Telegram said.
func (c *Client) hold(a *attempts, e *Error) { c.pauseCalls(a.m, c.about(a), e) }

// about is whom the call is about, which is only looked up where calls have to wait.
func (c *Client) about(a *attempts) peer { return peerOf(c.o.Schema, inner(c.o.Schema, a.query)) }

// mend does what the table says about an error. Nil: make the call again.
func (c *Client) mend(ctx context.Context, a *attempts, e *Error) error {
	if e.Code == 0 {
		return c.mendOwn(ctx, a, e)
	}
	switch react(e.Code, e.Kind()) {
	case moveHome:
		return c.follow(ctx, a, e, true)
	case moveCall:
		return c.follow(ctx, a, e, false)
	case rewrap:
		return c.rewrap(a, e)
	case again:
		return c.again(ctx, a, e)
	case againIfSafe:
		if a.m.safe {
			return c.again(ctx, a, e)
		}
	case againSoon:
		if a.soon++; a.soon == 1 || a.soon <= soonMost && e.Kind() != kindUnbound {
			return nil
		}
		if e.Kind() == kindUnbound { // each time costs a key exchange
			return c.again(ctx, a, e)
		}
		return a.outOfTurn(e)
	case afterTurn:
		return a.outOfTurn(e)
	case waitAlike:
		c.hold(a, e)
		return c.sitOut(ctx, a, e, RetryAfter(e)+floodJitter())
	case waitCall, waitSpeed:
		return c.sitOut(ctx, a, e, RetryAfter(e)+floodJitter())
	case loseAuth:
		return c.unauthorized(a, e)
	case loseKey:
		return c.duplicated(e)
	case askWho:
		c.doubtSignIn(e)
	case tellFrozen:
		c.frozen(a.m.name)
	case toCaller:
	}
	return e
}

// mendOwn repeats a call whose link ended for reasons of its own before the call was sent, or that was out of turn.
func (c *Client) mendOwn(ctx context.Context, a *attempts, e *Error) error {
	if errors.Is(e.Err, session.ErrTurn) && e.Sent == SentNo {
		return a.outOfTurn(e)
	}
	if errors.Is(e.Err, errMoved) && e.Sent == SentNo && ctx.Err() == nil {
		return nil
	}
	return e
}

// again makes the call again after a pause, as often as the options say.
func (c *Client) again(ctx context.Context, a *attempts, e *Error) error {
	a.tries++
	pause := retryPause(a.tries, rand.Float64())
	if a.tries > c.retries(ctx) || outlasts(ctx, pause) {
		return e
	}
	if err := c.sleep(ctx, pause); err != nil {
		return a.failed(e.Sent, err)
	}
	return nil
}

// sitOut waits as Telegram asked, or returns its error where that is longer than the caller allows.
func (c *Client) sitOut(ctx context.Context, a *attempts, e *Error, d time.Duration) error {
	a.flooded += d.Truncate(time.Second)
	waits := a.flooded <= c.floodLimit(ctx) && !outlasts(ctx, d)
	c.emit(FloodWait{Method: a.m.name, Wait: RetryAfter(e), Waits: waits})
	if !waits {
		return e
	}
	until := time.Now().Add(d)
	a.turn.pause(pause{until, e.Kind()})
	defer waiting(ctx, Wait{For: WaitFlood, Until: until, Refusal: e})()
	if err := c.sleep(ctx, d); err != nil {
		return a.failed(e.Sent, err)
	}
	return nil
}

// rewrap puts initConnection around the call (D2).
func (c *Client) rewrap(a *attempts, e *Error) error {
	if a.wraps++; a.wraps > wrapsMost {
		return e
	}
	if a.wraps > 1 { // it is wrapped already
		return nil
	}
	wrapped, err := c.wrap(a.query, c.told(e.DC))
	if err != nil {
		return a.failed(SentNo, err)
	}
	a.query = wrapped
	return nil
}

// follow goes to the data centre that an error names, with this call or for good (D6).
func (c *Client) follow(ctx context.Context, a *attempts, e *Error, home bool) error {
	if a.moves++; a.moves > movesMost || e.Arg == 0 {
		return e
	}
	if !home {
		a.id = e.Arg
		return nil
	}
	if err := c.moveHome(ctx, e.DC, e.Arg); err != nil {
		return a.failed(SentRefused, fmt.Errorf("%w, on the way to data centre %d: %w", e, e.Arg, err))
	}
	a.id = 0
	return nil
}

// unauthorized deals with a data centre that does not take us for signed in: at home the account is lost, elsewhere its
// authorization is brought there again.
func (c *Client) unauthorized(a *attempts, e *Error) error {
	if l := c.home.Load(); e.DC == l.id {
		if c.signedIn() {
			_ = c.loseAuth(e)
		}
		return e
	}
	c.setAuthorized(e.DC, false)
	if a.auths++; a.auths > authsMost || !c.signedIn() {
		return e
	}
	return nil
}

// askWhoEvery is how often it is asked at most.
const askWhoEvery = time.Minute

// doubtSignIn asks at home whether the account is still signed in, after a 401 that nobody knows: the answer to that question,
// and no word that we do not understand, ends a session.
func (c *Client) doubtSignIn(e *Error) {
	l := c.home.Load()
	if e.DC != l.id || !c.signedIn() || e.Method == "users.getUsers" {
		return
	}
	l.mu.Lock()
	due := time.Since(l.asked) >= askWhoEvery
	if due {
		l.asked = time.Now()
	}
	l.mu.Unlock()
	if due {
		l.whoAmI()
	}
}

func (c *Client) duplicated(e *Error) error {
	if l := c.home.Load(); e.DC == l.id && c.signedIn() {
		_ = c.loseAuth(fmt.Errorf("%w: %w", ErrKeyDuplicated, e))
	}
	return e
}
