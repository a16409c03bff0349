package gate

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/tl/codec"
)

// Budget is how often some methods may be called in a day (UTC), and how many Stars their calls may spend. A call has to fit into every
// budget that is about it. Without a budget calls are free, and Stars are not spent.
type Budget struct {
	Name    string   `json:"name"`
	Methods []string `json:"methods"` // names, `ns.*` or `*`
	// Caller is whose calls: as NATS names him (account/user of a service import), `*` for each by himself, empty for all together.
	Caller string `json:"caller,omitempty"`
	Calls  *int64 `json:"calls,omitempty"` // in a day; none: any number
	Stars  *int64 `json:"stars,omitempty"` // in a day; none: this budget is not about Stars
	// AnyPrice allows calls whatever they cost, also those that do not say it: invoices, subscriptions.
	AnyPrice bool `json:"any_price,omitempty"`
}

// count is what was used of a budget in a day.
type count struct {
	Calls int64 `json:"calls"`
	Stars int64 `json:"stars"`
}

// Use is a budget with what was used of it today.
type Use struct {
	Budget
	Standing bool             `json:"standing,omitempty"` // of the settings
	Used     map[string]count `json:"used"`               // by caller; empty: all together
	FreeAt   time.Time        `json:"free_at"`            // when the counting begins anew
}

const (
	budgetsMost = 100 // of an account
	methodsMost = 100 // of a budget
	callersMost = 200
	others      = "others" // all callers beyond those
	each        = "*"
)

// meter is a budget with its counts.
type meter struct {
	Budget
	standing bool
	day      string
	used     map[string]count
	reserved map[string]count // what is stored as used: that much may be used before it is stored again
}

// budgets are all of an account.
type budgets struct {
	c    Config
	some atomic.Bool // that calls which only read can be about
	mu   sync.Mutex
	all  map[string]*meter
}

// spent is what a call took of a budget.
type spent struct {
	m      *meter
	day    string
	caller string
	count
}

func (b *budgets) init(c Config) {
	b.c, b.all = c, map[string]*meter{}
	for _, s := range c.Standing {
		b.all[s.Name] = &meter{Budget: s, standing: true}
	}
	b.some.Store(len(b.all) > 0)
}

// Check says what is wrong with a budget.
func (u *Budget) Check(methods func(string) bool) error {
	switch {
	case !name(u.Name) || strings.HasPrefix(u.Name, standingPrefix):
		return fmt.Errorf("name: %.40q: want 1 to 32 of a-z, 0-9, _ and -, and not to begin with %s", u.Name, standingPrefix)
	case len(u.Methods) == 0 || len(u.Methods) > methodsMost:
		return fmt.Errorf("methods: there are %d, want 1 to %d", len(u.Methods), methodsMost)
	case u.Calls == nil && u.Stars == nil && !u.AnyPrice:
		return errors.New("want calls, stars or any_price")
	case u.Calls != nil && *u.Calls < 0 || u.Stars != nil && *u.Stars < 0:
		return errors.New("calls and stars: want 0 or more")
	case len(u.Caller) > 256:
		return errors.New("caller: want 256 bytes at most")
	}
	for _, m := range u.Methods {
		if !methods(m) {
			return fmt.Errorf("methods: this layer has no %.60q", m)
		}
	}
	return nil
}

func name(s string) bool {
	return s != "" && len(s) <= 32 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789_-") == ""
}

// standingPrefix begins the names of budgets of the settings.
const standingPrefix = "setting-"

// Standing makes a budget of what the settings say of a method, `ns.*` or `*`: calls of all together, in a day.
func Standing(method string, calls int64) Budget {
	return Budget{Name: standingPrefix + strings.NewReplacer(".", "_", "*", "all").Replace(method), Methods: []string{method}, Calls: &calls}
}

// load reads the budgets and what was used of them.
func (b *budgets) load(ctx context.Context) error {
	set, err := b.c.Store.Below(ctx, b.c.Account+".budget")
	if err != nil {
		return fmt.Errorf("reading the budgets: %w", err)
	}
	used, err := b.c.Store.Below(ctx, b.c.Account+".used")
	if err != nil {
		return fmt.Errorf("reading what was used of the budgets: %w", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for k, v := range set {
		var u Budget
		if err := json.Unmarshal(v, &u); err != nil || k != b.key("budget", u.Name) {
			return fmt.Errorf("the budget %.80q cannot be read: delete it, or set it anew", k)
		}
		b.all[u.Name] = &meter{Budget: u}
	}
	for _, m := range b.all {
		m.restore(used[b.key("used", m.Name)])
	}
	b.some.Store(len(b.all) > 0)
	return nil
}

func (b *budgets) key(what, name string) string { return b.c.Account + "." + what + "." + name }

// day is what is stored of a budget's counts.
type day struct {
	Day  string           `json:"day"`
	Used map[string]count `json:"used"`
}

func (m *meter) restore(value []byte) {
	var d day
	if json.Unmarshal(value, &d) == nil {
		m.day, m.used, m.reserved = d.Day, d.Used, maps.Clone(d.Used)
	}
}

// renew begins to count anew when the day is another.
func (m *meter) renew(today string) {
	if m.day != today || m.used == nil {
		m.day, m.used, m.reserved = today, map[string]count{}, map[string]count{}
	}
}

// who is under which name a caller's calls are counted; false: they are not.
func (m *meter) who(caller string) (string, bool) {
	switch m.Caller {
	case "":
		return "", true
	case each:
		if _, known := m.used[caller]; !known && len(m.used) >= callersMost {
			return others, true
		}
		return caller, true
	}
	return caller, m.Caller == caller
}

func today(now time.Time) string { return now.UTC().Format(time.DateOnly) }

// tomorrow is when a day has passed.
func tomorrow(now time.Time) time.Time { return now.UTC().Truncate(24 * time.Hour).Add(24 * time.Hour) }

// spend takes of all budgets that are about a call, or says why it is not made.
func (b *budgets) spend(ctx context.Context, r *rule, v codec.View, caller string) ([]spent, *answer.Fault) {
	if !r.money && !b.some.Load() {
		return nil, nil
	}
	stars, unpriced := r.spends(v)
	if stars == 0 && !unpriced && !b.some.Load() {
		return nil, nil
	}
	now := b.c.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	took, fault := b.fits(r, stars, unpriced, caller, now)
	if fault != nil {
		return nil, fault
	}
	for i, t := range took {
		if err := b.use(ctx, t); err != nil {
			b.giveBackLocked(took[:i+1])
			b.c.Log.Warn("storing what was used of a budget", "account", b.c.Account, "budget", t.m.Name, "err", err)
			return nil, answer.Later("the budget " + t.m.Name + " cannot be counted, so nothing was sent: " + err.Error())
		}
	}
	return took, nil
}

// fits says what a call would take, if there is enough of everything.
func (b *budgets) fits(r *rule, stars int64, unpriced bool, caller string, now time.Time) (took []spent, fault *answer.Fault) {
	priced, paid := false, false
	for _, n := range slices.Sorted(maps.Keys(b.all)) {
		m := b.all[n]
		m.renew(today(now))
		who, mine := m.who(caller)
		if !mine || !covers(m.Methods, r.name) {
			continue
		}
		used := m.used[who]
		if m.Calls != nil && used.Calls >= *m.Calls {
			return nil, b.spent(m, fmt.Sprintf("%d calls a day", *m.Calls), now)
		}
		if m.Stars != nil && stars > 0 {
			if stars > *m.Stars-used.Stars {
				return nil, b.spent(m, fmt.Sprintf("%d Stars a day, of which %d are left, and this call may spend %d", *m.Stars, max(*m.Stars-used.Stars, 0), stars), now)
			}
			priced = true
		}
		paid = paid || m.AnyPrice
		took = append(took, spent{m, m.day, who, count{1, stars}})
	}
	switch {
	case unpriced && !paid:
		return nil, refuse(403, r.name+" pays, and does not say how much: no budget allows that (tg.ctl.<account>.budget.set with any_price)")
	case stars > 0 && !priced && !paid:
		return nil, refuse(403, fmt.Sprintf("%s may spend %d Stars, and no budget allows any (tg.ctl.<account>.budget.set with stars)", r.name, stars))
	}
	return took, nil
}

// spent is the fault of a call that is too much for a budget.
func (b *budgets) spent(m *meter, limit string, now time.Time) *answer.Fault {
	free := tomorrow(now)
	f := refuse(429, fmt.Sprintf("the budget %s is used up: %s; it is free again at %s", m.Name, limit, free.Format(time.RFC3339)))
	f.RetryAfter = free.Sub(now)
	return f
}

// aheadPart is the part of a budget of calls that is stored as used ahead: after a crash so much of it may be lost, and never
// more is used than there is.
const aheadPart = 20

// use counts a call. It is stored before, unless enough is stored as used already.
func (b *budgets) use(ctx context.Context, t spent) error {
	m := t.m
	used := m.used[t.caller]
	used.Calls += t.Calls
	used.Stars += t.Stars
	m.used[t.caller] = used
	ahead := m.reserved[t.caller]
	if used.Calls <= ahead.Calls && used.Stars <= ahead.Stars {
		return nil
	}
	ahead.Stars = max(ahead.Stars, used.Stars)
	if m.Calls != nil {
		ahead.Calls = min(used.Calls+*m.Calls/aheadPart, *m.Calls)
	} else {
		ahead.Calls = used.Calls + 1000 // of no account but for people
	}
	m.reserved[t.caller] = ahead
	if err := b.store(ctx, m, m.reserved); err != nil {
		delete(m.reserved, t.caller)
		return err
	}
	return nil
}

func (b *budgets) store(ctx context.Context, m *meter, used map[string]count) error {
	value, err := json.Marshal(day{m.day, used})
	if err != nil {
		return err
	}
	return b.c.Store.Put(ctx, b.key("used", m.Name), value)
}

func (b *budgets) giveBack(took []spent) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.giveBackLocked(took)
}

func (b *budgets) giveBackLocked(took []spent) {
	for _, t := range took {
		used, there := t.m.used[t.caller]
		if !there || t.m.day != t.day {
			continue
		}
		t.m.used[t.caller] = count{used.Calls - t.Calls, used.Stars - t.Stars}
	}
}

// close stores what was used, and no more.
func (b *budgets) close(ctx context.Context) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range b.all {
		if len(m.used) > 0 && !maps.Equal(m.used, m.reserved) && ctx.Err() == nil {
			_ = b.store(ctx, m, m.used) // else more is taken for used than was
		}
	}
}

// SetBudget makes a budget, or changes one; what was used of it today stays.
func (g *Gate) SetBudget(ctx context.Context, u Budget) (Use, *answer.Fault) {
	if err := u.Check(g.c.Rules.Knows); err != nil {
		return Use{}, refuse(400, err.Error())
	}
	g.changing.Lock()
	defer g.changing.Unlock()
	if fault := g.mine(); fault != nil {
		return Use{}, fault
	}
	b := &g.budgets
	b.mu.Lock()
	defer b.mu.Unlock()
	m := b.all[u.Name]
	if m == nil && len(b.all) >= budgetsMost {
		return Use{}, refuse(400, fmt.Sprintf("there are %d budgets, and no more are counted", budgetsMost))
	}
	value, err := json.Marshal(u)
	if err == nil {
		err = b.c.Store.Put(ctx, b.key("budget", u.Name), value)
	}
	if err != nil {
		return Use{}, answer.Doubt(503, "the budget was not stored: "+err.Error()).Soon()
	}
	if m == nil {
		m = &meter{}
		b.all[u.Name] = m
	}
	if m.Caller != u.Caller {
		m.used, m.reserved = nil, nil // counted otherwise
	}
	m.Budget = u
	b.some.Store(true)
	return m.use(b.c.Now()), nil
}

// RemoveBudget forgets a budget.
func (g *Gate) RemoveBudget(ctx context.Context, n string) *answer.Fault {
	g.changing.Lock()
	defer g.changing.Unlock()
	if fault := g.mine(); fault != nil {
		return fault
	}
	b := &g.budgets
	b.mu.Lock()
	defer b.mu.Unlock()
	m := b.all[n]
	switch {
	case m == nil:
		return refuse(404, fmt.Sprintf("there is no budget %.40q", n))
	case m.standing:
		return refuse(409, "the budget "+n+" is of the settings (NATSGRAM_BUDGETS)")
	}
	err := errors.Join(b.c.Store.Delete(ctx, b.key("budget", n)), b.c.Store.Delete(ctx, b.key("used", n)))
	if err != nil {
		return answer.Doubt(503, "the budget was not removed: "+err.Error()).Soon()
	}
	delete(b.all, n)
	b.some.Store(len(b.all) > 0)
	return nil
}

// Budgets are all, by name, with what was used of them today.
func (g *Gate) Budgets() []Use {
	b := &g.budgets
	b.mu.Lock()
	defer b.mu.Unlock()
	all := []Use{}
	for _, m := range b.all {
		all = append(all, m.use(b.c.Now()))
	}
	slices.SortFunc(all, func(x, y Use) int { return cmp.Compare(x.Name, y.Name) })
	return all
}

func (m *meter) use(now time.Time) Use {
	m.renew(today(now))
	return Use{m.Budget, m.standing, maps.Clone(m.used), tomorrow(now)}
}

// Knows reports whether a method, or a namespace (`ns.*`), is in the schema; `*` is everything.
func (rs *Rules) Knows(method string) bool {
	if method == each {
		return true
	}
	namespace, all := strings.CutSuffix(method, ".*")
	for _, r := range rs.byID {
		if r.name == method || all && strings.HasPrefix(r.name, namespace+".") {
			return true
		}
	}
	return false
}
