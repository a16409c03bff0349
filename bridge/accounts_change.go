package bridge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/account"
	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/lease"
	"github.com/natsgram/natsgram/bridge/storage"
	"github.com/natsgram/natsgram/bridge/stream"
	"github.com/natsgram/natsgram/bridge/vault"
	"github.com/natsgram/natsgram/subjects"
)

const (
	addWait  = 5 * time.Second                // until a daemon has taken a new account
	letGo    = account.Grace + 10*time.Second // until one has let go of an account
	moveWait = 10 * time.Second               // until an account that was moved is connected
)

// addAccount makes an account known. A daemon takes it up, and it waits for a login.
func (c *control) addAccount(ctx context.Context, in request) (any, error) {
	if err := subjects.CheckAccount(in.Account); err != nil {
		return nil, answer.Refuse(400, err.Error())
	}
	taken, err := c.taken(ctx, in.Account)
	if err == nil && !taken {
		err = c.shift.lease.Add(ctx, in.Account)
	}
	if taken || errors.Is(err, lease.ErrKnown) {
		return nil, answer.Refuse(409, "there is an account "+in.Account+" already")
	}
	if err != nil {
		return nil, answer.Refuse(503, "the account could not be written down: "+err.Error())
	}
	c.until(ctx, addWait, func() bool {
		a := c.describe(ctx, []string{in.Account})[0]
		return a.State != stateFree && a.State != string(account.Starting) || a.Error != ""
	})
	return c.describe(ctx, []string{in.Account})[0], nil
}

// taken reports whether there is an account of that name. It looks at what is stored: another daemon may just have removed it,
// and the records that this one follows come a moment later.
func (c *control) taken(ctx context.Context, name string) (bool, error) {
	seat, err := c.shift.crew.Look(ctx, name)
	if err != nil || seat.Known {
		return seat.Known, err
	}
	for _, m := range c.shift.crew.Members(time.Now()) {
		if slices.Contains(m.Accounts, name) {
			return true, nil
		}
	}
	_, err = c.base.vault.Load(ctx, name)
	switch {
	case errors.Is(err, vault.ErrNotFound):
		return false, nil
	case errors.Is(err, vault.ErrSealed):
		return true, nil
	}
	return err == nil, err
}

// until waits for something that the records of the daemons tell, d at most.
func (c *control) until(ctx context.Context, d time.Duration, what func() bool) bool {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond) // what passes away, and how an account does, nobody tells
	defer tick.Stop()
	for {
		changed := c.shift.crew.Changed()
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

// moved is the answer of accounts.move.
type moved struct {
	Account
	From       string  `json:"from"`
	FromDaemon string  `json:"from_daemon,omitempty"`
	Took       float64 `json:"took_ms"` // until the new owner had it
}

// moveAccount hands an account over, as planned: no request is lost.
func (c *control) moveAccount(ctx context.Context, in request) (any, error) {
	if err := c.known(ctx, in.Account); err != nil {
		return nil, err
	}
	begun := time.Now()
	seat, err := c.shift.crew.Look(ctx, in.Account)
	if err != nil {
		return nil, answer.Refuse(503, "finding out who runs the account: "+err.Error())
	}
	if !seat.Taken {
		return nil, answer.Refuse(409, "nobody runs "+in.Account+" now, so there is nothing to move")
	}
	to, err := c.destination(in, seat)
	if err != nil {
		return nil, err
	}
	if err := c.shift.crew.Ask(ctx, in.Account, lease.Move{From: seat.By.ID, To: to.ID}); err != nil {
		return nil, answer.Refuse(503, "the daemon could not be asked: "+err.Error())
	}
	var now lease.Seat
	if !c.until(ctx, letGo, func() bool {
		now = c.shift.crew.Seat(in.Account, time.Now())
		return now.Taken && now.By.ID != seat.By.ID
	}) {
		return nil, answer.Refuse(504, fmt.Sprintf("%s did not let go of %s within %v", seat.By.Host, in.Account, letGo))
	}
	if now.By.ID != to.ID {
		return nil, answer.Refuse(409, fmt.Sprintf("%s went to %s (%s) instead: %s was not there in time", in.Account, now.By.Host, now.By.ID, to.Host))
	}
	out := moved{From: seat.By.ID, FromDaemon: seat.By.Host, Took: float64(time.Since(begun).Microseconds()) / 1000}
	c.until(ctx, moveWait, func() bool {
		out.Account = c.describe(ctx, []string{in.Account})[0]
		return out.State != stateSilent && out.State != string(account.Starting) && out.State != string(account.Connecting)
	})
	return out, nil
}

// destination is the daemon that an account is to go to, or why it cannot.
func (c *control) destination(in request, seat lease.Seat) (to lease.Member, err error) {
	all := c.shift.census(time.Now())
	all.self = seat.By.ID
	if in.To == "" {
		there := c.shift.reachable(all)
		id := there.target(in.Account, "")
		if id == "" {
			return to, answer.Refuse(409, fmt.Sprintf("no other daemon can take %s: %s", in.Account, there.others(in.Account)))
		}
		to, _ = all.member(id)
		return to, nil
	}
	named := slices.DeleteFunc(slices.Clone(all.members), func(m lease.Member) bool { return m.ID != in.To && m.Host != in.To })
	switch {
	case len(named) == 0:
		return to, answer.Refuse(404, fmt.Sprintf("there is no daemon %q: there are %s", in.To, strings.Join(all.called(), ", ")))
	case len(named) > 1:
		return to, answer.Refuse(409, fmt.Sprintf("%d daemons are called %q: say which, of %s", len(named), in.To, strings.Join(all.called(), ", ")))
	}
	to = named[0]
	if why := all.whyNot(to, in.Account); why != "" {
		return to, answer.Refuse(409, why)
	}
	if !c.shift.asks(to) && to.Instance != c.shift.id {
		return to, answer.Refuse(409, to.Host+" does not answer; it may have died")
	}
	return to, nil
}

// whyNot is why a daemon cannot take an account of another; empty: it can.
func (c *census) whyNot(m lease.Member, name string) string {
	switch {
	case m.ID == c.self:
		return name + " is on " + m.Host + " already"
	case !m.Serves(name):
		return m.Host + " may not run " + name + " (its NATSGRAM_ACCOUNTS)"
	case m.Leaving:
		return m.Host + " is stopping"
	case c.full(m.ID):
		return fmt.Sprintf("%s has no room: it runs %d accounts of %d (NATSGRAM_CAPACITY)", m.Host, c.loads[m.ID], m.Capacity)
	}
	return ""
}

// others is why none of the other daemons can take an account.
func (c *census) others(name string) string {
	var all []string
	for _, m := range c.members {
		if m.ID != c.self {
			all = append(all, c.whyNot(m, name))
		}
	}
	if len(all) == 0 {
		return "there is none, or it does not answer"
	}
	return strings.Join(all, "; ")
}

// called are all daemons, by name and id.
func (c *census) called() (all []string) {
	for _, m := range c.members {
		all = append(all, fmt.Sprintf("%s (%s)", m.Host, m.ID))
	}
	return all
}

// removed is the answer of accounts.remove.
type removed struct {
	Account   string   `json:"account"`
	LoggedOut bool     `json:"logged_out"`
	Purged    bool     `json:"purged"`
	NamedBy   []string `json:"still_named_by,omitempty"` // daemons whose NATSGRAM_ACCOUNTS names it: there it waits for a login
}

// removeAccount stops an account and deletes its session. Asked again, it goes on with what was cut short.
func (c *control) removeAccount(ctx context.Context, in request) (any, error) {
	if err := c.known(ctx, in.Account); err != nil {
		return nil, err
	}
	out := removed{Account: in.Account, LoggedOut: in.Logout, Purged: in.Purge}
	if in.Logout {
		if err := c.logout(ctx, in.Account); err != nil {
			return nil, err
		}
	}
	if err := c.close(ctx, in.Account); err != nil {
		return nil, err
	}
	err := errors.Join(c.base.vault.Delete(ctx, in.Account), c.shift.store.Forget(ctx, in.Account),
		c.shift.store.SetWatched(ctx, in.Account, stream.Watched{}))
	if err == nil && in.Purge {
		err = c.purge(ctx, in.Account)
	}
	if err == nil {
		err = c.shift.lease.Remove(ctx, in.Account)
	}
	if err != nil {
		sent := answer.No
		if in.Logout {
			sent = answer.Yes
		}
		return nil, &answer.Fault{Code: 503, Sent: sent, Text: in.Account + " is stopped, but not all of it is removed; remove it again: " + err.Error()}
	}
	for _, m := range c.shift.crew.Members(time.Now()) {
		if slices.Contains(m.Accounts, in.Account) {
			out.NamedBy = append(out.NamedBy, m.Host)
		}
	}
	return out, nil
}

// logout has the owner sign out at Telegram.
func (c *control) logout(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, c.b.settings.Timeout)
	defer cancel()
	reply, err := c.base.nc.RequestWithContext(ctx, c.b.settings.Scheme().Ctl(name, "logout"), nil)
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return answer.Refuse(409, name+" is not connected to Telegram, so it cannot be signed out there; nothing was removed")
	case err != nil:
		return &answer.Fault{Code: 504, Sent: answer.Unknown, Text: "whether " + name + " was signed out at Telegram is unknown; nothing was removed: " + err.Error()}
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
func (c *control) close(ctx context.Context, name string) error {
	var last error
	asked := ""
	if c.until(ctx, letGo, func() bool {
		if seat := c.shift.crew.Seat(name, time.Now()); seat.Taken {
			if asked != seat.By.ID {
				asked = seat.By.ID
				last = c.shift.crew.Ask(ctx, name, lease.Move{From: asked, Close: true})
			}
			return false
		}
		var closed bool
		closed, last = c.shift.lease.Close(ctx, name)
		return closed
	}) {
		return nil
	}
	seat := c.shift.crew.Seat(name, time.Now())
	return answer.Refuse(504, fmt.Sprintf("%s did not let go of %s within %v; nothing was deleted (%v)", seat.By.Host, name, letGo, last))
}

// purge deletes what the streams hold of an account.
func (c *control) purge(ctx context.Context, name string) error {
	scheme := c.b.settings.Scheme()
	for _, p := range [][2]string{
		{storage.Updates, scheme.Updates(name)}, {storage.Updates, scheme.Own(name)}, {storage.Events, scheme.Events(name)},
	} {
		st, err := c.base.js.Stream(ctx, scheme.StreamName(p[0]))
		if err == nil {
			err = st.Purge(ctx, jetstream.WithPurgeSubject(p[1]))
		}
		if err != nil {
			return fmt.Errorf("deleting %s: %w", p[1], err)
		}
	}
	return nil
}
