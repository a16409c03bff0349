package mtproto

import (
	"context"
	"errors"
	"time"

	"github.com/natsgram/natsgram/mtproto/session"
	"github.com/natsgram/natsgram/mtproto/transport"
)

// serve speaks over a connection until it breaks or the link is to end; it always returns an error. This goroutine writes
// and keeps the time, another one reads.
func (l *link) serve(ctx context.Context, w *wire) error {
	l.attach()
	broken := make(chan error, 1)
	go func() { broken <- l.read(w) }()
	stop := context.AfterFunc(ctx, w.hurry)
	err := l.write(ctx, w, broken)
	stop()
	return l.hangUp(ctx, w, broken, err)
}

// hangUp closes a connection. It returns why it ended.
func (l *link) hangUp(ctx context.Context, w *wire, broken chan error, err error) error {
	l.farewell(ctx, w, err)
	_ = w.conn.Close()
	cause := <-broken // waited for, so that no two readers ever hand out updates
	if t := new(transportError); errors.As(cause, &t) {
		err = cause // it says more than that the peer closed
	}
	l.detach()
	return err
}

// farewell sends the acknowledgements that are owed, before a connection is closed that could go on: what comes in another
// session is not the same messages again (C15).
func (l *link) farewell(ctx context.Context, w *wire, why error) {
	switch {
	case ctx.Err() != nil:
		l.finish(l.c.ending()) // nothing else is to be sent any more
	case !errors.Is(why, errIdle) && !errors.Is(why, errRenewed):
		return
	}
	w.hurry()
	l.mu.Lock()
	l.sess.Flush()
	l.mu.Unlock()
	_ = l.flush(w) // if it fails, they come again
}

func (l *link) attach() {
	l.tries.clocks = clocks{}
	l.mu.Lock()
	defer l.mu.Unlock()
	select { // of a former connection
	case <-l.kick: //nolint:errcheck // of a connection that is gone
	default:
	}
	l.heard = false
	l.sess.Connected(time.Now())
	if way := l.tries.via.way; !l.c.sameProxy(way, l.told) { // D1: what initConnection has said is not true any more
		l.open = false
	}
	l.since = time.Now()
	if !l.reinit.due.IsZero() {
		l.reinited(l.since)
	}
	l.introduce()
}

func (l *link) detach() {
	l.mu.Lock()
	now := time.Now()
	l.sess.Disconnected(now)
	l.drain(now)
	events := l.take()
	l.mu.Unlock()
	l.dispatch(now, events)
	if l.home() {
		l.c.setReady(false)
	}
}

// write sends what there is to send whenever it is woken.
func (l *link) write(ctx context.Context, w *wire, broken chan error) error {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		if err := l.awake(time.Now()); err != nil {
			return err
		}
		more, err := l.flushSome(w)
		if err != nil {
			return err
		}
		if more { // however much there is to write, what is due in time has its turn
			if err := l.tick(); err != nil {
				return err
			}
			l.poke()
		}
		wake, err := l.next(time.Now())
		if err != nil {
			return err
		}
		timer.Reset(wake)
		select {
		case <-l.wake:
		case <-timer.C:
			if err := l.tick(); err != nil {
				return err
			}
		case err := <-l.kick:
			return err
		case err := <-broken:
			broken <- err // serve waits for it
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// flush writes all packets that the session has.
func (l *link) flush(w *wire) error {
	for {
		if more, err := l.flushSome(w); err != nil || !more {
			return err
		}
	}
}

// flushSome writes as many packets as are written at once. More says that there may be others.
func (l *link) flushSome(w *wire) (more bool, err error) {
	b := buffers.Get().(*buffer)
	defer b.free()
	if more, err = l.fill(w, b); err != nil || len(b.framed) == 0 {
		return false, err
	}
	return more, w.write(b.framed)
}

// fill gathers packets for one write. More says that there may be others.
func (l *link) fill(w *wire, b *buffer) (more bool, err error) {
	b.framed = b.framed[:0]
	for len(b.framed) < writeMost {
		l.mu.Lock()
		var ok bool
		now := time.Now()
		b.packet, ok = l.sess.Append(now, b.packet[:0])
		l.drain(now) // calls may have failed instead of being sent
		l.mu.Unlock()
		if !ok {
			return false, nil
		}
		if b.framed, err = w.framing.Append(b.framed, b.packet, false); err != nil {
			return false, err
		}
	}
	return true, nil
}

// never stands for no reason to wake up.
const never = 24 * time.Hour

// next is how long to sleep. It also starts what the client itself has to do in time.
func (l *link) next(now time.Time) (time.Duration, error) {
	home := l.home()
	l.mu.Lock()
	defer l.mu.Unlock()
	d := max(nap, l.c.o.Limits.Session.PingAfter)
	if at := l.sess.Wake(); !at.IsZero() {
		d = min(d, at.Sub(now))
	}
	if home && l.open {
		if !now.Before(l.configAt) {
			l.configAt, l.configHad = now.Add(configRetry), now
			l.start(l.c.getConfig, l.configured)
			l.poke()
		}
		d = min(d, l.configAt.Sub(now))
	}
	if !home && !l.busy() {
		left := l.idle.Add(l.c.o.Limits.Idle).Sub(now)
		if left <= 0 {
			return 0, errIdle
		}
		d = min(d, left)
	}
	d = min(d, l.askAgain(now))
	left, err := l.introLeft(now)
	if err != nil {
		return 0, err
	}
	d = min(d, left)
	if left, err = l.reinitLeft(now); err != nil {
		return 0, err
	}
	d = min(d, left)
	if left, err = l.succession(now); err != nil {
		return 0, err
	}
	d = max(min(d, left), 0)
	l.sleeps = now.Add(d)
	return d, nil
}

// due says whether the loop has something to do before it wakes by itself. The lock is held.
func (l *link) due() bool {
	wake := l.sess.Wake()
	return l.sess.Due() || !wake.IsZero() && wake.Before(l.sleeps) || !l.parting.IsZero() && len(l.calls) == 0
}

func (l *link) tick() error {
	now := time.Now()
	l.mu.Lock()
	err := l.sess.Tick(now)
	l.drain(now)
	events := l.take()
	l.mu.Unlock()
	l.dispatch(now, events)
	return err
}

// read takes what comes over a connection.
func (l *link) read(w *wire) error {
	return w.frames(l.alive, func(f transport.Frame) error {
		switch f.Kind {
		case transport.Error:
			return &transportError{code: f.Code, keyed: true}
		case transport.QuickAck:
			l.mu.Lock()
			defer l.mu.Unlock()
			l.sess.QuickAck(f.Token)
			return nil
		}
		return l.receive(f.Payload)
	})
}

// alive notes that part of a packet came.
func (l *link) alive() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sess.Alive(time.Now())
}

// receive takes a packet.
func (l *link) receive(packet []byte) error {
	now := time.Now()
	l.mu.Lock()
	err := l.sess.Receive(now, packet)
	first := err == nil && !l.heard
	if first {
		l.heard = true
	}
	l.drain(now)
	events := l.take()
	again, rtt := first && l.open, l.rtt
	due := l.due()
	l.mu.Unlock()
	if via := l.tries.via; first {
		l.c.ways.Answered(now, via.way, now.Sub(via.began))
		l.noteOffset(now)
	}
	l.dispatch(now, events)
	if again {
		l.connected(rtt)
	}
	if due {
		l.poke()
	}
	return err
}

// take empties the list of events. The lock is held; who takes events dispatches them, so that they stay in order.
func (l *link) take() []session.Event {
	events := l.events
	l.events = nil
	return events
}

func (l *link) dispatch(now time.Time, events []session.Event) {
	for _, e := range events {
		switch e := e.(type) {
		case answered:
			e.call.then(e.call)
		case session.Update:
			l.update(now, e)
		case session.NewSession:
			l.renewed(e.UniqueID)
		case session.SaltsChanged:
			l.keepSalts(e.Salts)
		case session.TimeSynced:
			l.noteOffset(now)
		case session.Reset:
			l.c.o.Log.Warn("session renewed", "dc", l.id, "code", e.Code, "reason", e.Reason)
		case session.Warning:
			l.c.o.Log.Warn("session", "dc", l.id, "error", e.Err)
		}
	}
}
