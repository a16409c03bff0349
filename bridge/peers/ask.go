package peers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl/codec"
)

// ask finds out whose a name or phone number is, now or some minutes ago.
func (d *Directory) ask(ctx context.Context, r reference) (peer, error) {
	call := codec.M{"_": "contacts.resolveUsername", "username": r.name}
	key := "@" + r.name
	if r.phone != "" {
		call, key = codec.M{"_": "contacts.resolvePhone", "phone": r.phone}, "+"+r.phone
	}
	if p, err, ok := d.remembered(key); ok {
		return p, err
	}
	if err := d.turn(ctx); err != nil {
		return peer{}, err
	}
	defer d.done()
	if p, err, ok := d.remembered(key); ok { // somebody asked while this one waited
		return p, err
	}
	v, err := d.call(ctx, call)
	if err != nil {
		err = fmt.Errorf("%s: %w", key, err)
		if life := lifeOf(err); life > 0 {
			d.remember(key, alias{err: err, until: time.Now().Add(life)})
		}
		return peer{}, err
	}
	d.learnAll(v)
	to, _ := v.Object("peer")
	p := peerOf(to)
	if p.id == 0 {
		return peer{}, fmt.Errorf("%s: Telegram's answer names no peer", key)
	}
	d.remember(key, alias{peer: p, until: time.Now().Add(nameLife)})
	return p, nil
}

// lifeOf is how long an error is the answer to the same question: a name that nobody has is asked for again as seldom as one
// that somebody has, since Telegram allows a client few such questions a day. 0: it may be another one at once.
func lifeOf(err error) time.Duration {
	var e *mtproto.Error
	switch {
	case !errors.As(err, &e) || e.Code == 0: // no answer: it says nothing of the name
		return 0
	case e.Code == 420:
		return min(time.Duration(e.Arg)*time.Second, nameLife)
	case e.Code >= 400 && e.Code < 420:
		return nameLife
	}
	return retryLife
}

func peerOf(v codec.View) peer {
	if id := v.Int("user_id"); id != 0 {
		return peer{subjects.User, id}
	}
	if id := v.Int("channel_id"); id != 0 {
		return peer{subjects.Channel, id}
	}
	return peer{subjects.Chat, v.Int("chat_id")}
}

func (d *Directory) remembered(key string) (peer, error, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n, ok := d.names[key]
	if !ok {
		n, ok = d.vain[key]
	}
	return n.peer, n.err, ok && time.Now().Before(n.until)
}

func (d *Directory) remember(key string, n alias) {
	d.mu.Lock()
	defer d.mu.Unlock()
	names, other := d.names, d.vain
	if n.err != nil {
		names, other = d.vain, d.names
	}
	delete(other, key)
	if len(names) >= most {
		clear(names)
	}
	names[key] = n
}

// glance is a question in whose answer many peers are, with what became of it when it was asked last.
type glance struct {
	call codec.M
	at   time.Time
	err  error
}

// glances are the newest dialogs and the contacts.
func glances() []glance {
	return []glance{
		{call: codec.M{"_": "messages.getDialogs", "offset_date": 0, "offset_id": 0, "offset_peer": codec.M{"_": "inputPeerEmpty"}, "limit": 100, "hash": 0}},
		{call: codec.M{"_": "contacts.getContacts", "hash": 0}},
	}
}

// look goes through the newest dialogs and the contacts, but for what somebody looked through within the last minute, also in
// vain.
func (d *Directory) look(ctx context.Context, r reference) error {
	if d.c.Bot { // bots have neither (E25)
		return nil
	}
	if err := d.turn(ctx); err != nil {
		return err
	}
	defer d.done()
	var failed error
	for i := range d.glances {
		if _, _, ok := d.known(r); ok {
			return nil
		}
		g := &d.glances[i]
		if time.Since(g.at) >= lookEvery {
			if err := d.glance(ctx, g); err != nil {
				return err
			}
		}
		if failed == nil {
			failed = g.err
		}
	}
	if _, _, ok := d.known(r); ok {
		return nil
	}
	return failed
}

// glance asks, and learns. Its error is that there was no answer.
func (d *Directory) glance(ctx context.Context, g *glance) error {
	v, err := d.call(ctx, g.call)
	if err != nil && lifeOf(err) == 0 {
		return err
	}
	if g.at, g.err = time.Now(), err; err == nil {
		d.learnAll(v)
	}
	return nil
}

func (d *Directory) call(ctx context.Context, m codec.M) (codec.View, error) {
	query, err := d.c.Schema.Encode(nil, m)
	if err != nil {
		return codec.View{}, err
	}
	answer, err := d.c.Invoke(ctx, query)
	if err != nil {
		return codec.View{}, err
	}
	return d.c.Schema.View(answer)
}

func (d *Directory) learnAll(v codec.View) {
	for _, list := range []string{"users", "chats"} {
		for o := range v.Objects(list) {
			d.learn(o)
		}
	}
}

// turn waits for the token, so that a burst of requests for one name is one question.
func (d *Directory) turn(ctx context.Context) error {
	select {
	case d.asking <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (d *Directory) done() { <-d.asking }
