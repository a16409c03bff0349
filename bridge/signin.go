package bridge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/natsgram/natsgram/bridge/account"
	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/dc"
	"github.com/natsgram/natsgram/mtproto/signin"
	"github.com/natsgram/natsgram/subjects"
)

// SignIn is how to sign an account in. What is not given is asked by Prompt.
type SignIn struct {
	Account  string
	Phone    string // in international form
	BotToken string // instead of a phone
	QR       bool   // instead of a phone: an app that is signed in scans the code that Progress shows
	// Prompt is asked for what is missing, again after a wrong answer, which err then tells. It is called with the state in
	// which the login is: a phone number or bot token (WaitPhone), a code, a password, a name "First Last" to sign up, an
	// e-mail address or the code sent there; it is a [signin.Asker]. An error ends the login.
	Prompt func(ctx context.Context, state mtproto.LoginState, err error) (string, error)
	// Progress is told of every step; may be nil.
	Progress func(mtproto.LoginState)
	// Waiting is told why Telegram is waited for, each reason once; may be nil.
	Waiting func(why string)
	// Limit is how long each step may wait for Telegram; 0: as long as it takes. Scanning a QR code takes its time all the same.
	Limit time.Duration
}

// SignedIn is who an account turned out to be.
type SignedIn struct {
	UserID int64
	Bot    bool
}

// Login signs an account in and stores its session sealed in the vault, where a running daemon finds it at once. It works
// with and without a daemon running.
func Login(ctx context.Context, s Settings, o Options, in SignIn) (SignedIn, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Version = semver(o.Version)
	if err := subjects.CheckAccount(in.Account); err != nil {
		return SignedIn{}, err
	}
	env, err := environment(s, o)
	if err != nil {
		return SignedIn{}, err
	}
	l, err := readLayer(s)
	if err != nil {
		return SignedIn{}, err
	}
	base, err := open(ctx, s, o, false)
	if err != nil {
		return SignedIn{}, err
	}
	defer base.close()
	if err := base.replaceable(ctx, in.Account); err != nil {
		return SignedIn{}, err
	}
	a := attempt{settings: s, env: env, layer: l, version: o.Version, log: o.Log, in: in}
	state, err := a.run(ctx)
	if err != nil {
		return SignedIn{}, err
	}
	return SignedIn{state.UserID, state.Bot}, base.keep(ctx, in.Account, state, a.standing)
}

// keep stores a new session, and where its updates stand. Only now may a daemon use it: the client of the login has closed its
// connection (D8).
func (b *base) keep(ctx context.Context, name string, state mtproto.State, standing json.RawMessage) error {
	text, err := json.Marshal(state)
	if err != nil {
		return err
	}
	// Without it updates begin when a daemon first runs the account; the stream says where.
	_ = b.noteStanding(ctx, name, state.UserID, standing)
	_, err = b.vault.Replace(ctx, name, text)
	return err
}

// attempt is one sign-in with a client of its own.
type attempt struct {
	settings Settings
	env      dc.Environment
	layer    layer
	version  string
	log      *slog.Logger
	in       SignIn
	reasons  reasons
	standing json.RawMessage // of updates, once somebody is signed in
}

func (a *attempt) client() (*mtproto.Client, error) {
	if a.settings.APIID == 0 || a.settings.APIHash == "" {
		return nil, account.ErrNoAPI
	}
	o, err := account.ClientOptions(a.settings, a.env, a.in.Account, a.version)
	if err != nil {
		return nil, err
	}
	o.Schema, o.Log, o.Events = a.layer.schema, a.log, a.reasons.event
	return mtproto.New(o)
}

// run signs in and gives the session. When it returns, its connections are closed.
func (a *attempt) run(ctx context.Context) (mtproto.State, error) {
	c, err := a.client()
	if err != nil {
		return mtproto.State{}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { err := c.Run(ctx); cancel(); ended <- err }()
	var work sync.WaitGroup
	if a.in.Waiting != nil {
		work.Go(func() { a.reasons.watch(ctx, a.in.Waiting) })
	}
	if err = a.steps(ctx, c.Login()); err == nil {
		a.standing = a.layer.standing(ctx, c.Invoke)
	}
	cancel()
	work.Wait()
	if why := <-ended; errors.Is(why, mtproto.ErrNoDC) {
		err = errors.New("not connected to Telegram: " + advise(why))
	} else if err != nil && !errors.Is(why, context.Canceled) {
		err = why // the client could not go on: that is the better explanation
	}
	if err != nil {
		return mtproto.State{}, err
	}
	return c.State(), nil
}

// steps goes from step to step until somebody is signed in.
func (a *attempt) steps(ctx context.Context, l *mtproto.Login) error {
	var wrong error // what was wrong with the last answer
	for {
		st := l.State()
		if a.in.Progress != nil && wrong == nil {
			a.in.Progress(st)
		}
		if st.Step == mtproto.SignedIn {
			return nil
		}
		if st.Step == mtproto.LoggedOut {
			return errors.New("the login was ended")
		}
		var err error
		if wrong, err = a.next(ctx, l, st, wrong); err != nil {
			return err
		}
		if wrong != nil && !signin.AskAgain(wrong) {
			return wrong
		}
	}
}

// next makes one step. Wrong is what Telegram says of it.
func (a *attempt) next(ctx context.Context, l *mtproto.Login, st mtproto.LoginState, last error) (wrong, err error) {
	switch {
	case st.Step == mtproto.WaitQR:
		_, wrong = l.AwaitQR(ctx) // a person scans it
		return wrong, nil
	case st.Step == mtproto.WaitPhone && a.in.QR:
		if last != nil {
			return nil, last
		}
		return a.reasons.limited(ctx, a.in.Limit, func(ctx context.Context) error {
			_, err := l.ShowQR(ctx)
			return err
		}), nil
	}
	answer, err := a.answer(ctx, st, last)
	if err != nil {
		return nil, err
	}
	return a.reasons.limited(ctx, a.in.Limit, func(ctx context.Context) error { return signin.Answer(ctx, l, st.Step, answer) }), nil
}

// answer is what was given beforehand, once, or what Prompt says.
func (a *attempt) answer(ctx context.Context, st mtproto.LoginState, wrong error) (string, error) {
	if st.Step == mtproto.WaitPhone && wrong == nil {
		if a.in.BotToken != "" {
			return a.in.BotToken, nil
		}
		if a.in.Phone != "" {
			return a.in.Phone, nil
		}
	}
	if a.in.Prompt == nil {
		if wrong != nil {
			return "", wrong
		}
		return "", fmt.Errorf("%s: nothing to answer with", st.Step)
	}
	return a.in.Prompt(ctx, st, wrong)
}
