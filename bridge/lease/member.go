package lease

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nuid"

	"github.com/natsgram/natsgram/bridge/retry"
)

// Member is a daemon that runs accounts, as the others know it.
type Member struct {
	Holder
	Instance string   `json:"instance,omitempty"` // the process, whatever ids it had
	Capacity int      `json:"capacity,omitempty"` // accounts it runs at most; 0: any number
	Accounts []string `json:"accounts,omitempty"` // those it may run; none: all
	Leaving  bool     `json:"leaving,omitempty"`  // it takes no more
	Dead     bool     `json:"dead,omitempty"`     // a grave: the lease had ended
}

// Serves reports whether the daemon may run an account.
func (m Member) Serves(account string) bool {
	return len(m.Accounts) == 0 || slices.Contains(m.Accounts, account)
}

// membership is a lease of this daemon, from its first writing until it is lost.
type membership struct {
	id    string
	table *Table
	sure  atomic.Pointer[time.Time] // until then nobody else can have taken the lease
	ended chan struct{}

	writing sync.Mutex // guards what follows, and makes one writing wait for the other
	rev     uint64
	remade  bool // the record was missing: what is written in its place counts only while the lease is sure

	mu      sync.Mutex // guards what follows
	over    bool
	timer   *time.Timer // ends the membership when sure has passed
	renewed time.Time   // when the last renewal that was confirmed was asked for
	trouble error       // why no renewal was confirmed since
}

// errLost says that the record is not this daemon's any more.
var errLost = errors.New("the lease has passed on")

// enter begins a membership under a new id.
func (c *Table) enter(ctx context.Context) (*membership, error) {
	ls := c.leases
	m := &membership{id: nuid.Next(), table: c, ended: make(chan struct{})}
	body, err := c.card(m)
	asked := time.Now()
	if err == nil {
		m.rev, err = ls.members.Create(ctx, memberKey+m.id, body)
	}
	if err != nil {
		err = fmt.Errorf("taking a lease for this daemon: %w", err)
		ls.mu.Lock()
		ls.outside = err
		ls.mu.Unlock()
		return nil, err
	}
	m.confirm(asked)
	ls.mu.Lock()
	ls.now, ls.mine[m.id], ls.outside = m, true, nil
	ls.mu.Unlock()
	c.tell()
	return m, nil
}

// card is this daemon's record.
func (c *Table) card(m *membership) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	me := c.me
	me.ID, me.At = m.id, c.since
	return json.Marshal(me)
}

// stay renews until life ends; a lease that was lost is followed by a new one.
func (c *Table) stay(life context.Context, m *membership) {
	for life.Err() == nil {
		if m != nil {
			c.keep(life, m)
			m = nil
			continue
		}
		attempt, cancel := context.WithTimeout(life, c.leases.ttl/2)
		next, err := c.enter(attempt)
		cancel()
		if err == nil {
			m = next
		} else if life.Err() == nil {
			c.leases.log.Warn("this daemon is out", "err", err)
			_ = retry.Pause(life, c.leases.ttl/8)
		}
	}
}

// end is the end of a membership, and of every account's lease that rests on it. It waits for nothing: the timer calls it while
// a call of NATS hangs.
func (m *membership) end(why error) {
	m.mu.Lock()
	if m.over {
		m.mu.Unlock()
		return
	}
	m.over = true
	m.timer.Stop()
	close(m.ended)
	m.mu.Unlock()
	ls := m.table.leases
	ls.mu.Lock()
	if ls.now == m {
		ls.now, ls.outside = nil, why
	}
	var all []*Lease
	for _, l := range ls.held {
		if l.member == m {
			all = append(all, l)
		}
	}
	ls.mu.Unlock()
	ls.log.Error("this daemon's lease is lost, and all accounts with it", "accounts", len(all), "err", why)
	for _, l := range all {
		l.lose("this daemon's lease is lost")
	}
	m.table.tell()
}

// close ends a membership on which nothing rests any more.
func (m *membership) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.over {
		m.over = true
		m.timer.Stop()
		close(m.ended)
	}
}

// id is the present one of this daemon; empty: it has no lease now.
func (ls *Leases) id() string {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if ls.now == nil {
		return ""
	}
	return ls.now.id
}

// holds reports whether this daemon has an account.
func (ls *Leases) holds(account string) bool {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	return ls.held[account] != nil
}
