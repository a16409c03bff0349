package mtproto

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/natsgram/natsgram/tl/codec"
)

// exportsMost is how often an authorization is exported anew because its token was not accepted, or something else went wrong
// that passes (D7).
const exportsMost = 3

// foreign is the link to another data centre than the home, with the account's authorization there.
func (c *Client) foreign(ctx context.Context, id int) (*link, error) {
	if len(c.addresses(id, 0)) == 0 {
		return nil, fmt.Errorf("%w %d", ErrNoDC, id)
	}
	l, err := c.linkTo(id)
	if err != nil {
		return nil, err
	}
	return l, c.bringAuthorization(ctx, l)
}

func (c *Client) authorized(id int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state.UserID == 0 || c.state.DCs[id].Authorized
}

func (c *Client) setAuthorized(id int, yes bool) {
	c.changeLater(func(s *State) {
		d := s.DCs[id]
		d.Authorized = yes
		s.setDC(id, d)
	})
}

// bringAuthorization exports the account's authorization at home and imports it at a data centre, once for each key
// there (D7). Of several calls one does it, the others wait.
func (c *Client) bringAuthorization(ctx context.Context, l *link) error {
	if c.authorized(l.id) {
		return nil
	}
	select {
	case l.authorize <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-l.authorize }()
	if c.authorized(l.id) {
		return nil
	}
	return c.transfer(ctx, c.home.Load(), l)
}

// transfer is how an authorization gets on that is to be brought to a data centre. It outlives the link there, and belongs to
// whoever brings it.
type transfer struct {
	failed int       // tries in a row
	until  time.Time // when to try again
}

// transferTo is that of a data centre.
func (c *Client) transferTo(id int) *transfer {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.transfers[id]
	if t == nil {
		t = &transfer{}
		if c.transfers == nil {
			c.transfers = map[int]*transfer{}
		}
		c.transfers[id] = t
	}
	return t
}

// transfer imports at one link what it exports at another. However many calls want it, there are pauses of 1, 2, 4 ... 60 s
// between the tries.
func (c *Client) transfer(ctx context.Context, from, to *link) error {
	t := c.transferTo(to.id)
	for try := 1; ; try++ {
		err := c.sleep(ctx, time.Until(t.until))
		if err == nil {
			err = c.transferOnce(ctx, from, to)
		}
		if err == nil {
			*t = transfer{}
			c.setAuthorized(to.id, true)
			return nil
		}
		again := transferable(err)
		if again {
			t.failed++
			t.until = time.Now().Add(retryPause(t.failed, rand.Float64()))
		}
		if try == exportsMost || !again {
			return fmt.Errorf("mtproto: authorization at data centre %d: %w", to.id, err)
		}
	}
}

// transferable says that another attempt may succeed: with another token, with another temporary key (B25), or when Telegram
// has recovered.
func transferable(err error) bool {
	var e *Error
	if !errors.As(err, &e) || e.Code == 0 {
		return false
	}
	switch react(e.Code, e.Kind()) {
	case again, againIfSafe, againSoon:
		return true
	}
	return e.Kind() == "AUTH_BYTES_INVALID"
}

func (c *Client) transferOnce(ctx context.Context, from, to *link) error {
	exported, err := c.at(ctx, from, codec.M{"_": "auth.exportAuthorization", "dc_id": to.id})
	if err != nil {
		return err
	}
	_, err = c.at(ctx, to, codec.M{
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
	m := c.method(query)
	if p, some := c.floods.left(m.id, time.Now(), func() peer { return peer{} }); some {
		return codec.View{}, p.refusal(m, l.id)
	}
	body, e := l.do(ctx, m, query, nil)
	if e != nil {
		if RetryAfter(e) > 0 { // the next who wants the same is not to ask again
			c.pauseCalls(m, peer{}, e)
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
	c.change(func(s *State) { s.Home = to })
	l = c.settle(l)
	former.poke() // it may be idle from now on
	l.poke()
	c.emit(Migrated{From: from, To: to})
	if l.isOpen() {
		c.setReady(true)
	}
	return nil
}
