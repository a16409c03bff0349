package mtproto

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/natsgram/natsgram/tl/codec"
)

// exportsMost is how often an authorization is exported anew because its token was not accepted, or something else went wrong
// that passes (D7).
const exportsMost = 3

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
	return t.transfer(ctx, c.links.home.Load(), l)
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
		err := t.c.life.sleep(ctx, time.Until(state.until))
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
	exported, err := t.at(ctx, from, codec.M{"_": "auth.exportAuthorization", "dc_id": to.id})
	if err != nil {
		return err
	}
	_, err = t.at(ctx, to, codec.M{
		"_": "auth.importAuthorization", "id": exported.Int("id"), "bytes": exported.Bytes("bytes"),
	})
	return err
}

// at makes a call over a certain link, without any repetition, and not before a flood wait of the same method is over.
func (t *transfers) at(ctx context.Context, l *link, call codec.M) (codec.View, error) {
	query, err := t.c.o.Schema.Encode(nil, call)
	if err != nil {
		return codec.View{}, err
	}
	m := methodOf(t.c.o.Schema, query)
	if p, some := t.c.floods.left(m.id, time.Now(), func() peer { return peer{} }); some {
		return codec.View{}, p.refusal(m, l.id)
	}
	body, e := l.calls.do(ctx, m, query, manner{})
	if e != nil {
		if RetryAfter(e) > 0 { // the next who wants the same is not to ask again
			t.c.floods.pause(m, peer{}, e)
		}
		return codec.View{}, e
	}
	return t.c.o.Schema.View(body)
}
