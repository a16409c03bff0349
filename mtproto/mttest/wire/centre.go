// Package wire is the server's end of MTProto: connections, key exchange, sessions with all their checks, and queries
// handed to whoever answers them. It knows nothing of the API.
//
// It is written for tests: it answers every mistake of a client with the code that Telegram would, and it can be told
// to misbehave itself (see [Faults]). Service messages are read and written here by hand, so that a mistake in the
// client's code for them is not repeated on this side.
package wire

import (
	"crypto/rand"
	"io"
	"maps"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/natsgram/natsgram/mtproto/crypto"
)

// Config is what a data centre starts from.
type Config struct {
	// Keys sign key exchanges.
	Keys []*crypto.PrivateKey
	// AcceptDC says whether a data centre's wire id in a key exchange is ours (B6); nil: all are.
	AcceptDC func(dc int) bool
	// Call answers queries. It is called on the connection's goroutine, one query after the other.
	Call func(*Call)
	// NewKey gives the value for [Key.Data] of a key that was just made. Nil: none.
	NewKey func(*Key) any
	// OneConnection makes two connections with one key AUTH_KEY_DUPLICATED, as Telegram does (D8); else they are let be.
	OneConnection bool
	// GzipOver compresses bodies of more than so many bytes; 0: never.
	GzipOver int
	// OldRSA takes key exchanges that are sealed as before RSA_PAD (B7).
	OldRSA bool
	// Strict goes by the letter of the pages: a msgs_ack that is numbered as if it had to be acknowledged is refused (C14).
	Strict bool
	// NumberLate numbers pushes when they are sent, and not when they happen.
	NumberLate bool
	// QueueLimit is how many pushes wait for a client that does not read them, before they give way to one TooLong.
	// 0: 4096.
	QueueLimit int
	// TooLong is the push that takes their place (E10); empty: none.
	TooLong []byte
	// Faults may be nil.
	Faults *Faults
	// Now is the clock; nil: time.Now. Rand: nil: crypto/rand.
	Now  func() time.Time
	Rand io.Reader
}

// Centre is one data centre: its keys, their sessions, the connections to it.
type Centre struct {
	cfg    Config
	active atomic.Int64 // counts packets, so that the session used last can be told
	next   atomic.Int64 // numbers connections

	duplicated atomic.Int64 // permanent keys that two connections used at once

	mu     sync.RWMutex
	keys   map[uint64]*Key
	conns  map[*Conn]struct{}
	closed bool
	wait   sync.WaitGroup
}

// NewCentre makes a data centre. Connections are given to it by [Centre.Serve].
func NewCentre(c Config) *Centre {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	if c.QueueLimit == 0 {
		c.QueueLimit = 4096
	}
	if c.Faults == nil {
		c.Faults = NewFaults()
	}
	return &Centre{cfg: c, keys: map[uint64]*Key{}, conns: map[*Conn]struct{}{}}
}

// AddKey makes an authorization key known, as if it had been exchanged.
func (c *Centre) AddKey(k crypto.Key, salt int64) *Key { return c.addKey(k, salt, time.Time{}) }

func (c *Centre) addKey(k crypto.Key, salt int64, expires time.Time) *Key {
	key := &Key{Key: k, Expires: expires, centre: c, sessions: map[int64]*Session{}, Made: c.cfg.Now()}
	key.salts.start(key.Made, salt, k)
	if c.cfg.NewKey != nil {
		key.Data = c.cfg.NewKey(key)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	maps.DeleteFunc(c.keys, func(_ uint64, k *Key) bool { return k.expired(key.Made) }) // or a box that runs for days grows
	c.keys[k.ID()] = key
	return key
}

// Key finds a key by its id; nil: unknown or expired.
func (c *Centre) Key(id uint64) *Key {
	c.mu.RLock()
	k := c.keys[id]
	c.mu.RUnlock()
	if k == nil || k.expired(c.cfg.Now()) {
		return nil
	}
	return k
}

// Duplicated is how many permanent keys were ever used by two connections at once, where that is forbidden (D8).
func (c *Centre) Duplicated() int { return int(c.duplicated.Load()) }

// Forget drops a key: whoever uses it is told -404 (A10).
func (c *Centre) Forget(id uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.keys, id)
}

// destroy drops a permanent key, and those that are bound to it.
func (c *Centre) destroy(k *Key) {
	for _, other := range c.Keys() {
		if other.permanent() == k {
			c.Forget(other.ID())
		}
	}
	c.Forget(k.ID())
}

// Serve speaks with one client until either side closes. It closes nc. Media: of an address where parallel connections
// with one key are in order (D8).
func (c *Centre) Serve(nc net.Conn, media bool) {
	conn := newConn(c, nc)
	conn.media = media
	if !c.admit(conn) {
		nc.Close()
		return
	}
	defer c.dismiss(conn)
	conn.run()
}

func (c *Centre) admit(conn *Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.conns[conn] = struct{}{}
	c.wait.Add(1)
	return true
}

func (c *Centre) dismiss(conn *Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.conns, conn)
	c.wait.Done()
}

// Conns lists the live connections.
func (c *Centre) Conns() []*Conn {
	c.mu.RLock()
	defer c.mu.RUnlock()
	all := make([]*Conn, 0, len(c.conns))
	for conn := range c.conns {
		all = append(all, conn)
	}
	return all
}

// Keys lists the keys that were made.
func (c *Centre) Keys() []*Key {
	c.mu.RLock()
	defer c.mu.RUnlock()
	all := make([]*Key, 0, len(c.keys))
	for _, k := range c.keys {
		all = append(all, k)
	}
	return all
}

// Close ends all connections and waits until their goroutines are gone.
func (c *Centre) Close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	for _, conn := range c.Conns() {
		conn.Close()
	}
	c.wait.Wait()
}
