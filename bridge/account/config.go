package account

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/chats"
	"github.com/natsgram/natsgram/bridge/files"
	"github.com/natsgram/natsgram/bridge/flood"
	"github.com/natsgram/natsgram/bridge/gate"
	"github.com/natsgram/natsgram/bridge/history"
	"github.com/natsgram/natsgram/bridge/methods"
	"github.com/natsgram/natsgram/bridge/metrics"
	"github.com/natsgram/natsgram/bridge/once"
	"github.com/natsgram/natsgram/bridge/peers"
	"github.com/natsgram/natsgram/bridge/queue"
	"github.com/natsgram/natsgram/bridge/records"
	"github.com/natsgram/natsgram/bridge/room"
	"github.com/natsgram/natsgram/bridge/settings"
	"github.com/natsgram/natsgram/bridge/storage"
	"github.com/natsgram/natsgram/bridge/stream"
	"github.com/natsgram/natsgram/bridge/turns"
	"github.com/natsgram/natsgram/bridge/uploads"
	"github.com/natsgram/natsgram/bridge/vault"
	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/dc"
	"github.com/natsgram/natsgram/mtproto/updates"
)

// Client is what is needed of an mtproto.Client.
type Client interface {
	Run(ctx context.Context) error
	Invoke(ctx context.Context, query []byte) ([]byte, error)
	Reinit()
}

// Config of a runner. All accounts of a daemon share most of it.
type Config struct {
	Name     string
	Settings settings.Settings
	Env      dc.Environment
	Conn     *nats.Conn
	Answers  *answer.Answers // of the same connection
	Rates    *gate.Rules     // of the methods
	Methods  *methods.Methods
	Rules    *updates.Rules
	Version  string
	Budget   *turns.Budget    // of the bytes of requests; nil: none
	Room     *room.Budget     // of the daemon, for updates that wait; nil: as much as there is
	Metrics  *metrics.Metrics // nil: nobody looks
	Clock    *Clock           // the daemon's; nil: nobody is told that it is wrong
	Log      *slog.Logger
	Stores
	Lease
	// NewClient makes the client of Telegram; nil: mtproto.New.
	NewClient func(mtproto.Options) (Client, error)
}

// Stores are where everything stands that outlives a daemon.
type Stores struct {
	Store     *stream.Store
	Records   *records.Records
	Vault     *vault.Vault
	Storage   *storage.Storage // where objects are that calls name as files; nil: none may be named
	Files     *files.Store     // where files are put; nil: into answers alone
	Transfers *uploads.Records // how far files have come; nil: nobody knows after a crash
	Queue     *queue.Store     // of jobs; nil: none are run
	Chats     *chats.Store     // of dialogs as they are now; nil: they are not kept
	History   *history.Store   // of messages that were asked for; nil: none are fetched
	Once      once.Store       // of requests with an id; nil: they are executed as often as they come
	Floods    *flood.Board
	Peers     peers.Store // whom the accounts have met; nil: it is forgotten with the daemon
	Limits    gate.Store  // of what may be called; nil: everything
}

// Lease is the right to run the account.
type Lease struct {
	// Sure reports whether the account is this daemon's beyond doubt, at any instant; nil: always.
	Sure func() bool
	Lost <-chan struct{} // closed when the account may be another daemon's: everything ends at once; nil: never
	// Successor reports whether another daemon would go on with the account, so that requests are kept for it when this one
	// lets go; nil: none would.
	Successor func() bool
}

// Grace is how long a planned end waits for requests at work and for updates on their way to the stream.
const Grace = 16 * time.Second

// Within is how long an account takes to end at most: the grace, and telling Telegram that it is offline.
const Within = Grace + offlineTime

// ErrLost says that the right to run the account was lost.
var ErrLost = errors.New("the account may be another daemon's now")
