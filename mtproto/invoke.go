package mtproto

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/natsgram/natsgram/mtproto/session"
)

const (
	movesMost = 4 // data centres that one call is sent on to
	authsMost = 2 // times that an authorization is imported for one call
	wrapsMost = 2 // times that one call is wrapped in initConnection
)

// partMethods begins the names of the methods that carry parts of files. Their speed is limited part by part.
const partMethods = "upload."

// Invoke makes a call at the account's data centre and returns its result, both as TL. The call may be wrapped in
// whatever the API has wrappers for, but initConnection, which is the client's own business; one by a business connection
// goes to that connection's data centre. Query must not change before Invoke returns; the result belongs to the caller.
//
// Invoke waits for the connection, and through reconnections, for as long as ctx allows. It repeats the call where that is
// known to be right (see the table in react.go), and sits out short flood waits. Its error is an [*Error].
func (c *Client) Invoke(ctx context.Context, query []byte) ([]byte, error) {
	return c.attempts(0, query).carryHome(ctx)
}

// InvokeDC is [Client.Invoke] at a data centre of the caller's choice, where the account's authorization is brought first
// (D7). The connection there is closed when nobody uses it.
func (c *Client) InvokeDC(ctx context.Context, id int, query []byte) ([]byte, error) {
	return c.invoke(ctx, id, query)
}

// attempts makes one call as often as it takes, and counts what was tried.
type attempts struct {
	c       *Client
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
	company *Company
	doubt   bool // an earlier try may have been executed
}

// attempts begins a call at a data centre, 0 for the home.
func (c *Client) attempts(id int, query []byte) *attempts {
	return &attempts{c: c, m: methodOf(c.o.Schema, query), query: query, id: id}
}

// invoke makes a call at a data centre, 0 for the home.
func (c *Client) invoke(ctx context.Context, id int, query []byte) ([]byte, error) {
	a := c.attempts(id, query)
	if id == 0 {
		return a.carryHome(ctx)
	}
	return a.carry(ctx)
}

// carryHome makes a call at the account's data centre, or where the business connection is at home by which it is made.
func (a *attempts) carryHome(ctx context.Context) ([]byte, error) {
	if connection := a.businessConnection(); connection != "" {
		return a.c.business.invoke(ctx, a, connection)
	}
	return a.carry(ctx)
}

// carry makes a call until there is an answer, or an error that repetition does not mend. What the last try says of its being sent is
// not all where an earlier one may have been executed.
func (a *attempts) carry(ctx context.Context) ([]byte, error) {
	body, err := a.repeat(ctx)
	if e, ok := err.(*Error); ok && a.doubt && e.Sent == SentNo {
		e.Sent = SentUnknown
	}
	return body, err
}

func (a *attempts) repeat(ctx context.Context) ([]byte, error) {
	if err := a.c.life.running(ctx); err != nil {
		return nil, a.failed(SentNo, err)
	}
	for {
		if err := a.queueForFlood(ctx); err != nil {
			return nil, err
		}
		if e := a.awaitTurn(ctx); e != nil {
			return nil, e
		}
		body, e := a.try(ctx)
		if e == nil {
			return body, nil
		}
		if err := a.mend(ctx, e); err != nil {
			return nil, err
		}
		a.doubt = a.doubt || e.Sent == SentUnknown || e.Sent == SentYes
	}
}

// failed returns an error that is not Telegram's.
func (a *attempts) failed(sent Sent, err error) *Error {
	return &Error{Method: a.m.name, DC: a.id, Sent: sent, Err: err}
}

// try makes the call once.
func (a *attempts) try(ctx context.Context) ([]byte, *Error) {
	l := a.c.links.home.Load()
	if a.id != 0 && a.id != l.id {
		var err error
		if l, err = a.c.links.foreign(ctx, a.id); err != nil {
			return nil, a.failed(SentNo, err)
		}
	}
	return l.calls.do(ctx, a.m, a.query, manner{turn: a.turn})
}

// queueForFlood waits where an earlier call of the same method, and to the same peer perhaps, was told to, or fails as that
// would.
func (a *attempts) queueForFlood(ctx context.Context) error {
	for {
		p, some := a.c.floods.left(a.m.id, time.Now(), a.about)
		if !some {
			return nil
		}
		if err := a.sitOut(ctx, p.refusal(a.m, a.id), time.Until(p.until)+floodJitter()); err != nil {
			return err
		}
	}
}

// pauseAlike has calls like this one wait as Telegram said.
func (a *attempts) pauseAlike(e *Error) { a.c.floods.pause(a.m, a.about(), e) }

// about returns whom the call is about, which is only looked up where calls have to wait.
func (a *attempts) about() peer { return peerOf(a.c.o.Schema, inner(a.c.o.Schema, a.query)) }

// mend does what the table says about an error. Nil: make the call again.
func (a *attempts) mend(ctx context.Context, e *Error) error {
	if e.Code == 0 {
		return a.mendOwn(ctx, e)
	}
	switch react(e.Code, e.Kind()) {
	case moveHome:
		return a.follow(ctx, e, true)
	case moveCall:
		return a.follow(ctx, e, false)
	case rewrap:
		return a.rewrap(e)
	case retry:
		return a.retry(ctx, e)
	case retryIfSafe:
		if a.m.safe {
			return a.retry(ctx, e)
		}
	case retryNow:
		if a.soon++; a.soon == 1 || a.soon <= retryNowMost && e.Kind() != kindUnbound {
			return nil
		}
		if e.Kind() == kindUnbound { // each time costs a key exchange
			return a.retry(ctx, e)
		}
		return a.outOfTurn(e)
	case retryInTurn:
		return a.outOfTurn(e)
	case waitAlike:
		a.pauseAlike(e)
		return a.sitOut(ctx, e, RetryAfter(e)+floodJitter())
	case waitSpeed:
		if !strings.HasPrefix(a.m.name, partMethods) {
			a.pauseAlike(e)
		}
		return a.sitOut(ctx, e, RetryAfter(e)+floodJitter())
	case waitCall:
		return a.sitOut(ctx, e, RetryAfter(e)+floodJitter())
	case loseAuth:
		return a.unauthorized(e)
	case loseKey:
		return a.c.duplicated(e)
	case checkSignIn:
		a.c.userCheck.doubt(a.c, e)
	case tellFrozen:
		a.c.freezeCheck.report(a.c, a.m.name)
	case toCaller:
	}
	return e
}

// mendOwn repeats a call whose link ended for reasons of its own before the call was sent, or that was out of turn. One that does no harm
// may have been sent before.
func (a *attempts) mendOwn(ctx context.Context, e *Error) error {
	again := e.Sent == SentNo || a.m.safe
	if errors.Is(e.Err, session.ErrTurn) && again {
		return a.outOfTurn(e)
	}
	if errors.Is(e.Err, errMoved) && again && ctx.Err() == nil {
		return nil
	}
	return e
}

// retry makes the call again after a pause, as often as the options say.
func (a *attempts) retry(ctx context.Context, e *Error) error {
	a.tries++
	pause := retryPause(a.tries, rand.Float64())
	if a.tries > a.retries(ctx) || outlasts(ctx, pause) {
		return e
	}
	if err := a.c.life.sleep(ctx, pause); err != nil {
		return a.failed(e.Sent, err)
	}
	return nil
}

// sitOut waits as Telegram asked, or returns its error where that is longer than the caller allows.
func (a *attempts) sitOut(ctx context.Context, e *Error, d time.Duration) error {
	a.flooded += d.Truncate(time.Second)
	waits := a.flooded <= a.floodLimit(ctx) && !outlasts(ctx, d)
	a.c.events.emit(FloodWait{Method: a.m.name, Wait: RetryAfter(e), Waits: waits})
	if !waits {
		return e
	}
	until := time.Now().Add(d)
	a.turn.pause(pause{until, e.Kind()})
	defer BeginWait(ctx, Wait{For: WaitFlood, Until: until, Refusal: e})()
	if err := a.c.life.sleep(ctx, d); err != nil {
		return a.failed(e.Sent, err)
	}
	return nil
}

// rewrap puts initConnection around the call (D2).
func (a *attempts) rewrap(e *Error) error {
	if a.wraps++; a.wraps > wrapsMost {
		return e
	}
	if a.wraps > 1 { // it is wrapped already
		return nil
	}
	wrapped, err := a.c.encoded.initConnection(a.query, a.c.ways.Way(a.c.links.announced(e.DC)))
	if err != nil {
		return a.failed(SentNo, err)
	}
	a.query = wrapped
	return nil
}

// follow goes to the data centre that an error names, with this call or for good (D6).
func (a *attempts) follow(ctx context.Context, e *Error, home bool) error {
	if a.moves++; a.moves > movesMost || e.Arg == 0 {
		return e
	}
	if !home {
		a.id = e.Arg
		return nil
	}
	if err := a.c.links.moveHome(ctx, e.DC, e.Arg); err != nil {
		return a.failed(SentRefused, fmt.Errorf("%w, on the way to data centre %d: %w", e, e.Arg, err))
	}
	a.id = 0
	return nil
}

// unauthorized deals with a data centre that does not take us for signed in: at home the account is lost, elsewhere its
// authorization is brought there again.
func (a *attempts) unauthorized(e *Error) error {
	if l := a.c.links.home.Load(); e.DC == l.id {
		if a.c.store.signedIn() {
			_ = a.c.loseAuth(e)
		}
		return e
	}
	a.c.store.setAuthorized(e.DC, false)
	if a.auths++; a.auths > authsMost || !a.c.store.signedIn() {
		return e
	}
	return nil
}
