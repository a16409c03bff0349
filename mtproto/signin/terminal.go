package signin

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"

	"golang.org/x/term"

	"github.com/natsgram/natsgram/mtproto"
)

// Terminal asks a person. It hides passwords while they are typed, where In is a terminal. The zero value is the terminal that
// the program was started from.
type Terminal struct {
	In  io.Reader // nil: standard input
	Out io.Writer // nil: standard error

	lines *bufio.Reader
}

// SignIn is [With], with the person's answers.
func (t *Terminal) SignIn(ctx context.Context, l *mtproto.Login) (mtproto.LoginState, error) {
	return With(ctx, l, t.Answer)
}

// Answer is an [Asker]: it says what was wrong, and asks for what a step needs.
func (t *Terminal) Answer(ctx context.Context, state mtproto.LoginState, wrong error) (string, error) {
	if wrong != nil {
		fmt.Fprintf(t.out(), "That did not work: %v\n", wrong)
	}
	question, secret := Question(state)
	answer, err := t.Ask(ctx, question, secret)
	if err == nil && answer == "" {
		err = errors.New("nothing given")
	}
	return answer, err
}

// Question is what to ask at a step, and whether the answer must not be seen.
func Question(s mtproto.LoginState) (question string, secret bool) {
	switch s.Step {
	case mtproto.WaitPhone:
		return "Phone number in international form, or bot token: ", false
	case mtproto.WaitCode:
		if s.Code != nil && s.Code.Next != "" {
			return fmt.Sprintf("Code (or %s, to have it sent by %s): ", AnotherWay, printable(s.Code.Next)), false
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
		pattern := "the e-mail address"
		if s.Email != nil {
			pattern = printable(s.Email.Pattern)
		}
		return fmt.Sprintf("Code that was sent to %s: ", pattern), false
	case mtproto.WaitSignUp:
		return "There is no account with this number. First and last name of a new one (Ctrl-C: none): ", false
	}
	return s.Step.String() + ": ", true
}

// printable leaves out what moves a terminal's cursor: hints are what anybody wrote.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, s)
}

// Ask asks one question. It gives up when the context ends, as Ctrl-C makes it, and leaves the terminal as it was. Where nobody
// answers the error is [io.EOF].
func (t *Terminal) Ask(ctx context.Context, question string, secret bool) (answer string, err error) {
	if f, ok := t.in().(*os.File); ok && secret {
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
		text, err := t.read(question, secret)
		read <- line{text, err}
	}()
	select {
	case l := <-read:
		return l.text, l.err
	case <-ctx.Done():
		fmt.Fprintln(t.out())
		return "", ctx.Err()
	}
}

func (t *Terminal) read(question string, secret bool) (string, error) {
	f, isFile := t.in().(*os.File)
	terminal := isFile && term.IsTerminal(int(f.Fd()))
	fmt.Fprint(t.out(), question)
	if secret && terminal {
		b, err := term.ReadPassword(int(f.Fd()))
		fmt.Fprintln(t.out())
		return strings.TrimSpace(string(b)), err
	}
	if t.lines == nil {
		t.lines = bufio.NewReader(t.in())
	}
	line, err := t.lines.ReadString('\n')
	if !terminal {
		fmt.Fprintln(t.out())
	}
	if errors.Is(err, io.EOF) && line == "" {
		return "", fmt.Errorf("%snobody to ask: %w", question, io.EOF)
	}
	return strings.TrimSpace(line), nil
}

func (t *Terminal) in() io.Reader {
	if t.In == nil {
		return os.Stdin
	}
	return t.In
}

func (t *Terminal) out() io.Writer {
	if t.Out == nil {
		return os.Stderr
	}
	return t.Out
}
