package mtproto

import (
	"errors"
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

	calls linkCalls

	// Under the lock of conn.
	init introduction
	temp keys.InUse
	wrap bool // calls of file traffic are to be wrapped in initConnection: none was answered yet (D1)

	config configTimes // under the lock of conn too
}

func newLink(c *Client, id int, use linkUse) *link {
	l := &link{
		c: c, id: id, use: use,
		authorizing: make(chan struct{}, 1),
		wrap:        use != forCalls,
	}
	l.conn = conn.New(conn.Options{Owner: l, Idle: c.o.Limits.Session.PingAfter, Wall: c.life.wall})
	l.calls = linkCalls{id: id, conn: l.conn, rpcs: &c.rpcs, sent: map[session.CallID]*rpc{}, idle: time.Now()}
	l.up = connector{l: l, backoff: backoff{max: c.o.Limits.BackoffMax}}
	l.keys.l, l.init.l = l, l
	return l
}

// home reports whether this is the account's own data centre.
func (l *link) home() bool { return l.c.links.home.Load() == l }

// path returns where the link leads.
func (l *link) path() dcPath { return dcPath{l.id, l.use} }

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
	l.calls.moveOn()
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
	l.calls.finish(why)
	l.init.query, l.init.binding = nil, nil
	l.leaveSession()
}
