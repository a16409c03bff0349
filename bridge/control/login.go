package control

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/natsgram/natsgram/bridge/account"
	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/signin"
	"github.com/natsgram/natsgram/mtproto"
	steps "github.com/natsgram/natsgram/mtproto/signin"
	"github.com/natsgram/natsgram/subjects"
)

// loginLife is how long a login over NATS may take from its first to its last step.
const loginLife = 10 * time.Minute

// login is a sign-in step by step over NATS.
type login struct {
	*signin.Attempt
	busy sync.Mutex // one step at a time
}

func (c *Control) login(ctx context.Context, r *answer.Request) (any, error) {
	name, verb, ok := c.scheme.ParseCtl(r.Subject())
	if !ok || name == subjects.Daemon {
		return nil, answer.Refuse(404, "no such account name")
	}
	step := strings.TrimPrefix(verb, "login.")
	if _, err := readLogin(step, r.Data()); err != nil {
		return nil, err
	}
	at, err := c.loginAt(name, step)
	if err != nil {
		return nil, err
	}
	if at != c.Instance {
		return c.relay(ctx, r, at)
	}
	return c.loginWith(name, step, r.Data())
}

// loginWith does a step with what the request says.
func (c *Control) loginWith(name, step string, body []byte) (any, error) {
	in, err := readLogin(step, body)
	if err != nil {
		return nil, err
	}
	return c.loginStep(name, step, in)
}

// readLogin reads the request of a step.
func readLogin(step string, body []byte) (in steps.Answers, err error) {
	reads, ok := steps.Reads(step)
	if !ok {
		return in, answer.Refuse(404, "no such step: there are start, await, code, password, signup, "+
			"email, email_code, resend, status and cancel")
	}
	into := any(&in)
	if len(reads) == 0 {
		into = &struct{}{}
	}
	err = answer.ReadJSON(body, into, reads...)
	var field *answer.FieldError
	switch {
	case err == nil:
		return in, nil
	case errors.As(err, &field):
		return in, answer.Refuse(400, "login."+step+": "+err.Error())
	}
	return in, answer.Refuse(400, "the request is not the JSON object it should be") // never quoted: it may hold a password
}

// loginStep does one step. A login begins with start; the others go on with it.
func (c *Control) loginStep(name, step string, in steps.Answers) (mtproto.LoginState, error) {
	if step == steps.Start {
		if err := c.begin(name); err != nil {
			return mtproto.LoginState{}, err
		}
	}
	c.mu.Lock()
	l := c.logins[name]
	c.mu.Unlock()
	if l == nil {
		return mtproto.LoginState{}, errNoLogin
	}
	if step != steps.Await { // it waits itself, and does no harm beside others
		l.busy.Lock()
		defer l.busy.Unlock()
	}
	ctx, cancel := context.WithTimeout(c.ctx, c.Settings.Timeout)
	defer cancel()
	st, err := l.step(ctx, step, in)
	if err == nil && st.Step == mtproto.SignedIn {
		if err = l.Keep(ctx, c.store(), name); err != nil {
			err = answer.Done(500, "the session could not be stored: "+err.Error())
		}
	}
	if step == steps.Cancel || err != nil && step == steps.Start {
		c.drop(name, l)
	}
	return st, err
}

// errNoLogin is the answer to a step that begins nothing.
var errNoLogin = answer.Refuse(409, "no login is going on: begin with login.start")

// step does one step, and says why where it cannot be done or takes too long.
func (l *login) step(ctx context.Context, step string, in steps.Answers) (mtproto.LoginState, error) {
	if step == steps.Start && in.Phone == "" && in.BotToken == "" && !in.QR {
		return mtproto.LoginState{}, answer.Refuse(400, "login.start: want phone, bot_token or qr")
	}
	st, err := l.Do(ctx, step, in)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		if why := l.WhyWaiting(); why != "" {
			return st, answer.Fail(504, answer.Sent(mtproto.Reached(err).String()), "not connected to Telegram: "+why)
		}
	}
	return st, err
}

func (c *Control) store() signin.Store {
	return signin.Store{Vault: c.Services.Vault, Storage: c.Services.Storage}
}

// begin begins a login. One that was going on is given up.
func (c *Control) begin(name string) error {
	if st, here := c.Daemon.Status(name); here && st.State != account.SignedOut && st.UserID != 0 {
		return answer.Refuse(409, "the account is signed in")
	}
	if err := c.store().Replaceable(c.ctx, name); err != nil {
		return answer.Refuse(503, err.Error())
	}
	ctx, cancel := context.WithTimeout(c.ctx, loginLife)
	a, err := signin.Begin(ctx, c.SignIn, "")
	if err != nil {
		cancel()
		return answer.Refuse(503, err.Error())
	}
	l := &login{Attempt: a}
	c.mu.Lock()
	old := c.logins[name]
	c.logins[name] = l
	c.mu.Unlock()
	if old != nil {
		old.Cancel()
	}
	c.work.Go(func() {
		<-a.Ended() // every step has said what was wrong
		cancel()
		c.drop(name, l)
	})
	return nil
}

func (c *Control) drop(name string, l *login) {
	l.Cancel()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.logins[name] == l {
		delete(c.logins, name)
	}
}
