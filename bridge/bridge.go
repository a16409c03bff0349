// Package bridge is the daemon: requests on NATS become calls to Telegram, what Telegram pushes becomes messages in a stream
// (design §1 to §7). It runs the accounts whose sessions lie in the vault, each by a bridge/account.Runner, on NATS servers of
// the operator's or on one inside the process.
package bridge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/account"
	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/bus"
	"github.com/natsgram/natsgram/bridge/embedded"
	"github.com/natsgram/natsgram/bridge/flood"
	"github.com/natsgram/natsgram/bridge/gate"
	"github.com/natsgram/natsgram/bridge/lease"
	"github.com/natsgram/natsgram/bridge/metrics"
	"github.com/natsgram/natsgram/bridge/once"
	"github.com/natsgram/natsgram/bridge/room"
	"github.com/natsgram/natsgram/bridge/rpc"
	"github.com/natsgram/natsgram/bridge/settings"
	"github.com/natsgram/natsgram/bridge/storage"
	"github.com/natsgram/natsgram/bridge/stream"
	"github.com/natsgram/natsgram/bridge/vault"
	"github.com/natsgram/natsgram/mtproto/dc"
)

// Settings are described in package settings.
type Settings = settings.Settings

// DefaultSettings are those of an empty environment, but for StateDir.
func DefaultSettings() Settings { return settings.Defaults() }

// Options are what is not a setting of the environment. The zero value is fine.
type Options struct {
	Log     *slog.Logger
	Env     *dc.Environment // instead of what the settings say: a Telegram in a box
	Version string          // shown by the micro services, and to Telegram as the app's version
	NoSync  bool            // the embedded server does not sync every write: tests and demos
	Open    bool            // the embedded server asks nobody who they are: tests and demos

	watch   func(*nats.Conn) // is given the connection as soon as there is one
	trouble func(error)      // is told why something is tried again
}

// Bridge is a daemon. Run runs once.
type Bridge struct {
	settings Settings
	options  Options
	env      dc.Environment
	layer    layer
	budget   *rpc.Budget  // of the bytes of all accounts' requests
	room     *room.Budget // of those of their updates that wait
	log      *slog.Logger
	metrics  *metrics.Metrics // nil: NATSGRAM_HTTP is not set
	clock    account.Clock
	rights   rights
	starts   starts
	ready    chan struct{}

	mu       sync.Mutex
	url      string
	accounts map[string]*supervised // those that run here
	changed  chan struct{}          // closed and made anew when accounts come or go
	bus      *base
	shift    *supervisor
}

// New checks the settings, reads the schema, and prepares a daemon that Run starts.
func New(s Settings, o Options) (*Bridge, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Version = semver(o.Version)
	b := &Bridge{
		settings: s, options: o, log: o.Log, budget: rpc.NewBudget(s.QueueTotal), room: room.NewBudget(s.PendingTotal), ready: make(chan struct{}),
		accounts: map[string]*supervised{}, changed: make(chan struct{}),
	}
	var err error
	if b.env, err = environment(s, o); err != nil {
		return nil, err
	}
	if s.HTTP != "" {
		b.metrics = metrics.New(o.Version, b.figures, b.ownFigures)
	}
	b.layer, err = readLayer(s)
	return b, err
}

// semantic is what the protocol of micro services takes for a version.
var semantic = regexp.MustCompile(`^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$`)

// semver makes a semantic version of what git describes: v1.2.3-4-gabc, dev.
func semver(v string) string {
	v = strings.TrimPrefix(v, "v")
	if semantic.MatchString(v) {
		return v
	}
	plain := regexp.MustCompile(`[^0-9A-Za-z-]+`).ReplaceAllString(v, "-")
	if plain == "" {
		return "0.0.0"
	}
	return "0.0.0-" + plain
}

// base is what everything stands on: NATS, the streams, the vault.
type base struct {
	server  *embedded.Server // nil: NATS is somebody else's
	nc      *nats.Conn
	js      jetstream.JetStream
	storage *storage.Storage
	vault   *vault.Vault
	answers *answer.Answers // nil in commands: they answer nobody
	once    once.Store      // nil in commands
	floods  *flood.Board    // nil in commands
	limits  gate.Store      // nil in commands
	trouble func(error)     // is told why something is tried again; may be nil
}

// open reaches NATS and the vault. run: start the embedded server, and do not look for another daemon's.
func open(ctx context.Context, s Settings, o Options, run bool) (*base, error) {
	b, err := reach(ctx, s, o, run)
	if err != nil {
		return nil, err
	}
	if run {
		err = b.patiently(ctx, o.Log, func() error { return b.checkVersion(ctx, o.Log) })
	}
	if err == nil && run {
		err = b.patiently(ctx, o.Log, func() error { return b.openFitting(ctx, s) })
	} else if err == nil {
		err = b.openVault(ctx, s)
	}
	if err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

// reach reaches NATS and the storage there.
func reach(ctx context.Context, s Settings, o Options, run bool) (*base, error) {
	b := &base{}
	var err error
	switch {
	case s.External() && run:
		b.nc, err = bus.Await(ctx, s.NATS, "natsgram", o.Log)
	case s.External():
		b.nc, err = bus.External(s.NATS, "natsgram login")
	case run:
		err = b.embed(s, o)
	default:
		if b.nc, err = bus.Local(s, "natsgram login"); errors.Is(err, bus.ErrNotRunning) {
			err = b.embed(s, o)
		}
	}
	if err == nil && o.watch != nil {
		o.watch(b.nc)
	}
	if b.trouble = o.trouble; err == nil {
		err = b.openStorage(s, o, run)
	}
	if err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

// patiently waits for a JetStream that is not there yet: the servers of a cluster come one after the other.
func (b *base) patiently(ctx context.Context, log *slog.Logger, do func() error) error {
	return bus.Patiently(ctx, log, "JetStream is not ready; trying again", func() error {
		err := do()
		if b.trouble != nil {
			b.trouble(err)
		}
		return err
	})
}

func (b *base) embed(s Settings, o Options) (err error) {
	b.server, err = embedded.Start(embedded.Config{
		Dir: s.StateDir, Port: s.Port, Log: o.Log, NoSync: o.NoSync,
		Users: !o.Open && !s.SignsIn(), File: s.Config, Account: s.Account,
	})
	if err != nil {
		return err
	}
	if b.nc, err = bus.InProcess(b.server, s.NATS, "natsgram"); err != nil || s.Config == "" {
		return err
	}
	account, err := bus.Account(b.nc)
	if err != nil {
		return err
	}
	return b.server.Fits(account)
}

// openStorage prepares the streams and buckets. A command changes nothing that is there.
func (b *base) openStorage(s Settings, o Options, run bool) error {
	var err error
	if b.js, err = bus.JetStream(b.nc, s.NATS); err != nil {
		return err
	}
	options, err := storage.FromSettings(s)
	if err != nil {
		return err
	}
	if b.server != nil {
		options.Room = b.server.Room()
	}
	if b.storage = storage.Command(b.js, options); run {
		b.storage = storage.Daemon(b.js, options, o.Log)
	}
	return nil
}

func (b *base) checkVersion(ctx context.Context, log *slog.Logger) error {
	warn, err := bus.CheckVersion(ctx, b.nc, b.js)
	if warn != "" {
		log.Warn(warn)
	}
	return err
}

// keepStorage looks after the streams and buckets until the last account has ended.
func (b *base) keepStorage(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var work sync.WaitGroup
	work.Go(func() { b.storage.Keep(ctx) })
	return func() { cancel(); work.Wait() }
}

func (b *base) close() {
	if b.nc != nil {
		b.nc.Close()
	}
	if b.server != nil {
		b.server.Close()
	}
}

// Run serves until ctx ends, then lets go of everything in order: no new requests, those at work answered, updates flushed,
// connections closed. Its error is nil after such an end.
func (b *Bridge) Run(ctx context.Context) error {
	err := b.run(ctx)
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

func (b *Bridge) run(ctx context.Context) error {
	if b.metrics != nil {
		shown, err := metrics.Serve(b.settings.HTTP, b.metrics, b.fit, b.alive)
		if err != nil {
			return err
		}
		defer shown.Close()
		b.log.Info("metrics", "address", shown.Addr())
	}
	o := b.options
	o.watch, o.trouble = b.watch, b.starts.note
	base, err := open(ctx, b.settings, o, true)
	if err != nil {
		return err
	}
	defer base.close()
	defer base.keepStorage(ctx)()
	if base.answers, err = b.newAnswers(base.nc); err != nil {
		return err
	}
	var store *stream.Store
	if err = base.patiently(ctx, b.log, func() (err error) {
		if base.once, err = once.NewStore(ctx, base.storage); err != nil {
			return err
		}
		if base.floods, err = flood.Open(ctx, base.storage); err != nil {
			return err
		}
		if base.limits, err = gate.NewStore(ctx, base.storage); err != nil {
			return err
		}
		store, err = stream.Setup(ctx, base.storage)
		return err
	}); err != nil {
		return err
	}
	b.mu.Lock()
	b.url, b.bus = settings.Redacted(base.nc.ConnectedUrl()), base
	if base.server != nil {
		b.url = base.server.ClientURL()
	}
	b.mu.Unlock()
	return b.serve(ctx, base, store)
}

// newAnswers are how this daemon answers on a connection.
func (b *Bridge) newAnswers(nc *nats.Conn) (*answer.Answers, error) {
	more := b.settings.Replies
	if inbox := nc.Opts.InboxPrefix; inbox != "" { // of the context: where daemons wait for each other's answers, and commands for ours
		more = append(slices.Clone(more), inbox)
	}
	replies, err := b.settings.Scheme().Replies(more...)
	if err != nil {
		return nil, fmt.Errorf("prefix of inboxes: %w", err)
	}
	return answer.New(nc, replies, b.metrics.ReplyRefused, b.log), nil
}

func subjectOf(sub *nats.Subscription) string {
	if sub == nil {
		return ""
	}
	return sub.Subject
}

// serve runs the accounts and the control subjects.
func (b *Bridge) serve(ctx context.Context, base *base, store *stream.Store) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var leases *lease.Leases
	err := base.patiently(ctx, b.log, func() (err error) {
		leases, err = lease.Open(ctx, base.storage, b.leaseOptions(base))
		return err
	})
	if err != nil {
		return err
	}
	s, leave, err := b.newSupervisor(ctx, base, store, leases) //nolint:contextcheck // accounts outlive ctx by a hand-over
	if err != nil {
		return err
	}
	defer func() { cancel(); leave() }()
	b.mu.Lock()
	b.shift = s
	b.mu.Unlock()
	control, err := b.serveControl(ctx, base, s)
	if err != nil {
		return err
	}
	err = s.run()
	cancel()
	<-s.ctx.Done()
	s.work.Wait()
	control()
	return err
}

func (b *Bridge) leaseOptions(base *base) lease.Options {
	return lease.Options{Name: b.settings.Name, Embedded: base.server != nil, Log: b.log}
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

// Connect reaches NATS as a command does: the external servers, or those of the running daemon.
func Connect(s Settings) (*nats.Conn, error) { return bus.Connect(s, "natsgram cli") }
