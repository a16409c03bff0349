package mtproto

import (
	"fmt"
	"time"

	"github.com/natsgram/natsgram/tl/codec"
)

// checkUserEvery is how often the client asks at most, after errors, whether it is still signed in.
const checkUserEvery = time.Minute

// userCheck asks the home who is signed in.
type userCheck struct{ last lastTime }

// ask is done at each start, to check that the key belongs to the user we think (F11). It is also the call of an authorized user
// that has Telegram push updates over this connection (E20).
func (u *userCheck) ask(l *link) {
	query, err := l.c.o.Schema.Encode(nil, codec.M{"_": "users.getUsers", "id": []codec.M{{"_": "inputUserSelf"}}})
	if err != nil {
		return // a schema without it cannot tell
	}
	l.conn.Lock()
	defer l.conn.Unlock()
	if l.conn.Session() != nil {
		l.calls.start(query, func(k *rpc) { u.answered(l, k) })
		l.conn.Wake()
	}
}

func (u *userCheck) answered(l *link, k *rpc) {
	body, e := k.result(method{name: "users.getUsers"}, l.id)
	l.c.rpcs.put(k)
	if e != nil {
		u.refused(l, e)
		return
	}
	t, ok := l.c.o.Schema.Type("Vector<User>")
	if !ok {
		return
	}
	want := l.c.State().UserID
	for user := range l.c.o.Schema.Objects(body, t) {
		l.c.files.premium.Store(user.Bool("premium"))
		if got := user.Int("id"); got != want {
			l.c.life.fatal(fmt.Errorf("%w: it is %d, not %d", ErrWrongUser, got, want))
		}
		return
	}
}

func (u *userCheck) refused(l *link, e *Error) {
	switch react(e.Code, e.Kind()) {
	case loseAuth, loseKey:
		l.init.turnedAway(e)
	case moveHome:
		_ = l.c.life.background(func() { l.c.links.follow(l.id, e) })
	default: // of no consequence: whoever calls next is told
	}
}

// doubt asks at home whether the account is still signed in, after a 401 that nobody knows: the answer to that question, and no
// word that we do not understand, ends a session.
func (u *userCheck) doubt(c *Client, e *Error) {
	l := c.links.home.Load()
	if e.DC != l.id || !c.store.signedIn() || e.Method == "users.getUsers" {
		return
	}
	if u.last.due(time.Now(), checkUserEvery) {
		u.ask(l)
	}
}

// loseAuth ends everything because the account is signed out here. The state is kept: it is for the operator to decide
// (D17).
func (c *Client) loseAuth(cause error) error {
	err := fmt.Errorf("%w: %w", ErrAuthLost, cause)
	c.login.lost()
	c.events.emit(AuthLost{Err: cause})
	c.life.fatal(err)
	return err
}

// duplicated ends everything because the authorization was used twice. Elsewhere than at home the error is the caller's alone.
func (c *Client) duplicated(e *Error) error {
	if l := c.links.home.Load(); e.DC == l.id && c.store.signedIn() {
		_ = c.loseAuth(fmt.Errorf("%w: %w", ErrKeyDuplicated, e))
	}
	return e
}
