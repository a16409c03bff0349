package session

import (
	"errors"
	"io"
	"time"

	"github.com/natsgram/natsgram/mtproto/crypto"
	"github.com/natsgram/natsgram/mtproto/mt"
)

// Config is what a session needs.
type Config struct {
	Key        *crypto.Key
	Salt       int64         // from the handshake (B16), or the last that was known; any, at the cost of a round trip
	Salts      []Salt        // as [SaltsChanged] gave them; they win over Salt where they are valid
	TimeOffset time.Duration // server's time - local wall clock
	Rand       io.Reader     // cryptographically strong
	// HoldUpdates keeps back the acknowledgement of each update until [Session.Release] (C17).
	HoldUpdates bool
	Limits      Limits
}

// Salt is a server salt and when it is valid, in the server's Unix time. Salts belong to the key, not to the session.
type Salt struct {
	Value        int64
	Since, Until int64 // 0: not known
}

// Limits are the session's times and sizes. Zero values stand for the defaults.
type Limits struct {
	PingAfter       time.Duration // of silence, until a ping is sent; 5 s
	DisconnectAfter time.Duration // after which the server closes unless pinged again; 50 s, stay below 60 (C33)
	DeadAfter       time.Duration // least time without any byte in answer until the peer counts as dead; 10 s (C35)
	AckAfter        time.Duration // until acknowledgements are sent by themselves; 10 s (C16)
	AckCount        int           // more pending than these are sent by themselves; 16 (C16)
	CheckAfter      time.Duration // without a word about a call, until its state is asked for; 10 s (C27)
	CheckReceived   time.Duration // the same, for a call known to be received; 60 s
	Linger          time.Duration // for late answers in a session that was left; 10 s
	GzipOver        int           // longer queries are packed, in bytes; 1024, negative: none (C21)
	MaxUnpacked     int           // bytes that a packed answer may unpack to; 16 MiB (C21)
}

var errConfig = errors.New("session: Config needs Key and Rand")

func (c *Config) complete() error {
	if c.Key == nil || c.Key.Zero() || c.Rand == nil {
		return errConfig
	}
	l := &c.Limits
	orElse(&l.PingAfter, 5*time.Second)
	orElse(&l.DisconnectAfter, 50*time.Second)
	orElse(&l.DeadAfter, 10*time.Second)
	orElse(&l.AckAfter, 10*time.Second)
	orElse(&l.AckCount, 16)
	orElse(&l.CheckAfter, 10*time.Second)
	orElse(&l.CheckReceived, 60*time.Second)
	orElse(&l.Linger, 10*time.Second)
	orElse(&l.GzipOver, 1024)
	orElse(&l.MaxUnpacked, mt.MaxUnpacked)
	return nil
}

func orElse[T comparable](p *T, def T) {
	var zero T
	if *p == zero {
		*p = def
	}
}
