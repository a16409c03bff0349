package bridge

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

// loginAt is the instance that a step belongs to.
func (c *control) loginAt(name, step string) (instance string, err error) {
	if step == "start" {
		return c.loginHome(name)
	}
	if c.has(name) {
		return c.shift.id, nil
	}
	for _, m := range c.others() {
		ctx, cancel := context.WithTimeout(c.ctx, hearingWait)
		reply, err := c.base.nc.RequestWithContext(ctx, c.shift.ear(m.Instance, "login"), []byte(name))
		cancel()
		if err == nil && string(reply.Data) == yes {
			return m.Instance, nil
		}
	}
	return "", answer.Refuse(409, "no login is going on: begin with login.start")
}

// yes is the answer of the daemon that has the login.
const yes = "yes"

func (c *control) has(name string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.logins[name] != nil
}

// tellLogin says whether an account's login is here.
func (c *control) tellLogin(_ context.Context, r *answer.Request) (any, error) {
	said := "no"
	if c.has(string(r.Data())) {
		said = yes
	}
	return &nats.Msg{Data: []byte(said)}, nil
}

// loginHome is where a login begins.
func (c *control) loginHome(name string) (instance string, err error) {
	now := time.Now()
	seat := c.shift.crew.Seat(name, now)
	if seat.By.Closed {
		return "", answer.Refuse(409, "the account "+name+" is being removed")
	}
	for _, m := range c.others() {
		if seat.Taken && m.ID == seat.By.ID && c.shift.asks(m) {
			return m.Instance, nil
		}
	}
	if c.b.settings.Serves(name) {
		return c.shift.id, nil
	}
	for _, m := range c.others() {
		if m.Serves(name) && !m.Leaving && c.shift.asks(m) {
			return m.Instance, nil
		}
	}
	return "", answer.Refuse(403, "no daemon may run that account (NATSGRAM_ACCOUNTS)")
}

// others are the daemons beside this one.
func (c *control) others() []lease.Member {
	self := c.shift.crew.Self()
	return slices.DeleteFunc(c.shift.crew.Members(time.Now()), func(m lease.Member) bool { return m.ID == self })
}

// relayHeader names the subject of a request that another daemon passes on.
const relayHeader = "Natsgram-Subject"

// relay has another daemon answer.
func (c *control) relay(ctx context.Context, r *answer.Request, instance string) (*nats.Msg, error) {
	msg := nats.NewMsg(c.shift.ear(instance, "relay"))
	msg.Header.Set(relayHeader, r.Subject())
	msg.Data = r.Data()
	ctx, cancel := context.WithTimeout(ctx, c.b.settings.Timeout)
	defer cancel()
	reply, err := c.base.nc.RequestMsgWithContext(ctx, msg)
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return nil, answer.Refuse(503, "the daemon that has the login is gone: begin with login.start")
	case err != nil:
		return nil, &answer.Fault{Code: 504, Sent: answer.Unknown, Text: "the daemon that has the login does not answer"}
	}
	return reply, nil
}

// relayed answers a step that another daemon was asked for.
func (c *control) relayed(_ context.Context, r *answer.Request) (any, error) {
	name, verb, ok := c.b.settings.Scheme().ParseCtl(r.Header().Get(relayHeader))
	step, login := strings.CutPrefix(verb, "login.")
	if !ok || !login || name == subjects.Daemon {
		return nil, answer.Refuse(404, "no such account name")
	}
	return c.loginWith(name, step, r.Data())
}
