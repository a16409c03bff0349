package mtproto

import (
	"fmt"
	"time"

	"github.com/natsgram/natsgram/mtproto/session"
	"github.com/natsgram/natsgram/tl/bin"
	"github.com/natsgram/natsgram/tl/codec"
)

func (l *link) roundTrip() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.rtt
}

func (l *link) isOpen() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.open
}

// connected says that calls are answered.
func (l *link) connected(rtt time.Duration) {
	l.c.o.Log.Info("connected", "dc", l.id, "rtt", rtt)
	if l.use != forCalls {
		return // no matter of the account's
	}
	l.c.emit(Connected{DC: l.id, Layer: l.c.o.Schema.Layer(), RTT: rtt})
	if l.home() {
		l.c.setReady(true)
	}
}

// whoAmI checks at each start that the key belongs to the user we think (F11). It is also the call of an authorized user
// that has Telegram push updates over this connection (E20).
func (l *link) whoAmI() {
	query, err := l.c.o.Schema.Encode(nil, codec.M{"_": "users.getUsers", "id": []codec.M{{"_": "inputUserSelf"}}})
	if err != nil {
		return // a schema without it cannot tell
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sess != nil {
		l.start(query, l.recognized)
		l.poke()
	}
}

func (l *link) recognized(k *call) {
	body, e := k.result(method{name: "users.getUsers"}, l.id)
	l.c.freeCall(k)
	if e != nil {
		l.stranger(e)
		return
	}
	t, ok := l.c.o.Schema.Type("Vector<User>")
	if !ok {
		return
	}
	want := l.c.State().UserID
	for u := range l.c.o.Schema.Vector(body, t) {
		l.c.files.premium.Store(u.Bool("premium"))
		if got := u.Int("id"); got != want {
			l.c.fatal(fmt.Errorf("%w: it is %d, not %d", ErrWrongUser, got, want))
		}
		return
	}
}

// stranger deals with an error where we asked who we are.
func (l *link) stranger(e *Error) {
	switch react(e.Code, e.Kind()) {
	case loseAuth, loseKey:
		l.unwelcome(e)
	case moveHome:
		l.c.background(func() { l.follow(e) })
	default: // of no consequence: whoever calls next is told
	}
}

// follow makes the data centre the home that an error names.
func (l *link) follow(e *Error) {
	if err := l.c.moveHome(l.c.life.ctx, l.id, e.Arg); err != nil {
		l.c.o.Log.Warn("the account lives elsewhere and could not be followed", "dc", e.Arg, "error", err)
	}
}

// update hands on what the server pushed.
func (l *link) update(now time.Time, e session.Update) {
	updates, known := l.c.isUpdates(e.Body)
	if l.home() && updates {
		l.heed(e.Body)
	}
	if !l.home() || l.c.o.Updates == nil || (known && !updates) {
		l.release(e.MsgID)
		return
	}
	l.c.o.Updates(Update{
		Body: e.Body, Received: now, Ack: func() { l.release(e.MsgID) }, Decline: func() { l.decline(e.MsgID) },
	})
}

// decline has an update come again on the next connection (E27).
func (l *link) decline(id int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sess != nil {
		l.sess.Decline(id)
	}
}

// release lets an update be acknowledged (C17).
func (l *link) release(id int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sess == nil {
		return
	}
	if l.sess.Release(id); l.due() {
		l.poke()
	}
}

// renewed says that the session is a new one, so that pushes may have been lost (C36, E18). 0: the server did not say so.
func (l *link) renewed(uniqueID int64) {
	l.mu.Lock()
	l.noticed = true
	l.mu.Unlock()
	if l.home() {
		l.c.emit(NewSession{DC: l.id, UniqueID: uniqueID})
	}
}

// keepSalts remembers salts, with the key that they belong to (C24).
func (l *link) keepSalts(salts []session.Salt) {
	l.mu.Lock()
	t := l.temp
	l.mu.Unlock()
	if t != nil {
		l.c.keys.setSalts(t, salts)
		return
	}
	l.c.keepSalts(l.id, salts)
}

// isUpdates says whether an object is of the class Updates, and whether the schema knows it at all.
func (c *Client) isUpdates(body []byte) (yes, known bool) {
	d, ok := c.o.Schema.Constructor(c.o.Schema.Name(bin.NewReader(body).Peek()))
	return ok && d.Result.Name == "Updates", ok
}
