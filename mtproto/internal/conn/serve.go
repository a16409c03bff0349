package conn

import (
	"context"
	"errors"
	"time"

	"github.com/natsgram/natsgram/mtproto/transport"
)

// sleepMost is how long the loop sleeps at most, unless Options.Idle is longer, so that it learns soon that the machine slept.
const sleepMost = 5 * time.Second

// Serve carries the session over a connection until it breaks, is dropped, or ctx ends. It always returns an error, and whether
// the peer has proved itself. This goroutine writes and keeps the time, another one reads.
func (c *Conn) Serve(ctx context.Context, w *Wire) (proved bool, err error) {
	c.attach()
	broken := make(chan error, 1)
	go func() { broken <- c.read(w) }()
	stop := context.AfterFunc(ctx, w.hurry)
	err = c.write(ctx, w, broken)
	stop()
	return c.hangUp(ctx, w, broken, err)
}

// hangUp closes a connection, and returns why it ended.
func (c *Conn) hangUp(ctx context.Context, w *Wire, broken chan error, err error) (proved bool, why error) {
	c.flushAcks(ctx, w, err)
	_ = w.conn.Close()
	cause := <-broken // waited for, so that no two readers ever hand out updates
	if t := new(TransportError); errors.As(cause, &t) {
		err = cause // it says more than that the peer closed
	}
	return c.detach(), err
}

// flushAcks sends the acknowledgements that are owed, before a connection is closed that could go on: what comes in another
// session is not the same messages again (C15).
func (c *Conn) flushAcks(ctx context.Context, w *Wire, why error) {
	if !c.o.Owner.Closing(ctx.Err() != nil, why) {
		return
	}
	w.hurry()
	c.Lock()
	c.sess.Flush()
	c.Unlock()
	_ = c.flush(w) // if it fails, they come again
}

func (c *Conn) attach() {
	c.Lock()
	defer c.Unlock()
	select {
	case <-c.kick: //nolint:errcheck // it was meant for a former connection
	default:
	}
	c.proved = false
	c.sess.Connected(time.Now())
	c.o.Owner.Attached(time.Now())
}

func (c *Conn) detach() (proved bool) {
	c.Lock()
	now := time.Now()
	c.sess.Disconnected(now)
	c.Drain(now)
	events := c.take()
	proved = c.proved
	c.Unlock()
	c.dispatch(now, events)
	c.o.Owner.Detached()
	return proved
}

// write sends what there is to send whenever it is woken.
func (c *Conn) write(ctx context.Context, w *Wire, broken chan error) error {
	var seen clocks
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		if err := c.checkClocks(&seen, time.Now()); err != nil {
			return err
		}
		more, err := c.flushSome(w)
		if err != nil {
			return err
		}
		if more { // however much there is to write, what is due in time has its turn
			if err := c.tick(); err != nil {
				return err
			}
			c.Wake()
		}
		sleep, err := c.next(time.Now())
		if err != nil {
			return err
		}
		timer.Reset(sleep)
		select {
		case <-c.wake:
		case <-timer.C:
			if err := c.tick(); err != nil {
				return err
			}
		case err := <-c.kick:
			return err
		case err := <-broken:
			broken <- err // hangUp waits for it
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// flush writes all packets that the session has.
func (c *Conn) flush(w *Wire) error {
	for {
		if more, err := c.flushSome(w); err != nil || !more {
			return err
		}
	}
}

// flushSome writes as many packets as are written at once. more reports whether there may be others.
func (c *Conn) flushSome(w *Wire) (more bool, err error) {
	b := writeBuffers.Get().(*writeBuffer)
	defer b.free()
	if more, err = c.fill(w, b); err != nil || len(b.framed[0]) == 0 {
		return false, err
	}
	for _, framed := range b.framed {
		if err := w.write(framed); err != nil {
			return false, err
		}
	}
	return more, nil
}

// fill gathers packets for one write. more reports whether there may be others.
func (c *Conn) fill(w *Wire, b *writeBuffer) (more bool, err error) {
	b.framed[0], b.framed[1] = b.framed[0][:0], b.framed[1][:0]
	for len(b.framed[0]) < writeMost && len(b.framed[1]) == 0 {
		at, dst := [2]int{len(b.framed[0]), 0}, [2][]byte{w.framing.Begin(b.framed[0])}
		if w.framing.Begun() {
			dst[1] = w.framing.Begin(b.framed[1])
		}
		c.Lock()
		now := time.Now()
		packets, n := c.sess.AppendPair(now, dst)
		c.Drain(now) // calls may have failed instead of being sent
		c.Unlock()
		for i := range n {
			if b.framed[i], err = w.framing.End(packets[i], at[i], false); err != nil {
				return false, err
			}
		}
		if n == 0 {
			return false, nil
		}
	}
	return true, nil
}

// next returns how long to sleep, after the Owner did what is due.
func (c *Conn) next(now time.Time) (time.Duration, error) {
	c.Lock()
	defer c.Unlock()
	d := max(sleepMost, c.o.Idle)
	if at := c.sess.Wake(); !at.IsZero() {
		d = min(d, at.Sub(now))
	}
	left, err := c.o.Owner.Next(now)
	if err != nil {
		return 0, err
	}
	d = max(min(d, left), 0)
	c.sleeps = now.Add(d)
	return d, nil
}

// tick tells the session the time.
func (c *Conn) tick() error {
	now := time.Now()
	c.Lock()
	err := c.sess.Tick(now)
	c.Drain(now)
	events := c.take()
	c.Unlock()
	c.dispatch(now, events)
	return err
}

// read takes what comes over a connection.
func (c *Conn) read(w *Wire) error {
	return w.frames(c.alive, func(f transport.Frame) error {
		switch f.Kind {
		case transport.Error:
			return &TransportError{Code: f.Code, Keyed: true}
		case transport.QuickAck:
			c.Lock()
			defer c.Unlock()
			c.sess.QuickAck(f.Token)
			return nil
		}
		return c.receive(w, f.Payload)
	})
}

// alive notes that part of a packet came.
func (c *Conn) alive() {
	c.Lock()
	defer c.Unlock()
	c.sess.Alive(time.Now())
}

// receive takes a packet.
func (c *Conn) receive(w *Wire, packet []byte) error {
	now := time.Now()
	c.Lock()
	lent, err := c.sess.Receive(now, packet)
	if lent { // before the Owner hears of it
		c.lent = w.framing.HandOver()
	}
	first := err == nil && !c.proved
	if first {
		c.proved = true
	}
	c.Drain(now)
	c.lent = nil
	events := c.take()
	due := c.due()
	c.Unlock()
	resumed := first && c.o.Owner.Proved(now)
	c.dispatch(now, events)
	if resumed {
		c.o.Owner.Resumed()
	}
	if due {
		c.Wake()
	}
	return err
}
