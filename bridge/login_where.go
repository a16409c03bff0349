package bridge

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/natsgram/natsgram/bridge/lease"
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
	return "", &refusal{409, "no login is going on: begin with login.start"}
}

// yes is the answer of the daemon that has the login.
const yes = "yes"

func (c *control) has(name string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.logins[name] != nil
}

// tellLogin says whether an account's login is here.
func (c *control) tellLogin(m *nats.Msg) {
	answer := "no"
	if c.has(string(m.Data)) {
		answer = yes
	}
	_ = m.Respond([]byte(answer)) // who asked has gone
}

// loginHome is where a login begins.
func (c *control) loginHome(name string) (instance string, err error) {
	now := time.Now()
	seat := c.shift.crew.Seat(name, now)
	if seat.By.Closed {
		return "", &refusal{409, "the account " + name + " is being removed"}
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
	return "", &refusal{403, "no daemon may run that account (NATSGRAM_ACCOUNTS)"}
}

// others are the daemons beside this one.
func (c *control) others() []lease.Member {
	self := c.shift.crew.Self()
	return slices.DeleteFunc(c.shift.crew.Members(time.Now()), func(m lease.Member) bool { return m.ID == self })
}

// relayHeader names the subject of a request that another daemon passes on.
const relayHeader = "Natsgram-Subject"

// relay has another daemon answer.
func (c *control) relay(r micro.Request, instance string) error {
	msg := nats.NewMsg(c.shift.ear(instance, "relay"))
	msg.Header.Set(relayHeader, r.Subject())
	msg.Data = r.Data()
	ctx, cancel := context.WithTimeout(c.ctx, c.b.settings.Timeout)
	defer cancel()
	reply, err := c.base.nc.RequestMsgWithContext(ctx, msg)
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return &refusal{503, "the daemon that has the login is gone: begin with login.start"}
	case err != nil:
		return &refusal{504, "the daemon that has the login does not answer"}
	}
	_ = r.Respond(reply.Data, micro.WithHeaders(micro.Headers(reply.Header))) // who asked has gone
	return nil
}

// relayed answers a step that another daemon was asked for.
func (c *control) relayed(m *nats.Msg) {
	name, verb, ok := c.b.settings.Scheme().ParseCtl(m.Header.Get(relayHeader))
	var answer any
	err := error(&refusal{404, "no such account name"})
	if ok {
		answer, err = c.loginWith(name, strings.TrimPrefix(verb, "login."), m.Data)
	}
	_ = m.RespondMsg(replyOf(answer, err)) // who asked has gone
}
