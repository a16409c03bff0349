package peers

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl/codec"
)

// ask finds out whose a name or phone number is, now or some minutes ago.
func (d *Directory) ask(ctx context.Context, r reference) (peer, error) {
	key := r.key()
	if n, ok := d.remembered(key); ok {
		return n.peer, n.err
	}
	n, err := d.once(ctx, key, func(ctx context.Context) alias {
		if n, ok := d.remembered(key); ok { // somebody asked just before
			return n
		}
		return d.askTelegram(ctx, key, r)
	})
	if err != nil {
		return peer{}, err
	}
	return n.peer, n.err
}

// askTelegram asks, and remembers.
func (d *Directory) askTelegram(ctx context.Context, key string, r reference) (n alias) {
	call := codec.M{"_": "contacts.resolveUsername", "username": r.name}
	if r.phone != "" {
		call = codec.M{"_": "contacts.resolvePhone", "phone": r.phone}
	}
	v, err := d.call(ctx, call)
	if err != nil {
		n.err = fmt.Errorf("%s: %w", key, err)
		if life := lifeOf(err); life > 0 {
			n.until = time.Now().Add(life)
			d.remember(key, n)
		}
		return n
	}
	d.learnAll(v)
	to, _ := v.Object("peer")
	if n.peer = peerOf(to); n.peer.id == 0 {
		n.err = fmt.Errorf("%s: Telegram's answer names no peer", key)
		return n
	}
	n.until = time.Now().Add(nameLife)
	d.remember(key, n)
	return n
}

// askMost is how long a question may take, however long those wait who have it asked.
const askMost = time.Minute

// once has one question asked for all that want its answer at the same time, and waits for it as long as ctx allows. It goes on when
// nobody waits any more: its answer is remembered.
func (d *Directory) once(ctx context.Context, key string, ask func(context.Context) alias) (alias, error) {
	defer mtproto.BeginWait(ctx, mtproto.Wait{For: mtproto.WaitElse})()
	answer := d.asking.DoChan(key, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.Background(), askMost)
		defer cancel()
		return ask(ctx), nil
	})
	select {
	case a := <-answer:
		return a.Val.(alias), nil //nolint:errcheck // it is what ask gives
	case <-ctx.Done():
		return alias{}, ctx.Err()
	}
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

func (d *Directory) remembered(key string) (alias, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n, ok := d.names[key]
	if !ok {
		n, ok = d.vain[key]
	}
	return n, ok && time.Now().Before(n.until)
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
// vain. All who look at the same time look once.
func (d *Directory) look(ctx context.Context, r reference) error {
	if d.c.Bot { // bots have neither (E25)
		return nil
	}
	for i := range d.glances {
		if _, _, ok := d.known(r); ok {
			return nil
		}
		n, err := d.once(ctx, "look "+strconv.Itoa(i), func(ctx context.Context) alias { return alias{err: d.glanceAt(ctx, i)} })
		if err == nil {
			err = n.err
		}
		if _, _, ok := d.known(r); !ok && err != nil {
			return err
		}
	}
	return nil
}

// glanceAt asks, and learns, unless somebody did so lately; then what came of that counts.
func (d *Directory) glanceAt(ctx context.Context, i int) error {
	g := &d.glances[i]
	if time.Since(g.at) < lookEvery {
		return g.err
	}
	v, err := d.call(ctx, g.call)
	if err != nil && lifeOf(err) == 0 {
		return err
	}
	if g.at, g.err = time.Now(), err; err == nil {
		d.learnAll(v)
	}
	return err
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
