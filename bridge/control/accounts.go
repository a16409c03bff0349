package control

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/natsgram/natsgram/bridge/account"
	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/health"
	"github.com/natsgram/natsgram/bridge/lease"
	"github.com/natsgram/natsgram/bridge/share"
	"github.com/natsgram/natsgram/subjects"
)

// request is what the verbs of tg.ctl._.accounts take; each uses some of it.
type request struct {
	Account string `json:"account"`
	To      string `json:"to"`     // move: a daemon by name or id; empty: the one with least to do
	Logout  bool   `json:"logout"` // remove: sign out at Telegram first
	Purge   bool   `json:"purge"`  // remove: delete its updates too
	After   string `json:"after"`  // list: begin behind this name
	Limit   int    `json:"limit"`  // list: accounts at most
}

// accounts makes an answer to a request of a verb, which reads these fields.
func (c *Control) accounts(do func(context.Context, request) (any, error), fields ...string) handler {
	return func(ctx context.Context, r *answer.Request) (any, error) {
		var in request
		if err := answer.ReadJSON(r.Data(), &in, fields...); err != nil {
			return nil, answer.Refuse(400, "the request is not the JSON object it should be: "+err.Error())
		}
		return do(ctx, in)
	}
}

// Account is one of the list: who runs it, since when, and how it does.
type Account struct {
	Account  string    `json:"account"`
	State    string    `json:"state"`            // of its own life, as in its status; or one of those below
	Owner    string    `json:"owner,omitempty"`  // the daemon that runs it, by id
	Daemon   string    `json:"daemon,omitempty"` // and by name
	Since    time.Time `json:"since,omitzero"`   // since when
	SignedIn bool      `json:"signed_in"`        // a session of it is stored
	UserID   int64     `json:"user_id,omitempty"`
	Bot      bool      `json:"bot,omitempty"`
	Error    string    `json:"error,omitempty"` // what is wrong, or why nobody runs it
}

// States of an account beside those of its own life.
const (
	StateFree     = "free"     // nobody runs it
	StateSilent   = "silent"   // the daemon that runs it does not answer
	StateRemoving = "removing" // nobody is to run it any more
)

const (
	listLimit = 500             // accounts of an answer, at 200 to 300 bytes each
	listWait  = 2 * time.Second // for another daemon's answer
)

// List is the answer of accounts.list.
type List struct {
	Accounts []Account `json:"accounts"`
	Next     string    `json:"next,omitempty"` // there are more: ask again with after
}

func (c *Control) listAccounts(ctx context.Context, in request) (any, error) {
	if in.Limit < 0 || in.Limit > listLimit {
		return nil, answer.Refuse(400, fmt.Sprintf("limit: %d is not between 1 and %d", in.Limit, listLimit))
	}
	if in.Limit == 0 {
		in.Limit = listLimit
	}
	names := c.names(time.Now())
	i, found := slices.BinarySearch(names, in.After)
	if found {
		i++
	}
	names = names[i:]
	var out List
	if len(names) > in.Limit {
		names = names[:in.Limit]
		out.Next = names[in.Limit-1]
	}
	out.Accounts = c.describe(ctx, names)
	return out, nil
}

// names are all accounts there are, sorted: those that were ever added or taken, those with a session, and those that the
// settings of a daemon name.
func (c *Control) names(now time.Time) []string {
	all := c.Daemon.Sessions()
	for _, name := range c.Table.Accounts() {
		all[name] = true
	}
	for _, m := range c.Table.Members(now) {
		for _, name := range m.Accounts {
			all[name] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// describe tells of accounts. How each does its daemon is asked.
func (c *Control) describe(ctx context.Context, names []string) []Account {
	now := time.Now()
	fleet, sessions := c.Daemon.Fleet(now), c.Daemon.Sessions()
	all := make([]Account, len(names))
	asked := map[string][]string{} // by owner
	for i, name := range names {
		holding := c.Table.Holding(name, now)
		all[i] = c.place(name, holding, fleet)
		all[i].SignedIn = sessions[name]
		switch {
		case holding.Taken:
			asked[holding.By.ID] = append(asked[holding.By.ID], name)
		case all[i].State == StateFree && all[i].Error == "": // somebody may have tried, and knows why it fails
			for _, m := range fleet.Members {
				asked[m.ID] = append(asked[m.ID], name)
			}
		}
	}
	known := c.states(ctx, asked)
	for i := range all {
		st, ok := known[all[i].Account]
		switch {
		case !ok:
		case st.State == StateFree:
			all[i].Error = cmp.Or(all[i].Error, st.Error)
		default:
			all[i].State, all[i].UserID, all[i].Bot, all[i].Error = st.State, st.UserID, st.Bot, st.Error
		}
	}
	return all
}

// place is what an account's record tells.
func (c *Control) place(name string, holding lease.Holding, f share.Fleet) Account {
	a := Account{Account: name, State: StateFree}
	switch {
	case holding.By.Closed:
		a.State, a.Error = StateRemoving, "nobody runs it until it is removed: remove it again if that was cut short"
	case holding.Taken:
		a.State, a.Owner, a.Daemon, a.Since = StateSilent, holding.By.ID, holding.By.Host, holding.By.At
	default:
		a.Error = c.whyFree(name, f)
	}
	return a
}

// whyFree is why nobody can run an account; empty: somebody will, as far as this daemon knows.
func (c *Control) whyFree(name string, f share.Fleet) string {
	switch err := c.Services.Storage.Healthy(); {
	case err != nil:
		return short(err.Error())
	case f.Self == "":
		return noLease(c.Table.Standing().Err)
	}
	return cmp.Or(f.WhyFree(name), short(c.Daemon.WhyNotHere(name)))
}

func noLease(err error) string {
	return "no account can be run from here: this daemon has no lease: " + health.WhyNoLease(err)
}

// states asks the daemons how accounts do.
func (c *Control) states(ctx context.Context, asked map[string][]string) map[string]Account {
	known := map[string]Account{}
	var mu sync.Mutex
	var work sync.WaitGroup
	for _, m := range c.Table.Members(time.Now()) {
		names := asked[m.ID]
		if len(names) == 0 {
			continue
		}
		work.Go(func() {
			told := c.statesAt(ctx, m, names)
			mu.Lock()
			defer mu.Unlock()
			for _, a := range told {
				if was, ok := known[a.Account]; !ok || was.State == StateFree && a.Error != "" {
					known[a.Account] = a
				}
			}
		})
	}
	work.Wait()
	return known
}

func (c *Control) statesAt(ctx context.Context, m lease.Member, names []string) (all []Account) {
	if m.Instance == c.Instance {
		return c.statesOf(names)
	}
	body, err := json.Marshal(names)
	if err != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, listWait)
	defer cancel()
	reply, err := c.nc.RequestWithContext(ctx, c.scheme.Inside(m.Instance, "accounts"), body)
	if err != nil || json.Unmarshal(reply.Data, &all) != nil {
		return nil
	}
	return all
}

// tellStates answers another daemon how accounts do here.
func (c *Control) tellStates(_ context.Context, r *answer.Request) (any, error) {
	var names []string
	if err := json.Unmarshal(r.Data(), &names); err != nil {
		return nil, answer.Refuse(400, answer.BadJSON(err))
	}
	return c.statesOf(names), nil
}

// maxReason bounds what is told of an error, in bytes.
const maxReason = 200

// short is as much of a reason as is told.
func short(text string) string {
	if len(text) > maxReason {
		return strings.ToValidUTF8(text[:maxReason], "")
	}
	return text
}

// toldAfter is how long what is wrong with an account's dialogs may last before it is told of beside the account's state: a pause that Telegram wants is
// over by then.
const toldAfter = time.Minute

// wrongWith is what keeps an account that is connected from being served as it should, or its dialogs from being what Telegram knows.
func wrongWith(st account.Status, now time.Time) string {
	if st.State != account.Connected {
		return ""
	}
	if all := health.Of(st, time.Hour, now); len(all) > 0 {
		return all[0].Text
	}
	if d := st.Dialogs; d != nil && d.Error != "" && now.Sub(d.Since) > toldAfter {
		return "dialogs, since " + d.Since.UTC().Format("15:04:05") + ": " + d.Error
	}
	return ""
}

// statesOf is how accounts do here.
func (c *Control) statesOf(names []string) []Account {
	all := []Account{}
	for _, name := range names {
		a := Account{Account: name}
		if st, here := c.Daemon.Status(name); here {
			a.State, a.UserID, a.Bot, a.Error = string(st.State), st.UserID, st.Bot, short(cmp.Or(st.Error, wrongWith(st, time.Now())))
		} else {
			a.State, a.Error = StateFree, short(c.Daemon.WhyNotHere(name))
		}
		all = append(all, a)
	}
	return all
}

// known refuses an account that there is not.
func (c *Control) known(ctx context.Context, name string) error {
	if err := subjects.CheckAccount(name); err != nil {
		return answer.Refuse(400, err.Error())
	}
	holding, err := c.Table.Look(ctx, name) // it may just have been added by way of another daemon
	if err != nil {
		return answer.Refuse(503, "looking the account up: "+err.Error())
	}
	if _, found := slices.BinarySearch(c.names(time.Now()), name); !found && !holding.Known {
		return answer.Refuse(404, "there is no account "+name)
	}
	return nil
}
