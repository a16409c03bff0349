package conn

import (
	"sync"
	"time"

	"github.com/natsgram/natsgram/mtproto/session"
	"github.com/natsgram/natsgram/mtproto/transport"
)

// Owner is who a [Conn] is served for.
type Owner interface {
	// These are called with the lock of the Conn held, and must not block.

	// Attached says that the session goes over a new connection.
	Attached(now time.Time)
	// Ended takes a [session.Result] or a [session.Failed].
	Ended(now time.Time, e session.Event)
	// Next does what is due by now, and returns how long there is nothing else to do. An error ends the connection.
	Next(now time.Time) (time.Duration, error)
	// Due reports whether there is something to do before the time that Next returned.
	Due() bool

	// These are called without the lock, one at a time.

	// Proved says that the first packet came that proves the peer to have the key. The events in it follow, and then
	// Resumed, if Proved returned true.
	Proved(now time.Time) bool
	Resumed()
	// Event takes any other event of the session's.
	Event(now time.Time, e session.Event)
	// ClockLeaped says that the wall clock has leaped by so much against the monotonic one.
	ClockLeaped(now time.Time, by time.Duration)
	// Closing says that the connection is to be closed for a reason of ours, and Run's end is one if ended is true. It
	// reports whether the acknowledgements that are owed are to be sent before.
	Closing(ended bool, why error) (flush bool)
	// Detached says that the connection is closed, and all its events were handed over.
	Detached()
}

// Options are what a [Conn] is made with.
type Options struct {
	Owner Owner
	Idle  time.Duration    // how long the loop sleeps at most, if that is longer than by default
	Wall  func() time.Time // the wall clock
}

// Conn is a session, and its way over one connection after another. Its lock guards the session, and whatever the Owner keeps of
// the session's calls. Its other methods may be called by any goroutine.
type Conn struct {
	sync.Mutex
	o    Options
	wake chan struct{} // has an element when there may be something to write
	kick chan error    // has an element when the connection is to be given up

	// Under the lock.
	sess   *session.Session // nil: there is none
	events []session.Event  // to be handed to the Owner
	lent   []byte           // the buffer that an answer stands in, which is lent to its receiver
	proved bool             // the peer proved itself on the present connection
	rtt    time.Duration
	sleeps time.Time // until then the loop does, if nobody wakes it
}

// New makes a Conn without a session.
func New(o Options) *Conn {
	return &Conn{o: o, wake: make(chan struct{}, 1), kick: make(chan error, 1)}
}

// Lent is the buffer that the present [session.Result] stands in, if that is lent: whoever got it may give it back by [Recycle]. The
// lock is held.
func (c *Conn) Lent() []byte { return c.lent }

// Recycle takes a buffer back that was lent. Nobody may use it any more.
func Recycle(b []byte) { transport.Recycle(b) }

// Wake has the loop look whether there is something to do.
func (c *Conn) Wake() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// Drop gives the present connection up.
func (c *Conn) Drop(why error) {
	select {
	case c.kick <- why:
	default:
	}
}

// Session returns the session, nil if there is none. The lock is held.
func (c *Conn) Session() *session.Session { return c.sess }

// SetSession has another session served from the next connection on. The lock is held, and no connection is served.
func (c *Conn) SetSession(s *session.Session) { c.sess = s }

// RTT returns the round trip time that was measured last, 0 for none.
func (c *Conn) RTT() time.Duration {
	c.Lock()
	defer c.Unlock()
	return c.rtt
}

// Release has an update acknowledged (C17).
func (c *Conn) Release(msgID int64) {
	c.Lock()
	defer c.Unlock()
	if c.sess == nil {
		return
	}
	if c.sess.Release(msgID); c.due() {
		c.Wake()
	}
}

// Decline has an update come again on the next connection (E27).
func (c *Conn) Decline(msgID int64) {
	c.Lock()
	defer c.Unlock()
	if c.sess != nil {
		c.sess.Decline(msgID)
	}
}

// deferred is what the Owner wants done outside the lock.
type deferred struct {
	session.Event
	do func()
}

// Defer has something done outside the lock, in its turn among the events. The lock is held.
func (c *Conn) Defer(do func()) { c.events = append(c.events, deferred{do: do}) }

// Drain takes the session's events: calls that have ended go to the Owner at once, the rest waits until the lock is free. Call
// it after everything that is done with the session. The lock is held.
func (c *Conn) Drain(now time.Time) {
	for {
		e, ok := c.sess.Event()
		if !ok {
			return
		}
		switch e := e.(type) {
		case session.Result, session.Failed:
			c.o.Owner.Ended(now, e)
		case session.Pong:
			c.rtt = e.RTT
		default:
			c.events = append(c.events, e)
		}
	}
}

// take empties the list of events. The lock is held; who takes events dispatches them, so that they stay in order.
func (c *Conn) take() []session.Event {
	events := c.events
	c.events = nil
	return events
}

func (c *Conn) dispatch(now time.Time, events []session.Event) {
	for _, e := range events {
		if d, ok := e.(deferred); ok {
			d.do()
		} else {
			c.o.Owner.Event(now, e)
		}
	}
}

// due reports whether the loop has something to do before it wakes by itself. The lock is held.
func (c *Conn) due() bool {
	wake := c.sess.Wake()
	return c.sess.Due() || !wake.IsZero() && wake.Before(c.sleeps) || c.o.Owner.Due()
}
