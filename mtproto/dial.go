package mtproto

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"syscall"
	"time"

	"github.com/natsgram/natsgram/mtproto/internal/conn"
	"github.com/natsgram/natsgram/mtproto/internal/keys"
	"github.com/natsgram/natsgram/mtproto/reach"
	"github.com/natsgram/natsgram/mtproto/transport"
)

// dial connects by the ways there are, the healthiest first, until one leads somewhere; the addresses from the next one on
// after each failure.
func (r *connector) dial(ctx context.Context, failures int) (*route, error) {
	l := r.l
	addresses := rotate(l.use.addresses(l.c, l.id), failures)
	if len(addresses) == 0 {
		return nil, fmt.Errorf("%w %d", ErrNoDC, l.id)
	}
	o := &l.c.o
	if wait := o.Throttle.queue(time.Now()); wait > 0 {
		if err := l.c.life.sleep(ctx, wait); err != nil {
			return nil, err
		}
	}
	offset := l.c.store.offset(l.id)
	if failures%2 == 1 { // perhaps our clock was set right meanwhile
		offset = 0
	}
	d := reach.Dialer{
		TCP: reach.DialFunc(o.Dial), Framing: reach.Framing(o.Transport), Limit: o.Limits.Dial,
		Now: func() time.Time { return time.Now().Add(offset) },
	}
	var failed []error
	for _, i := range l.c.ways.Order(time.Now()) {
		began := time.Now()
		conn, err := d.Dial(ctx, l.c.ways.Way(i), o.Env, addresses)
		if err == nil {
			return &route{conn, i, began}, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		l.c.ways.Failed(time.Now(), i)
		failed = append(failed, err)
	}
	return nil, fmt.Errorf("mtproto: %w", errors.Join(failed...))
}

// suspectSecret says more of a connection through an MTProxy that ended before anything came over it than that it ended: so
// proxies, and those who pretend to be web servers, answer a secret that is not theirs.
func (r *connector) suspectSecret(err error, proved bool) error {
	if r.via == nil || proved || ours(err) {
		return err
	}
	way := r.l.c.ways.Way(r.via.way)
	if _, _, ok := way.MTProxy(); !ok {
		return err
	}
	var broken *net.OpError
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) ||
		errors.As(err, &broken) && !broken.Timeout() {
		return fmt.Errorf("%w (%v: %w)", ErrProxySecret, way, err)
	}
	return err
}

// noteHealth tells the Chooser how a connection ended. What Telegram has said, or we have done, is not the way's fault.
func (r *connector) noteHealth(via *route, proved bool, err error) {
	var code *conn.TransportError
	var refusal *Error
	now, ways := time.Now(), r.l.c.ways
	switch {
	case errors.As(err, &code) && r.crowded(code):
		ways.Failed(now, via.way) // too many go that way
	case ours(err), errors.As(err, &code), errors.As(err, &refusal):
	case proved:
		ways.Ended(now, via.way, now.Sub(via.began))
	default:
		ways.Failed(now, via.way)
	}
}

// crowded reports whether a -429 is about the address of a proxy, or by it, as nothing proves such an error: a reason to go
// another way, and none for accounts that do.
func (r *connector) crowded(e *conn.TransportError) bool {
	return e.Code == transport.CodeFlood && r.via != nil && !r.l.c.ways.Way(r.via.way).Ours()
}

// ours reports whether we have given a connection up ourselves.
func ours(err error) bool {
	own := []error{errIdle, errReinit, errSilent, keys.ErrRenewed, keys.ErrUnbound, conn.ErrSlept}
	return slices.ContainsFunc(own, func(e error) bool { return errors.Is(err, e) })
}
