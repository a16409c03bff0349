package mtproto

import (
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/natsgram/natsgram/mtproto/session"
)

// errMoved says that a link has ended for reasons that do not concern the call: it is to be made on another one.
var errMoved = errors.New("mtproto: connection given up")

// link is the way to one data centre: a session, the calls that wait in it, and the connection of the moment. It outlives
// connections. Its loop and its reader live in loop.go and serve.go.
type link struct {
	c  *Client
	id int // of the data centre

	errand

	wake chan struct{} // has an element when there may be something to write
	kick chan error    // has an element when the connection is to be given up

	// authorize is held while the account's authorization is brought here (D7).
	authorize chan struct{}

	mu     sync.Mutex
	sess   *session.Session // nil until there is a key
	calls  map[session.CallID]*call
	held   []*call // until initConnection is answered (D1)
	closed error   // why no more calls are taken
	events []session.Event
	idle   time.Time // since when there is nothing to do
	heard  bool      // the server proved itself on the present connection
	rtt    time.Duration

	configAt  time.Time // when help.getConfig is due again (D5)
	configHad time.Time // when it was last called beside initConnection
	asked     time.Time // when a 401 last made us ask who we are
	sleeps    time.Time // until then the loop does, if nobody wakes it

	intro
	tenure
	tries tries
}

// intro is what comes before calls, once in a session.
type intro struct {
	open    bool      // all is said: calls go to the session at once
	since   time.Time // when the connection was made
	binding *call     // of the temporary key, under way
	init    *call     // the initConnection under way
	told    int       // the way that initConnection told the server of (D1)
	noticed bool      // the server said that the session is new (C36)

	refusals
	reinit
}

// refusals are those of initConnection and of the binding that may pass. The connection is kept meanwhile.
type refusals struct {
	refused int       // in a row
	until   time.Time // when to ask again; zero: nothing was refused
}

// reinit is when initConnection was last repeated for [Client.Reinit], and when it will be because it was asked for too soon.
type reinit struct{ done, due time.Time }

// tries is the loop's own account of its attempts to connect.
type tries struct {
	backoff
	pause  time.Duration // before the next attempt
	doubts int           // how often our permanent key was denied in a row (A11)
	verify bool          // use temporary keys, whose binding tells whether the permanent one is known
	clocks clocks
	via    *route // the connection of the moment; its reader may look too
}

func newLink(c *Client, id int) *link {
	return &link{
		c: c, id: id,
		wake: make(chan struct{}, 1), kick: make(chan error, 1),
		authorize: make(chan struct{}, 1),
		calls:     map[session.CallID]*call{},
		idle:      time.Now(),
		tries:     tries{backoff: backoff{max: c.o.Limits.BackoffMax}},
	}
}

// home says whether this is the account's own data centre.
func (l *link) home() bool { return l.c.home.Load() == l }

// poke has the loop look whether there is something to write.
func (l *link) poke() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// drop gives the present connection up.
func (l *link) drop(why error) {
	select {
	case l.kick <- why:
	default:
	}
}

// add takes a call, unless the link has ended.
func (l *link) add(k *call) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed != nil {
		return l.closed
	}
	k.turn.taken()
	if !l.open {
		l.held = append(l.held, k)
	} else {
		l.submit(k)
	}
	l.poke()
	return nil
}

// submit gives a call to the session. The lock is held.
func (l *link) submit(k *call) {
	now := time.Now()
	after, ok := k.turn.after(l.sess)
	if !ok {
		l.fail(k, SentNo, session.ErrTurn)
		return
	}
	k.id = l.sess.Call(now, k.query, session.CallOptions{Resendable: k.safe, NoGzip: k.packed, Build: k.build, After: after})
	l.calls[k.id] = k
	k.turn.enter(l.sess, k.id)
	l.drain(now) // a query that cannot be sent has failed already
}

// cancel takes a call back. False: its answer has come.
func (l *link) cancel(k *call) (Sent, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := slices.Index(l.held, k); i >= 0 {
		l.held = slices.Delete(l.held, i, i+1)
		k.turn.leave()
		return SentNo, true
	}
	if l.calls[k.id] != k {
		return SentUnknown, false
	}
	delete(l.calls, k.id)
	k.turn.leave()
	sent := sentBy(l.sess.Cancel(time.Now(), k.id))
	l.poke() // the server may be asked to forget it too
	return sent, true
}

// busy says whether somebody waits for an answer. The lock is held.
func (l *link) busy() bool { return len(l.calls) > 0 || len(l.held) > 0 }

// drain takes the session's events: answers go to those who wait for them, the rest to dispatch. The lock is held.
func (l *link) drain(now time.Time) {
	for {
		e, ok := l.sess.Event()
		if !ok {
			return
		}
		switch e := e.(type) {
		case session.Result:
			l.answer(now, e.Call, func(k *call) { k.body, k.rpc = e.Body, e.Err })
		case session.Failed:
			l.answer(now, e.Call, func(k *call) { k.err, k.sent = e.Err, sentBy(e.Sent) })
		case session.Pong:
			l.rtt = e.RTT
		default:
			l.events = append(l.events, e)
		}
	}
}

// answered is a call of the client's own, whose reaction runs outside the lock.
type answered struct {
	session.Event
	call *call
}

func (l *link) answer(now time.Time, id session.CallID, fill func(*call)) {
	k := l.calls[id]
	if k == nil {
		return
	}
	delete(l.calls, id)
	k.turn.leave()
	if !l.busy() {
		l.idle = now
	}
	fill(k)
	if k.rpc != nil && k.rpc.ErrorMessage == kindUnbound {
		l.unbind(now)
	}
	if k.then != nil {
		l.events = append(l.events, answered{call: k})
		return
	}
	k.done <- struct{}{}
}

// start makes a call of the client's own. The lock is held, and the session is there.
func (l *link) start(query []byte, then func(*call)) *call {
	k := l.c.newCall(query, method{safe: true})
	k.then = then
	l.submit(k)
	return k
}

// opened lets calls through after initConnection was answered. It says whether this is the first that is heard of a new
// session.
func (l *link) opened() (news bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.init = nil; l.closed == nil {
		l.reopen()
	}
	return !l.noticed
}

// reopen lets calls through. The lock is held.
func (l *link) reopen() {
	l.open = true
	for _, k := range l.held {
		l.submit(k)
	}
	l.held = nil
	l.poke()
}

// leave notes that the session is not used any more (C38). The lock is held.
func (l *link) leave() {
	if l.sess != nil && l.temp != nil {
		l.c.keys.leave(l.temp, l.sess.SessionID())
	}
}

// finish ends all calls: those that were not sent may be made elsewhere. After it the link takes no more.
func (l *link) finish(why error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = why
	for _, k := range l.held {
		l.fail(k, SentNo, why)
	}
	for id, k := range l.calls {
		l.fail(k, sentBy(l.sess.Cancel(time.Now(), id)), why)
	}
	clear(l.calls) // not nil: a late answer may start something of our own yet, which then goes nowhere
	l.held, l.open, l.init, l.binding = nil, false, nil, nil
	l.leave()
}

func (l *link) fail(k *call, sent Sent, why error) {
	if k.then != nil {
		return // the client's own: nobody waits
	}
	k.err, k.sent = why, sent
	k.turn.leave()
	k.done <- struct{}{}
}
