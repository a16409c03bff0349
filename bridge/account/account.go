// Package account runs one Telegram account: its client of Telegram, the machine that puts its updates in order, its log in
// the stream, and its methods on NATS.
//
// A [Runner] owns the account from the moment its log has written the owner record until it returns. What the account
// knows of its updates is folded from what is in the stream, so that however it ends, the next owner goes on from there.
package account

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
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
	"github.com/natsgram/natsgram/bridge/rpc"
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

// Runner runs one account. Run runs once.
type Runner struct {
	Name   string
	c      Config
	tell   teller
	status status // what callers are told
	keeper keeper // of the session

	differenceLate, heldAfter time.Duration

	mu    sync.Mutex
	owned *ownership // nil: the account is not run yet, or nobody is signed in
}

// New prepares a runner.
func New(c Config) *Runner {
	if c.NewClient == nil {
		c.NewClient = func(o mtproto.Options) (Client, error) { return mtproto.New(o) }
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	c.Log = c.Log.With("account", c.Name)
	r := &Runner{Name: c.Name, c: c, differenceLate: differenceLate, heldAfter: heldAfter}
	r.tell = teller{name: c.Name, log: c.Log, conn: c.Conn, scheme: c.Settings.Scheme(), metrics: c.Metrics}
	r.status.init(c.Name)
	r.keeper = keeper{vault: c.Vault, account: c.Name, told: r.foreign}
	return r
}

// Run owns the account until ctx ends, and then lets go of it in order. It returns nil then; a *stream.FencedError when another
// owner took the account; ErrLost when Lost was closed; or what else makes going on senseless. An account that is not signed in,
// or not any more, is served with clear refusals until ctx ends.
func (r *Runner) Run(ctx context.Context) error {
	state, err := r.keeper.load(ctx)
	switch {
	case errors.Is(err, vault.ErrNotFound):
		return r.serveSignedOut(ctx, WaitingForLogin)
	case err == nil && state.UserID == 0:
		return r.serveSignedOut(ctx, SignedOut)
	}
	if err != nil {
		return err
	}
	o, err := r.begin(ctx, state)
	if err != nil {
		return err
	}
	return o.run(ctx)
}

// ownership is the present one; nil: the account is not run yet, or nobody is signed in.
func (r *Runner) ownership() *ownership {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.owned
}

// serveSignedOut refuses requests with what to do, until ctx ends.
func (r *Runner) serveSignedOut(ctx context.Context, why Phase) error {
	c := r.rpcConfig(nobody{}, nil)
	g, err := r.newGate(ctx, nobody{}.Invoke)
	if err != nil {
		return err
	}
	govern(&c, g)
	f := files.New(r.filesConfig(nil, 0))
	takeFiles(&c, f)
	service, err := rpc.Serve(c)
	if err != nil {
		f.Close()
		return err
	}
	r.status.set(why, vault.ErrNotFound)
	r.tell.event(eventGained, map[string]any{"owner": service.ID(), "signed_in": false})
	select {
	case <-ctx.Done():
	case <-r.c.Lost:
		err = ErrLost
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), Grace)
	defer cancel()
	f.Close()
	service.Stop(grace)
	f.PassOn(false)
	if g != nil {
		g.Close(grace)
	}
	return err
}

// invoker makes an rpc.Invoker of a function.
type invoker func(ctx context.Context, query []byte) ([]byte, error)

// Invoke calls it.
func (f invoker) Invoke(ctx context.Context, query []byte) ([]byte, error) { return f(ctx, query) }

// nobody is the client of an account that is not signed in.
type nobody struct{}

// Invoke refuses.
func (nobody) Invoke(context.Context, []byte) ([]byte, error) { return nil, vault.ErrNotFound }

// rpcConfig is how the account's methods are served; o is nil where nobody is signed in.
func (r *Runner) rpcConfig(invoke rpc.Invoker, o *ownership) rpc.Config {
	s := r.c.Settings
	c := rpc.Config{
		Answers: r.c.Answers, Scheme: s.Scheme(), Account: r.Name, Methods: r.c.Methods, Invoke: invoke, Log: r.tell.log,
		Hooks: rpc.Hooks{Explain: r.status.explain},
		Limits: rpc.Limits{
			Timeout: s.Timeout, MaxTimeout: s.TimeoutMax, Concurrency: s.Concurrency,
			Queue: s.Queue, QueueBytes: s.QueueBytes, Budget: r.c.Budget,
		},
		Endpoints: rpc.Endpoints{
			PerMethod: s.Endpoints == "method", Version: r.c.Version,
			Metadata: map[string]string{"account": r.Name, "layer": fmt.Sprint(r.c.Methods.Schema().Layer())},
			Extra:    map[string]rpc.Extra{"status": {Subject: s.Scheme().Ctl(r.Name, "status"), Answer: r.statusJSON}},
		},
	}
	if r.c.Metrics != nil {
		c.Measure = func(namespace, method string, took time.Duration, code int) {
			r.c.Metrics.Call(r.Name, namespace, method, code, took)
		}
	}
	if o != nil {
		c.Observe, c.Resolve, c.Once = o.driver.observe, o.resolve, o.calls.journal
		c.Forms = peers.Forms()
		c.Met = o.driver.publisher.directory.Met
		o.serveChats(&c)
		c.Extra["logout"] = rpc.Extra{Subject: s.Scheme().Ctl(r.Name, "logout"), Slow: true, Answer: o.logout}
		c.Extra["erase"] = rpc.Extra{Subject: s.Scheme().Ctl(r.Name, "erase"), Slow: true, Answer: o.erase}
		for _, verb := range peers.Verbs() {
			c.Extra["peers_"+verb] = rpc.Extra{Subject: s.Scheme().Ctl(r.Name, "peers."+verb), Slow: true, Answer: o.askedPeers(verb)}
		}
		for _, verb := range []string{"list", "add", "remove"} {
			subject := s.Scheme().Ctl(r.Name, "watch."+verb)
			c.Extra["watch_"+verb] = rpc.Extra{Subject: subject, Slow: true, Answer: o.driver.watched.serve(verb)}
		}
	}
	return c
}

func (r *Runner) statusJSON(context.Context, []byte) ([]byte, *answer.Fault) {
	b, err := json.Marshal(r.Status())
	if err != nil {
		return nil, answer.Refuse(500, err.Error())
	}
	return b, nil
}
