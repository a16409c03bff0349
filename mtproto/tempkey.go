package mtproto

import (
	"context"
	"crypto/rand"
	"errors"
	mrand "math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/natsgram/natsgram/mtproto/crypto"
	"github.com/natsgram/natsgram/mtproto/session"
)

const (
	tempLife    = 24 * time.Hour   // of a temporary key (B26),
	tempSpread  = time.Hour        // less up to that, so that clients which started together do not renew together
	renewBefore = time.Hour        // its end the next key is made (B26)
	tempLeast   = 5 * time.Minute  // a key that ends sooner is not begun with
	drainForce  = 10 * time.Minute // before its end a key is left whatever is under way
	leftMost    = 8                // sessions that are remembered to be destroyed (C38)
	farewell    = time.Second      // that a last write may take when Run ends
	tempOldest  = 10 * time.Second // shortest life that is asked for
)

// place is where a temporary key is good: at a data centre, and there, for all or for file traffic alone.
type place struct {
	id    int
	media bool
}

// temporary is a temporary key, under which everything is sent, so that a permanent key which becomes known some day opens
// nothing of today (B19). It is kept in memory alone (B29).
type temporary struct {
	at      place
	key     crypto.Key
	life    time.Duration
	until   time.Time // by our clock
	expires int32     // the same in the server's Unix time
	offset  time.Duration

	// Under the keyring's lock.
	bound bool
	tried time.Time // when somebody last began to make its successor
	salt  int64
	salts []session.Salt
	left  []int64 // sessions that nobody uses any more
}

// ends says that a key has less than margin left. A machine that slept has missed part of it, so that both clocks count.
func (c *Client) ends(t *temporary, now time.Time, margin time.Duration) bool {
	margin = min(margin, time.Duration(float64(t.life)*float64(margin)/float64(tempLife))) // in proportion, if it lives short
	return t.until.Sub(now) < margin || t.until.Round(0).Sub(c.life.wall()) < margin
}

// keyring has the temporary keys. A permanent key has one bound to it at a time in each place (B19), which all links there
// share: the last one that was put here.
type keyring struct {
	mu    sync.Mutex
	keys  map[place]*temporary
	turns map[int]chan struct{}
}

// turn waits until nobody else makes keys with a data centre.
func (r *keyring) turn(ctx context.Context, id int) (done func(), err error) {
	r.mu.Lock()
	if r.turns == nil {
		r.turns = map[int]chan struct{}{}
	}
	turn := r.turns[id]
	if turn == nil {
		turn = make(chan struct{}, 1)
		r.turns[id] = turn
	}
	r.mu.Unlock()
	select {
	case turn <- struct{}{}:
		return func() { <-turn }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// get is the key to use in a place; nil: there is none.
func (r *keyring) get(at place) *temporary {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.keys[at]
}

func (r *keyring) put(t *temporary) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.keys == nil {
		r.keys = map[place]*temporary{}
	}
	r.keys[t.at] = t
}

// succeed puts next in the place of a key, unless somebody has done so.
func (r *keyring) succeed(t, next *temporary) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.keys[t.at] == t {
		r.keys[t.at] = next
	}
}

// claim says whether the caller is the one to make the successor of a key now, of all links that share it.
func (r *keyring) claim(t *temporary, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !t.tried.IsZero() && now.Sub(t.tried) < renewRetry {
		return false
	}
	t.tried = now
	return true
}

// drop lets go of a key, unless another one has taken its place.
func (r *keyring) drop(t *temporary) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.keys[t.at] == t {
		delete(r.keys, t.at)
	}
}

// dropAll lets go of all keys of a data centre.
func (r *keyring) dropAll(id int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.keys, place{id, false})
	delete(r.keys, place{id, true})
}

func (r *keyring) bound(t *temporary) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return t.bound
}

func (r *keyring) setBound(t *temporary) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t.bound = true
}

// setSalts keeps what is known of the salts, which belong to the key (C24).
func (r *keyring) setSalts(t *temporary, salts []session.Salt) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t.salts = salts
	if len(salts) > 0 {
		t.salt = salts[0].Value
	}
}

// leave notes that a session is not used any more; the next one has it destroyed (C38).
func (r *keyring) leave(t *temporary, id int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(t.left) < leftMost {
		t.left = append(t.left, id)
	}
}

// session begins a session with a key.
func (r *keyring) session(t *temporary, l session.Limits) (*session.Session, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	timed := slices.DeleteFunc(slices.Clone(t.salts), func(s session.Salt) bool { return s.Until == 0 })
	s, err := session.New(session.Config{
		Key: &t.key, Salt: t.salt, Salts: timed, TimeOffset: t.offset, Rand: rand.Reader, HoldUpdates: true, Limits: l,
	})
	if err != nil {
		return nil, err
	}
	for _, id := range t.left {
		s.Destroy(id)
	}
	t.left = nil
	return s, nil
}

// errTempDenied says that a data centre does not know our temporary key, which it may forget at any time: that is no reason
// to doubt the permanent one (A10, B25).
var errTempDenied = errors.New("mtproto: the temporary key was forgotten")

// temporaryFor is the key for a connection's place: the link's own while calls are under way with it, else the newest, made
// if need be.
func (l *link) temporaryFor(w *wire) (*temporary, error) {
	at, now := place{l.id, w.to.MediaOnly}, time.Now()
	l.mu.Lock()
	own, waiting := l.temp, len(l.calls) > 0
	l.mu.Unlock()
	if own != nil && own.at == at && waiting && !l.c.ends(own, now, drainForce) {
		return own, nil
	}
	if t := l.c.keys.get(at); t != nil && !l.c.ends(t, now, tempLeast) {
		return t, nil
	}
	t, err := l.makeTemporary(w)
	if err == nil {
		l.c.keys.put(t)
	}
	return t, err
}

// makeTemporary makes a key over a fresh connection.
func (l *link) makeTemporary(w *wire) (*temporary, error) {
	began, life := time.Now(), l.c.tempLife()
	life -= time.Duration(mrand.Int64N(int64(min(tempSpread, life/8)))).Truncate(time.Second)
	r, err := l.exchange(w, life)
	if err != nil {
		return nil, err
	}
	t := &temporary{
		at: place{l.id, w.to.MediaOnly}, key: r.Key, life: life, until: r.ExpiresAt, expires: int32(r.ExpiresAt.Add(r.TimeOffset).Unix()),
		offset: r.TimeOffset, salt: r.Salt,
	}
	l.c.emit(KeyCreated{DC: l.id, Took: time.Since(began), Until: t.until})
	return t, nil
}

// tempLife is how long temporary keys live.
func (c *Client) tempLife() time.Duration {
	return max(c.o.Limits.TempKey.Truncate(time.Second), tempOldest)
}
