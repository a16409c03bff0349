package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nuid"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/natsgram/natsgram/bridge"
	"github.com/natsgram/natsgram/bridge/bus"
	"github.com/natsgram/natsgram/bridge/retry"
	"github.com/natsgram/natsgram/mtproto"
)

// demoAccount is what the demo's account is called in subjects.
const demoAccount = "demo"

// demoSecret seals the sessions of demos in NATS servers that outlast them. It is no secret, and there is nothing to keep: so a
// demo can remove what one before it left behind, and no account of anybody else's, whose sessions it cannot open.
const demoSecret = "natsgram demo: nothing to keep"

type demoOptions struct {
	port     int
	anyPort  bool // the port was not chosen, so another does as well
	length   time.Duration
	quiet    bool
	external bool
	settings func() (bridge.Settings, error)
	every    time.Duration
	http     string
}

// check says which flag makes no sense.
func (o demoOptions) check(ctx context.Context) error {
	switch {
	case o.port < -1 || o.port > 65535:
		return fmt.Errorf("--port %d is not between -1 and 65535", o.port)
	case o.length < 0:
		return fmt.Errorf("--for %v: want a time to come", o.length)
	case o.every < time.Millisecond:
		return fmt.Errorf("--every %v: want 1ms or more", o.every)
	case !o.anyPort && !o.external && o.port > 0 && !portFree(ctx, o.port):
		return fmt.Errorf("--port %d on 127.0.0.1 is taken; -1 takes a free one", o.port)
	}
	return nil
}

func demoCommand() *cobra.Command {
	var o demoOptions
	c := &cobra.Command{
		Use:   "demo",
		Short: "Try all of it, without a Telegram account",
		Long: `Run a Telegram in a box with a few people, a group and a channel that talk now and then, the daemon signed in as one
of them, and a NATS server. The screen says what to try next. Nothing leaves this machine, and nothing is kept.`,
		Example: `  natsgram demo
  natsgram demo --port 4333 --for 30s
  natsgram demo --quiet          nobody talks; only your own calls make updates
  NATSGRAM_SCHEMA=my.tl natsgram demo            another layer
  NATSGRAM_STATE=demo natsgram demo              for natsgram chats demo
  NATS_URL=nats://localhost natsgram demo --external`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			o.settings = func() (bridge.Settings, error) { return loadSettings(c) }
			o.anyPort = !c.Flags().Changed("port")
			if err := o.check(c.Context()); err != nil {
				return misused(c, err)
			}
			if name := connectionFlag(c); name != "" && !o.external {
				return misused(c, fmt.Errorf("--%s goes with --external", name))
			}
			return demo(c.Context(), c.OutOrStdout(), c.ErrOrStderr(), o)
		},
	}
	f := c.Flags()
	f.IntVar(&o.port, "port", 4222, "port of the NATS server on 127.0.0.1; -1: a free one")
	f.DurationVar(&o.length, "for", 0, "stop after this long (default: on Ctrl-C)")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "nobody talks by themselves")
	f.DurationVar(&o.every, "every", 4*time.Second, "how long people think before they say something")
	f.StringVar(&o.http, "http", "", "answer /metrics, /healthz and /readyz at this address, such as 127.0.0.1:9464")
	f.BoolVar(&o.external, "external", false, "use the NATS servers of NATS_URL, NATS_CONTEXT ... instead of one inside")
	return c
}

func demo(ctx context.Context, out, errs io.Writer, o demoOptions) (err error) {
	if o.length > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, o.length)
		defer stop()
	}
	dir, err := os.MkdirTemp("", "natsgram-demo")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	set, err := demoSettings(ctx, dir, o)
	if err != nil {
		return err
	}
	d, err := startPeople(set)
	if err != nil {
		return err
	}
	defer d.server.Close()
	env := d.server.Env()
	options := bridge.Options{Log: newLogger(set, errs), Env: &env, Version: version, NoSync: true, Open: true}
	b, err := bridge.New(set, options)
	if err != nil {
		return err
	}
	rest := func() error { return nil }
	if o.external {
		rest = func() error { return clearDemo(context.WithoutCancel(ctx), set) }
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx)) // the daemon goes on until the account has been removed
	defer stop()
	g, running := errgroup.WithContext(running)
	g.Go(func() error { return b.Run(running) })
	g.Go(func() error {
		defer stop()
		ctx, enough := context.WithCancel(ctx)
		defer enough()
		defer context.AfterFunc(running, enough)()
		select {
		case <-b.Ready():
		case <-ctx.Done():
			return nil
		}
		if err := rest(); err != nil {
			return err
		}
		err := d.perform(ctx, out, b, set, options, o)
		if running.Err() == nil {
			err = errors.Join(err, rest())
		}
		return err
	})
	if err := g.Wait(); !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil // it was told to stop
}

// perform shows the demo until ctx ends.
func (t *people) perform(ctx context.Context, out io.Writer, b *bridge.Bridge, set bridge.Settings, options bridge.Options, o demoOptions) error {
	if err := t.signIn(ctx, set, options); err != nil {
		return err
	}
	if err := b.WaitServing(ctx, demoAccount); err != nil {
		return err
	}
	t.printScreen(out, b.ClientURL(), set)
	if !o.quiet {
		t.talk(ctx, o.every)
	}
	<-ctx.Done()
	return nil
}

// demoSettings are those of an empty environment, so that a daemon configured on the same machine is left alone. Only the layer
// is that of NATSGRAM_SCHEMA, since the box and the daemon both speak it, and dialogs are kept where NATSGRAM_STATE says so.
func demoSettings(ctx context.Context, dir string, o demoOptions) (bridge.Settings, error) {
	set := bridge.DefaultSettings()
	if o.external {
		loaded, err := o.settings()
		if err != nil {
			return set, err
		}
		set.NATS, set.Prefix, set.Replicas = loaded.NATS, loaded.Prefix, loaded.Replicas
		if !set.External() {
			return set, errors.New("--external: set NATS_URL or NATS_CONTEXT")
		}
		set.Secret, set.Name = demoSecret, "demo-"+nuid.Next()
	}
	set.StateDir, set.Accounts, set.Schema = dir, []string{demoAccount}, os.Getenv("NATSGRAM_SCHEMA")
	if state := os.Getenv("NATSGRAM_STATE"); state != "" {
		set.State = strings.Split(state, ",")
	}
	set.APIID, set.APIHash = 1, "demo"
	set.LogLevel, set.HTTP = "warn", o.http
	set.Port = o.port
	if o.anyPort && !portFree(ctx, set.Port) {
		set.Port = -1
	}
	return set, set.Check()
}

// clearTime is how long the account of a demo may take to go: one that was killed has a lease for ten seconds more.
const clearTime = 30 * time.Second

// clearDemo removes the account that a demo made on NATS servers of somebody else's, with all that it stored there.
func clearDemo(ctx context.Context, set bridge.Settings) error {
	ctx, cancel := context.WithTimeout(ctx, clearTime)
	defer cancel()
	nc, err := bus.Connect(set, "natsgram-demo")
	if err != nil {
		return err
	}
	o := &admin{set: set, nc: nc}
	defer o.close()
	for {
		all, err := o.list(ctx)
		if err != nil {
			return err
		}
		at := slices.IndexFunc(all, func(a bridge.Account) bool { return a.Account == demoAccount })
		switch {
		case at < 0 || !all[at].SignedIn:
			return nil
		case all[at].State == "connected" && all[at].Daemon != set.Name:
			return fmt.Errorf("the account %s is run by %s on these NATS servers: stop that one, or choose another NATSGRAM_PREFIX", demoAccount, all[at].Daemon)
		}
		if _, err = o.ask(ctx, "remove", map[string]any{"account": demoAccount, "purge": true}); err == nil {
			return nil
		}
		if retry.Pause(ctx, time.Second) != nil { // a killed daemon's lease may not have ended
			return fmt.Errorf("removing what a demo left behind: %w", err)
		}
	}
}

// startPeople starts them, in the layer that the daemon will speak.
func startPeople(set bridge.Settings) (*people, error) {
	if set.Schema == "" {
		return newPeople(nil)
	}
	api, err := readSchema(set.Schema)
	if err != nil {
		return nil, fmt.Errorf("NATSGRAM_SCHEMA: %w", err)
	}
	return newPeople(api)
}

func portFree(ctx context.Context, port int) bool {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return false
	}
	return l.Close() == nil
}

// signIn signs the account in as a person would, but that the code is known.
func (t *people) signIn(ctx context.Context, set bridge.Settings, options bridge.Options) error {
	_, err := bridge.Login(ctx, set, options, bridge.SignIn{
		Account: demoAccount,
		Phone:   t.dora.Phone(),
		Prompt: func(_ context.Context, s mtproto.LoginState, wrong error) (string, error) {
			if wrong != nil || s.Step != mtproto.WaitCode {
				return "", fmt.Errorf("the demo cannot answer %s: %w", s.Step, wrong)
			}
			return t.server.Code(t.dora.Phone()), nil
		},
	})
	if err != nil {
		return fmt.Errorf("signing the demo's account in: %w", err)
	}
	return nil
}
