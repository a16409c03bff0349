package supervisor

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/natsgram/natsgram/bridge/account"
	"github.com/natsgram/natsgram/bridge/share"
)

// Accounts are those that run here, or are about to.
type Accounts struct {
	mu      sync.Mutex
	all     map[string]*supervised
	changed chan struct{} // closed and made anew when accounts come or go
}

// NewAccounts makes an empty table.
func NewAccounts() *Accounts {
	return &Accounts{all: map[string]*supervised{}, changed: make(chan struct{})}
}

func (t *Accounts) add(name string) *supervised {
	a := &supervised{name: name, since: time.Now()}
	a.holds, a.letGo = context.WithCancel(context.Background())
	t.mu.Lock()
	defer t.mu.Unlock()
	t.all[name] = a
	return a
}

// drop forgets an account that does not run here any more.
func (t *Accounts) drop(a *supervised) {
	t.mu.Lock()
	if t.all[a.name] == a {
		delete(t.all, a.name)
	}
	t.mu.Unlock()
	t.tell()
}

// get is an account that runs here, or nil.
func (t *Accounts) get(name string) *supervised {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.all[name]
}

// list is all of them.
func (t *Accounts) list() []*supervised {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Collect(maps.Values(t.all))
}

// tell wakes those who wait for an account.
func (t *Accounts) tell() {
	t.mu.Lock()
	defer t.mu.Unlock()
	close(t.changed)
	t.changed = make(chan struct{})
}

// Changed is closed when accounts come or go.
func (t *Accounts) Changed() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.changed
}

// Runner is an account's, nil when there is none.
func (t *Accounts) Runner(name string) *account.Runner {
	a := t.get(name)
	if a == nil {
		return nil
	}
	return a.current()
}

// Runners are those of all accounts.
func (t *Accounts) Runners() (all []*account.Runner) {
	for _, a := range t.list() {
		if r := a.current(); r != nil {
			all = append(all, r)
		}
	}
	return all
}

// WaitServing waits until an account is connected to Telegram, its requests are served and its updates followed, or ctx ends: the
// error says how far it has come.
func (t *Accounts) WaitServing(ctx context.Context, name string) error {
	last := "not known"
	for {
		changed := t.Changed()
		var moved <-chan struct{}
		if r := t.Runner(name); r != nil {
			moved = r.Changed()
			st := r.Status()
			if st.State == account.Connected && r.UpToDate() {
				return nil
			}
			last = string(st.State)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: not connected to Telegram (%s): %w", name, last, ctx.Err())
		case <-changed:
		case <-moved:
		}
	}
}

// supervised is one account that runs here, or is about to.
type supervised struct {
	name    string
	since   time.Time
	mu      sync.Mutex
	runner  *account.Runner
	restart context.CancelFunc // ends the present runner
	heir    string             // the daemon it was asked to give the account to
	leaving bool               // it was told to let go
	closing bool               // and nobody is to take it: the account is being removed

	checking, again bool               // its session in the vault is being looked at; and is to be once more
	checks          sync.WaitGroup     // the looking
	holds           context.Context    //nolint:containedctx // this daemon holds the account: its session may be written back
	letGo           context.CancelFunc // ends holds
}

// own is the account as the machine sees it.
func (a *supervised) own() share.Own {
	a.mu.Lock()
	o, r := share.Own{Name: a.name, Since: a.since, Heir: a.heir, Closing: a.closing}, a.runner
	a.mu.Unlock()
	o.Starting = r == nil || r.Starting()
	return o
}

// giveTo lets go of the account in favour of another daemon.
func (a *supervised) giveTo(heir string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.heir = heir
	a.leave()
}

// close lets go of the account for nobody to take.
func (a *supervised) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closing = true
	a.leave()
}

func (a *supervised) leave() {
	a.leaving = true
	if a.restart != nil {
		a.restart()
	}
}

// endChecks has nothing written into the vault for the account any more. What another daemon deletes there once the account was given
// back would be taken for lost.
func (a *supervised) endChecks() {
	a.mu.Lock()
	a.letGo()
	a.mu.Unlock()
	a.checks.Wait()
}

// heirID is the daemon that is to have the account; empty: any may.
func (a *supervised) heirID() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.heir
}

// isClosing reports whether nobody is to have the account.
func (a *supervised) isClosing() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.closing
}

func (a *supervised) current() *account.Runner {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.runner
}
