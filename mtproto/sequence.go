package mtproto

import (
	"context"
	"sync"

	"github.com/natsgram/natsgram/mtproto/session"
)

// Sequence has Telegram execute calls in the order in which they were started, without a round trip between them: each is
// sent at once, wrapped so that it waits for the one before it (C39). Telegram may need to be asked again: a call that was
// not executed, for a flood wait or anything else that [Client.Invoke] mends, holds up those after it until it is over. One
// that fails for good does not: an order is all that a Sequence promises.
type Sequence struct {
	c    *Client
	room chan struct{} // has an element for each call that is not over
	mu   sync.Mutex
	last *step
}

// sequenceMost is how many calls of a sequence are under way at once; each has a goroutine.
const sequenceMost = 1024

// Sequence begins a sequence of calls at the account's data centre.
func (c *Client) Sequence() *Sequence {
	return &Sequence{c: c, room: make(chan struct{}, sequenceMost)}
}

// Start makes a call as [Client.Invoke] does, after those that were started before. It returns at once, or where 1024 calls are
// not over yet, when one of them is; wait waits for the result, and may be called or not. Query must not change until the call
// is over, which ctx may end.
func (s *Sequence) Start(ctx context.Context, query []byte) (wait func() ([]byte, error)) {
	select {
	case s.room <- struct{}{}:
	case <-ctx.Done():
		return func() ([]byte, error) { return nil, &Error{Sent: SentNo, Err: ctx.Err()} }
	}
	t := &turn{own: &step{there: make(chan struct{}), over: make(chan struct{})}}
	s.mu.Lock()
	t.before, s.last = s.last, t.own
	s.mu.Unlock()
	var body []byte
	var err error
	go func() {
		defer func() { <-s.room }()
		defer close(t.own.over)
		body, err = s.c.carry(ctx, &attempts{m: s.c.method(query), query: query, turn: t})
	}()
	return func() ([]byte, error) {
		<-t.own.over
		return body, err
	}
}

// Invoke is Start, and to wait for the result.
func (s *Sequence) Invoke(ctx context.Context, query []byte) ([]byte, error) {
	return s.Start(ctx, query)()
}

// step is a call of a sequence, as the one after it sees it.
type step struct {
	there chan struct{} // closed when it has been given to a link
	over  chan struct{} // closed when it has an answer or has failed

	mu   sync.Mutex
	sess *session.Session // where it waits for an answer; nil: nowhere
	id   session.CallID
}

// turn is a call's place in a sequence; nil: in none. Its methods do nothing then.
type turn struct {
	own    *step
	before *step // nil: nobody, any more
	given  bool
}

// comes waits until the call before has been given to a link, so that it is sent first.
func (t *turn) comes(ctx context.Context) error {
	if t == nil || t.before == nil {
		return nil
	}
	select {
	case <-t.before.there:
	case <-t.before.over:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// after is the call that one in this session has to come after; 0: none. Not ok: that is not in this session, and not over.
func (t *turn) after(s *session.Session) (id session.CallID, ok bool) {
	if t == nil || t.before == nil {
		return 0, true
	}
	select {
	case <-t.before.over:
		return 0, true
	default:
	}
	t.before.mu.Lock()
	defer t.before.mu.Unlock()
	return t.before.id, t.before.sess == s
}

// taken notes that a link has the call.
func (t *turn) taken() {
	if t != nil && !t.given {
		t.given = true
		close(t.own.there)
	}
}

// enter notes that the call waits in a session, leave that it does not any more.
func (t *turn) enter(s *session.Session, id session.CallID) {
	if t == nil {
		return
	}
	t.own.mu.Lock()
	defer t.own.mu.Unlock()
	t.own.sess, t.own.id = s, id
}

func (t *turn) leave() { t.enter(nil, 0) }

// awaitTurn waits until the call before this one is over, after which this one need not be wrapped. Without such a call the
// error stands.
func (c *Client) awaitTurn(ctx context.Context, a *attempts, e *Error) error {
	if a.turn == nil || a.turn.before == nil {
		return e
	}
	select {
	case <-a.turn.before.over:
		a.turn.before = nil
		return nil
	case <-ctx.Done():
		return a.failed(e.Sent, ctx.Err())
	case <-c.life.over:
		return a.failed(e.Sent, c.ending())
	}
}
