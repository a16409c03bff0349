package mtproto

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/natsgram/natsgram/mtproto/internal/conn"
	"github.com/natsgram/natsgram/mtproto/internal/keys"
	"github.com/natsgram/natsgram/mtproto/session"
)

var (
	// errMoved says that a link has ended for reasons that do not concern the call: it is to be made on another one.
	errMoved = errors.New("mtproto: connection given up")

	// errIdle ends the link to a data centre that nobody needs.
	errIdle = errors.New("mtproto: nothing to do at this data centre")
)

// link is what the client has at one data centre: the calls that wait in a session there, and what goes before them. It outlives
// connections, which its connector makes and its conn serves. It is the Owner of the conn: see owner.go.
type link struct {
	c    *Client
	id   int // of the data centre
	use  linkUse
	conn *conn.Conn
	up   connector
	keys linkKeys

	// authorizing has an element while the account's authorization is brought here (D7).
	authorizing chan struct{}

	// Under the lock of conn.
	calls  map[session.CallID]*rpc
	held   []*rpc // until initConnection is answered (D1)
	closed error  // why no more calls are taken
	idle   time.Time
	init   initState
	temp   keys.InUse
	wrap   bool // calls of file traffic are to be wrapped in initConnection: none was answered yet (D1)

	config configTimes // under the lock of conn too
}

func newLink(c *Client, id int, use linkUse) *link {
	l := &link{
		c: c, id: id, use: use,
		authorizing: make(chan struct{}, 1),
		calls:       map[session.CallID]*rpc{},
		idle:        time.Now(),
		wrap:        use != forCalls,
	}
	l.conn = conn.New(conn.Options{Owner: l, Idle: c.o.Limits.Session.PingAfter, Wall: c.life.wall})
	l.up = connector{l: l, backoff: backoff{max: c.o.Limits.BackoffMax}}
	l.keys.l = l
	return l
}

// home reports whether this is the account's own data centre.
func (l *link) home() bool { return l.c.home.Load() == l }

// path returns where the link leads.
func (l *link) path() dcPath { return dcPath{l.id, l.use} }

// manner is what may be particular about a call.
type manner struct {
	turn   *turn  // in a [Sequence]
	before []byte // what goes right before the query
	loan   *Loan  // the answer may be lent

	company *Company // the last of it has them all sent
}

// do makes a call and waits for what comes of it.
func (l *link) do(ctx context.Context, m method, query []byte, how manner) ([]byte, *Error) {
	k := l.c.rpcs.get(query, m)
	k.manner = how
	defer l.c.rpcs.put(k)
	err := l.add(k)
	if how.company.come(); err != nil {
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

// add takes a call, unless the link has ended.
func (l *link) add(k *rpc) error {
	defer k.turn.tell()
	l.conn.Lock()
	defer l.conn.Unlock()
	if l.closed != nil {
		return l.closed
	}
	k.turn.taken()
	if !l.init.open {
		l.held = append(l.held, k)
	} else {
		l.submit(k)
	}
	if k.company == nil {
		l.conn.Wake()
	}
	return nil
}

// submit gives a call to the session. The lock is held. The one behind the call has to be told.
func (l *link) submit(k *rpc) {
	now, sess := time.Now(), l.conn.Session()
	after, ok := k.turn.after(sess)
	if !ok {
		l.fail(k, SentNo, session.ErrTurn)
		return
	}
	k.id = sess.Call(now, k.query, session.CallOptions{
		Before: k.before, Resendable: k.safe, NoGzip: k.packed, Lend: k.loan != nil, Build: k.build, After: after,
	})
	l.calls[k.id] = k
	k.turn.enter(sess, k.id)
	l.conn.Drain(now) // a query that cannot be sent has failed already
}

// start makes a call of the client's own. The lock is held, and there is a session.
func (l *link) start(query []byte, then func(*rpc)) *rpc {
	k := l.c.rpcs.get(query, method{safe: true})
	k.then = then
	l.submit(k)
	return k
}

// cancel takes a call back. It returns false if the answer has come.
func (l *link) cancel(k *rpc) (Sent, bool) {
	l.conn.Lock()
	defer l.conn.Unlock()
	if i := slices.Index(l.held, k); i >= 0 {
		l.held = slices.Delete(l.held, i, i+1)
		k.turn.leave()
		return k.fate(SentNo), true
	}
	if l.calls[k.id] != k {
		return SentUnknown, false
	}
	delete(l.calls, k.id)
	k.turn.leave()
	sent := k.fate(sentBy(l.conn.Session().Cancel(time.Now(), k.id)))
	l.conn.Wake() // the server may be asked to forget it too
	return sent, true
}

// busy reports whether somebody waits for an answer. The lock is held.
func (l *link) busy() bool { return len(l.calls) > 0 || len(l.held) > 0 }

// load returns how many calls the link has, and whether it takes more.
func (l *link) load() (calls int, taking bool) {
	l.conn.Lock()
	defer l.conn.Unlock()
	return len(l.calls) + len(l.held), l.closed == nil
}

// isOpen reports whether calls are sent at once.
func (l *link) isOpen() bool {
	l.conn.Lock()
	defer l.conn.Unlock()
	return l.init.open
}

// release sends the calls that were held. The lock is held.
func (l *link) release() {
	l.init.open = true
	for _, k := range l.held {
		t := k.turn // one that fails is its caller's at once
		l.submit(k)
		t.tell()
	}
	l.held = nil
	l.conn.Wake()
}

// begin takes a session into use, which is under a temporary key, or under the permanent one if t is nil.
func (l *link) begin(s *session.Session, t *keys.Temporary) {
	l.conn.Lock()
	defer l.conn.Unlock()
	l.conn.SetSession(s)
	l.temp, l.init.noticed = keys.Use(t), false
}

// abandon leaves the session, whose key is gone. Calls that were not sent, or do no harm when sent twice, wait for the
// next one.
func (l *link) abandon() {
	l.conn.Lock()
	defer l.conn.Unlock()
	for _, id := range slices.Sorted(maps.Keys(l.calls)) {
		k, sent := l.calls[id], sentBy(l.conn.Session().Cancel(time.Now(), id))
		k.turn.leave()
		switch {
		case k.then != nil:
		case sent == SentNo || k.safe:
			k.doubt = k.doubt || sent != SentNo
			l.held = append(l.held, k)
			k.turn.taken()
			k.turn.tell()
		default:
			l.fail(k, sent, ErrKeyUnknown)
		}
	}
	clear(l.calls)
	l.leaveSession()
	l.conn.SetSession(nil)
	l.init, l.temp = l.init.anew(), keys.InUse{}
}

// leaveSession notes that the session is not used any more (C38). The lock is held.
func (l *link) leaveSession() {
	if sess, t := l.conn.Session(), l.temp.Key(); sess != nil && t != nil {
		l.c.keys.LeaveSession(t, sess.SessionID())
	}
}

// finish ends all calls: those that were not sent may be made elsewhere. After it the link takes no more.
func (l *link) finish(why error) {
	l.conn.Lock()
	defer l.conn.Unlock()
	l.closed = why
	for _, k := range l.held {
		l.fail(k, SentNo, why)
	}
	for id, k := range l.calls {
		l.fail(k, sentBy(l.conn.Session().Cancel(time.Now(), id)), why)
	}
	clear(l.calls) // not nil: a late answer may start something of our own yet, which then goes nowhere
	l.held, l.init.open, l.init.query, l.init.binding = nil, false, nil, nil
	l.leaveSession()
}

// fail ends a call without an answer, unless it is the client's own: nobody waits for that. The lock is held.
func (l *link) fail(k *rpc, sent Sent, why error) {
	if k.then != nil {
		return
	}
	k.err, k.sent = why, k.fate(sent)
	k.turn.leave()
	k.done <- struct{}{}
}
