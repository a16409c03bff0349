package client

import (
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/subjects"
)

// Option changes how a [Client] works.
type Option func(*options)

type options struct {
	scheme   subjects.Scheme
	prefix   string
	readOnly bool
	js       jetstream.JetStream
	timeout  time.Duration
	absence  time.Duration
	flood    time.Duration
	retries  int
}

var defaults = options{prefix: subjects.DefaultPrefix, timeout: time.Minute, absence: 30 * time.Second, retries: 8}

// Prefix sets the first part of all subjects and of the stream's name, where the operator set NATSGRAM_PREFIX; tg by default.
func Prefix(prefix string) Option { return func(o *options) { o.prefix = prefix } }

// ReadOnly makes calls on tg.ro, where the daemon serves only methods that read: for programs whose NATS permissions allow
// no more.
func ReadOnly() Option { return func(o *options) { o.readOnly = true } }

// JetStream sets how the stream of updates is reached, where that is in a JetStream domain (jetstream.NewWithDomain) or behind an API
// prefix; by default by jetstream.New of the client's connection.
func JetStream(js jetstream.JetStream) Option { return func(o *options) { o.js = js } }

// Timeout sets how long one attempt of a call may take, from 1 ms to 24 h; 1 minute by default. The daemon is told, so that it gives up
// a little earlier and can say what became of the call. The context says how long a call takes with all its repetitions.
func Timeout(d time.Duration) Option { return func(o *options) { o.timeout = d } }

// WaitForDaemon sets how long a call waits while nobody serves the account, 30 s by default; 0 fails at once with ErrNoDaemon. A planned
// hand-over takes less than a second, one after a crash some ten.
func WaitForDaemon(d time.Duration) Option { return func(o *options) { o.absence = d } }

// FloodWait sets how long a call may wait in all because Telegram said FLOOD_WAIT, beside what the daemon sits out by itself. 0, the
// default: not at all, the error comes back with its RetryAfter.
func FloodWait(d time.Duration) Option { return func(o *options) { o.flood = d } }

// Retries sets how often a call is repeated after errors that may pass, 0 to 1000, 8 by default. Waiting for a daemon or for a flood to
// end does not count.
func Retries(n int) Option { return func(o *options) { o.retries = n } }

const (
	maxTimeout = 24 * time.Hour
	maxRetries = 1000
)

func (o *options) check() (err error) {
	if o.scheme, err = subjects.New(o.prefix); err != nil {
		return err
	}
	switch {
	case o.timeout < time.Millisecond || o.timeout > maxTimeout:
		return fmt.Errorf("option Timeout: %v, want 1ms to 24h", o.timeout)
	case o.absence < 0 || o.flood < 0:
		return fmt.Errorf("options WaitForDaemon and FloodWait: %v and %v, want 0 or more", o.absence, o.flood)
	case o.retries < 0 || o.retries > maxRetries:
		return fmt.Errorf("option Retries: %d, want 0 to %d", o.retries, maxRetries)
	}
	return nil
}
