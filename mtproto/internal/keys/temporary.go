package keys

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/natsgram/natsgram/mtproto/crypto"
	"github.com/natsgram/natsgram/mtproto/handshake"
	"github.com/natsgram/natsgram/mtproto/session"
)

// How long temporary keys live, and how long before its end a key is too old for something.
const (
	Life     = 24 * time.Hour   // of a temporary key, where nobody wants another life (B26)
	shortest = 10 * time.Second // life that is asked for
	spread   = time.Hour        // keys live up to that much less, so that clients which started together do not renew together

	renewBefore = time.Hour        // its end the next key is made (B26)
	BeginLeast  = 5 * time.Minute  // a key with less left is not begun with
	ForcedLeast = 10 * time.Minute // a key with less left is left whatever calls are under way
)

// Scope is where a temporary key is good: at a data centre, and there, for all or for file traffic alone.
type Scope struct {
	DC    int
	Media bool
}

// Temporary is a temporary key, under which everything is sent, so that a permanent key which becomes known some day opens
// nothing of today (B19).
type Temporary struct {
	at      Scope
	key     crypto.Key
	life    time.Duration
	until   time.Time // by our clock
	expires int32     // the same in the server's Unix time
	offset  time.Duration

	// Under the Ring's lock.
	bound bool
	tried time.Time // when somebody last began to make its successor
	salt  int64
	salts []session.Salt
	left  []int64 // sessions that nobody uses any more
}

// New makes a temporary key of the result of an exchange.
func New(at Scope, r *handshake.Result, life time.Duration) *Temporary {
	return &Temporary{
		at: at, key: r.Key, life: life, until: r.ExpiresAt, expires: int32(r.ExpiresAt.Add(r.TimeOffset).Unix()),
		offset: r.TimeOffset, salt: r.Salt,
	}
}

// NewUnbound makes a key that need not be bound and does not end, as those with CDN data centres are (D13). Like a
// temporary one it is kept in memory, forgotten when the other side forgets it, and then made anew.
func NewUnbound(at Scope, r *handshake.Result, now time.Time) *Temporary {
	return &Temporary{
		at: at, key: r.Key, until: now.AddDate(10, 0, 0), expires: math.MaxInt32, offset: r.TimeOffset, salt: r.Salt, bound: true,
	}
}

// LifeOf returns the life to ask for where keys are to live for about want.
func LifeOf(want time.Duration) time.Duration {
	life := max(want.Truncate(time.Second), shortest)
	return life - time.Duration(rand.Int64N(int64(min(spread, life/8)))).Truncate(time.Second)
}

// Scope returns where the key is good.
func (t *Temporary) Scope() Scope { return t.at }

// Until returns when the key ends.
func (t *Temporary) Until() time.Time { return t.until }

// Ends reports whether the key has less than margin left, in proportion if it lives short. A machine that slept has missed part
// of its life, so that the monotonic clock in now and the wall clock both count.
func (t *Temporary) Ends(now, wall time.Time, margin time.Duration) bool {
	margin = min(margin, time.Duration(float64(t.life)*float64(margin)/float64(Life)))
	return t.until.Sub(now) < margin || t.until.Round(0).Sub(wall) < margin
}
