package control

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/lease"
	"github.com/natsgram/natsgram/subjects"
)

// A login lives in one daemon from its first to its last step, and NATS gives each step to any. So each is passed on to where
// it belongs: the first to the daemon that runs the account, if one does, so that it knows whether somebody is signed in; the
// others to the daemon that has the login.

// askTime is how long another daemon may take to say whether it has a login.
const askTime = 500 * time.Millisecond

// loginAt is the instance that a step belongs to.
func (c *Control) loginAt(name, step string) (instance string, err error) {
	if step == "start" {
		return c.loginHome(name)
	}
	if c.loginHere(name) {
		return c.Instance, nil
	}
	for _, m := range c.others() {
		ctx, cancel := context.WithTimeout(c.ctx, askTime)
		reply, err := c.nc.RequestWithContext(ctx, c.scheme.Inside(m.Instance, "login"), []byte(name))
		cancel()
		if err == nil && string(reply.Data) == hasLogin {
			return m.Instance, nil
		}
	}
	return "", errNoLogin
}

// What a daemon says that is asked whether it has a login.
const (
	hasLogin = "yes"
	noLogin  = "no"
)

// loginHere reports whether an account's login is here.
func (c *Control) loginHere(name string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.logins[name] != nil
}

// tellLogin says whether an account's login is here.
func (c *Control) tellLogin(_ context.Context, r *answer.Request) (any, error) {
	said := noLogin
	if c.loginHere(string(r.Data())) {
		said = hasLogin
	}
	return &nats.Msg{Data: []byte(said)}, nil
}

// loginHome is where a login begins.
func (c *Control) loginHome(name string) (instance string, err error) {
	now := time.Now()
	holding := c.Table.Holding(name, now)
	if holding.By.Closed {
		return "", answer.Refuse(409, "the account "+name+" is being removed")
	}
	for _, m := range c.others() {
		if holding.Taken && m.ID == holding.By.ID && c.answers(m.ID) {
			return m.Instance, nil
		}
	}
	if c.Settings.Serves(name) {
		return c.Instance, nil
	}
	for _, m := range c.others() {
		if m.Serves(name) && !m.Leaving && c.answers(m.ID) {
			return m.Instance, nil
		}
	}
	return "", answer.Refuse(403, "no daemon may run that account (NATSGRAM_ACCOUNTS)")
}

// answers reports whether a daemon, by its id, answers.
func (c *Control) answers(id string) bool { return c.Daemon.Answering([]string{id})[id] }

// others are the daemons beside this one.
func (c *Control) others() []lease.Member {
	self := c.Table.Self()
	return slices.DeleteFunc(c.Table.Members(time.Now()), func(m lease.Member) bool { return m.ID == self })
}

// relay has another daemon answer.
func (c *Control) relay(ctx context.Context, r *answer.Request, instance string) (*nats.Msg, error) {
	msg := nats.NewMsg(c.scheme.Inside(instance, "relay"))
	msg.Header.Set(subjects.HeaderRelayed, r.Subject())
	msg.Data = r.Data()
	ctx, cancel := context.WithTimeout(ctx, c.Settings.Timeout)
	defer cancel()
	reply, err := c.nc.RequestMsgWithContext(ctx, msg)
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return nil, answer.Refuse(503, "the daemon that has the login is gone: begin with login.start")
	case err != nil:
		return nil, answer.Doubt(504, "the daemon that has the login does not answer")
	}
	return reply, nil
}

// relayed answers a step that another daemon was asked for.
func (c *Control) relayed(_ context.Context, r *answer.Request) (any, error) {
	name, verb, ok := c.scheme.ParseCtl(r.Header().Get(subjects.HeaderRelayed))
	step, login := strings.CutPrefix(verb, "login.")
	if !ok || !login || name == subjects.Daemon {
		return nil, answer.Refuse(404, "no such account name")
	}
	return c.loginWith(name, step, r.Data())
}
