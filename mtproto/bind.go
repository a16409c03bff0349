package mtproto

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"time"

	"github.com/natsgram/natsgram/mtproto/crypto"
	"github.com/natsgram/natsgram/mtproto/mt"
	"github.com/natsgram/natsgram/tl/bin"
	"github.com/natsgram/natsgram/tl/codec"
)

// bindError is a refusal of auth.bindTempAuthKey.
type bindError struct{ said *Error }

func (e *bindError) Error() string { return e.said.Error() }
func (e *bindError) Unwrap() error { return e.said }

// errUnbound says that our temporary key is not, or not any more, bound to the permanent one (B25).
var errUnbound = errors.New("mtproto: the temporary key is not bound")

// errSilent says that the server took what comes first, and did not answer it.
var errSilent = errors.New("mtproto: the beginning was not answered")

const (
	introMost   = 30 * time.Second // that the server has for it
	kindUnbound = "AUTH_KEY_PERM_EMPTY"
	kindBadBind = "ENCRYPTED_MESSAGE_INVALID"
)

// introduce starts what comes before all other calls: with a key that is not bound yet, to bind it, as such a key may
// call next to nothing else (B20); then initConnection, also after each binding (B23, D1). The lock is held.
func (l *link) introduce() {
	way := l.tries.via.way
	switch {
	case !l.until.IsZero(): // see askAgain
	case l.temp != nil && !l.c.keys.bound(l.temp):
		if l.binding == nil {
			l.binding = l.bind(l.c.permanent(l.id), l.temp)
		}
	case l.use != forCalls:
		l.beginFiles(way)
	case !l.open && l.init == nil && l.parting.IsZero():
		l.told = way
		l.init = l.start(l.c.hellos[way], l.greeted)
	}
}

// introLeft is how long the server has yet to answer what comes first. The lock is held.
func (l *link) introLeft(now time.Time) (time.Duration, error) {
	if l.binding == nil && l.init == nil {
		return never, nil
	}
	left := l.since.Add(introMost).Sub(now)
	if left <= 0 {
		return 0, errSilent
	}
	return left, nil
}

// startOver gives up what was not answered, so that the next connection begins with it anew.
func (l *link) startOver() {
	if !l.trusted() {
		l.forgetTemporary()
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.init != nil {
		delete(l.calls, l.init.id)
		l.sess.Cancel(time.Now(), l.init.id)
		l.init = nil
	}
}

// bind binds a temporary key to the permanent one. The lock is held.
func (l *link) bind(permanent crypto.Key, t *temporary) *call {
	k := l.c.newCall(nil, method{safe: true, packed: true})
	k.build = func(sessionID, msgID int64) ([]byte, error) { return l.c.bindQuery(permanent, t, sessionID, msgID) }
	k.then = func(k *call) { l.bindingDone(k, t) }
	l.submit(k)
	return k
}

// bindQuery makes the query that binds a key. What is encrypted in it names the message that carries it and its session,
// so that it is made anew each time it is sent (B21, B22).
func (c *Client) bindQuery(permanent crypto.Key, t *temporary, sessionID, msgID int64) ([]byte, error) {
	var nonce [8]byte
	if _, err := rand.Read(nonce[:]); err != nil {
		return nil, err
	}
	inner := mt.BindAuthKeyInner{
		Nonce: int64(binary.LittleEndian.Uint64(nonce[:])), TempAuthKeyID: int64(t.key.ID()), PermAuthKeyID: int64(permanent.ID()),
		TempSessionID: sessionID, ExpiresAt: t.expires,
	}
	var w bin.Writer
	inner.Encode(&w)
	sealed, err := crypto.SealV1(nil, &permanent, msgID, w.Buf, rand.Reader)
	if err != nil {
		return nil, err
	}
	return c.o.Schema.Encode(nil, codec.M{
		"_": "auth.bindTempAuthKey", "perm_auth_key_id": inner.PermAuthKeyID, "nonce": inner.Nonce, "expires_at": inner.ExpiresAt,
		"encrypted_message": sealed,
	})
}

// bindingDone takes the answer to a binding.
func (l *link) bindingDone(k *call, t *temporary) {
	_, e := k.result(method{name: "auth.bindTempAuthKey"}, l.id)
	l.c.freeCall(k)
	l.mu.Lock()
	l.binding = nil
	l.mu.Unlock()
	if e != nil {
		l.unbindable(e)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.use != forCalls { // there is nothing else that could be refused
		l.refusals = refusals{}
	}
	l.c.keys.setBound(t)
	l.introduce()
	l.poke()
}

// unbindable deals with a refused binding: what may pass is asked again over the same connection, as initConnection is, and
// what may not, of another key.
func (l *link) unbindable(e *Error) {
	if e.Code == 0 {
		return // the session is being left
	}
	l.refuse(e)
	if e.Code == codeBad || e.Code == codeAuth || e.Code == codeRefused {
		l.drop(&bindError{e})
	}
}

// bindRefused deals with a binding that was refused for good. Only one refusal speaks against the permanent key, and that by a peer that has
// proved to be the data centre, by the exchange of the temporary key (B24); others are a matter of this temporary key.
func (l *link) bindRefused(e *bindError) error {
	if e.said.Kind() == kindBadBind {
		return l.doubt()
	}
	l.forgetTemporary()
	return l.report(e)
}

// forgetTemporary gives the link's temporary key up, and with it the session. The permanent key stays (A10, B25).
func (l *link) forgetTemporary() {
	l.mu.Lock()
	t := l.temp
	l.mu.Unlock()
	if t != nil {
		l.c.keys.drop(t)
		l.abandon()
	}
}

// doubt counts a sign that the data centre does not know our permanent key, and gives the key up after several (A11, B24):
// at home, where somebody is signed in, that is the end.
func (l *link) doubt() error {
	l.tries.doubts++
	l.c.emit(KeyDoubted{DC: l.id, Times: l.tries.doubts})
	l.forgetTemporary()
	// A single denial without a temporary key may come from anybody. TDLib too goes on with a temporary key then, whose
	// binding tells.
	l.tries.verify = l.tries.verify || l.tries.doubts > 1
	if l.tries.doubts < doubtsMost || l.c.keyAge(l.id) < keyYoung || l.helper() {
		return l.report(ErrKeyUnknown)
	}
	if l.home() && l.c.signedIn() {
		return l.c.loseAuth(ErrKeyUnknown)
	}
	l.c.o.Log.Warn("the data centre does not know our key: making another one", "dc", l.id)
	l.c.dropKey(l.id)
	l.abandon()
	l.tries.doubts = 0
	return l.report(ErrKeyUnknown)
}

// denied deals with -404 in answer to what we encrypted (A10).
func (l *link) denied() error {
	if l.temp == nil {
		return l.doubt()
	}
	l.forgetTemporary()
	return l.report(errTempDenied)
}

// trusted says that the server has proved that it knows our permanent key: it answered under it, or bound a key to it.
func (l *link) trusted() bool {
	l.mu.Lock()
	t := l.temp
	l.mu.Unlock()
	return t == nil || l.c.keys.bound(t)
}

func (c *Client) keyAge(id int) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Since(c.state.DCs[id].Created)
}
