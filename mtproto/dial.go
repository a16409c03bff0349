package mtproto

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/natsgram/natsgram/mtproto/dc"
)

const (
	raceStep = 300 * time.Millisecond // head start of an address before the next one is tried too (A35)
	raceMost = 4                      // addresses tried at once
)

// dialed is a connection and the address it leads to.
type dialed struct {
	conn net.Conn
	to   dc.Option
}

// race connects to the first address that answers. Addresses start one after the other, the next one at once where one
// has failed. The losers are closed before race returns or when they come in.
func race(ctx context.Context, dial DialFunc, options []dc.Option, limit time.Duration) (dialed, error) {
	if len(options) == 0 {
		return dialed{}, ErrNoDC
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if len(options) == 1 { // no goroutine for the common case
		conn, err := dial(ctx, "tcp", options[0].Addr)
		return dialed{conn, options[0]}, err
	}
	r := runners{results: make(chan outcome), gone: make(chan struct{})}
	defer close(r.gone)
	return r.run(ctx, dial, options[:min(len(options), raceMost)])
}

type outcome struct {
	dialed
	err error
}

type runners struct {
	results chan outcome
	gone    chan struct{} // closed: nobody takes results any more
}

func (r *runners) start(ctx context.Context, dial DialFunc, o dc.Option) {
	conn, err := dial(ctx, "tcp", o.Addr)
	select {
	case r.results <- outcome{dialed{conn, o}, err}:
	case <-r.gone:
		if err == nil {
			_ = conn.Close()
		}
	}
}

func (r *runners) run(ctx context.Context, dial DialFunc, options []dc.Option) (dialed, error) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var failed []error
	for started := 0; ; {
		select {
		case <-timer.C:
			if started < len(options) {
				go r.start(ctx, dial, options[started])
				started++
				timer.Reset(raceStep)
			}
		case out := <-r.results:
			if out.err == nil {
				return out.dialed, nil
			}
			failed = append(failed, out.err)
			if len(failed) == len(options) {
				return dialed{}, fmt.Errorf("mtproto: no address answers: %w", errors.Join(failed...))
			}
			timer.Reset(0)
		}
	}
}

// addresses are those of a data centre in the order to try them: what Telegram's config says, then what we were built
// with; each failure begins with the next one.
func (c *Client) addresses(id, failures int) []dc.Option {
	c.mu.Lock()
	config := c.state.Config
	c.mu.Unlock()
	all := append(config.Options[:len(config.Options):len(config.Options)], c.o.Env.Options...)
	found := dc.Select(all, id, dc.Want{PreferIPv6: config.ForceTryIPv6})
	if n := len(found); n > 1 {
		k := failures % n
		found = append(found[k:len(found):len(found)], found[:k]...)
	}
	return found
}
