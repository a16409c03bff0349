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

	"github.com/natsgram/natsgram/bridge/account"
	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/backing"
	"github.com/natsgram/natsgram/bridge/chats"
	"github.com/natsgram/natsgram/bridge/control"
	"github.com/natsgram/natsgram/bridge/files"
	"github.com/natsgram/natsgram/bridge/flood"
	"github.com/natsgram/natsgram/bridge/gate"
	"github.com/natsgram/natsgram/bridge/health"
	"github.com/natsgram/natsgram/bridge/history"
	"github.com/natsgram/natsgram/bridge/layer"
	"github.com/natsgram/natsgram/bridge/lease"
	"github.com/natsgram/natsgram/bridge/metrics"
	"github.com/natsgram/natsgram/bridge/once"
	"github.com/natsgram/natsgram/bridge/peers"
	"github.com/natsgram/natsgram/bridge/queue"
	"github.com/natsgram/natsgram/bridge/records"
	"github.com/natsgram/natsgram/bridge/room"
	"github.com/natsgram/natsgram/bridge/settings"
	"github.com/natsgram/natsgram/bridge/signin"
	"github.com/natsgram/natsgram/bridge/stream"
	"github.com/natsgram/natsgram/bridge/supervisor"
	"github.com/natsgram/natsgram/bridge/turns"
	"github.com/natsgram/natsgram/bridge/uploads"
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
}

func (o Options) backing(s Settings) backing.Options {
	return backing.Options{Settings: s, Log: o.Log, NoSync: o.NoSync, Open: o.Open}
}

// filled has what may be left out.
func (o Options) filled() Options {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Version = semver(o.Version)
	return o
}

// Bridge is a daemon. Run runs once.
type Bridge struct {
	settings Settings
	options  Options
	env      dc.Environment
	layer    *layer.Layer
	budget   *turns.Budget // of the bytes of all accounts' requests
	room     *room.Budget  // of those of their updates that wait
	log      *slog.Logger
	metrics  *metrics.Metrics // nil: NATSGRAM_HTTP is not set
	clock    account.Clock
	rights   refusals
	starts   starts
	accounts *supervisor.Accounts
	ready    chan struct{}

	mu         sync.Mutex
	url        string
	services   *backing.Services
	answers    *answer.Answers
	supervisor *supervisor.Supervisor
}

// New checks the settings, reads the schema, and prepares a daemon that Run starts.
func New(s Settings, o Options) (*Bridge, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	o = o.filled()
	b := &Bridge{
		settings: s, options: o, log: o.Log, ready: make(chan struct{}), accounts: supervisor.NewAccounts(),
		budget: turns.NewBudget(s.QueueTotal), room: room.NewBudget(s.PendingTotal),
	}
	var err error
	if b.env, err = layer.Environment(s, o.Env); err != nil {
		return nil, err
	}
	if s.HTTP != "" {
		b.metrics = metrics.New(o.Version, b.figures, b.ownFigures)
	}
	b.layer, err = layer.Read(s)
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
	o := b.options.backing(b.settings)
	o.Watch, o.Trouble = b.watch, b.starts.note
	services, err := backing.Daemon(ctx, o)
	if err != nil {
		return err
	}
	defer services.Close()
	defer services.Keep(ctx)()
	if b.answers, err = b.newAnswers(services.Conn); err != nil {
		return err
	}
	c := b.accountConfig(services)
	if err = services.Patiently(ctx, func() (err error) {
		if c.Queue, err = queue.Setup(ctx, services.Storage, b.log); err != nil {
			return err
		}
		if c.Once, err = once.NewStore(ctx, services.Storage); err != nil {
			return err
		}
		if c.Floods, err = flood.Open(ctx, services.Storage); err != nil {
			return err
		}
		if c.Peers, err = peers.NewStore(ctx, services.Storage); err != nil {
			return err
		}
		if len(b.settings.Updates.State) > 0 {
			if c.Chats, err = chats.Open(ctx, services.Storage); err != nil {
				return err
			}
		}
		if c.Limits, err = gate.NewStore(ctx, services.Storage); err != nil {
			return err
		}
		if c.Records, err = records.Open(ctx, services.Storage); err != nil {
			return err
		}
		if c.Transfers, err = uploads.OpenRecords(ctx, services.Storage); err != nil {
			return err
		}
		if c.Files, err = files.OpenStore(ctx, services.Storage); err != nil {
			return err
		}
		c.Storage, c.History = services.Storage, history.NewStore(services.Storage)
		c.Store, err = stream.Setup(ctx, services.Storage)
		return err
	}); err != nil {
		return err
	}
	b.mu.Lock()
	b.url, b.services = services.URL(), services
	b.mu.Unlock()
	defer followQueue(ctx, c.Queue)()
	return b.serve(ctx, services, c)
}

// followQueue tells accounts of their jobs until the last account has ended.
func followQueue(ctx context.Context, q *queue.Store) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var work sync.WaitGroup
	work.Go(func() { q.Run(ctx) })
	return func() { cancel(); work.Wait() }
}

// newAnswers are how this daemon answers on a connection.
func (b *Bridge) newAnswers(nc *nats.Conn) (*answer.Answers, error) {
	more := b.settings.Replies
	// The prefix of the context is where daemons wait for each other's answers, and commands for this one's.
	if inbox := nc.Opts.InboxPrefix; inbox != "" {
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
func (b *Bridge) serve(ctx context.Context, services *backing.Services, each account.Config) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c := supervisor.Config{Account: each, Services: services, Accounts: b.accounts}
	o := lease.Options{Name: b.settings.Name, Embedded: services.Server != nil, Log: b.log}
	err := services.Patiently(ctx, func() (err error) {
		c.Leases, err = lease.Open(ctx, services.Storage, o)
		return err
	})
	if err != nil {
		return err
	}
	s, leave, err := supervisor.Join(ctx, c) //nolint:contextcheck // accounts outlive ctx by a hand-over
	if err != nil {
		return err
	}
	defer func() { cancel(); leave() }()
	b.mu.Lock()
	b.supervisor = s
	b.mu.Unlock()
	stop, err := control.Serve(ctx, b.controlConfig(c, s))
	if err != nil {
		return err
	}
	err = s.Run(func() { close(b.ready) })
	cancel()
	s.Wait()
	stop()
	return err
}

// accountConfig is what every account is run with, but for what is kept in JetStream.
func (b *Bridge) accountConfig(services *backing.Services) account.Config {
	return account.Config{
		Settings: b.settings, Env: b.env, Version: b.options.Version, Methods: b.layer.Methods, Rules: b.layer.Rules, Rates: b.layer.Rates,
		Conn: services.Conn, Answers: b.answers, Stores: account.Stores{Vault: services.Vault},
		Budget: b.budget, Room: b.room, Metrics: b.metrics, Clock: &b.clock, Log: b.log,
	}
}

func (b *Bridge) controlConfig(c supervisor.Config, s *supervisor.Supervisor) control.Config {
	return control.Config{
		Settings: b.settings, Version: b.options.Version, Instance: s.Instance(), Services: c.Services, Answers: b.answers,
		Records: c.Account.Records, Queue: c.Account.Queue, Files: c.Account.Files, Limits: c.Account.Limits, Leases: c.Leases, Table: s.Table(), Daemon: controlled{s, b},
		SignIn: signin.Config{Settings: b.settings, Env: b.env, Layer: b.layer, Version: b.options.Version, Log: b.log},
	}
}

// controlled is what the control subjects see of this daemon.
type controlled struct {
	*supervisor.Supervisor
	b *Bridge
}

// Problems are what keeps this daemon from being ready.
func (c controlled) Problems() []health.Problem { return c.b.problems() }

// WaitServing waits until an account is connected to Telegram, its requests are served and its updates followed, or ctx ends: the
// error says how far it has come. An account that is not signed in may be at any time.
func (b *Bridge) WaitServing(ctx context.Context, name string) error {
	return b.accounts.WaitServing(ctx, name)
}

// Statuses are those of all accounts of this daemon.
func (b *Bridge) Statuses() (all []account.Status) {
	for _, r := range b.accounts.Runners() {
		all = append(all, r.Status())
	}
	return all
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
