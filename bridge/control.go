package bridge

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/account"
	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/micro"
	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/subjects"
)

// control serves tg.ctl: signing in, and what this daemon has. An account's own status is an endpoint of the account's service.
type control struct {
	b      *Bridge
	base   *base
	shift  *supervisor
	ctx    context.Context //nolint:containedctx // the daemon's life, for logins
	mu     sync.Mutex
	logins map[string]*login
	work   sync.WaitGroup

	documents *documents
}

// loginLife is how long a login over NATS may take from its first to its last step.
const loginLife = 10 * time.Minute

// serveControl begins; stop ends it and all logins.
func (b *Bridge) serveControl(ctx context.Context, base *base, s *supervisor) (stop func(), err error) {
	c := &control{b: b, base: base, shift: s, ctx: ctx, logins: map[string]*login{}, documents: &documents{
		nc: base.nc, js: base.js, scheme: b.settings.Scheme(), decl: b.layer.decl, storage: base.storage, made: map[string]document{},
	}}
	service := micro.New(micro.Config{
		Answers: base.answers, Name: "natsgram", Version: b.options.Version, About: "natsgram itself: accounts and signing in",
		Metadata: map[string]string{"layer": strconv.Itoa(b.layer.schema.Layer())},
	})
	deaf, err := c.listen()
	if err == nil {
		err = c.endpoints(service)
	}
	stop = func() {
		deaf()
		brief, cancel := context.WithTimeout(context.WithoutCancel(ctx), goodbye)
		defer cancel()
		service.Unsubscribe(brief)
		c.work.Wait()
	}
	if err != nil {
		stop()
		return nil, fmt.Errorf("control subjects: %w", err)
	}
	return stop, nil
}

// handler answers a request of tg.ctl: with a value that becomes JSON, or with a message as it is.
type handler func(ctx context.Context, r *answer.Request) (any, error)

const (
	// askedMost is how many requests of tg.ctl are at work at most; requests of people, and of programs that look now and then.
	// Those of other daemons are counted by themselves: they are made for requests that count there.
	askedMost = 256
	// askedSize is how large one may be, in bytes.
	askedSize = 256 << 10
)

// endpoints are the verbs of tg.ctl; each request has a goroutine of its own.
func (c *control) endpoints(service *micro.Service) error {
	scheme := c.b.settings.Scheme()
	asked := make(chan struct{}, askedMost)
	add := func(name, subject string, do handler) error {
		e := service.Add(name, subject, nil)
		return service.Subscribe(subject, func(r answer.Request) {
			c.work.Go(func() {
				begun := time.Now()
				defer e.Begin()()
				fault := c.handle(&r, asked, do)
				e.Done(time.Since(begun), "", fault)
			})
		})
	}
	err := errors.Join(
		add("login", scheme.Ctl("*", "login.*"), c.login),
		add("schema", scheme.Ctl(subjects.Daemon, "schema"), c.schema),
		add("health", scheme.Ctl(subjects.Daemon, "health"), c.accounts(c.healthOfAll)),
	)
	for verb, do := range map[string]func(context.Context, request) (any, error){
		"list": c.listAccounts, "add": c.addAccount, "remove": c.removeAccount, "move": c.moveAccount,
	} {
		err = errors.Join(err, add("accounts_"+verb, scheme.Ctl(subjects.Daemon, "accounts."+verb), c.accounts(do)))
	}
	return errors.Join(err, service.SubscribeAside(nil, nil))
}

// handle answers a request, and tells with which fault. asked holds a token for each that is at work.
func (c *control) handle(r *answer.Request, asked chan struct{}, do handler) *answer.Fault {
	select {
	case asked <- struct{}{}:
		defer func() { <-asked }()
	default:
		return r.JSON(nil, &answer.Fault{Code: 503, Text: "too many requests are at work here", Sent: answer.No, RetryAfter: time.Second})
	}
	if r.Size() > askedSize {
		return r.JSON(nil, answer.Refuse(400, "the request has "+strconv.Itoa(r.Size())+" bytes, more than any that there is has"))
	}
	v, err := do(c.ctx, r)
	if err != nil {
		return r.JSON(nil, faultOf(err))
	}
	if m, ok := v.(*nats.Msg); ok {
		r.Send(m.Header, m.Data)
		return nil
	}
	return r.JSON(v, nil)
}

// faultOf is an error as callers are told it.
func faultOf(err error) *answer.Fault {
	var own *answer.Fault
	if errors.As(err, &own) {
		return own
	}
	if f, ok := account.Refused(err); ok {
		return &f
	}
	return &answer.Fault{Code: 502, Text: err.Error(), Sent: answer.Sent(mtproto.Reached(err).String())}
}

// login is a sign-in step by step over NATS.
type login struct {
	client *mtproto.Client
	cancel context.CancelFunc
	ended  chan struct{} // the client's connections are closed
	busy   sync.Mutex    // one step at a time
	why    *reasons
}

// answers are the parameters of the steps.
type answers struct {
	Phone    string `json:"phone"`
	BotToken string `json:"bot_token"`
	Code     string `json:"code"`
	Password string `json:"password"`
	First    string `json:"first_name"`
	Last     string `json:"last_name"`
	QR       bool   `json:"qr"`
	Email    string `json:"email"`
}

func (c *control) login(ctx context.Context, r *answer.Request) (any, error) {
	name, verb, ok := c.b.settings.Scheme().ParseCtl(r.Subject())
	if !ok || name == subjects.Daemon {
		return nil, answer.Refuse(404, "no such account name")
	}
	step := strings.TrimPrefix(verb, "login.")
	at, err := c.loginAt(name, step)
	if err != nil {
		return nil, err
	}
	if at != c.shift.id {
		return c.relay(ctx, r, at)
	}
	return c.loginWith(name, step, r.Data())
}

// loginWith does a step with what the request says.
func (c *control) loginWith(name, step string, body []byte) (any, error) {
	var in answers
	if answer.ReadJSON(body, &in) != nil {
		return nil, answer.Refuse(400, "the request is not the JSON object it should be") // never quoted: it may hold a password
	}
	return c.loginStep(name, step, in)
}

// loginStep does one step. A login begins with start; the others go on with it.
func (c *control) loginStep(name, verb string, in answers) (mtproto.LoginState, error) {
	if verb == "start" {
		if err := c.begin(name); err != nil {
			return mtproto.LoginState{}, err
		}
	}
	c.mu.Lock()
	l := c.logins[name]
	c.mu.Unlock()
	if l == nil {
		return mtproto.LoginState{}, answer.Refuse(409, "no login is going on: begin with login.start")
	}
	if verb != "await" { // it waits itself, and does no harm beside others
		l.busy.Lock()
		defer l.busy.Unlock()
	}
	ctx, cancel := context.WithTimeout(c.ctx, c.b.settings.Timeout)
	defer cancel()
	st, err := l.step(ctx, verb, in)
	if errors.Is(err, context.DeadlineExceeded) {
		if why := l.why.now(); why != "" {
			err = &answer.Fault{Code: 504, Text: "not connected to Telegram: " + why, Sent: answer.Sent(mtproto.Reached(err).String())}
		}
	}
	if err == nil && st.Step == mtproto.SignedIn {
		err = c.finish(ctx, name, l)
	}
	if verb == "cancel" || err != nil && verb == "start" {
		c.drop(name, l)
	}
	return st, err
}

func (l *login) step(ctx context.Context, verb string, in answers) (mtproto.LoginState, error) {
	steps := l.client.Login()
	switch verb {
	case "start":
		if in.BotToken != "" {
			return steps.BotToken(ctx, in.BotToken)
		}
		if in.QR {
			return steps.ShowQR(ctx)
		}
		if in.Phone == "" {
			return mtproto.LoginState{}, answer.Refuse(400, "login.start: want phone, bot_token or qr")
		}
		return steps.SendCode(ctx, in.Phone)
	case "await":
		return steps.AwaitQR(ctx)
	case "email":
		return steps.SetEmail(ctx, in.Email)
	case "email_code":
		return steps.EmailCode(ctx, in.Code)
	case "code":
		return steps.SignIn(ctx, in.Code)
	case "password":
		return steps.Password(ctx, in.Password)
	case "signup":
		return steps.SignUp(ctx, in.First, in.Last)
	case "resend":
		return steps.ResendCode(ctx)
	case "status", "cancel":
		return steps.State(), nil
	}
	return mtproto.LoginState{}, answer.Refuse(404, "no such step: there are start, await, code, password, signup, email, email_code, resend, status and cancel")
}

// begin makes the client of a login. One that was going on is given up.
func (c *control) begin(name string) error {
	if r := c.b.current(name); r != nil && r.Status().State != account.SignedOut && r.Status().UserID != 0 {
		return answer.Refuse(409, "the account is signed in")
	}
	if err := c.base.replaceable(c.ctx, name); err != nil {
		return answer.Refuse(503, err.Error())
	}
	a := &attempt{settings: c.b.settings, env: c.b.env, layer: c.b.layer, version: c.b.options.Version, log: c.b.log}
	client, err := a.client()
	if err != nil {
		return answer.Refuse(503, err.Error())
	}
	ctx, cancel := context.WithTimeout(c.ctx, loginLife)
	l := &login{client: client, cancel: cancel, ended: make(chan struct{}), why: &a.reasons}
	c.mu.Lock()
	old := c.logins[name]
	c.logins[name] = l
	c.mu.Unlock()
	if old != nil {
		old.cancel()
	}
	c.work.Go(func() {
		_ = client.Run(ctx) // every step has said what was wrong
		close(l.ended)
		c.drop(name, l)
	})
	return nil
}

func (c *control) drop(name string, l *login) {
	l.cancel()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.logins[name] == l {
		delete(c.logins, name)
	}
}

// finish stores the session, after the login's own connections are closed (D8).
func (c *control) finish(ctx context.Context, name string, l *login) error {
	standing := c.b.layer.standing(ctx, l.client.Invoke)
	l.cancel()
	<-l.ended
	if err := c.base.keep(ctx, name, l.client.State(), standing); err != nil {
		return &answer.Fault{Code: 500, Sent: answer.Yes, Text: "the session could not be stored: " + err.Error()}
	}
	return nil
}
