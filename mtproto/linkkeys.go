package mtproto

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/natsgram/natsgram/mtproto/crypto"
	"github.com/natsgram/natsgram/mtproto/handshake"
	"github.com/natsgram/natsgram/mtproto/internal/conn"
	"github.com/natsgram/natsgram/mtproto/internal/keys"
	"github.com/natsgram/natsgram/mtproto/session"
	"github.com/natsgram/natsgram/mtproto/transport"
	"github.com/natsgram/natsgram/tl/codec"
)

// kindBadBind is how Telegram refuses a binding that it cannot read.
const kindBadBind = "ENCRYPTED_MESSAGE_INVALID"

// errTempDenied says that a data centre does not know our temporary key, which it may forget at any time: that is no reason
// to doubt the permanent one (A10, B25).
var errTempDenied = errors.New("mtproto: the temporary key was forgotten")

// bindError is a refusal of auth.bindTempAuthKey.
type bindError struct{ refusal *Error }

func (e *bindError) Error() string { return e.refusal.Error() }
func (e *bindError) Unwrap() error { return e.refusal }

// linkKeys makes the keys that a link needs, and gives them up.
type linkKeys struct {
	l      *link
	doubts keys.Doubts // of the connector's goroutine
}

// ensure makes the authorization keys that there are not (B28), and has a session with the right one.
func (k *linkKeys) ensure(ctx context.Context, w *wire) error {
	l := k.l
	done, err := l.c.keys.Exclusive(ctx, l.id)
	if err != nil {
		return err
	}
	defer done()
	if l.use == forCDN {
		return k.ensureCDN(w)
	}
	if err := k.ensurePermanent(w); err != nil {
		return err
	}
	if l.c.o.NoPFS && !k.doubts.Verify() {
		return k.overPermanent()
	}
	t, err := k.temporaryFor(w)
	if err != nil {
		return err
	}
	return k.overTemporary(t)
}

func (k *linkKeys) ensurePermanent(w *wire) error {
	l := k.l
	if !l.c.store.permanent(l.id).Zero() {
		return nil
	}
	began := time.Now()
	r, err := k.exchange(w, 0)
	if err != nil {
		return err
	}
	l.c.events.emit(KeyCreated{DC: l.id, Took: time.Since(began)})
	l.c.store.keepKey(l.id, r)
	return nil
}

// ensureCDN has a session with the key of a CDN data centre (D13).
func (k *linkKeys) ensureCDN(w *wire) error {
	at := keys.Scope{DC: k.l.id}
	t := k.l.c.keys.Get(at)
	if t == nil {
		r, err := k.exchange(w, 0)
		if err != nil {
			return err
		}
		t = keys.NewUnbound(at, r, time.Now())
		k.l.c.keys.Put(t)
	}
	return k.overTemporary(t)
}

// exchange makes a key over a fresh connection: a permanent one, or one that lives so long.
func (k *linkKeys) exchange(w *wire, life time.Duration) (*handshake.Result, error) {
	l := k.l
	trusted := l.c.o.Env.Keys
	if l.use == forCDN {
		trusted = l.c.files.cdn.publicKeys(l.id)
	}
	return keys.Exchange(w, handshake.Config{Keys: trusted, DC: l.c.o.Env.WireID(w.to), ExpiresIn: life})
}

// overPermanent has a session with the permanent key itself.
func (k *linkKeys) overPermanent() error {
	l := k.l
	l.conn.Lock()
	there := l.conn.Session() != nil
	l.conn.Unlock()
	if there {
		return nil
	}
	s, err := l.c.store.session(l.id, l.c.o.Limits.Session)
	if err != nil {
		return err
	}
	l.begin(s, nil)
	return nil
}

// overTemporary has a session with a temporary key.
func (k *linkKeys) overTemporary(t *keys.Temporary) error {
	l := k.l
	l.conn.Lock()
	there := l.conn.Session() != nil && l.temp.Key() == t
	l.conn.Unlock()
	if there {
		return nil
	}
	l.abandon()
	s, err := l.c.keys.Session(t, l.use.limits(l.c.o.Limits).Session)
	if err != nil {
		return err
	}
	l.begin(s, t)
	return nil
}

// temporaryFor returns the key for a connection's place: the link's own while calls are under way with it, else the newest, made
// if need be.
func (k *linkKeys) temporaryFor(w *wire) (*keys.Temporary, error) {
	l := k.l
	at, now, wall := keys.Scope{DC: l.id, Media: w.to.MediaOnly}, time.Now(), l.c.life.wall()
	l.conn.Lock()
	own, waiting := l.temp.Key(), len(l.calls.sent) > 0
	l.conn.Unlock()
	if own != nil && own.Scope() == at && waiting && !own.Ends(now, wall, keys.ForcedLeast) {
		return own, nil
	}
	if t := l.c.keys.Get(at); t != nil && !t.Ends(now, wall, keys.BeginLeast) {
		return t, nil
	}
	t, err := k.makeTemporary(w)
	if err == nil {
		l.c.keys.Put(t)
	}
	return t, err
}

// makeTemporary makes a key over a fresh connection.
func (k *linkKeys) makeTemporary(w *wire) (*keys.Temporary, error) {
	began, life := time.Now(), keys.LifeOf(k.l.c.o.Limits.TempKey)
	r, err := k.exchange(w, life)
	if err != nil {
		return nil, err
	}
	t := keys.New(keys.Scope{DC: k.l.id, Media: w.to.MediaOnly}, r, life)
	k.l.c.events.emit(KeyCreated{DC: k.l.id, Took: time.Since(began), Until: t.Until()})
	return t, nil
}

// renew makes the next key over a connection of its own, on which nothing else is sent (D8). The present connection goes on
// meanwhile.
func (k *linkKeys) renew(ctx context.Context, present *keys.Temporary) {
	next, err := k.successor(ctx)
	switch {
	case err == nil:
		k.l.c.keys.Succeed(present, next)
		k.l.conn.Wake()
	case ctx.Err() == nil:
		k.l.c.o.Log.Warn("no next temporary key yet", "dc", k.l.id, "error", err)
	}
}

func (k *linkKeys) successor(ctx context.Context) (*keys.Temporary, error) {
	if wait := k.l.c.o.Throttle.wait(time.Now()); wait > 0 {
		return nil, errors.New("mtproto: too many connections")
	}
	w, hangUp, err := k.aside(ctx)
	if err != nil {
		return nil, err
	}
	defer hangUp()
	return k.makeTemporary(w)
}

// aside makes a connection beside the link's own, for keys alone.
func (k *linkKeys) aside(ctx context.Context) (w *wire, hangUp func(), err error) {
	r, err := k.l.up.dial(ctx, 0)
	if err != nil {
		return nil, nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = r.Close() })
	hangUp = func() { stop(); _ = r.Close() }
	if w, err = r.wire(k.l.c.o.Limits); err != nil {
		hangUp()
		return nil, nil, err
	}
	return w, hangUp, nil
}

// bind binds a temporary key to the permanent one. The lock is held.
func (k *linkKeys) bind(permanent crypto.Key, t *keys.Temporary) *rpc {
	l := k.l
	call := l.c.rpcs.get(nil, method{safe: true, packed: true})
	call.build = func(sessionID, msgID int64) ([]byte, error) {
		b, err := keys.Bind(permanent, t, sessionID, msgID)
		if err != nil {
			return nil, err
		}
		return l.c.o.Schema.Encode(nil, codec.M{
			"_": "auth.bindTempAuthKey", "perm_auth_key_id": b.PermKeyID, "nonce": b.Nonce, "expires_at": b.ExpiresAt,
			"encrypted_message": b.Message,
		})
	}
	call.then = func(call *rpc) { k.bindAnswered(call, t) }
	l.calls.submit(call)
	return call
}

// bindAnswered takes the answer to a binding. Of a refusal, what may pass is asked again over the same connection, as
// initConnection is, and what may not, of another key.
func (k *linkKeys) bindAnswered(call *rpc, t *keys.Temporary) {
	l := k.l
	_, e := call.result(method{name: "auth.bindTempAuthKey"}, l.id)
	l.c.rpcs.put(call)
	l.conn.Lock()
	l.init.binding = nil
	l.conn.Unlock()
	switch {
	case e == nil:
		k.bound(t)
	case e.Code == 0: // the session is being left
	default:
		l.init.retryLater(e)
		if e.Code == codeBad || e.Code == codeAuth || e.Code == codeRefused {
			l.conn.Drop(&bindError{e})
		}
	}
}

// bound goes on after a binding.
func (k *linkKeys) bound(t *keys.Temporary) {
	l := k.l
	l.conn.Lock()
	defer l.conn.Unlock()
	if l.use != forCalls { // there is nothing else that could be refused
		l.init.accepted()
	}
	l.c.keys.SetBound(t)
	l.init.begin()
	l.conn.Wake()
}

// bindRefused deals with a binding that was refused for good. Only one refusal speaks against the permanent key, and that by a
// peer that has proved to be the data centre, by the exchange of the temporary key (B24); others are a matter of this
// temporary key. It returns why the connection was lost, and whether that is the end of the link.
func (k *linkKeys) bindRefused(e *bindError) (why error, final bool) {
	if e.refusal.Kind() == kindBadBind {
		return k.doubt()
	}
	k.forgetTemporary()
	return e, false
}

// denied deals with -404 in answer to what was encrypted (A10). It returns the same as bindRefused.
func (k *linkKeys) denied() (why error, final bool) {
	if k.temporary() == nil {
		return k.doubt()
	}
	k.forgetTemporary()
	return errTempDenied, false
}

// doubt counts a sign that the data centre does not know our permanent key, and gives the key up after several (A11, B24):
// at home, where somebody is signed in, that is the end.
func (k *linkKeys) doubt() (why error, final bool) {
	l := k.l
	l.c.events.emit(KeyDoubted{DC: l.id, Times: k.doubts.Deny()})
	k.forgetTemporary()
	if !k.doubts.Believed(l.c.store.keyAge(l.id)) || l.besideHome() {
		return ErrKeyUnknown, false
	}
	if l.home() && l.c.store.signedIn() {
		return l.c.loseAuth(ErrKeyUnknown), true
	}
	l.c.o.Log.Warn("the data centre does not know our key: making another one", "dc", l.id)
	l.c.keys.DropAll(l.id)
	l.c.store.dropKey(l.id)
	l.abandon()
	k.doubts.Known()
	return ErrKeyUnknown, false
}

// temporary returns the temporary key in use, nil for none.
func (k *linkKeys) temporary() *keys.Temporary {
	k.l.conn.Lock()
	defer k.l.conn.Unlock()
	return k.l.temp.Key()
}

// forgetTemporary gives the link's temporary key up, and with it the session. The permanent key stays (A10, B25).
func (k *linkKeys) forgetTemporary() {
	if t := k.temporary(); t != nil {
		k.l.c.keys.Drop(t)
		k.l.abandon()
	}
}

// trusted reports whether the server has proved that it knows our permanent key: it answered under it, or bound a key to it.
func (k *linkKeys) trusted() bool {
	t := k.temporary()
	return t == nil || k.l.c.keys.Bound(t)
}

// keepSalts remembers salts, with the key that they belong to (C24).
func (k *linkKeys) keepSalts(salts []session.Salt) {
	if t := k.temporary(); t != nil {
		k.l.c.keys.SetSalts(t, salts)
		return
	}
	k.l.c.store.keepSalts(k.l.id, salts)
}

// destroyMost is how long the end of Run may be put off to have keys destroyed.
const destroyMost = 10 * time.Second

// destroyKeys has the data centres forget the keys of an account that has signed out (F10, B27). All links are closed.
func (c *Client) destroyKeys(all map[int]DCState) {
	ctx, cancel := context.WithTimeout(context.Background(), destroyMost)
	defer cancel()
	var wg sync.WaitGroup
	for id, d := range all {
		if key, err := crypto.NewKey(d.Key); err == nil {
			wg.Go(func() { c.events.emit(KeyDestroyed{DC: id, Err: newLink(c, id, forCalls).keys.destroy(ctx, key, d)}) })
		}
	}
	wg.Wait()
}

// destroy has a data centre forget a permanent key.
func (k *linkKeys) destroy(ctx context.Context, key crypto.Key, d DCState) error {
	w, hangUp, err := k.aside(ctx)
	if err != nil {
		return err
	}
	defer hangUp()
	p := keys.Permanent{Key: key, Offset: d.Offset}
	if len(d.Salts) > 0 {
		p.Salt = d.Salts[0].Salt
	}
	err = keys.Destroy(w, p, func(err error) bool {
		var t *conn.TransportError
		return errors.As(err, &t) && t.Code == transport.CodeUnknownKey
	})
	if refused := new(keys.RefusedError); errors.As(err, &refused) {
		return newError(refused.Answer, "destroy_auth_key", 0)
	}
	return err
}
