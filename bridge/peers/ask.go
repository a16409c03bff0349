package peers

import (
	"context"
	"fmt"
	"time"

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
	if p, ok := d.remembered(key); ok {
		return p, nil
	}
	if err := d.turn(ctx); err != nil {
		return peer{}, err
	}
	defer d.done()
	if p, ok := d.remembered(key); ok { // somebody asked while this one waited
		return p, nil
	}
	v, err := d.call(ctx, call)
	if err != nil {
		return peer{}, fmt.Errorf("%s: %w", key, err)
	}
	d.learnAll(v)
	to, _ := v.Object("peer")
	p := peerOf(to)
	if p.id == 0 {
		return peer{}, fmt.Errorf("%s: Telegram's answer names no peer", key)
	}
	d.remember(key, p)
	return p, nil
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

func (d *Directory) remembered(key string) (peer, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n, ok := d.names[key]
	return n.peer, ok && time.Since(n.at) < nameLife
}

func (d *Directory) remember(key string, p peer) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.names) >= most {
		clear(d.names)
	}
	d.names[key] = alias{p, time.Now()}
}

// look goes through the newest dialogs and the contacts, unless somebody did so within the last minute.
func (d *Directory) look(ctx context.Context, r reference) error {
	if d.c.Bot { // bots have neither (E25)
		return nil
	}
	if err := d.turn(ctx); err != nil {
		return err
	}
	defer d.done()
	if _, _, ok := d.known(r); ok || time.Since(d.looked) < lookEvery {
		return nil
	}
	for _, call := range []codec.M{
		{"_": "messages.getDialogs", "offset_date": 0, "offset_id": 0, "offset_peer": codec.M{"_": "inputPeerEmpty"}, "limit": 100, "hash": 0},
		{"_": "contacts.getContacts", "hash": 0},
	} {
		v, err := d.call(ctx, call)
		if err != nil {
			return err
		}
		d.learnAll(v)
	}
	d.looked = time.Now()
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
