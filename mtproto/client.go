package mtproto

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
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

	home   atomic.Pointer[link]
	moving chan struct{} // has an element while the home moves
	mu     sync.Mutex
	links  map[int]*link // for calls
	ready  chan struct{} // closed while calls are answered

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

// life is Run's.
type life struct {
	begun chan struct{} // closed when Run begins
	over  chan struct{} // closed when Run ends
	wall  func() time.Time
	wg    sync.WaitGroup

	// Under the Client's lock.
	ctx    context.Context //nolint:containedctx // the parent of all links'
	cancel context.CancelCauseFunc
	ended  bool  // there are no new links
	why    error // why Run ends, if not for its context

	toDestroy map[int]DCState // keys that Run destroys in the end; set before Run ends
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
		o: o, ways: reach.NewChooser(o.Ways), links: map[int]*link{},
		ready: make(chan struct{}), moving: make(chan struct{}, 1),
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
	c.store.save, c.store.log, c.store.background = c.o.Save, c.o.Log, c.background
	c.store.failed = func(err error) { c.events.emit(SaveFailed{Err: err}) }
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
	first, err := c.begin(ctx, cancel)
	if err != nil {
		return err
	}
	first.up.run(ctx) // here, as most accounts never need a goroutine for another link
	return c.shutdown(ctx)
}

// begin makes the first link, the home for now.
func (c *Client) begin(ctx context.Context, cancel context.CancelCauseFunc) (*link, error) {
	id := c.store.home()
	if id == 0 {
		id = c.o.Env.Default
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.life.ctx != nil {
		return nil, errors.New("mtproto: a client runs once")
	}
	c.life.ctx, c.life.cancel = ctx, cancel
	l := newLink(c, id, forCalls)
	c.links[id] = l
	c.home.Store(l)
	close(c.life.begun)
	return l, nil
}

// shutdown closes everything once ctx ends, and returns why it did.
func (c *Client) shutdown(ctx context.Context) error {
	<-ctx.Done()
	c.mu.Lock()
	c.life.ended = true // from here on there are no new links
	c.mu.Unlock()
	c.life.wg.Wait()
	c.destroyKeys(c.life.toDestroy)
	close(c.life.over)
	c.setReady(false)
	c.store.change(func(*State) {}) // what was noted since the last time
	return c.reason(ctx)
}

// startLink makes the link for calls to a data centre. The lock is held.
func (c *Client) startLink(id int) *link {
	l := newLink(c, id, forCalls)
	c.links[id] = l
	c.life.wg.Go(func() { l.up.run(c.life.ctx) })
	return l
}

// startFileLink makes a link for files.
func (c *Client) startFileLink(at dcPath) (*link, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.live() {
		return nil, c.endingLocked()
	}
	l := newLink(c, at.id, at.use)
	c.life.wg.Go(func() {
		l.up.run(c.life.ctx)
		c.files.forget(l)
	})
	return l, nil
}

// linkTo finds or makes the link to a data centre.
func (c *Client) linkTo(id int) (*link, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l := c.links[id]; l != nil {
		return l, nil
	}
	if !c.live() {
		return nil, c.endingLocked()
	}
	return c.startLink(id), nil
}

// live reports whether there may be new links. The lock is held.
func (c *Client) live() bool { return c.life.ctx != nil && !c.life.ended && c.life.ctx.Err() == nil }

// background does something that Run waits for. It returns false if Run has not begun, or is ending.
func (c *Client) background(f func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.live() {
		return false
	}
	c.life.wg.Go(f)
	return true
}

// forget lets go of a link that has ended. The home, which can only be such a link if it became one this moment, gets a
// new one.
func (c *Client) forget(l *link) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.links[l.id] == l {
		delete(c.links, l.id)
	}
	if l.home() && c.live() {
		c.home.Store(c.startLink(l.id))
	}
}

// settle makes l, or the link that took its place, the home.
func (c *Client) settle(l *link) *link {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.links[l.id] != l && c.live() {
		l = c.startLink(l.id)
	}
	c.home.Store(l)
	return l
}

// fatal ends Run for a reason that no reconnection cures.
func (c *Client) fatal(why error) {
	c.mu.Lock()
	if c.life.why == nil {
		c.life.why = why
	}
	c.mu.Unlock()
	c.life.cancel(why)
}

// reason returns what Run does.
func (c *Client) reason(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.life.why != nil {
		return c.life.why
	}
	return ctx.Err()
}

// ending returns what calls are told when Run ends.
func (c *Client) ending() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.endingLocked()
}

func (c *Client) endingLocked() error {
	if c.life.why != nil {
		return fmt.Errorf("%w: %w", ErrClosed, c.life.why)
	}
	return ErrClosed
}

// Ready waits until calls are answered: connected, and initConnection done. It fails when ctx or Run ends.
func (c *Client) Ready(ctx context.Context) error {
	for {
		c.mu.Lock()
		ready := c.ready
		c.mu.Unlock()
		select {
		case <-ready:
			return nil
		case <-c.life.over:
			return c.ending()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (c *Client) setReady(yes bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	was := false
	select {
	case <-c.ready:
		was = true
	default:
	}
	switch {
	case yes && !was:
		close(c.ready)
	case was && !yes:
		c.ready = make(chan struct{})
	}
}

// Home returns the number of the account's data centre, 0 before it is known.
func (c *Client) Home() int { return c.store.home() }

// LastHeard returns when the account's data centre last said something, be it the answer to a ping; zero: there is no connection.
func (c *Client) LastHeard() time.Time {
	l := c.home.Load()
	if l == nil {
		return time.Time{}
	}
	l.conn.Lock()
	defer l.conn.Unlock()
	if !l.init.open {
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

// announced returns the way that initConnection last told a data centre of.
func (c *Client) announced(id int) int {
	c.mu.Lock()
	l := c.links[id]
	c.mu.Unlock()
	if l == nil {
		return 0
	}
	l.conn.Lock()
	defer l.conn.Unlock()
	return l.init.announced
}

// wallClock goes on while the machine sleeps.
func wallClock() time.Time { return time.Now().Round(0) }

// Ways tells how the ways to Telegram do, in the order of the options.
func (c *Client) Ways() []reach.Health { return c.ways.Health(time.Now()) }
