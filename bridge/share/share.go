// Package share decides which accounts a daemon takes and which it gives away (design §5). It is a machine: it is given the time,
// the daemons that live, the accounts there are and those that run here, and answers what to take, what to give to whom, and when
// to look again.
//
// Nobody decides for the others. Each daemon
//
//   - takes what is free: at once if it has the fewest accounts, after a moment if others have fewer, so that they come first;
//   - gives away what it has too much of: accounts move from the daemon with most to one with at least two fewer. So a daemon that
//     comes is given its share and no account moves between the others, and of one that goes only its own move.
//
// Two that reach for the same account find out by the lease.
package share

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/natsgram/natsgram/bridge/retry"
)

const (
	// Turn is how long a daemon leaves a free account to each of those that come before it.
	Turn = 300 * time.Millisecond
	// Interval is how often a daemon looks without a reason.
	Interval = time.Second

	// settle is how long an account stays at least, and a daemon must have taken none, before one is given away to even out.
	settle = 5 * time.Second
	// givenAtOnce is how many accounts are on their way to other daemons at a time.
	givenAtOnce = 8
	// startsAtOnce is how many accounts a daemon takes at a time: each reads its stream, and all the others wait for the same disk.
	startsAtOnce = 32
)

// failed is how long an account that failed is left alone. One that ran for longer than Max before it failed begins with Min
// again.
var failed = retry.Backoff{Min: time.Second, Max: time.Minute}

// View is what a daemon knows when it looks.
type View struct {
	Now      time.Time
	Fleet    Fleet
	Accounts []Account       // all that this daemon may run
	Own      []Own           // those that run here, or are about to
	Wishes   map[string]Wish // news: what somebody wishes of an account that runs here
	Heard    map[string]bool // by id, of those that were asked just now: whether the daemon answers
}

// Account is one that this daemon may run.
type Account struct {
	Name   string
	Here   bool      // it runs here; the rest does not matter then
	Closed bool      // nobody is to run it
	Taken  bool      // another daemon has it
	Since  time.Time // taken: when that daemon was last seen; else: since when it is free, zero: always
	For    string    // the daemon to which its last one gave it
}

// Own is an account that runs here.
type Own struct {
	Name     string
	Since    time.Time
	Starting bool
	Heir     string // it is on its way to that daemon
	Closing  bool   // it ends, and nobody is to take it
}

// Wish is what somebody wants done with an account.
type Wish struct {
	To    string // a daemon's id; empty: the one with the fewest accounts
	Close bool   // nobody is to run it
}

// Gift is an account that goes to another daemon.
type Gift struct{ Account, To string }

// Decision is what a daemon has to do.
type Decision struct {
	Take  []string
	Give  []Gift
	Close []string      // accounts to let go of for nobody to take
	Ask   []string      // daemons, by id: find out whether they answer, and look again at once
	Wait  time.Duration // look again after that at the latest
}

// Times are how long things last that others decide.
type Times struct {
	Lease time.Duration // a lease, after its daemon was last seen
	Heir  time.Duration // how long an account that was given to a daemon is left to it
}

// Machine decides for one daemon. It is not safe for concurrent use.
type Machine struct {
	times  Times
	known  map[string]*candidate
	wishes map[string]Wish
	took   time.Time // when this daemon last took an account
}

// candidate is an account that this daemon may run.
type candidate struct {
	found time.Time     // when this daemon learned of it
	after time.Time     // not before
	wait  time.Duration // after the last failure
	err   error         // how it failed last; nil: it does not
}

// New makes a daemon's machine.
func New(t Times) *Machine {
	return &Machine{times: t, known: map[string]*candidate{}, wishes: map[string]Wish{}}
}

// Look decides what to do. What the decision says is taken for done, but for what is to be asked.
func (m *Machine) Look(v View) Decision {
	m.learn(&v)
	d := Decision{Wait: Interval}
	if v.Fleet.Self == "" {
		return d // no lease, no account
	}
	v.Fleet = v.Fleet.own()
	m.choose(&v, &d)
	m.grant(&v, &d)
	m.even(&v, &d)
	return d
}

// learn takes in which accounts there are and what is wished of them.
func (m *Machine) learn(v *View) {
	for i := range v.Accounts {
		if name := v.Accounts[i].Name; m.known[name] == nil {
			m.known[name] = &candidate{found: v.Now}
		}
	}
	if len(m.known) > len(v.Accounts) {
		there := make(map[string]bool, len(v.Accounts))
		for i := range v.Accounts {
			there[v.Accounts[i].Name] = true
		}
		maps.DeleteFunc(m.known, func(name string, _ *candidate) bool { return !there[name] })
	}
	maps.Copy(m.wishes, v.Wishes)
}

// choose decides which accounts this daemon takes.
func (m *Machine) choose(v *View, d *Decision) {
	self, ok := v.Fleet.Member(v.Fleet.Self)
	if !ok {
		return
	}
	starting := 0
	for i := range v.Own {
		if v.Own[i].Starting {
			starting++
		}
	}
	for i := range v.Accounts {
		a := &v.Accounts[i]
		if v.Fleet.full(&self) {
			return
		}
		if a.Here {
			continue
		}
		if wait := m.due(v, a); wait > 0 {
			d.Wait = min(d.Wait, wait)
			continue
		}
		if starting++; starting > startsAtOnce {
			d.Wait = 0 // as soon as may be
			return
		}
		v.Fleet.Loads[self.ID]++
		m.took = v.Now
		d.Take = append(d.Take, a.Name)
	}
}

// due is how long this daemon has to wait before it may take an account.
func (m *Machine) due(v *View, a *Account) time.Duration {
	c := m.known[a.Name]
	switch {
	case v.Now.Before(c.after):
		return c.after.Sub(v.Now)
	case a.Closed:
		return Interval
	case a.Taken:
		return max(a.Since.Add(m.times.Lease).Sub(v.Now), time.Millisecond)
	}
	since := a.Since
	if since.IsZero() {
		since = c.found
	}
	switch {
	case a.For == v.Fleet.Self:
		return since.Sub(v.Now)
	case a.For != "" && v.Fleet.takes(a.For):
		return since.Add(m.times.Heir).Sub(v.Now)
	}
	if v.Now.Sub(since) > time.Duration(len(v.Fleet.Members))*Turn {
		return 0 // whatever the rank
	}
	return since.Add(time.Duration(v.Fleet.rank(a.Name)) * Turn).Sub(v.Now)
}

// grant decides about what was wished. A wish that cannot be granted is forgotten.
func (m *Machine) grant(v *View, d *Decision) {
	for _, name := range slices.Sorted(maps.Keys(m.wishes)) {
		i := slices.IndexFunc(v.Own, func(a Own) bool { return a.Name == name })
		if i < 0 || m.granted(v, d, &v.Own[i], m.wishes[name]) {
			delete(m.wishes, name)
		}
	}
}

// granted reports whether a wish needs no more thought. It does while it is not known whether the daemon answers that would get
// the account.
func (m *Machine) granted(v *View, d *Decision, a *Own, w Wish) bool {
	if w.Close {
		a.Closing = true
		d.Close = append(d.Close, a.Name)
		return true
	}
	to := v.Fleet.Without(v.silent).Target(a.Name, w.To)
	if to == "" {
		return true
	}
	if !v.Heard[to] {
		d.ask(to)
		return false
	}
	v.give(d, a, to)
	return true
}

// silent reports whether a daemon was asked and did not answer.
func (v *View) silent(id string) bool {
	answers, asked := v.Heard[id]
	return asked && !answers
}

// even decides what is given away because this daemon has too much.
func (m *Machine) even(v *View, d *Decision) {
	if v.Now.Sub(m.took) < settle {
		return // others may be taking as well: who has too much is not known before that is over
	}
	going := 0
	for i := range v.Own {
		if v.Own[i].Heir != "" {
			going++
		}
	}
	slices.SortFunc(v.Own, func(a, b Own) int { return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.Name, b.Name)) })
	for i := range v.Own {
		if going >= givenAtOnce || !v.Fleet.gives() {
			return
		}
		a := &v.Own[i]
		if a.Heir != "" || a.Closing || v.Now.Sub(a.Since) < settle {
			continue
		}
		to := v.Fleet.Target(a.Name, "")
		if to == "" || v.Fleet.Loads[to]+2 > v.Fleet.Loads[v.Fleet.Self] {
			continue
		}
		switch answers, asked := v.Heard[to]; {
		case !asked:
			d.ask(to)
		case answers:
			v.give(d, a, to)
			going++
		}
	}
}

// give has an account go to another daemon.
func (v *View) give(d *Decision, a *Own, to string) {
	if a.Heir == "" {
		v.Fleet.Loads[v.Fleet.Self]--
	} else {
		v.Fleet.Loads[a.Heir]--
	}
	v.Fleet.Loads[to]++
	a.Heir = to
	d.Give = append(d.Give, Gift{a.Name, to})
}

func (d *Decision) ask(id string) {
	if !slices.Contains(d.Ask, id) {
		d.Ask = append(d.Ask, id)
	}
}

// Ended notes that an account ran here and ended, and gives the time that passes before it is tried again where it failed.
func (m *Machine) Ended(now time.Time, account string, ran time.Duration, err error) (wait time.Duration) {
	c := m.known[account]
	if c == nil {
		return 0
	}
	if err == nil || ran > failed.Max {
		c.wait = 0
	}
	if c.err = err; err != nil {
		c.wait = failed.After(c.wait)
		c.after = now.Add(c.wait)
	}
	return c.wait
}

// Later leaves an account alone for a while, at least.
func (m *Machine) Later(now time.Time, account string, d time.Duration) {
	if c := m.known[account]; c != nil && now.Add(d).After(c.after) {
		c.after = now.Add(d)
	}
}

// Failures are the accounts that failed here and have not run well since, with the last error.
func (m *Machine) Failures() map[string]error {
	all := map[string]error{}
	for account, c := range m.known {
		if c.err != nil {
			all[account] = c.err
		}
	}
	return all
}

// Failure is the error with which an account failed here last; nil: it did not.
func (m *Machine) Failure(account string) error {
	if c := m.known[account]; c != nil {
		return c.err
	}
	return nil
}
