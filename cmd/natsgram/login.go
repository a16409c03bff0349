package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/natsgram/natsgram/bridge"
	"github.com/natsgram/natsgram/mtproto"
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
  natsgram login main --phone +491701234567 --resend      the code by SMS, when the app is not at hand
  natsgram login news --bot-token 12345:AbCdEf
  NATSGRAM_LOGIN_CODE=12345 NATSGRAM_LOGIN_PASSWORD_FILE=/run/secrets/2fa natsgram login main --phone +491701234567`,
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
			in.Prompt = (&prompter{given: given, in: c.InOrStdin(), out: errs}).ask
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

// prompter asks on the terminal.
type prompter struct {
	given answers
	in    io.Reader
	out   io.Writer
	lines *bufio.Reader
}

func (p *prompter) ask(ctx context.Context, state mtproto.LoginState, wrong error) (string, error) {
	if wrong != nil {
		fmt.Fprintf(p.out, "That did not work: %v\n", wrong)
	}
	if state.Step == mtproto.WaitCode && p.given.resend {
		p.given.resend = false
		return p.anotherWay(ctx, state.Code)
	}
	if answer := p.given.take(state.Step); answer != "" {
		return answer, nil
	}
	question, secret := questionFor(state)
	answer, err := p.readUntil(ctx, question, secret)
	if err == nil && answer == "" {
		err = errors.New("nothing given")
	}
	return answer, err
}

// anotherWay waits until Telegram sends the code in its next way.
func (p *prompter) anotherWay(ctx context.Context, code *mtproto.CodeInfo) (string, error) {
	if code == nil || code.Next == "" {
		return "", errors.New("--resend: Telegram has no other way to send the code")
	}
	if wait := time.Until(code.SentAt.Add(code.Timeout)); wait > 0 {
		fmt.Fprintf(p.out, "In %s it may be sent by %s.\n", wait.Round(time.Second), code.Next)
		t := time.NewTimer(wait)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
	return bridge.AnotherWay, nil
}

// readUntil gives up when the context ends, as Ctrl-C makes it, and leaves the terminal as it was.
func (p *prompter) readUntil(ctx context.Context, question string, secret bool) (answer string, err error) {
	if f, ok := p.in.(*os.File); ok && secret {
		if state, err := term.GetState(int(f.Fd())); err == nil {
			defer func() { _ = term.Restore(int(f.Fd()), state) }()
		}
	}
	type line struct {
		text string
		err  error
	}
	read := make(chan line, 1)
	go func() {
		text, err := p.read(question, secret)
		read <- line{text, err}
	}()
	select {
	case l := <-read:
		return l.text, l.err
	case <-ctx.Done():
		fmt.Fprintln(p.out)
		return "", ctx.Err()
	}
}

// questionFor is what to ask, and whether the answer must not be seen.
func questionFor(s mtproto.LoginState) (question string, secret bool) {
	switch s.Step {
	case mtproto.WaitPhone:
		return "Phone number in international form, or bot token: ", false
	case mtproto.WaitCode:
		if s.Code != nil && s.Code.Next != "" {
			return fmt.Sprintf("Code (or %s, to have it sent by %s): ", bridge.AnotherWay, s.Code.Next), false
		}
		return "Code: ", false
	case mtproto.WaitPassword:
		if s.Hint != "" {
			return fmt.Sprintf("2FA password (hint: %s): ", printable(s.Hint)), true
		}
		return "2FA password: ", true
	case mtproto.WaitEmail:
		return "Telegram wants an e-mail address, to send codes to: ", false
	case mtproto.WaitEmailCode:
		return fmt.Sprintf("Code that was sent to %s: ", printable(s.Email.Pattern)), false
	case mtproto.WaitSignUp:
		return "There is no account with this number. First and last name of a new one (Ctrl-C: none): ", false
	}
	return s.Step.String() + ": ", true
}

func (p *prompter) read(question string, secret bool) (string, error) {
	f, isFile := p.in.(*os.File)
	terminal := isFile && term.IsTerminal(int(f.Fd()))
	fmt.Fprint(p.out, question)
	if secret && terminal {
		b, err := term.ReadPassword(int(f.Fd()))
		fmt.Fprintln(p.out)
		return strings.TrimSpace(string(b)), err
	}
	if p.lines == nil {
		p.lines = bufio.NewReader(p.in)
	}
	line, err := p.lines.ReadString('\n')
	if !terminal {
		fmt.Fprintln(p.out)
	}
	if errors.Is(err, io.EOF) && line == "" {
		return "", fmt.Errorf("%snobody to ask; give it by a flag (see 'natsgram login --help')", question)
	}
	return strings.TrimSpace(line), nil
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
