package peers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
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
		if n, ok := d.askOwner(ctx, r); ok {
			return n
		}
		return d.askTelegram(ctx, key, r)
	})
	if err != nil {
		return peer{}, err
	}
	return n.peer, n.err
}

// askOwner asks who had a name when it was last seen whether he has it still. That costs nothing of what Telegram allows an account to ask
// by name. False: it is not known who that is, or he has it no more.
func (d *Directory) askOwner(ctx context.Context, r reference) (alias, bool) {
	if r.name == "" {
		return alias{}, false
	}
	d.mu.Lock()
	n, ok := d.names[r.key()]
	d.mu.Unlock()
	if !ok {
		if n, ok = d.nameStored(ctx, r.name); !ok {
			return alias{}, false
		}
		if n.err != nil {
			n.err = fmt.Errorf("%s: %w", r.key(), n.err)
			d.remember(r.key(), n)
			return n, true
		}
	}
	_ = d.recallAny(ctx, reference{kind: n.peer.kind, id: n.peer.id})
	f, ok := d.known(reference{kind: n.peer.kind, id: n.peer.id}, true)
	if !ok {
		return alias{}, false
	}
	if err := d.lookAt(ctx, f); err != nil {
		return alias{}, false
	}
	return d.remembered(r.key())
}

// lookAt asks Telegram how a peer is now, and learns it.
func (d *Directory) lookAt(ctx context.Context, f found) error {
	class, call := "InputUser", codec.M{"_": "users.getUsers"}
	switch f.peer.kind {
	case subjects.Channel:
		class, call = "InputChannel", codec.M{"_": "channels.getChannels"}
	case subjects.Chat:
		return errNone // it has no name
	}
	m, err := input(class, reference{}, f)
	if err != nil {
		return err
	}
	call["id"] = []codec.M{m}
	_, err = d.call(ctx, call)
	return err
}

// askTelegram asks, and remembers.
func (d *Directory) askTelegram(ctx context.Context, key string, r reference) (n alias) {
	call := codec.M{"_": "contacts.resolveUsername", "username": r.name}
	if r.phone != "" {
		call = codec.M{"_": "contacts.resolvePhone", "phone": r.phone}
	}
	answer, err := d.callAllowed(ctx, call)
	if err != nil {
		n.err = fmt.Errorf("%s: %w", key, err)
		if life := lifeOf(err); life > 0 {
			n.until = time.Now().Add(life)
			d.remember(key, n)
			d.tellName(ctx, r, n)
		}
		return n
	}
	v, _ := d.c.Schema.View(answer) // which learnt of it has read it
	to, _ := v.Object("peer")
	if n.peer = peerOf(to); n.peer.id == 0 {
		n.err = fmt.Errorf("%s: Telegram's answer names no peer", key)
		return n
	}
	n.until = time.Now().Add(nameLife)
	d.remember(key, n)
	d.tellName(ctx, r, n)
	return n
}

// callAllowed makes a call of which text may make few. What does not reach Telegram does not count.
func (d *Directory) callAllowed(ctx context.Context, m codec.M) ([]byte, error) {
	method, _ := m["_"].(string)
	d.mu.Lock()
	left := d.allowed[method]
	if left == nil {
		left = &allowance{}
		d.allowed[method] = left
	}
	wait, ok := left.take(time.Now())
	d.mu.Unlock()
	if !ok {
		return nil, askedOut(method, wait)
	}
	b, err := d.call(ctx, m)
	if err != nil && mtproto.Reached(err) == mtproto.SentNo {
		d.mu.Lock()
		left.give()
		d.mu.Unlock()
	}
	return b, err
}

// tellName tells the bucket whose a username was found to be. Phone numbers are not written down; nor is a refusal that is not about the
// name.
func (d *Directory) tellName(ctx context.Context, r reference, n alias) {
	var e *mtproto.Error
	if r.name != "" && (n.err == nil || errors.As(n.err, &e) && e.Code == 400) {
		d.keepName(ctx, r.name, n)
	}
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

// remembered is what a name or phone number is known to stand for now.
func (d *Directory) remembered(key string) (alias, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n, ok := d.names[key]
	if !ok {
		n, ok = d.vain[key]
	}
	if !ok || time.Now().Before(n.until) {
		return n, ok
	}
	e, known := d.memory.get(keyOf(n.peer)) // whoever was seen has the names that lead to him: see owns
	return n, n.err == nil && known && time.Since(time.Unix(int64(e.seen), 0)) < nameLife
}

func (d *Directory) remember(key string, n alias) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n.err == nil {
		delete(d.vain, key)
		d.putName(key, n)
		return
	}
	if a, there := d.names[key]; there {
		d.disowned(keyOf(a.peer), strings.TrimPrefix(key, "@"))
		delete(d.names, key)
	}
	if len(d.vain) >= namesMany {
		clear(d.vain)
	}
	d.vain[key] = n
}

// putName notes whose a name is, with d.mu held.
func (d *Directory) putName(key string, n alias) {
	if _, there := d.names[key]; !there && len(d.names) >= namesMany {
		clear(d.names)
		clear(d.owned)
	}
	d.names[key] = n
	if name, found := strings.CutPrefix(key, "@"); found && !slices.Contains(d.owned[keyOf(n.peer)], name) {
		d.owned[keyOf(n.peer)] = append(d.owned[keyOf(n.peer)], name)
	}
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
		if _, ok := d.known(r, true); ok {
			return nil
		}
		n, err := d.once(ctx, "look "+strconv.Itoa(i), func(ctx context.Context) alias { return alias{err: d.glanceAt(ctx, i)} })
		if err == nil {
			err = n.err
		}
		if _, ok := d.known(r, true); !ok && err != nil {
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
	_, err := d.call(ctx, g.call)
	if err != nil && lifeOf(err) == 0 {
		return err
	}
	g.at, g.err = time.Now(), err
	return err
}

// call makes a call, and learns whom its answer tells of.
func (d *Directory) call(ctx context.Context, m codec.M) (answer []byte, err error) {
	query, err := d.c.Schema.Encode(nil, m)
	if err != nil {
		return nil, err
	}
	t, err := d.c.Schema.ResultOf(query)
	if err != nil {
		return nil, err
	}
	if answer, err = d.c.Invoke(ctx, query); err == nil {
		d.Met(d.c.People.Append(nil, answer, t), answer)
	}
	return answer, err
}
