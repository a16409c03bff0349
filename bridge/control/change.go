package control

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/account"
	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/lease"
	"github.com/natsgram/natsgram/bridge/share"
	"github.com/natsgram/natsgram/bridge/vault"
	"github.com/natsgram/natsgram/subjects"
)

const (
	addWait  = 5 * time.Second                // until a daemon has taken a new account
	letGo    = account.Grace + 10*time.Second // until one has let go of an account
	moveWait = 10 * time.Second               // until an account that was moved is connected
)

// addAccount makes an account known. A daemon takes it up, and it waits for a login.
func (c *Control) addAccount(ctx context.Context, in request) (any, error) {
	if err := subjects.CheckAccount(in.Account); err != nil {
		return nil, answer.Refuse(400, err.Error())
	}
	taken, err := c.taken(ctx, in.Account)
	if err == nil && !taken {
		err = c.Leases.Add(ctx, in.Account)
	}
	if taken || errors.Is(err, lease.ErrKnown) {
		return nil, answer.Refuse(409, "there is an account "+in.Account+" already")
	}
	if err != nil {
		return nil, answer.Refuse(503, "the account could not be written down: "+err.Error())
	}
	c.until(ctx, addWait, func() bool {
		a := c.describe(ctx, []string{in.Account})[0]
		return a.State != StateFree && a.State != string(account.Starting) || a.Error != ""
	})
	return c.describe(ctx, []string{in.Account})[0], nil
}

// taken reports whether there is an account of that name. It looks at what is stored: another daemon may just have removed it,
// and the records that this one follows come a moment later.
func (c *Control) taken(ctx context.Context, name string) (bool, error) {
	holding, err := c.Table.Look(ctx, name)
	if err != nil || holding.Known {
		return holding.Known, err
	}
	for _, m := range c.Table.Members(time.Now()) {
		if slices.Contains(m.Accounts, name) {
			return true, nil
		}
	}
	_, err = c.Services.Vault.Load(ctx, name)
	switch {
	case errors.Is(err, vault.ErrNotFound):
		return false, nil
	case errors.Is(err, vault.ErrSealed):
		return true, nil
	}
	return err == nil, err
}

// until waits for something that the records of the daemons tell, d at most.
func (c *Control) until(ctx context.Context, d time.Duration, what func() bool) bool {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond) // what passes away, and how an account does, nobody tells
	defer tick.Stop()
	for {
		changed := c.Table.Changed()
		if what() {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-changed:
		case <-tick.C:
		}
	}
}

// Moved is the answer of accounts.move.
type Moved struct {
	Account
	From       string  `json:"from"`
	FromDaemon string  `json:"from_daemon,omitempty"`
	Took       float64 `json:"took_ms"` // until the new owner had it
}

// moveAccount hands an account over, as planned: no request is lost.
func (c *Control) moveAccount(ctx context.Context, in request) (any, error) {
	if err := c.known(ctx, in.Account); err != nil {
		return nil, err
	}
	begun := time.Now()
	holding, err := c.Table.Look(ctx, in.Account)
	if err != nil {
		return nil, answer.Refuse(503, "finding out who runs the account: "+err.Error())
	}
	if !holding.Taken {
		return nil, answer.Refuse(409, "nobody runs "+in.Account+" now, so there is nothing to move")
	}
	to, err := c.destination(in, holding)
	if err != nil {
		return nil, err
	}
	if err := c.Table.Ask(ctx, in.Account, lease.Move{From: holding.By.ID, To: to.ID}); err != nil {
		return nil, answer.Refuse(503, "the daemon could not be asked: "+err.Error())
	}
	var now lease.Holding
	if !c.until(ctx, letGo, func() bool {
		now = c.Table.Holding(in.Account, time.Now())
		return now.Taken && now.By.ID != holding.By.ID
	}) {
		return nil, answer.Refuse(504, fmt.Sprintf("%s did not let go of %s within %v", holding.By.Host, in.Account, letGo))
	}
	if now.By.ID != to.ID {
		return nil, answer.Refuse(409, fmt.Sprintf("%s went to %s (%s) instead: %s was not there in time",
			in.Account, now.By.Host, now.By.ID, to.Name))
	}
	out := Moved{From: holding.By.ID, FromDaemon: holding.By.Host, Took: float64(time.Since(begun).Microseconds()) / 1000}
	c.until(ctx, moveWait, func() bool {
		out.Account = c.describe(ctx, []string{in.Account})[0]
		return out.State != StateSilent && out.State != string(account.Starting) && out.State != string(account.Connecting)
	})
	return out, nil
}

// destination is the daemon that an account is to go to, or why it cannot.
func (c *Control) destination(in request, holding lease.Holding) (to share.Member, err error) {
	all := c.Daemon.Fleet(time.Now())
	all.Self = holding.By.ID
	if in.To == "" {
		there := c.reachable(all)
		id := there.Target(in.Account, "")
		if id == "" {
			return to, answer.Refuse(409, fmt.Sprintf("no other daemon can take %s: %s", in.Account, there.WhyNone(in.Account)))
		}
		to, _ = all.Member(id)
		return to, nil
	}
	named := all.Named(in.To)
	switch {
	case len(named) == 0:
		return to, answer.Refuse(404, fmt.Sprintf("there is no daemon %q: there are %s", in.To, all))
	case len(named) > 1:
		return to, answer.Refuse(409, fmt.Sprintf("%d daemons are called %q: say which, of %s", len(named), in.To, all))
	}
	to = named[0]
	if why := all.WhyNot(to, in.Account); why != "" {
		return to, answer.Refuse(409, why)
	}
	if to.ID != c.Table.Self() && !c.answers(to.ID) {
		return to, answer.Refuse(409, to.Name+" does not answer; it may have died")
	}
	return to, nil
}

// reachable is the fleet without daemons that do not answer.
func (c *Control) reachable(f share.Fleet) share.Fleet {
	var others []string
	for _, m := range f.Members {
		if m.ID != f.Self {
			others = append(others, m.ID)
		}
	}
	there := c.Daemon.Answering(others)
	return f.Without(func(id string) bool { return id != f.Self && !there[id] })
}

// Removed is the answer of accounts.remove.
type Removed struct {
	Account   string   `json:"account"`
	LoggedOut bool     `json:"logged_out"`
	Purged    bool     `json:"purged"`
	NamedBy   []string `json:"still_named_by,omitempty"` // daemons whose NATSGRAM_ACCOUNTS names it: there it waits for a login
}

// removeAccount stops an account and deletes its session. Asked again, it goes on with what was cut short; of an account that was removed
// before it purges what is left.
func (c *Control) removeAccount(ctx context.Context, in request) (any, error) {
	if err := c.known(ctx, in.Account); err != nil && (!in.Purge || !c.left(ctx, in.Account)) {
		return nil, err
	}
	out := Removed{Account: in.Account, LoggedOut: in.Logout, Purged: in.Purge}
	if in.Logout {
		if err := c.logout(ctx, in.Account); err != nil {
			return nil, err
		}
	}
	if err := c.close(ctx, in.Account); err != nil {
		return nil, err
	}
	err := errors.Join(c.Services.Vault.Delete(ctx, in.Account), c.Records.Forget(ctx, in.Account),
		c.Records.ForgetWatched(ctx, in.Account))
	if err == nil && in.Purge {
		err = c.purge(ctx, in.Account)
	}
	if err == nil {
		err = c.Leases.Remove(ctx, in.Account)
	}
	if err != nil {
		text := in.Account + " is stopped, but not all of it is removed; remove it again: " + err.Error()
		if in.Logout {
			return nil, answer.Done(503, text)
		}
		return nil, answer.Refuse(503, text)
	}
	for _, m := range c.Table.Members(time.Now()) {
		if slices.Contains(m.Accounts, in.Account) {
			out.NamedBy = append(out.NamedBy, m.Host)
		}
	}
	return out, nil
}

// logout has the owner sign out at Telegram.
func (c *Control) logout(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, c.Settings.Timeout)
	defer cancel()
	reply, err := c.nc.RequestWithContext(ctx, c.scheme.Ctl(name, "logout"), nil)
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return answer.Refuse(409, name+" is not connected to Telegram, so it cannot be signed out there; nothing was removed")
	case err != nil:
		return answer.Doubt(504, "whether "+name+" was signed out at Telegram is unknown; nothing was removed: "+err.Error())
	}
	if text := reply.Header.Get(subjects.HeaderErrorText); text != "" {
		return &answer.Fault{
			Code: 502, Sent: answer.Sent(reply.Header.Get(subjects.HeaderSent)), Telegram: reply.Header.Get(subjects.HeaderError),
			Text: name + " could not be signed out at Telegram; nothing was removed: " + text,
		}
	}
	return nil
}

// close has everybody let go of an account, and keeps them from taking it.
func (c *Control) close(ctx context.Context, name string) error {
	var last error
	asked := ""
	if c.until(ctx, letGo, func() bool {
		if holding := c.Table.Holding(name, time.Now()); holding.Taken {
			if asked != holding.By.ID {
				asked = holding.By.ID
				last = c.Table.Ask(ctx, name, lease.Move{From: asked, Close: true})
			}
			return false
		}
		var closed bool
		closed, last = c.Leases.Close(ctx, name)
		return closed
	}) {
		return nil
	}
	holding := c.Table.Holding(name, time.Now())
	return answer.Refuse(504, fmt.Sprintf("%s did not let go of %s within %v; nothing was deleted (%v)",
		holding.By.Host, name, letGo, last))
}
