// Package signin signs a person in: it asks for the phone number, the code, the password and whatever else Telegram wants, and
// asks again where Telegram refused an answer.
//
//	_, err := new(signin.Terminal).SignIn(ctx, client.Login())
//
// The client has to run meanwhile. Programs that ask elsewhere than on a terminal use [With].
package signin

import (
	"context"
	"errors"
	"strings"

	"github.com/natsgram/natsgram/mtproto"
)

// AnotherWay is an answer in place of a code: Telegram sends the code again, in the next way ([mtproto.CodeInfo.Next]).
const AnotherWay = "resend"

// Asker returns what a login waits for: a phone number or bot token, a code or [AnotherWay], a password, a name "First Last", an
// e-mail address or the code that was sent there. Wrong is the error of the last answer. An error ends the login.
type Asker func(ctx context.Context, state mtproto.LoginState, wrong error) (string, error)

// With signs in with the answers of ask. It returns when somebody is signed in, at once if somebody is already.
func With(ctx context.Context, l *mtproto.Login, ask Asker) (mtproto.LoginState, error) {
	var wrong error
	for {
		st := l.State()
		switch st.Step {
		case mtproto.SignedIn:
			return st, nil
		case mtproto.LoggedOut:
			return st, errors.New("signin: the login was ended")
		case mtproto.WaitQR:
			_, wrong = Do(ctx, l, Await, Answers{})
		default:
			answer, err := ask(ctx, st, wrong)
			if err != nil {
				return st, err
			}
			wrong = Answer(ctx, l, st.Step, answer)
		}
		if wrong != nil && !AskAgain(wrong) {
			return st, wrong
		}
	}
}

// Answer makes the step that the login waits for, with the answer.
func Answer(ctx context.Context, l *mtproto.Login, at mtproto.LoginStep, answer string) error {
	name, in := stepOf(at, answer)
	if name == "" {
		return nil
	}
	_, err := Do(ctx, l, name, in)
	return err
}

// stepOf returns the name of the step that takes an answer, "" where the login waits for nothing that a person can give.
func stepOf(at mtproto.LoginStep, answer string) (string, Answers) {
	switch at {
	case mtproto.WaitPhone:
		if isToken(answer) {
			return Start, Answers{BotToken: answer}
		}
		return Start, Answers{Phone: answer}
	case mtproto.WaitCode:
		if answer == AnotherWay {
			return "resend", Answers{}
		}
		return "code", Answers{Code: answer}
	case mtproto.WaitPassword:
		return "password", Answers{Password: answer}
	case mtproto.WaitEmail:
		return "email", Answers{Email: answer}
	case mtproto.WaitEmailCode:
		return "email_code", Answers{Code: answer}
	case mtproto.WaitSignUp:
		first, last, _ := strings.Cut(strings.TrimSpace(answer), " ")
		return "signup", Answers{First: first, Last: strings.TrimSpace(last)}
	}
	return "", Answers{}
}

// isToken reports whether an answer is a bot's token, 123456:secret, and no phone number.
func isToken(answer string) bool { return strings.Contains(answer, ":") }

// AskAgain reports whether Telegram refused the answer, so that another one may be right.
func AskAgain(err error) bool {
	var e *mtproto.Error
	return errors.As(err, &e) && e.Code == 400
}
