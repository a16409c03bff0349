package mtproto

import (
	"context"
	"time"

	"github.com/natsgram/natsgram/mtproto/dc"
	"github.com/natsgram/natsgram/mtproto/internal/keys"
	"github.com/natsgram/natsgram/mtproto/reach"
	"github.com/natsgram/natsgram/tl/codec"
)

// Client is the connection of one account to Telegram. All its methods may be used by any number of goroutines.
type Client struct {
	o       Options
	ways    *reach.Chooser
	encoded encoded
	store   store
	events  emitter
	life    life

	links links
	ready gate // open while calls are answered

	login       Login
	files       fileTraffic
	business    businesses
	transfers   transfers
	services    serviceUpdates
	keys        keys.Ring
	floods      floods
	dialing     dialing
	rpcs        rpcPool
	freezeCheck freezeCheck
	userCheck   userCheck
}

// New prepares a client. It connects when [Client.Run] is called.
func New(o Options) (*Client, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := o.State.check(); err != nil {
		return nil, err
	}
	if err := o.State.checkEnvironment(o.Env.Test); err != nil {
		return nil, err
	}
	c := &Client{
		o: o, ways: reach.NewChooser(o.Ways), ready: newGate(),
		life: life{begun: make(chan struct{}), over: make(chan struct{}), wall: wallClock},
	}
	state := o.State.clone()
	state.Version, state.Test = StateVersion, o.Env.Test
	state.Config.Options = shared(state.Config.Options)
	c.o.State = State{}
	c.connectParts(state)
	return c, c.encoded.encode(&c.o, c.ways)
}

// connectParts tells the parts of a client of each other.
func (c *Client) connectParts(s State) {
	c.events.to = c.o.Events
	c.store.state, c.store.saving = s, make(chan struct{}, 1)
	c.store.save, c.store.log, c.store.background = c.o.Save, c.o.Log, c.life.background
	c.store.failed = func(err error) { c.events.emit(SaveFailed{Err: err}) }
	c.links.c, c.links.all, c.links.moving = c, map[int]*link{}, make(chan struct{}, 1)
	c.files.c, c.business.c, c.transfers.c = c, c, c
	c.services = newServiceUpdates(c.o.Schema)
	c.login.c, c.login.scanned = c, make(chan struct{}, 1)
	c.login.restore(s)
	c.floods.told = c.o.Paused
	c.floods.resume(c.o.Schema, c.o.Pauses, time.Now())
	c.o.Pauses = nil
}

// Run connects and serves calls until ctx ends, whose error it then returns, or until something is beyond repair: the
// account is signed out ([ErrAuthLost], [ErrLoggedOut]), the environment is the wrong one ([ErrEnvironment]), Telegram
// refuses us (an [*Error]). When it returns all connections are closed, so that another client may use the state (D8).
// A Client runs once.
func (c *Client) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	id := c.store.home()
	if id == 0 {
		id = c.o.Env.Default
	}
	first, err := c.links.begin(ctx, cancel, id)
	if err != nil {
		return err
	}
	first.up.run(ctx) // here, as most accounts never need a goroutine for another link
	return c.shutdown(ctx)
}

// shutdown closes everything once ctx ends, and returns why it did.
func (c *Client) shutdown(ctx context.Context) error {
	<-ctx.Done()
	c.life.end() // from here on there are no new links
	c.destroyKeys(c.life.toDestroy)
	close(c.life.over)
	c.ready.set(false)
	c.store.change(func(*State) {}) // what was noted since the last time
	return c.life.reason(ctx)
}

// Ready waits until calls are answered: connected, and initConnection done. It fails when ctx or Run ends.
func (c *Client) Ready(ctx context.Context) error {
	select {
	case <-c.ready.opened():
		return nil
	case <-c.life.over:
		return c.life.ending()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Home returns the number of the account's data centre, 0 before it is known.
func (c *Client) Home() int { return c.store.home() }

// LastHeard returns when the account's data centre last said something, be it the answer to a ping; zero: there is no connection.
func (c *Client) LastHeard() time.Time {
	l := c.links.home.Load()
	if l == nil {
		return time.Time{}
	}
	l.conn.Lock()
	defer l.conn.Unlock()
	if !l.calls.open {
		return time.Time{}
	}
	return l.conn.Session().LastHeard()
}

// ClockOffset returns Telegram's clock minus this machine's, as far as it is known: 0 for less than a second.
func (c *Client) ClockOffset() time.Duration { return c.store.offset(c.Home()) }

// Schema returns the layer that the client speaks.
func (c *Client) Schema() *codec.Schema { return c.o.Schema }

// Login returns how somebody signs in, and where that stands.
func (c *Client) Login() *Login { return &c.login }

// State returns a copy of what the client remembers. It holds secrets.
func (c *Client) State() State { return c.store.get() }

// addresses returns those of a data centre in the order to try them.
func (c *Client) addresses(id int, w dc.Want) []dc.Option {
	return c.store.addresses(c.o.Env.Options, id, w)
}

// Ways tells how the ways to Telegram do, in the order of the options.
func (c *Client) Ways() []reach.Health { return c.ways.Health(time.Now()) }
