package mtproto

import (
	"errors"
	"time"

	"github.com/natsgram/natsgram/mtproto/internal/conn"
	"github.com/natsgram/natsgram/mtproto/internal/keys"
	"github.com/natsgram/natsgram/mtproto/session"
)

var _ conn.Owner = (*link)(nil)

// never stands for no reason to wake up.
const never = keys.Never

// Attached begins, on a new connection, with what goes before calls.
func (l *link) Attached(now time.Time) {
	if !sameProxy(l.c.ways, l.up.via.way, l.init.announced) { // D1: what initConnection has said is not true any more
		l.calls.open = false
	}
	l.init.since = now
	if !l.init.reinitDue.IsZero() {
		l.init.reinit(now)
		l.calls.open = false
	}
	l.init.begin()
}

// Ended hands the end of a call to who waits for it.
func (l *link) Ended(now time.Time, e session.Event) {
	switch e := e.(type) {
	case session.Result:
		if k := l.calls.take(now, e.Call); k != nil {
			k.body, k.refusal = e.Body, e.Err
			if e.Lent {
				k.loan.Lend(l.conn.Lent(), conn.Recycle)
			}
			l.answered(now, k)
		}
	case session.Failed:
		if k := l.calls.take(now, e.Call); k != nil {
			k.err, k.sent = e.Err, k.fate(sentBy(e.Sent))
			l.answered(now, k)
		}
	}
}

func (l *link) answered(now time.Time, k *rpc) {
	if k.refusal != nil && k.refusal.ErrorMessage == kindUnbound && l.temp.Unbind(now) {
		l.calls.open = false
		l.conn.Wake()
	}
	if k.then != nil {
		l.conn.Defer(func() { k.then(k) })
		return
	}
	k.done <- struct{}{}
}

// Next starts what the client itself has to do in time.
func (l *link) Next(now time.Time) (time.Duration, error) {
	d, home := never, l.home()
	if home && l.calls.open {
		d = l.config.next(l, now)
	}
	if !home && !l.calls.busy() {
		left := l.calls.idle.Add(l.c.o.Limits.Idle).Sub(now)
		if left <= 0 {
			return 0, errIdle
		}
		d = min(d, left)
	}
	d = min(d, l.init.retry(now))
	left, err := l.init.answerDue(now)
	if err != nil {
		return 0, err
	}
	d = min(d, left)
	if left, err = l.init.reinitLeft(now); err != nil {
		l.calls.open = false
		return 0, err
	}
	d = min(d, left)
	if left, err = l.stepKey(now); err != nil {
		return 0, err
	}
	return min(d, left), nil
}

// stepKey sees to the next temporary key in time. It returns how long there is nothing to do, or why the connection is to be
// left.
func (l *link) stepKey(now time.Time) (time.Duration, error) {
	s := l.temp.Next(now, l.c.life.wall(), &l.c.keys, keys.Load{Calls: len(l.calls.sent), Open: l.calls.open})
	switch {
	case s.Leave != nil:
		return 0, s.Leave
	case s.Hold:
		l.calls.open = false
	case s.Release:
		l.calls.release()
	case s.Renew:
		present := l.temp.Key()
		l.c.life.wg.Go(func() { l.keys.renew(l.c.life.ctx, present) })
	}
	return s.Wait, nil
}

// Due reports whether the next temporary key waits for nothing but that the loop takes it.
func (l *link) Due() bool { return l.temp.Draining() && len(l.calls.sent) == 0 }

// Proved notes that the connection works. It reports whether calls go on over it at once.
func (l *link) Proved(now time.Time) bool {
	via := l.up.via
	l.c.ways.Answered(now, via.way, now.Sub(via.began))
	open := l.calls.isOpen()
	l.noteOffset(now)
	return open
}

// Resumed says that calls are answered, once the events in the first packet were handed over.
func (l *link) Resumed() { l.connected(l.conn.RTT()) }

// connected says that calls are answered.
func (l *link) connected(rtt time.Duration) {
	l.c.o.Log.Info("connected", "dc", l.id, "rtt", rtt)
	if l.use != forCalls {
		return // no matter of the account's
	}
	l.c.events.emit(Connected{DC: l.id, Layer: l.c.o.Schema.Layer(), RTT: rtt})
	if l.home() {
		l.c.ready.set(true)
	}
}

// ClockLeaped notes that the wall clock was set, or that the machine slept. When it was set back, nothing here runs by it but the
// offset that is kept.
func (l *link) ClockLeaped(now time.Time, by time.Duration) {
	l.c.o.Log.Info("the clock leaped", "by", by)
	if by < 0 {
		l.noteOffset(now)
	}
}

// noteOffset remembers the server's clock against ours as it is now (C11).
func (l *link) noteOffset(now time.Time) {
	l.conn.Lock()
	server := l.conn.Session().ServerTime(now)
	l.conn.Unlock()
	offset := server.Sub(l.c.life.wall())
	if (offset - l.c.store.offset(l.id)).Abs() >= time.Second {
		l.c.store.keepOffset(l.id, offset)
	}
}

// Closing has acknowledgements sent before a connection is closed that could go on. When Run ends, nothing else is to be sent.
func (l *link) Closing(ended bool, why error) (flush bool) {
	if ended {
		l.finish(l.c.life.ending())
		return true
	}
	return errors.Is(why, errIdle) || errors.Is(why, keys.ErrRenewed)
}

// Detached says that calls are not answered any more.
func (l *link) Detached() {
	if l.home() {
		l.c.ready.set(false)
	}
}
