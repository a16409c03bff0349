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
	"net"
	"runtime"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/flood"
	"github.com/natsgram/natsgram/bridge/gate"
	"github.com/natsgram/natsgram/bridge/metrics"
	"github.com/natsgram/natsgram/bridge/once"
	"github.com/natsgram/natsgram/bridge/queue"
	"github.com/natsgram/natsgram/bridge/records"
	"github.com/natsgram/natsgram/bridge/room"
	"github.com/natsgram/natsgram/bridge/rpc"
	"github.com/natsgram/natsgram/bridge/settings"
	"github.com/natsgram/natsgram/bridge/stream"
	"github.com/natsgram/natsgram/bridge/vault"
	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/dc"
	"github.com/natsgram/natsgram/mtproto/session"
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
	Store    *stream.Store
	Records  *records.Records
	Vault    *vault.Vault
	Queue    *queue.Store // of jobs; nil: none are run
	Once     once.Store   // of requests with an id; nil: they are executed as often as they come
	Floods   *flood.Board
	Limits   gate.Store  // of what may be called; nil: everything
	Rates    *gate.Rules // of the methods
	Methods  *rpc.Methods
	Budget   *rpc.Budget // of the bytes of requests; nil: none
	Rules    *updates.Rules
	Version  string
	Metrics  *metrics.Metrics // nil: nobody looks
	Room     *room.Budget     // of the daemon, for updates that wait; nil: as much as there is
	Clock    *Clock           // the daemon's; nil: nobody is told that it is wrong
	Log      *slog.Logger
	// Sure says whether the account is this daemon's beyond doubt, at any instant; nil: always.
	Sure func() bool
	Lost <-chan struct{} // closed when the account may be another daemon's: everything ends at once; nil: never
	// Successor says whether another daemon would go on with the account, so that requests are kept for it when this one
	// lets go; nil: none would.
	Successor func() bool
	// NewClient makes the client of Telegram; nil: mtproto.New.
	NewClient func(mtproto.Options) (Client, error)
}

// Grace is how long a planned end waits for requests at work and for updates on their way to the stream.
const Grace = 16 * time.Second

// Within is how long an account takes to end at most: the grace, and telling Telegram that it is offline.
const Within = Grace + offlineTime

// ErrNoAPI says that nobody told as which application to speak to Telegram.
var ErrNoAPI = errors.New("NATSGRAM_API_ID and NATSGRAM_API_HASH are not set: https://my.telegram.org/apps gives them")

// ErrLost says that the right to run the account was lost.
var ErrLost = errors.New("the account may be another daemon's now")

// Runner runs one account. Run runs once.
type Runner struct {
	Config
	status status
	keeper keeper
	legacy *legacy // what is to be passed on; set by Run before it returns
	online presence

	differenceLate, heldAfter time.Duration
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
	r := &Runner{Config: c, differenceLate: differenceLate, heldAfter: heldAfter}
	r.status.init(c.Name)
	r.keeper = keeper{vault: c.Vault, account: c.Name, told: r.foreign}
	return r
}

// Run owns the account until ctx ends, and then lets go of it in order. It returns nil then; a *stream.FencedError when
// another owner took the account; ErrLost when Lost was closed; or what else makes going on senseless. An account that is not signed in, or not any
// more, is served with clear refusals until ctx ends.
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
	t, err := r.begin(ctx, state)
	if err != nil {
		return err
	}
	return t.run(ctx)
}

// tenure is the time from taking the account to letting go of it.
type tenure struct {
	*Runner
	log     *stream.Log
	client  Client
	driver  *driver
	service *rpc.Service
	journal *once.Journal // nil: none
	floods  *flood.Account
	gate    *gate.Gate      // nil: all calls pass
	jobs    *queue.Runner   // nil: none are run
	hard    context.Context //nolint:containedctx // the tenure's life: ends when nothing may go on
	stop    context.CancelFunc
	work    sync.WaitGroup
	ended   chan error // of the log
	lost    chan error // of the client
}

// begin takes the account: from the owner record on nobody else can write its updates.
func (r *Runner) begin(ctx context.Context, state mtproto.State) (*tenure, error) {
	if r.Settings.APIID == 0 {
		return nil, ErrNoAPI
	}
	t := &tenure{Runner: r, ended: make(chan error, 1), lost: make(chan error, 1)}
	t.hard, t.stop = context.WithCancel(context.WithoutCancel(ctx))
	t.driver = newDriver(r)
	t.floods = r.Floods.Account(r.Name, r.Log)
	var err error
	t.log, err = r.Store.Open(ctx, stream.Options{
		Account: r.Name, User: state.UserID, Pending: r.Settings.Pending, Log: r.Log, Stored: t.driver.stored, Drained: t.driver.drained,
		Smaller: t.driver.smaller, Troubled: t.driver.troubled, Sure: r.Sure, Room: t.driver.room,
		Tried: func(took time.Duration, err error) { r.Metrics.Published(r.Name, took, err) },
	})
	if err == nil {
		err = t.driver.recover(ctx, t.log, state)
	}
	if err == nil {
		t.client, err = t.newClient(ctx, state)
	}
	if err == nil {
		err = t.serve(ctx, state)
	}
	if err != nil {
		t.stop()
		t.floods.Close(t.hard)
		t.driver.room.Close()
		return nil, err
	}
	r.status.owned(t, state)
	r.event(eventGained, map[string]any{"epoch": t.log.Epoch(), "owner": t.log.OwnerID()})
	return t, nil
}

// serve begins to take requests.
func (t *tenure) serve(ctx context.Context, state mtproto.State) (err error) {
	t.driver.reaches(t.client)
	t.driver.peers = t.newDirectory(state.Bot)
	if t.journal, err = t.newJournal(state.UserID); err != nil {
		return err
	}
	if t.gate, err = t.newGate(ctx, t.client.Invoke); err != nil {
		return err
	}
	c := t.rpcConfig(invoker(t.invoke), t.driver)
	c.Resolve, c.Once = t.resolve, t.journal
	govern(&c, t.gate)
	c.Behind = t.former()
	c.Locate, c.Whose, c.Self = t.driver.peers.Locate, t.driver.peers.Whose, state.UserID
	c.Sequence = t.sequences()
	t.takeJobs(&c, state.UserID)
	t.service, err = rpc.Serve(c)
	return err
}

// run starts everything and waits for the first reason to end.
func (t *tenure) run(ctx context.Context) error {
	t.work.Go(func() { t.ended <- t.log.Run(t.hard) })
	t.work.Go(func() { t.driver.run(t.hard) })
	client, disconnect := context.WithCancel(t.hard)
	defer disconnect()
	t.work.Go(func() { t.lost <- t.client.Run(client) })
	t.runJobs()
	offline := t.appear()
	for {
		select {
		case <-ctx.Done():
			return t.release(offline, disconnect)
		case <-t.Lost:
			return t.abandon(disconnect, ErrLost)
		case err := <-t.ended:
			return t.abandon(disconnect, err)
		case err := <-t.lost:
			if !signedOut(err) {
				return t.abandon(disconnect, fmt.Errorf("%s: the client of Telegram ended: %w", t.Name, err))
			}
			// Nobody can help but a person, by a new sign-in. Requests are refused with what happened until then.
			t.Log.Error("account is signed out of Telegram", "err", err)
			t.status.set(SignedOut, err)
		}
	}
}

// release lets go in order: requests answered, updates stored, connection closed, position saved.
func (t *tenure) release(offline, disconnect func()) error {
	grace, cancel := context.WithTimeout(t.hard, Grace)
	defer cancel()
	t.work.Go(func() {
		select {
		case <-t.Lost:
			t.stop()
		case <-t.hard.Done():
		}
	})
	t.status.set(Stopping, nil)
	t.finishJobs(grace)
	if passing := t.Successor != nil && t.Successor(); passing {
		t.hold(grace)
	} else {
		t.service.Stop(grace)
	}
	offline()
	disconnect()
	t.closeGate(grace)
	t.closeJournal(grace)
	t.floods.Close(grace)
	t.driver.finish(grace)
	err := t.log.Flush(grace)
	if err == nil {
		t.driver.savePosition(grace)
	}
	t.event("owner.lost", map[string]any{"epoch": t.log.Epoch(), "reason": "released"})
	t.end()
	return err
}

// abandon ends at once: the account is somebody else's, or cannot go on.
func (t *tenure) abandon(disconnect func(), err error) error {
	disconnect()
	t.status.set(Stopped, err)
	now, cancel := context.WithCancel(t.hard)
	cancel()
	t.stop()
	t.service.Stop(now)
	t.closeGate(now)
	t.closeJournal(now)
	t.floods.Close(now)
	var fenced *stream.FencedError
	if errors.As(err, &fenced) {
		t.event("owner.lost", map[string]any{"epoch": t.log.Epoch(), "reason": "taken over", "by": fenced.By.ID})
	}
	t.end()
	return err
}

func (t *tenure) end() {
	t.stop()
	t.work.Wait()
	t.driver.room.Close()
}

// serveSignedOut refuses requests with what to do, until ctx ends.
func (r *Runner) serveSignedOut(ctx context.Context, why Phase) error {
	c := r.rpcConfig(nobody{}, nil)
	g, err := r.newGate(ctx, nobody{}.Invoke)
	if err != nil {
		return err
	}
	govern(&c, g)
	service, err := rpc.Serve(c)
	if err != nil {
		return err
	}
	r.status.set(why, vault.ErrNotFound)
	r.event(eventGained, map[string]any{"owner": service.ID(), "signed_in": false})
	select {
	case <-ctx.Done():
	case <-r.Lost:
		err = ErrLost
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), Grace)
	defer cancel()
	service.Stop(grace)
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

func (r *Runner) rpcConfig(invoke rpc.Invoker, d *driver) rpc.Config {
	s := r.Settings
	c := rpc.Config{
		Answers: r.Answers, Scheme: s.Scheme(), Account: r.Name, Methods: r.Methods, Invoke: invoke, Explain: r.explain,
		Timeout: s.Timeout, MaxTimeout: s.TimeoutMax, Concurrency: s.Concurrency, Queue: s.Queue, QueueBytes: s.QueueBytes, Budget: r.Budget,
		PerMethod: s.Endpoints == "method", Version: r.Version,
		Metadata: map[string]string{"account": r.Name, "layer": fmt.Sprint(r.Methods.Schema().Layer())}, Log: r.Log,
		Extra: map[string]rpc.Extra{"status": {Subject: s.Scheme().Ctl(r.Name, "status"), Answer: r.statusJSON}},
	}
	if r.Metrics != nil {
		c.Measure = func(namespace, method string, took time.Duration, code int) {
			r.Metrics.Call(r.Name, namespace, method, code, took)
		}
	}
	if d != nil {
		c.Observe = d.observe
		c.Extra["logout"] = rpc.Extra{Subject: s.Scheme().Ctl(r.Name, "logout"), Slow: true, Answer: r.logout}
		for _, verb := range []string{"list", "add", "remove"} {
			c.Extra["watch_"+verb] = rpc.Extra{Subject: s.Scheme().Ctl(r.Name, "watch."+verb), Slow: true, Answer: d.watcher(verb)}
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

func (t *tenure) newClient(ctx context.Context, state mtproto.State) (Client, error) {
	o, err := ClientOptions(t.Settings, t.Env, t.Name, t.Version)
	if err != nil {
		return nil, err
	}
	o.Schema, o.State, o.Save = t.Methods.Schema(), state, t.save
	o.Updates, o.Events, o.Log = t.driver.push, func(e mtproto.Event) { t.clientEvent(e, t.driver) }, t.Log
	o.Pauses, o.Paused = t.floods.Load(ctx), t.floods.Note
	if t.Sure != nil {
		o.Dial = fenced(new(net.Dialer).DialContext, t.Sure)
	}
	return t.NewClient(o)
}

// ClientOptions are what the settings say of an account's client. Wrong ways are an error, never the direct way instead:
// who goes by a proxy has reasons.
func ClientOptions(s settings.Settings, env dc.Environment, name, version string) (mtproto.Options, error) {
	system, app := s.SystemVersion, s.AppVersion
	if system == "" {
		system = runtime.GOOS
	}
	if app == "" {
		app = version
	}
	ways, err := s.WaysOf(name)
	return mtproto.Options{
		API:    mtproto.API{ID: s.APIID, Hash: s.APIHash},
		Device: mtproto.Device{Model: s.DeviceModel, System: system, App: app, Lang: s.LangCode, SystemLang: s.LangCode},
		Env:    env,
		Ways:   ways,
		NoPFS:  !s.PFS,
		Limits: limits(s),
	}, err
}

func limits(s settings.Settings) mtproto.Limits {
	l := mtproto.Limits{FloodWait: s.FloodWait, Session: session.Limits{PingAfter: s.Ping}}
	if l.FloodWait == 0 {
		l.FloodWait = -1 // where 0 is the default
	}
	return l
}
