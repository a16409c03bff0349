package mtproto

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/natsgram/natsgram/mtproto/dc"
	"github.com/natsgram/natsgram/tl/codec"
)

// exportsMost is how often an authorization is exported anew because its token was not accepted, or something else went wrong
// that passes (D7).
const exportsMost = 3

// foreign returns the link to another data centre than the home, with the account's authorization there.
func (c *Client) foreign(ctx context.Context, id int) (*link, error) {
	if len(c.addresses(id, dc.Want{})) == 0 {
		return nil, fmt.Errorf("%w %d", ErrNoDC, id)
	}
	l, err := c.linkTo(id)
	if err != nil {
		return nil, err
	}
	return l, c.transfers.bring(ctx, l)
}

// bring exports the account's authorization at home and imports it at a data centre, once for each key
// there (D7). Of several calls one does it, the others wait.
func (t *transfers) bring(ctx context.Context, l *link) error {
	c := t.c
	if c.store.authorized(l.id) {
		return nil
	}
	select {
	case l.authorizing <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-l.authorizing }()
	if c.store.authorized(l.id) {
		return nil
	}
	return t.transfer(ctx, c.home.Load(), l)
}

// transfers are how the account's authorization gets to other data centres. They outlive the links there.
type transfers struct {
	c *Client

	mu  sync.Mutex
	all map[int]*transfer // by data centre
}

// transfer is that to one data centre. It belongs to whoever brings the authorization there.
type transfer struct {
	failed int       // tries in a row
	until  time.Time // when to try again
}

// to returns that to a data centre.
func (t *transfers) to(id int) *transfer {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.all[id] == nil {
		if t.all == nil {
			t.all = map[int]*transfer{}
		}
		t.all[id] = &transfer{}
	}
	return t.all[id]
}

// transfer imports at one link what it exports at another. However many calls want it, there are pauses of 1, 2, 4 ... 60 s
// between the tries.
func (t *transfers) transfer(ctx context.Context, from, to *link) error {
	state := t.to(to.id)
	for try := 1; ; try++ {
		err := t.c.sleep(ctx, time.Until(state.until))
		if err == nil {
			err = t.once(ctx, from, to)
		}
		if err == nil {
			*state = transfer{}
			t.c.store.setAuthorized(to.id, true)
			return nil
		}
		passes := transferable(err)
		if passes {
			state.failed++
			state.until = time.Now().Add(retryPause(state.failed, rand.Float64()))
		}
		if try == exportsMost || !passes {
			return fmt.Errorf("mtproto: authorization at data centre %d: %w", to.id, err)
		}
	}
}

// transferable reports whether another attempt may succeed: with another token, with another temporary key (B25), or when
// Telegram has recovered.
func transferable(err error) bool {
	var e *Error
	if !errors.As(err, &e) || e.Code == 0 {
		return false
	}
	switch react(e.Code, e.Kind()) {
	case retry, retryIfSafe, retryNow:
		return true
	}
	return e.Kind() == "AUTH_BYTES_INVALID"
}

func (t *transfers) once(ctx context.Context, from, to *link) error {
	exported, err := t.c.at(ctx, from, codec.M{"_": "auth.exportAuthorization", "dc_id": to.id})
	if err != nil {
		return err
	}
	_, err = t.c.at(ctx, to, codec.M{
		"_": "auth.importAuthorization", "id": exported.Int("id"), "bytes": exported.Bytes("bytes"),
	})
	return err
}

// at makes a call over a certain link, without any repetition, and not before a flood wait of the same method is over.
func (c *Client) at(ctx context.Context, l *link, call codec.M) (codec.View, error) {
	query, err := c.o.Schema.Encode(nil, call)
	if err != nil {
		return codec.View{}, err
	}
	m := methodOf(c.o.Schema, query)
	if p, some := c.floods.left(m.id, time.Now(), func() peer { return peer{} }); some {
		return codec.View{}, p.refusal(m, l.id)
	}
	body, e := l.do(ctx, m, query, manner{})
	if e != nil {
		if RetryAfter(e) > 0 { // the next who wants the same is not to ask again
			c.floods.pause(m, peer{}, e)
		}
		return codec.View{}, e
	}
	return c.o.Schema.View(body)
}

// moveHome makes another data centre the account's home (D6). If somebody is signed in, that is brought along. Calls that
// are under way at the former home end there.
func (c *Client) moveHome(ctx context.Context, from, to int) error {
	select {
	case c.moving <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-c.moving }()
	former := c.home.Load()
	if former.id != from { // another call has moved it
		return nil
	}
	if to == from {
		return errors.New("mtproto: the home is to move to where it is")
	}
	l, err := c.foreign(ctx, to)
	if err != nil {
		return err
	}
	c.store.change(func(s *State) { s.Home = to })
	l = c.settle(l)
	former.conn.Wake() // it may be idle from now on
	l.conn.Wake()
	c.events.emit(Migrated{From: from, To: to})
	if l.isOpen() {
		c.setReady(true)
	}
	return nil
}
