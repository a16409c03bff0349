package mtproto

import (
	"context"
	"sync"
	"time"

	"github.com/natsgram/natsgram/mtproto/session"
)

// Sequence has Telegram execute calls in the order of their places, without a round trip between them: each is sent at once,
// wrapped so that it waits for the one before it (C39). Telegram may need to be asked again: a call that was not executed, for a
// flood wait or anything else that [Client.Invoke] mends, holds up those after it until it is over. One that fails for good does
// not: an order is all that a Sequence promises. Those that were sent behind it and refused with it are sent again, all at once.
type Sequence struct {
	c    *Client
	room chan struct{} // has an element for each call of Start that is not over
	mu   sync.Mutex
	last *sequenced
}

// sequenceMost is how many calls of Start are under way at once; each has a goroutine.
const sequenceMost = 1024

// Sequence begins a sequence of calls at the account's data centre.
func (c *Client) Sequence() *Sequence {
	return &Sequence{c: c, room: make(chan struct{}, sequenceMost)}
}

// Next takes the next place. All after it wait until its call is over, or it is left: one of these has to be.
func (s *Sequence) Next() *Place {
	p := &Place{c: s.c}
	p.turn.own = &sequenced{}
	s.mu.Lock()
	defer s.mu.Unlock()
	p.turn.before, s.last = s.last, p.turn.own
	return p
}

// Place is that of a call in a [Sequence]. One goroutine uses it.
type Place struct {
	c    *Client
	turn turn
}

// Invoke makes the call as [Client.Invoke] does, in its turn. A place serves one call.
func (p *Place) Invoke(ctx context.Context, query []byte) ([]byte, error) {
	defer p.Leave()
	a := p.c.attempts(0, query)
	a.turn = &p.turn
	body, err := a.carryHome(ctx)
	if err == nil {
		p.turn.before = nil // Telegram has executed that one first
	}
	return body, err
}

// Leave gives the place up: there will be no call, or it is over. Who comes after it comes after the one before it.
func (p *Place) Leave() {
	p.turn.own.change(func(s *sequenced) {
		if !s.over {
			s.over, s.before = true, p.turn.before
		}
	})
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
	p, over := s.Next(), make(chan struct{})
	var body []byte
	var err error
	go func() {
		defer func() { <-s.room }()
		defer close(over)
		body, err = p.Invoke(ctx, query)
	}()
	return func() ([]byte, error) {
		<-over
		return body, err
	}
}

// Invoke is Start, and to wait for the result.
func (s *Sequence) Invoke(ctx context.Context, query []byte) ([]byte, error) {
	return s.Start(ctx, query)()
}

// sequenced is a call of a sequence, as the one after it sees it.
type sequenced struct {
	mu      sync.Mutex
	given   bool       // a link has it
	over    bool       // it has an answer, has failed or will not be
	before  *sequenced // once it is over: whom it was waiting for then; nil: nobody
	sess    *session.Session
	id      session.CallID // in sess, where it waits for an answer; nil: nowhere
	paused  pause          // of this call, or of one before it
	count   uint64         // of changes
	changed chan struct{}  // closed with the next change; nil: nobody waits for it
}

// change does something to the call, and tells the one who waits.
func (p *sequenced) change(do func(*sequenced)) {
	p.set(do)
	p.tell()
}

// set does something to the call. The one who waits has to be told of it.
func (p *sequenced) set(do func(*sequenced)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	do(p)
	p.count++
}

// tell tells the one who waits that the call has changed.
func (p *sequenced) tell() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.changed != nil {
		close(p.changed)
		p.changed = nil
	}
}

// look says whether the call may be sent. If not, next is closed when it is worth another look.
func (t *turn) look() (ready bool, paused pause, next <-chan struct{}) {
	for t.before != nil {
		p := t.before
		p.mu.Lock()
		if !p.over {
			defer p.mu.Unlock()
			if p.given && p.count != t.stale {
				return true, pause{}, nil
			}
			if p.changed == nil {
				p.changed = make(chan struct{})
			}
			return false, p.paused, p.changed
		}
		t.before, t.stale = p.before, 0
		p.mu.Unlock()
	}
	return true, pause{}, nil
}

// turn is a call's place in a sequence; nil: in none. Its methods do nothing then.
type turn struct {
	own    *sequenced
	before *sequenced // nil: nobody, any more
	used   uint64     // the change of before by which this call was last given to a session
	stale  uint64     // the change of before after which the call was refused: it takes another one
}

// awaitTurn waits until the call before has been given to a link, so that it is sent first. Where that one sits out a flood wait
// for longer than this one may take, it fails at once, as that one would.
func (a *attempts) awaitTurn(ctx context.Context) *Error {
	t := a.turn
	if t == nil || t.before == nil {
		return nil
	}
	if ctx.Err() != nil { // the call before may have ended for the same reason, and this one must not overtake it
		return a.failed(SentNo, ctx.Err())
	}
	resume := func() {}
	defer func() { resume() }()
	for waits := false; ; {
		ready, paused, next := t.look()
		if ready {
			return nil
		}
		if now := time.Now(); !paused.over(now) {
			if outlasts(ctx, paused.until.Sub(now)) {
				return paused.refusal(a.m, a.id)
			}
			t.pause(paused)
		}
		if !waits {
			waits, resume = true, BeginWait(ctx, Wait{For: WaitTurn})
		}
		select {
		case <-next:
		case <-ctx.Done():
			return a.failed(SentNo, ctx.Err())
		case <-a.c.life.over:
			return a.failed(SentNo, a.c.life.ending())
		}
	}
}

// outOfTurn has a call tried again that was refused because of the one before it: when that one has gone on, or is over. Without such
// a call the error stands.
func (a *attempts) outOfTurn(e *Error) error {
	if a.turn == nil || a.turn.before == nil {
		return e
	}
	a.turn.stale = a.turn.used
	return nil
}

// after is the call that one in this session has to come after; 0: none. Not ok: that is not in this session, and not over.
func (t *turn) after(s *session.Session) (id session.CallID, ok bool) {
	if t == nil || t.before == nil {
		return 0, true
	}
	p := t.before
	p.mu.Lock()
	defer p.mu.Unlock()
	t.used = p.count
	if p.over && p.before == nil {
		return 0, true
	}
	return p.id, p.sess == s
}

// taken notes that a link has the call. The one behind it has to be told.
func (t *turn) taken() {
	if t != nil {
		t.own.set(func(s *sequenced) { s.given, s.paused = true, pause{} })
	}
}

// enter notes that the call waits in a session. The one behind it has to be told, as it was given to a session that was left.
func (t *turn) enter(in *session.Session, id session.CallID) {
	if t != nil {
		t.own.set(func(s *sequenced) { s.sess, s.id = in, id })
	}
}

// tell has the one behind the call go on, if it waits. Whoever gives a call to a link does so last: so the connection's loop runs after
// the one behind, and sends both at once.
func (t *turn) tell() {
	if t != nil {
		t.own.tell()
	}
}

// leave notes that no link has the call any more.
func (t *turn) leave() {
	if t != nil {
		t.own.change(func(s *sequenced) { s.given, s.sess, s.id = false, nil, 0 })
	}
}

// pause notes that the call, or one before it, has to wait.
func (t *turn) pause(p pause) {
	if t != nil {
		t.own.change(func(s *sequenced) { s.paused = s.paused.longer(p) })
	}
}
