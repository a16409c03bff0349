package mtproto

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"syscall"
	"time"

	"github.com/natsgram/natsgram/mtproto/dc"
	"github.com/natsgram/natsgram/mtproto/reach"
	"github.com/natsgram/natsgram/mtproto/transport"
	"github.com/natsgram/natsgram/tl/codec"
)

// route is a connection, and the way that it came by.
type route struct {
	*reach.Conn
	way   int // for the Chooser
	began time.Time
}

// dial connects by the ways there are, the healthiest first, until one leads somewhere; the addresses from the next one on
// after each failure.
func (l *link) dial(ctx context.Context, failures int) (*route, error) {
	addresses := l.addresses(failures)
	if len(addresses) == 0 {
		return nil, fmt.Errorf("%w %d", ErrNoDC, l.id)
	}
	o := &l.c.o
	if wait := o.Throttle.queue(time.Now()); wait > 0 {
		if err := l.c.sleep(ctx, wait); err != nil {
			return nil, err
		}
	}
	offset := l.c.offset(l.id)
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

// errProxySilent says more of a connection through an MTProxy that ended before anything came over it than that it ended: so
// proxies, and those who pretend to be web servers, answer a secret that is not theirs.
var errProxySilent = errors.New("mtproto: the proxy hung up before Telegram answered: is its secret right?")

// suspect says so.
func (l *link) suspect(err error, heard bool) error {
	if via := l.tries.via; heard || via == nil || ours(err) {
		return err
	} else if _, _, mtproxy := l.c.ways.Way(via.way).MTProxy(); !mtproxy {
		return err
	}
	var reset *net.OpError
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.As(err, &reset) && !reset.Timeout() {
		return fmt.Errorf("%w (%w)", errProxySilent, err)
	}
	return err
}

// health tells the Chooser how a connection ended. What Telegram has said, or we have done, is not the way's fault.
func (l *link) health(r *route, heard bool, err error) {
	var code *transportError
	var said *Error
	now := time.Now()
	switch {
	case errors.As(err, &code) && l.crowded(code):
		l.c.ways.Failed(now, r.way) // too many go that way
	case ours(err), errors.As(err, &code), errors.As(err, &said):
	case heard:
		l.c.ways.Ended(now, r.way, now.Sub(r.began))
	default:
		l.c.ways.Failed(now, r.way)
	}
}

// crowded says that a -429 is about the address of a proxy, or by it, as nothing proves such an error: a reason to go another way,
// and none for accounts that do.
func (l *link) crowded(e *transportError) bool {
	via := l.tries.via
	return e.code == transport.CodeFlood && via != nil && !l.c.ways.Way(via.way).Ours()
}

// ours says that we have given a connection up ourselves.
func ours(err error) bool {
	return slices.ContainsFunc([]error{errIdle, errReinit, errRenewed, errUnbound, errSilent, errSlept}, func(own error) bool {
		return errors.Is(err, own)
	})
}

// offset is the server's clock minus ours, as far as it is known (A24).
func (c *Client) offset(id int) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if d, ok := c.state.DCs[id]; ok {
		return d.Offset
	}
	return c.state.DCs[c.state.Home].Offset
}

// proxyOf is what initConnection has to say of a way: nil, or the MTProxy at its end (A32, D1).
func proxyOf(w reach.Way) codec.M {
	host, port, ok := w.MTProxy()
	if !ok {
		return nil
	}
	return codec.M{"_": "inputClientProxy", "address": host, "port": port}
}

// sameProxy says whether two ways are alike to initConnection.
func (c *Client) sameProxy(a, b int) bool {
	return a == b || maps.Equal(proxyOf(c.ways.Way(a)), proxyOf(c.ways.Way(b)))
}

// told is the way that a data centre was last told of.
func (c *Client) told(id int) int {
	c.mu.Lock()
	l := c.links[id]
	c.mu.Unlock()
	if l == nil {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.told
}

// Ways says how the ways to Telegram do, in the order of the options.
func (c *Client) Ways() []reach.Health { return c.ways.Health(time.Now()) }

// addresses are those of a data centre in the order to try them: what Telegram's config says, then what we were built
// with; each failure begins with the next one.
func (c *Client) addresses(id, failures int) []dc.Option {
	return c.addressesFor(id, failures, dc.Want{})
}

func (c *Client) addressesFor(id, failures int, w dc.Want) []dc.Option {
	c.mu.Lock()
	config := c.state.Config
	c.mu.Unlock()
	all := slices.Concat(config.Options, c.o.Env.Options)
	w.PreferIPv6 = config.ForceTryIPv6
	return rotate(dc.Select(all, id, w), failures)
}
