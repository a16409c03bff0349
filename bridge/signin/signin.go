// Package signin signs accounts in: with a person at a terminal who is asked for what is missing, or step by step over NATS.
// Either way an attempt has a client of its own, and the session is stored only when the connections of that client are closed
// (D8).
package signin

import (
	"context"
	"log/slog"

	"github.com/natsgram/natsgram/bridge/account"
	"github.com/natsgram/natsgram/bridge/layer"
	"github.com/natsgram/natsgram/bridge/settings"
	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/dc"
	"github.com/natsgram/natsgram/mtproto/signin"
)

// Config is what every attempt has in common.
type Config struct {
	Settings settings.Settings
	Env      dc.Environment
	Layer    *layer.Layer
	Version  string // shown to Telegram as the app's
	Log      *slog.Logger
}

// Attempt is one sign-in. Its client runs until End, or until the context of Begin ends.
type Attempt struct {
	layer   *layer.Layer
	client  *mtproto.Client
	reasons reasons
	ctx     context.Context //nolint:containedctx // the life of the client
	cancel  context.CancelFunc
	ended   chan struct{} // the client's connections are closed
	err     error         // of the client, once ended is closed
}

// Begin begins an attempt. The account's name serves to tell its client from others.
func Begin(ctx context.Context, c Config, account string) (*Attempt, error) {
	a := &Attempt{layer: c.Layer, ended: make(chan struct{})}
	var err error
	if a.client, err = a.newClient(c, account); err != nil {
		return nil, err
	}
	a.ctx, a.cancel = context.WithCancel(ctx)
	go func() {
		defer close(a.ended)
		a.err = a.client.Run(a.ctx)
		a.cancel()
	}()
	return a, nil
}

func (a *Attempt) newClient(c Config, name string) (*mtproto.Client, error) {
	if c.Settings.APIID == 0 || c.Settings.APIHash == "" {
		return nil, settings.ErrNoAPI
	}
	o, err := account.ClientOptions(c.Settings, c.Env, name, c.Version)
	if err != nil {
		return nil, err
	}
	o.Schema, o.Log, o.Events = a.layer.Schema, c.Log, a.reasons.event
	return mtproto.New(o)
}

// Do does a step, by its name.
func (a *Attempt) Do(ctx context.Context, step string, in signin.Answers) (mtproto.LoginState, error) {
	return signin.Do(ctx, a.client.Login(), step, in)
}

// WhyWaiting is why there is no connection to Telegram, for a person; empty: there is one.
func (a *Attempt) WhyWaiting() string { return a.reasons.current() }

// Ended is closed when the client's connections are closed.
func (a *Attempt) Ended() <-chan struct{} { return a.ended }

// Cancel ends the client, and does not wait for it.
func (a *Attempt) Cancel() { a.cancel() }

// End ends the client, waits until its connections are closed, and gives its error.
func (a *Attempt) End() error {
	a.cancel()
	<-a.ended
	return a.err
}

// Keep ends the client of an attempt that has signed in, and stores the session and where its updates stand. Only then may a
// daemon use it.
func (a *Attempt) Keep(ctx context.Context, s Store, account string) error {
	standing := standing(ctx, a.layer.Schema, a.client.Invoke)
	_ = a.End() // it was told to end
	return s.keep(ctx, account, a.client.State(), standing)
}
