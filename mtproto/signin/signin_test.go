package signin_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/mtproto/signin"
)

// start runs a client that nobody is signed in at.
func start(t *testing.T, s *mttest.Server) *mtproto.Client {
	t.Helper()
	c, err := mtproto.New(mtproto.Options{
		API: mtproto.API{ID: 1, Hash: "x"}, Env: s.Env(), Dial: s.Dial, Throttle: new(mtproto.Throttle),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = c.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
	return c
}

// person types an answer a line, each when it is asked for.
type person []func() string

func (p *person) Read(b []byte) (int, error) {
	if len(*p) == 0 {
		return 0, io.EOF
	}
	answer := (*p)[0]()
	*p = (*p)[1:]
	return copy(b, answer+"\n"), nil
}

func says(text string) func() string { return func() string { return text } }

func inMemory(c *mttest.Config) { c.InMemory = true }

func TestTerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory)
		alice := s.AddUser(mttest.User{First: "Alice", Phone: "+15550001", Password: "open sesame"})
		bot := s.AddBot("Helper", "helper_bot")
		for name, c := range map[string]struct {
			answers person
			id      int64
			asked   []string
		}{
			"code and password": {
				person{says("+15550001"), says("00000"), func() string { return s.Code("15550001") }, says("close sesame"), says("open sesame")},
				alice.ID(), []string{"Phone number", "Code", "PHONE_CODE_INVALID", "Code", "2FA password", "PASSWORD_HASH_INVALID", "2FA password"},
			},
			"bot": {person{says(bot.Token())}, bot.ID(), []string{"Phone number"}},
		} {
			l := start(t, s).Login()
			var out bytes.Buffer
			terminal := signin.Terminal{In: &c.answers, Out: &out}
			st, err := terminal.SignIn(t.Context(), l)
			if err != nil || st.UserID != c.id {
				t.Errorf("%s: %+v, %v\n%s", name, st, err, out.String())
			}
			rest := out.String()
			for _, text := range c.asked {
				var found bool
				if _, rest, found = strings.Cut(rest, text); !found {
					t.Errorf("%s: %q is not in its place in\n%s", name, text, out.String())
				}
			}
			if st, err = terminal.SignIn(t.Context(), l); err != nil || st.UserID != c.id {
				t.Errorf("%s: once more: %+v, %v", name, st, err)
			}
		}
	})
}

// Nobody answers, or Ctrl-C ends it.
func TestNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory)
		l := start(t, s).Login()
		if _, err := (&signin.Terminal{In: new(person), Out: io.Discard}).SignIn(t.Context(), l); !errors.Is(err, io.EOF) {
			t.Error(err)
		}
		silent, w := io.Pipe()
		defer w.Close()
		ctx, cancel := context.WithCancel(t.Context())
		go func() { synctest.Wait(); cancel() }()
		if _, err := (&signin.Terminal{In: silent, Out: io.Discard}).SignIn(ctx, l); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

// A flood is not answered by asking again: the login ends with it.
func TestFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory)
		s.FailNext("auth.sendCode", 1, 420, "FLOOD_WAIT_86400")
		p := person{says("+15550001"), says("+15550001")}
		_, err := (&signin.Terminal{In: &p, Out: io.Discard}).SignIn(t.Context(), start(t, s).Login())
		if !mtproto.IsKind(err, "FLOOD_WAIT") || len(p) != 1 {
			t.Errorf("%v, %d answers are left", err, len(p))
		}
	})
}

// What others wrote does not move the cursor.
func TestHostileHint(t *testing.T) {
	question, secret := signin.Question(mtproto.LoginState{Step: mtproto.WaitPassword, Hint: "\x1b[2Jdog\r"})
	if strings.ContainsAny(question, "\x1b\r") || !strings.Contains(question, "dog") || !secret {
		t.Errorf("%q, secret %v", question, secret)
	}
}
