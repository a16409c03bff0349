// Package control serves tg.ctl: the accounts there are, signing in, the schema as documents, and how the daemons do. An
// account's own status is an endpoint of the account's service.
package control

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/account"
	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/backing"
	"github.com/natsgram/natsgram/bridge/files"
	"github.com/natsgram/natsgram/bridge/gate"
	"github.com/natsgram/natsgram/bridge/health"
	"github.com/natsgram/natsgram/bridge/lease"
	"github.com/natsgram/natsgram/bridge/micro"
	"github.com/natsgram/natsgram/bridge/queue"
	"github.com/natsgram/natsgram/bridge/records"
	"github.com/natsgram/natsgram/bridge/settings"
	"github.com/natsgram/natsgram/bridge/share"
	"github.com/natsgram/natsgram/bridge/signin"
	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/subjects"
)

// Daemon is what the control subjects need of the daemon that they are of.
type Daemon interface {
	// Status is how an account does here; false: it does not run here.
	Status(account string) (account.Status, bool)
	// WhyNotHere is how an account failed here last; empty: it did not.
	WhyNotHere(account string) string
	// Sessions are the accounts with a session in the vault.
	Sessions() map[string]bool
	// Fleet is the daemons that live, and how many accounts each has.
	Fleet(now time.Time) share.Fleet
	// Answering tells of daemons, by id, whether they answer.
	Answering(ids []string) map[string]bool
	// Problems are what keeps this daemon from being ready.
	Problems() []health.Problem
}

// Config is what a Control stands on.
type Config struct {
	Settings settings.Settings
	Version  string
	Instance string // this process, by which other daemons ask it
	Services *backing.Services
	Answers  *answer.Answers
	Records  *records.Records
	Queue    *queue.Store
	Files    *files.Store
	Limits   gate.Store
	Leases   *lease.Leases
	Table    *lease.Table
	SignIn   signin.Config
	Daemon   Daemon
}

// Control serves tg.ctl.
type Control struct {
	Config
	scheme    subjects.Scheme
	nc        *nats.Conn
	ctx       context.Context //nolint:containedctx // the daemon's life, for logins
	mu        sync.Mutex
	logins    map[string]*login
	work      sync.WaitGroup
	documents *documents
}

// endTime bounds the end of the service.
const endTime = 2 * time.Second

// Serve begins; stop ends it and all logins.
func Serve(ctx context.Context, config Config) (stop func(), err error) {
	c := &Control{Config: config, scheme: config.Settings.Scheme(), nc: config.Answers.Conn(), ctx: ctx, logins: map[string]*login{}}
	c.documents = &documents{
		nc: c.nc, js: c.Services.JS, storage: c.Services.Storage,
		scheme: c.scheme, decl: c.SignIn.Layer.Decl, made: map[string]Document{},
	}
	service := micro.New(micro.Config{
		Answers: c.Answers, Name: "natsgram", Version: c.Version, About: "natsgram itself: accounts and signing in",
		Metadata: map[string]string{"layer": strconv.Itoa(c.SignIn.Layer.Schema.Layer())},
	})
	unlisten, err := c.listen()
	if err == nil {
		err = c.endpoints(service)
	}
	stop = func() {
		unlisten()
		brief, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTime)
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
	// askedMost is how many requests of a verb are at work at most; requests of people, and of programs that look now and then.
	// Those of other daemons are counted by themselves: they are made for requests that count there.
	askedMost = 64
	// nameMost is how many of them may be about one account: some steps of a login wait long.
	nameMost = 16
	// askedSize is how large one may be, in bytes.
	askedSize = 256 << 10
)

// endpoints are the verbs of tg.ctl; each request has a goroutine of its own.
func (c *Control) endpoints(service *micro.Service) error {
	add := func(name, subject string, do handler) error {
		e, asked := service.Add(name, subject, nil), answer.NewPlaces(askedMost, nameMost)
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
		add("login", c.scheme.Ctl("*", "login.*"), c.login),
		add("schema", c.scheme.Ctl(subjects.Daemon, "schema"), c.schema),
		add("health", c.scheme.Ctl(subjects.Daemon, "health"), c.healthOfAll),
	)
	for verb, do := range map[string]handler{
		"list": c.accounts(c.listAccounts, "after", "limit"), "add": c.accounts(c.addAccount, "account"),
		"remove": c.accounts(c.removeAccount, "account", "logout", "purge"), "move": c.accounts(c.moveAccount, "account", "to"),
	} {
		err = errors.Join(err, add("accounts_"+verb, c.scheme.Ctl(subjects.Daemon, "accounts."+verb), do))
	}
	return errors.Join(err, service.SubscribeProtocol())
}

// listen answers the other daemons: under which names it can be asked, and what it does then.
func (c *Control) listen() (stop func(), err error) {
	var subs []*nats.Subscription
	stop = func() {
		for _, sub := range subs {
			_ = sub.Unsubscribe() // the connection may be closed
		}
	}
	for what, do := range map[string]handler{
		"accounts": c.tellStates, "login": c.tellLogin, "relay": c.relayed, "health": c.tellHealth,
	} {
		asked := answer.NewPlaces(askedMost, askedMost)
		sub, err := c.Answers.Subscribe(c.scheme.Inside(c.Instance, what), "", func(r answer.Request) {
			c.work.Go(func() { c.handle(&r, asked, do) })
		})
		if err != nil {
			stop()
			return nil, err
		}
		subs = append(subs, sub)
	}
	return stop, nil
}

// handle answers a request, and tells with which fault. asked are the places of its verb.
func (c *Control) handle(r *answer.Request, asked *answer.Places, do handler) *answer.Fault {
	about, _, _ := c.scheme.ParseCtl(r.Subject())
	if about == subjects.Daemon {
		about = ""
	}
	leave := asked.Take(about)
	if leave == nil {
		return r.JSON(nil, answer.Later("too many such requests are at work here"))
	}
	v, err := c.do(r, do)
	leave() // who has the answer finds the place free
	if err != nil {
		return r.JSON(nil, faultOf(err))
	}
	if m, ok := v.(*nats.Msg); ok {
		r.Send(m.Header, m.Data)
		return nil
	}
	return r.JSON(v, nil)
}

func (c *Control) do(r *answer.Request, do handler) (any, error) {
	if r.Size() > askedSize {
		return nil, answer.Refuse(400, "the request has "+strconv.Itoa(r.Size())+" bytes, more than any that there is has")
	}
	if fault := r.NotJSON(); fault != nil {
		return nil, fault
	}
	return do(c.ctx, r)
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
	return answer.Fail(502, answer.Sent(mtproto.Reached(err).String()), err.Error())
}
