package mtproto

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/natsgram/natsgram/mtproto/internal/conn"
	"github.com/natsgram/natsgram/mtproto/session"
)

// linkCalls are the calls of a link: those that wait for an answer, and those that wait for the session to take them.
type linkCalls struct {
	id   int // of the data centre
	conn *conn.Conn
	rpcs *rpcPool

	// Under the lock of conn.
	sent   map[session.CallID]*rpc
	held   []*rpc // until initConnection is answered (D1)
	open   bool   // that is done: calls go to the session at once
	closed error  // why no more calls are taken
	idle   time.Time
}

// do makes a call and waits for what comes of it.
func (q *linkCalls) do(ctx context.Context, m method, query []byte, how manner) ([]byte, *Error) {
	k := q.rpcs.get(query, m)
	k.manner = how
	defer q.rpcs.put(k)
	err := q.add(k)
	if how.company.come(); err != nil {
		return nil, &Error{Method: m.name, DC: q.id, Sent: SentNo, Err: err}
	}
	select {
	case <-k.done:
	case <-ctx.Done():
		if sent, mine := q.cancel(k); mine {
			return nil, &Error{Method: m.name, DC: q.id, Sent: sent, Err: ctx.Err()}
		}
		<-k.done
	}
	return k.result(m, q.id)
}

// add takes a call, unless the link has ended.
func (q *linkCalls) add(k *rpc) error {
	defer k.turn.tell()
	q.conn.Lock()
	defer q.conn.Unlock()
	if q.closed != nil {
		return q.closed
	}
	k.turn.taken()
	if !q.open {
		q.held = append(q.held, k)
	} else {
		q.submit(k)
	}
	if k.company == nil {
		q.conn.Wake()
	}
	return nil
}

// submit gives a call to the session. The lock is held. The one behind the call has to be told.
func (q *linkCalls) submit(k *rpc) {
	now, sess := time.Now(), q.conn.Session()
	after, ok := k.turn.after(sess)
	if !ok {
		q.fail(k, SentNo, session.ErrTurn)
		return
	}
	k.id = sess.Call(now, k.query, session.CallOptions{
		Before: k.before, Resendable: k.safe, NoGzip: k.packed, Lend: k.loan != nil, Build: k.build, After: after,
	})
	q.sent[k.id] = k
	k.turn.enter(sess, k.id)
	q.conn.Drain(now) // a query that cannot be sent has failed already
}

// start makes a call of the client's own. The lock is held, and there is a session.
func (q *linkCalls) start(query []byte, then func(*rpc)) *rpc {
	k := q.rpcs.get(query, method{safe: true})
	k.then = then
	q.submit(k)
	return k
}

// cancel takes a call back. It returns false if the answer has come.
func (q *linkCalls) cancel(k *rpc) (Sent, bool) {
	q.conn.Lock()
	defer q.conn.Unlock()
	if i := slices.Index(q.held, k); i >= 0 {
		q.held = slices.Delete(q.held, i, i+1)
		k.turn.leave()
		return k.fate(SentNo), true
	}
	if q.sent[k.id] != k {
		return SentUnknown, false
	}
	delete(q.sent, k.id)
	k.turn.leave()
	sent := k.fate(sentBy(q.conn.Session().Cancel(time.Now(), k.id)))
	q.conn.Wake() // the server may be asked to forget it too
	return sent, true
}

// busy reports whether somebody waits for an answer. The lock is held.
func (q *linkCalls) busy() bool { return len(q.sent) > 0 || len(q.held) > 0 }

// load returns how many calls the link has, and whether it takes more.
func (q *linkCalls) load() (calls int, taking bool) {
	q.conn.Lock()
	defer q.conn.Unlock()
	return len(q.sent) + len(q.held), q.closed == nil
}

// isOpen reports whether calls are sent at once.
func (q *linkCalls) isOpen() bool {
	q.conn.Lock()
	defer q.conn.Unlock()
	return q.open
}

// release sends the calls that were held. The lock is held.
func (q *linkCalls) release() {
	q.open = true
	for _, k := range q.held {
		t := k.turn // one that fails is its caller's at once
		q.submit(k)
		t.tell()
	}
	q.held = nil
	q.conn.Wake()
}

// take takes a call out whose end has come; nil: nobody waits for that any more. The lock is held.
func (q *linkCalls) take(now time.Time, id session.CallID) *rpc {
	k := q.sent[id]
	if k == nil {
		return nil
	}
	delete(q.sent, id)
	k.turn.leave()
	if !q.busy() {
		q.idle = now
	}
	return k
}

// drop lets go of a call of the client's own. The lock is held.
func (q *linkCalls) drop(k *rpc) {
	delete(q.sent, k.id)
	q.conn.Session().Cancel(time.Now(), k.id)
}

// moveOn leaves the session, whose key is gone. Calls that were not sent, or do no harm when sent twice, wait for the next one. The
// lock is held.
func (q *linkCalls) moveOn() {
	for _, id := range slices.Sorted(maps.Keys(q.sent)) {
		k, sent := q.sent[id], sentBy(q.conn.Session().Cancel(time.Now(), id))
		k.turn.leave()
		switch {
		case k.then != nil:
		case sent == SentNo || k.safe:
			k.doubt = k.doubt || sent != SentNo
			q.held = append(q.held, k)
			k.turn.taken()
			k.turn.tell()
		default:
			q.fail(k, sent, ErrKeyUnknown)
		}
	}
	clear(q.sent)
	q.open = false
}

// finish ends all calls: those that were not sent may be made elsewhere. No more are taken. The lock is held.
func (q *linkCalls) finish(why error) {
	q.closed = why
	for _, k := range q.held {
		q.fail(k, SentNo, why)
	}
	for id, k := range q.sent {
		q.fail(k, sentBy(q.conn.Session().Cancel(time.Now(), id)), why)
	}
	clear(q.sent) // not nil: a late answer may start something of our own yet, which then goes nowhere
	q.held, q.open = nil, false
}

// fail ends a call without an answer, unless it is the client's own: nobody waits for that. The lock is held.
func (q *linkCalls) fail(k *rpc, sent Sent, why error) {
	if k.then != nil {
		return
	}
	k.err, k.sent = why, k.fate(sent)
	k.turn.leave()
	k.done <- struct{}{}
}
