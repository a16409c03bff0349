package signin

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/signin"
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

// Run signs an account in with the help of a person, and stores the session.
func Run(ctx context.Context, c Config, s Store, in SignIn) (SignedIn, error) {
	if err := s.Replaceable(ctx, in.Account); err != nil {
		return SignedIn{}, err
	}
	a, err := Begin(ctx, c, in.Account)
	if err != nil {
		return SignedIn{}, err
	}
	p := person{a, in}
	if err := p.signIn(); err != nil {
		return SignedIn{}, err
	}
	state := a.client.State()
	return SignedIn{state.UserID, state.Bot}, a.Keep(ctx, s, in.Account)
}

// person is somebody who signs in.
type person struct {
	*Attempt
	in SignIn
}

// signIn leads through the steps. Where it fails the client has ended.
func (p *person) signIn() error {
	ctx, cancel := context.WithCancel(p.ctx)
	var work sync.WaitGroup
	if p.in.Waiting != nil {
		work.Go(func() { p.reasons.watch(ctx, p.in.Waiting) })
	}
	err := p.steps(ctx)
	cancel()
	work.Wait()
	if err == nil {
		return nil
	}
	switch why := p.End(); {
	case errors.Is(why, mtproto.ErrNoDC):
		return errors.New("not connected to Telegram: " + advise(why))
	case why != nil && !errors.Is(why, context.Canceled):
		return why // the client could not go on: that is the better explanation
	}
	return err
}

// steps goes from step to step until somebody is signed in.
func (p *person) steps(ctx context.Context) error {
	var wrong error // what was wrong with the last answer
	for {
		st := p.client.Login().State()
		if p.in.Progress != nil && wrong == nil {
			p.in.Progress(st)
		}
		if st.Step == mtproto.SignedIn {
			return nil
		}
		if st.Step == mtproto.LoggedOut {
			return errors.New("the login was ended")
		}
		var err error
		if wrong, err = p.next(ctx, st, wrong); err != nil {
			return err
		}
		if wrong != nil && !signin.AskAgain(wrong) {
			return wrong
		}
	}
}

// next makes one step. Wrong is what Telegram says of it.
func (p *person) next(ctx context.Context, st mtproto.LoginState, last error) (wrong, err error) {
	switch {
	case st.Step == mtproto.WaitQR:
		_, wrong = p.Do(ctx, signin.Await, signin.Answers{}) // a person scans it
		return wrong, nil
	case st.Step == mtproto.WaitPhone && p.in.QR:
		if last != nil {
			return nil, last
		}
		return p.reasons.limited(ctx, p.in.Limit, func(ctx context.Context) error {
			_, err := p.Do(ctx, signin.Start, signin.Answers{QR: true})
			return err
		}), nil
	}
	answer, err := p.answer(ctx, st, last)
	if err != nil {
		return nil, err
	}
	return p.reasons.limited(ctx, p.in.Limit, func(ctx context.Context) error {
		return signin.Answer(ctx, p.client.Login(), st.Step, answer)
	}), nil
}

// answer is what was given beforehand, once, or what Prompt says.
func (p *person) answer(ctx context.Context, st mtproto.LoginState, wrong error) (string, error) {
	if st.Step == mtproto.WaitPhone && wrong == nil {
		if p.in.BotToken != "" {
			return p.in.BotToken, nil
		}
		if p.in.Phone != "" {
			return p.in.Phone, nil
		}
	}
	if p.in.Prompt == nil {
		if wrong != nil {
			return "", wrong
		}
		return "", fmt.Errorf("%s: nothing to answer with", st.Step)
	}
	return p.in.Prompt(ctx, st, wrong)
}
