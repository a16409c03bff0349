package mtproto

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/natsgram/natsgram/mtproto/reach"
	"github.com/natsgram/natsgram/tl/codec"
)

// Client is the connection of one account to Telegram. All its methods may be used by any number of goroutines.
type Client struct {
	o    Options
	ways *reach.Chooser
	prepared
	files    traffic
	home     atomic.Pointer[link]
	life     life
	moving   chan struct{} // has an element while the home moves
	floods   floods
	spare    spare
	login    Login
	business businesses
	keys     keyring
	frost    frost

	dialing dialing
	saver   saver
	teller  teller

	mu    sync.Mutex
	state State
	links map[int]*link
	ready chan struct{} // closed while calls are answered

	transfers map[int]*transfer // by data centre
}

// prepared is what is made of the options, once.
type prepared struct {
	hellos    [][]byte // help.getConfig, wrapped in initConnection (D1), for each of the ways
	getConfig []byte
	quiet     []byte // stands before calls of file traffic
	heeds     []concern
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
	ended  bool            // there are no new links
	why    error           // why Run ends, if not for its context
	doomed map[int]DCState // keys that Run destroys in the end
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
	if o.State.Home != 0 && o.State.Test != o.Env.Test {
		return nil, errors.New("mtproto: the state belongs to the other environment, test or production")
	}
	c := &Client{
		o: o, ways: reach.NewChooser(o.Ways), state: o.State.clone(), links: map[int]*link{},
		ready: make(chan struct{}), moving: make(chan struct{}, 1),
		life: life{begun: make(chan struct{}), over: make(chan struct{}), wall: wallClock},
	}
	c.saver.turn = make(chan struct{}, 1)
	c.state.Config.Options = shared(c.state.Config.Options)
	c.o.State = State{}
	c.state.Version, c.state.Test = StateVersion, o.Env.Test
	c.login.c, c.login.scanned = c, make(chan struct{}, 1)
	c.login.restore(c.state)
	c.heeds = c.concerns()
	c.resume(o.Pauses, time.Now())
	c.o.Pauses = nil
	return c, c.prepare()
}

// prepare encodes what every connection begins with. It fails for a schema that lacks what the client needs.
func (c *Client) prepare() (err error) {
	if c.getConfig, err = c.o.Schema.Encode(nil, codec.M{"_": "help.getConfig"}); err != nil {
		return fmt.Errorf("mtproto: schema: %w", err)
	}
	for i := range c.ways.Len() {
		hello, err := c.wrap(c.getConfig, i)
		if err != nil {
			return err
		}
		c.hellos = append(c.hellos, hello)
	}
	return c.prepareFiles()
}

// wrap puts initConnection around a query that goes a way (D1).
func (c *Client) wrap(query []byte, way int) ([]byte, error) {
	d := &c.o.Device
	init := codec.M{
		"_": "initConnection", "api_id": c.o.API.ID, "device_model": d.Model, "system_version": d.System,
		"app_version": d.App, "system_lang_code": d.SystemLang, "lang_pack": d.Pack, "lang_code": d.Lang,
		"query": codec.Raw(query),
	}
	if proxy := proxyOf(c.ways.Way(way)); proxy != nil {
		init["proxy"] = proxy
	}
	b, err := c.o.Schema.Encode(nil, codec.M{"_": "invokeWithLayer", "layer": c.o.Schema.Layer(), "query": init})
	if err != nil {
		return nil, fmt.Errorf("mtproto: schema: %w", err)
	}
	return b, nil
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
	first.run(ctx) // here, as most accounts never need a goroutine for another link
	return c.wind(ctx)
}

// wind closes everything once ctx ends, and says why it did.
func (c *Client) wind(ctx context.Context) error {
	<-ctx.Done()
	c.mu.Lock()
	c.life.ended = true // from here on there are no new links
	c.mu.Unlock()
	c.life.wg.Wait()
	c.destroyKeys(c.life.doomed)
	close(c.life.over)
	c.setReady(false)
	c.change(func(*State) {}) // what was noted since the last time
	return c.reason(ctx)
}

// begin makes the first link, the home for now.
func (c *Client) begin(ctx context.Context, cancel context.CancelCauseFunc) (*link, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.life.ctx != nil {
		return nil, errors.New("mtproto: a client runs once")
	}
	c.life.ctx, c.life.cancel = ctx, cancel
	id := c.state.Home
	if id == 0 {
		id = c.o.Env.Default
	}
	l := newLink(c, id)
	c.links[id] = l
	c.home.Store(l)
	close(c.life.begun)
	return l, nil
}

// startLink makes the link to a data centre. The lock is held.
func (c *Client) startLink(id int) *link {
	l := newLink(c, id)
	c.links[id] = l
	c.life.wg.Go(func() { l.run(c.life.ctx) })
	return l
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

// live says that there may be new links. The lock is held.
func (c *Client) live() bool { return !c.life.ended && c.life.ctx.Err() == nil }

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

// reason is what Run returns.
func (c *Client) reason(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.life.why != nil {
		return c.life.why
	}
	return ctx.Err()
}

// ending is what calls are told when Run ends.
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

// Home is the number of the account's data centre, 0 before it is known.
func (c *Client) Home() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state.Home
}

// LastHeard is when the account's data centre last said something, be it the answer to a ping; zero: there is no connection.
func (c *Client) LastHeard() time.Time {
	l := c.home.Load()
	if l == nil {
		return time.Time{}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.open {
		return time.Time{}
	}
	return l.sess.LastHeard()
}

// Schema is the layer that the client speaks.
func (c *Client) Schema() *codec.Schema { return c.o.Schema }

// Login is how somebody signs in, and where that stands.
func (c *Client) Login() *Login { return &c.login }

// State is a copy of what the client remembers. It holds secrets.
func (c *Client) State() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state.clone()
}

func (c *Client) signedIn() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state.UserID != 0
}

// loseAuth ends everything because the account is signed out here. The state is kept: it is for the operator to decide
// (D17).
func (c *Client) loseAuth(cause error) error {
	err := fmt.Errorf("%w: %w", ErrAuthLost, cause)
	c.login.lost()
	c.emit(AuthLost{Err: cause})
	c.fatal(err)
	return err
}
