package keys

import (
	"context"
	"crypto/rand"
	"slices"
	"sync"
	"time"

	"github.com/natsgram/natsgram/mtproto/session"
)

const (
	renewRetry = 5 * time.Minute // until a failed renewal is tried again
	leftMost   = 8               // sessions that are remembered to be destroyed (C38)
)

// Ring has the temporary keys of an account. A permanent key has one bound to it at a time in each place (B19), which all
// sessions there share: the last one that was put here. The zero Ring is empty.
type Ring struct {
	mu     sync.Mutex
	keys   map[Scope]*Temporary
	makers map[int]chan struct{} // by data centre; has an element while somebody makes keys there
}

// Exclusive waits until nobody else makes keys with a data centre, and returns what ends the caller's time.
func (r *Ring) Exclusive(ctx context.Context, dc int) (done func(), err error) {
	r.mu.Lock()
	if r.makers == nil {
		r.makers = map[int]chan struct{}{}
	}
	maker := r.makers[dc]
	if maker == nil {
		maker = make(chan struct{}, 1)
		r.makers[dc] = maker
	}
	r.mu.Unlock()
	select {
	case maker <- struct{}{}:
		return func() { <-maker }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Get returns the key to use in a place, nil if there is none.
func (r *Ring) Get(at Scope) *Temporary {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.keys[at]
}

// Put makes a key the one to use in its place.
func (r *Ring) Put(t *Temporary) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.keys == nil {
		r.keys = map[Scope]*Temporary{}
	}
	r.keys[t.at] = t
}

// Succeed puts next in the place of a key, unless somebody has done so.
func (r *Ring) Succeed(t, next *Temporary) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.keys[t.at] == t {
		r.keys[t.at] = next
	}
}

// claim reports whether the caller is to make the successor of a key, of all sessions that share it.
func (r *Ring) claim(t *Temporary, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !t.tried.IsZero() && now.Sub(t.tried) < renewRetry {
		return false
	}
	t.tried = now
	return true
}

// Drop forgets a key, unless another one has taken its place.
func (r *Ring) Drop(t *Temporary) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.keys[t.at] == t {
		delete(r.keys, t.at)
	}
}

// DropAll forgets all keys of a data centre.
func (r *Ring) DropAll(dc int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.keys, Scope{dc, false})
	delete(r.keys, Scope{dc, true})
}

// Bound reports whether a key is bound to the permanent one.
func (r *Ring) Bound(t *Temporary) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return t.bound
}

// SetBound notes that a key is bound.
func (r *Ring) SetBound(t *Temporary) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t.bound = true
}

// SetSalts keeps the salts of a key (C24).
func (r *Ring) SetSalts(t *Temporary, salts []session.Salt) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t.salts = salts
	if len(salts) > 0 {
		t.salt = salts[0].Value
	}
}

// LeaveSession notes that a session of a key is not used any more; the next session has it destroyed (C38).
func (r *Ring) LeaveSession(t *Temporary, id int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(t.left) < leftMost {
		t.left = append(t.left, id)
	}
}

// Session begins a session with a key.
func (r *Ring) Session(t *Temporary, l session.Limits) (*session.Session, error) {
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
