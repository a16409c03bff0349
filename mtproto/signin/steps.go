package signin

import (
	"context"
	"errors"

	"github.com/natsgram/natsgram/mtproto"
)

// Answers are what a person enters at a step of a login. Each step reads what it needs.
type Answers struct {
	Phone    string `json:"phone"`
	BotToken string `json:"bot_token"`
	Code     string `json:"code"`
	Password string `json:"password"`
	First    string `json:"first_name"`
	Last     string `json:"last_name"`
	QR       bool   `json:"qr"`
	Email    string `json:"email"`
}

// Names of steps that other packages use.
const (
	Start  = "start"  // begins: with a bot's token, a QR code or a phone number
	Await  = "await"  // waits until the QR code has been scanned
	Cancel = "cancel" // returns the state; it is the caller who ends the login
)

// ErrNoStep is the error of [Do] for a name that no step has.
var ErrNoStep = errors.New("signin: no such step")

type step struct {
	do    func(context.Context, *mtproto.Login, Answers) (mtproto.LoginState, error)
	reads []string // of the answers, by their names in JSON
}

// steps are all steps by their names.
var steps = map[string]step{
	Start: {start, []string{"phone", "bot_token", "qr"}},
	Await: {func(ctx context.Context, l *mtproto.Login, _ Answers) (mtproto.LoginState, error) {
		return l.AwaitQR(ctx)
	}, nil},
	"email": {func(ctx context.Context, l *mtproto.Login, in Answers) (mtproto.LoginState, error) {
		return l.SetEmail(ctx, in.Email)
	}, []string{"email"}},
	"email_code": {func(ctx context.Context, l *mtproto.Login, in Answers) (mtproto.LoginState, error) {
		return l.EmailCode(ctx, in.Code)
	}, []string{"code"}},
	"code": {func(ctx context.Context, l *mtproto.Login, in Answers) (mtproto.LoginState, error) {
		return l.SignIn(ctx, in.Code)
	}, []string{"code"}},
	"password": {func(ctx context.Context, l *mtproto.Login, in Answers) (mtproto.LoginState, error) {
		return l.Password(ctx, in.Password)
	}, []string{"password"}},
	"signup": {func(ctx context.Context, l *mtproto.Login, in Answers) (mtproto.LoginState, error) {
		return l.SignUp(ctx, in.First, in.Last)
	}, []string{"first_name", "last_name"}},
	"resend": {func(ctx context.Context, l *mtproto.Login, _ Answers) (mtproto.LoginState, error) {
		return l.ResendCode(ctx)
	}, nil},
	"status": {state, nil},
	Cancel:   {state, nil},
}

// Reads are the answers that a step reads, by their names in JSON; false: there is no such step.
func Reads(name string) ([]string, bool) {
	s, ok := steps[name]
	return s.reads, ok
}

// Do makes the step of that name, and returns the state of the login after it.
func Do(ctx context.Context, l *mtproto.Login, name string, in Answers) (mtproto.LoginState, error) {
	s, ok := steps[name]
	if !ok {
		return mtproto.LoginState{}, ErrNoStep
	}
	return s.do(ctx, l, in)
}

func start(ctx context.Context, l *mtproto.Login, in Answers) (mtproto.LoginState, error) {
	switch {
	case in.BotToken != "":
		return l.BotToken(ctx, in.BotToken)
	case in.QR:
		return l.ShowQR(ctx)
	}
	return l.SendCode(ctx, in.Phone)
}

func state(_ context.Context, l *mtproto.Login, _ Answers) (mtproto.LoginState, error) {
	return l.State(), nil
}
