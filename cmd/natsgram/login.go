package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/natsgram/natsgram/bridge"
	"github.com/natsgram/natsgram/bridge/retry"
	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/signin"
)

func loginCommand() *cobra.Command {
	var in bridge.SignIn
	var given answers
	c := &cobra.Command{
		Use:   "login ACCOUNT",
		Short: "Sign an account in, and keep its session sealed",
		Long: `Sign an account in, and keep its session sealed where the daemon finds it. ACCOUNT is the name that it will have in
subjects: small letters, digits, _ and -, 32 at most. It needs NATSGRAM_API_ID and NATSGRAM_API_HASH, of
https://my.telegram.org/apps.

What is not given by flags or environment is asked on the terminal. Telegram allows about five attempts a day for a number.
While there is no connection to Telegram it says why; without a terminal it gives up after NATSGRAM_TIMEOUT.`,
		Example: `  natsgram login main --phone +491701234567
  natsgram login main --qr
  natsgram login main --phone +491701234567 --resend      the code by SMS
  natsgram login news --bot-token 12345:AbCdEf
  NATSGRAM_LOGIN_CODE=12345 NATSGRAM_LOGIN_PASSWORD_FILE=/run/secrets/2fa \
    natsgram login main --phone +491701234567`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			set, err := loadSettings(c)
			if err != nil {
				return err
			}
			given.fill(&in, set)
			in.Account = args[0]
			errs := c.ErrOrStderr()
			sayMisspelt(errs)
			in.Prompt = (&prompter{given: given, terminal: signin.Terminal{In: c.InOrStdin(), Out: errs}}).ask
			in.Progress = func(s mtproto.LoginState) { reportLogin(errs, s) }
			in.Waiting = func(why string) { fmt.Fprintf(errs, "Not connected yet: %s\n", printable(why)) }
			if f, ok := c.InOrStdin().(*os.File); !ok || !term.IsTerminal(int(f.Fd())) {
				in.Limit = set.Timeout // nobody is there to lose patience
			}
			// What the client has to say is for logs; a person at a terminal is told by the prompts.
			quiet := set
			quiet.LogLevel = "error"
			who, err := bridge.Login(c.Context(), set, bridge.Options{Log: newLogger(quiet, errs), Version: version}, in)
			if c.Context().Err() != nil {
				return errors.New("the login was broken off")
			}
			if err != nil {
				return err
			}
			kind := "user"
			if who.Bot {
				kind = "bot"
			}
			fmt.Fprintf(errs, "Signed in: %s is %s %d. A running daemon serves it from now on; if there is none: natsgram serve\n", in.Account, kind, who.UserID)
			return nil
		},
	}
	f := c.Flags()
	f.StringVar(&in.Phone, "phone", "", "phone number in international form (NATSGRAM_LOGIN_PHONE)")
	f.BoolVar(&in.QR, "qr", false, "show a QR code instead, for an app that is signed in to scan")
	f.StringVar(&in.BotToken, "bot-token", "", "token of a bot instead (NATSGRAM_LOGIN_BOT_TOKEN)")
	f.StringVar(&given.code, "code", "", "the code, once it is known (NATSGRAM_LOGIN_CODE)")
	f.BoolVar(&given.resend, "resend", false, "have the code sent in Telegram's next way, such as SMS, as soon as it allows that; typing resend instead of a code does the same")
	f.StringVar(&given.password, "password", "", "the 2FA password; better by NATSGRAM_LOGIN_PASSWORD or _FILE: others can see a command's words")
	f.StringVar(&given.name, "sign-up", "", "'First Last': make a new account where the number has none (NATSGRAM_LOGIN_SIGN_UP)")
	return c
}

// answers are what the prompts need not ask. Each is used once: what Telegram refused is not given again.
type answers struct {
	code, password, name string
	resend               bool
}

// fill takes what no flag gives from the environment.
func (a *answers) fill(in *bridge.SignIn, set bridge.Settings) {
	in.Phone = cmp.Or(in.Phone, set.LoginPhone)
	in.BotToken = cmp.Or(in.BotToken, set.LoginBotToken)
	a.code = cmp.Or(a.code, set.LoginCode)
	a.password = cmp.Or(a.password, set.LoginPassword)
	a.name = cmp.Or(a.name, set.LoginSignUp)
}

func (a *answers) take(step mtproto.LoginStep) (answer string) {
	var from *string
	switch step {
	case mtproto.WaitCode:
		from = &a.code
	case mtproto.WaitPassword:
		from = &a.password
	case mtproto.WaitSignUp:
		from = &a.name
	default:
		return ""
	}
	answer, *from = *from, ""
	return answer
}

// prompter asks on the terminal for what was not given beforehand.
type prompter struct {
	given    answers
	terminal signin.Terminal
}

func (p *prompter) ask(ctx context.Context, state mtproto.LoginState, wrong error) (string, error) {
	if state.Step == mtproto.WaitCode && p.given.resend {
		p.say(wrong)
		p.given.resend = false
		return p.anotherWay(ctx, state.Code)
	}
	if answer := p.given.take(state.Step); answer != "" {
		p.say(wrong)
		return answer, nil
	}
	answer, err := p.terminal.Answer(ctx, state, wrong)
	if errors.Is(err, io.EOF) {
		question, _ := signin.Question(state)
		err = fmt.Errorf("%snobody to ask; give it by a flag (see 'natsgram login --help')", question)
	}
	return answer, err
}

func (p *prompter) say(wrong error) {
	if wrong != nil {
		fmt.Fprintf(p.terminal.Out, "That did not work: %v\n", wrong)
	}
}

// anotherWay waits until Telegram sends the code in its next way.
func (p *prompter) anotherWay(ctx context.Context, code *mtproto.CodeInfo) (string, error) {
	if code == nil || code.Next == "" {
		return "", errors.New("--resend: Telegram has no other way to send the code")
	}
	if wait := time.Until(code.SentAt.Add(code.Timeout)); wait > 0 {
		fmt.Fprintf(p.terminal.Out, "In %s it may be sent by %s.\n", wait.Round(time.Second), code.Next)
		if err := retry.Pause(ctx, wait); err != nil {
			return "", err
		}
	}
	return signin.AnotherWay, nil
}

func reportLogin(w io.Writer, s mtproto.LoginState) {
	if s.Step == mtproto.WaitQR && s.QR != nil {
		showQR(w, *s.QR)
		return
	}
	if s.Step != mtproto.WaitCode || s.Code == nil {
		return
	}
	fmt.Fprintf(w, "Telegram sends the code by %s", s.Code.Type)
	if s.Code.Type == "firebase" {
		fmt.Fprint(w, ", which only its own apps receive: sign in by a QR code instead (--qr)")
	}
	if s.Code.Pattern != "" {
		fmt.Fprintf(w, " (%s)", printable(s.Code.Pattern))
	}
	if s.Code.URL != "" {
		fmt.Fprintf(w, ": %s", printable(s.Code.URL))
	}
	fmt.Fprintln(w)
}
