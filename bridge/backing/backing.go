// Package backing opens what everything stands on: NATS, the servers of the operator or the one inside the process; the streams
// and buckets there; and the vault, with the keys that the settings know.
package backing

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/bus"
	"github.com/natsgram/natsgram/bridge/embedded"
	"github.com/natsgram/natsgram/bridge/settings"
	"github.com/natsgram/natsgram/bridge/storage"
	"github.com/natsgram/natsgram/bridge/vault"
)

// Options are the settings and what is not one of them.
type Options struct {
	Settings settings.Settings
	Log      *slog.Logger // needed
	NoSync   bool         // the embedded server does not sync every write: tests and demos
	Open     bool         // the embedded server asks nobody who they are: tests and demos

	Watch   func(*nats.Conn) // is given the connection as soon as there is one; may be nil
	Trouble func(error)      // is told why something is tried again; may be nil
}

// Services are what is open.
type Services struct {
	Server  *embedded.Server // nil: NATS is somebody else's
	Conn    *nats.Conn
	JS      jetstream.JetStream
	Storage *storage.Storage
	Vault   *vault.Vault // nil where [Reach] was asked for no more

	o   Options
	run bool // for a daemon
}

// Daemon opens everything for a daemon: it starts the embedded server, waits for servers that are not there yet, and fails where
// the daemon could run none of the accounts.
func Daemon(ctx context.Context, o Options) (*Services, error) {
	b, err := reach(ctx, o, true)
	if err != nil {
		return nil, err
	}
	if err = b.Patiently(ctx, func() error { return b.checkVersion(ctx) }); err == nil {
		err = b.Patiently(ctx, func() error { return b.openFitting(ctx) })
	}
	if err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

// Command opens everything for a command, at a running daemon or without one. It changes nothing that is there.
func Command(ctx context.Context, o Options) (*Services, error) {
	b, err := Reach(ctx, o)
	if err != nil {
		return nil, err
	}
	if err = b.openVault(ctx); err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

// Reach is [Command] without the vault.
func Reach(ctx context.Context, o Options) (*Services, error) { return reach(ctx, o, false) }

func reach(ctx context.Context, o Options, run bool) (*Services, error) {
	b := &Services{o: o, run: run}
	err := b.connect(ctx)
	if err == nil && o.Watch != nil {
		o.Watch(b.Conn)
	}
	if err == nil {
		err = b.openStorage()
	}
	if err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

func (b *Services) connect(ctx context.Context) (err error) {
	s := b.o.Settings
	switch {
	case s.External() && b.run:
		b.Conn, err = bus.Await(ctx, s.NATS, "natsgram", b.o.Log)
	case s.External():
		b.Conn, err = bus.External(s.NATS, "natsgram login")
	case b.run:
		err = b.embed()
	default:
		if b.Conn, err = bus.Local(s, "natsgram login"); errors.Is(err, bus.ErrNotRunning) {
			err = b.embed()
		}
	}
	return err
}

// Patiently waits for a JetStream that is not there yet: the servers of a cluster come one after the other.
func (b *Services) Patiently(ctx context.Context, do func() error) error {
	return bus.Patiently(ctx, b.o.Log, "JetStream is not ready; trying again", func() error {
		err := do()
		if b.o.Trouble != nil {
			b.o.Trouble(err)
		}
		return err
	})
}

func (b *Services) embed() (err error) {
	s := b.o.Settings
	b.Server, err = embedded.Start(embedded.Config{
		Dir: s.StateDir, Port: s.Port, Log: b.o.Log, NoSync: b.o.NoSync,
		Users: !b.o.Open && !s.SignsIn(), File: s.Config, Account: s.Account,
	})
	if err != nil {
		return err
	}
	if b.Conn, err = bus.InProcess(b.Server, s.NATS, "natsgram"); err != nil || s.Config == "" {
		return err
	}
	account, err := bus.Account(b.Conn)
	if err != nil {
		return err
	}
	return b.Server.Fits(account)
}

// openStorage prepares the streams and buckets. A command changes nothing that is there.
func (b *Services) openStorage() error {
	var err error
	if b.JS, err = bus.JetStream(b.Conn, b.o.Settings.NATS); err != nil {
		return err
	}
	options, err := storage.FromSettings(b.o.Settings)
	if err != nil {
		return err
	}
	if b.Server != nil {
		options.Room = b.Server.Room()
	}
	if b.Storage = storage.Command(b.JS, options); b.run {
		b.Storage = storage.Daemon(b.JS, options, b.o.Log)
	}
	return nil
}

func (b *Services) checkVersion(ctx context.Context) error {
	warn, err := bus.CheckVersion(ctx, b.Conn, b.JS)
	if warn != "" {
		b.o.Log.Warn(warn)
	}
	return err
}

// URL is where clients reach NATS.
func (b *Services) URL() string {
	if b.Server != nil {
		return b.Server.ClientURL()
	}
	return settings.Redacted(b.Conn.ConnectedUrl())
}

// Keep looks after the streams and buckets until stop, whatever becomes of ctx.
func (b *Services) Keep(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var work sync.WaitGroup
	work.Go(func() { b.Storage.Keep(ctx) })
	return func() { cancel(); work.Wait() }
}

// Close closes the connection, and the server where it is inside.
func (b *Services) Close() {
	if b.Conn != nil {
		b.Conn.Close()
	}
	if b.Server != nil {
		b.Server.Close()
	}
}
