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

	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
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

// Serves says whether the daemon may run an account.
func (m Member) Serves(account string) bool {
	return len(m.Accounts) == 0 || slices.Contains(m.Accounts, account)
}

// membership is a lease of this daemon, from its first writing until it is lost.
type membership struct {
	id   string
	crew *Crew
	sure atomic.Pointer[time.Time] // until then nobody else can have taken the lease

	writing   sync.Mutex // guards what follows, and makes one writing wait for the other
	rev       uint64
	confirmed time.Time // when the last renewal that was confirmed was asked for
}

// errLost says that the record is not this daemon's any more.
var errLost = errors.New("the lease has passed on")

// enter begins a membership under a new id.
func (c *Crew) enter(ctx context.Context) (*membership, error) {
	ls := c.leases
	m := &membership{id: nuid.Next(), crew: c, confirmed: time.Now()}
	body, err := c.card(m)
	if err == nil {
		m.rev, err = ls.members.Create(ctx, memberKey+m.id, body)
	}
	if err != nil {
		return nil, fmt.Errorf("taking a lease for this daemon: %w", err)
	}
	m.confirm(m.confirmed, ls.ttl)
	ls.mu.Lock()
	ls.now, ls.mine[m.id] = m, true
	ls.mu.Unlock()
	c.tell()
	return m, nil
}

// card is this daemon's record.
func (c *Crew) card(m *membership) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	me := c.me
	me.ID, me.At = m.id, c.since
	return json.Marshal(me)
}

// stay renews until life ends; a lease that was lost is followed by a new one.
func (c *Crew) stay(life context.Context, m *membership) {
	for life.Err() == nil {
		if m != nil {
			c.keep(life, m)
			m = nil
			continue
		}
		if next, err := c.enter(life); err == nil {
			m = next
		} else if life.Err() == nil {
			c.leases.log.Warn("this daemon is out", "err", err)
			pause(life, c.leases.ttl/8)
		}
	}
}

// keep renews until the lease is lost or life ends.
func (c *Crew) keep(life context.Context, m *membership) {
	tick := time.NewTicker(c.leases.ttl / 4)
	defer tick.Stop()
	for {
		select {
		case <-life.Done():
			return
		case <-tick.C:
		}
		err := c.renew(life, m)
		switch {
		case life.Err() != nil:
			return
		case errors.Is(err, errLost):
			c.leases.end(m, err)
			return
		case err != nil:
			c.leases.log.Warn("renewing the lease", "err", err)
		}
	}
}

// renew writes this daemon's record again, and gives up in time for the accounts to be ended: errLost.
func (c *Crew) renew(ctx context.Context, m *membership) error {
	m.writing.Lock()
	defer m.writing.Unlock()
	deadline := m.confirmed.Add(sureFor(c.leases.ttl))
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	asked := time.Now()
	body, err := c.card(m)
	if err != nil {
		return err
	}
	rev, err := c.leases.members.Update(ctx, memberKey+m.id, body, m.rev)
	if taken(err) {
		rev, err = c.again(ctx, m, body)
	}
	switch {
	case err == nil:
		m.rev = rev
		m.confirm(asked, c.leases.ttl)
	case !errors.Is(err, errLost) && !time.Now().Before(deadline):
		err = fmt.Errorf("%w: %w", errLost, err)
	}
	return err
}

// again renews when the record is not what this daemon knows to have written last. It may still be its own: the answer to a
// renewal was lost on the way.
func (c *Crew) again(ctx context.Context, m *membership, body []byte) (uint64, error) {
	entry, err := c.leases.members.Get(ctx, memberKey+m.id)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return 0, errLost // passed away
	}
	var there Member
	if err == nil {
		err = json.Unmarshal(entry.Value(), &there)
	}
	if err != nil {
		return 0, err
	}
	if there.Dead {
		return 0, errLost
	}
	if entry.Revision() <= m.rev {
		return 0, errors.New("a renewal is still on its way")
	}
	rev, err := c.leases.members.Update(ctx, memberKey+m.id, body, entry.Revision())
	if taken(err) {
		err = errLost
	}
	return rev, err
}

// end is the end of a membership, and of every account's lease that rests on it.
func (ls *Leases) end(m *membership, why error) {
	ls.mu.Lock()
	if ls.now == m {
		ls.now = nil
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
}

// bury makes sure that a daemon's lease has ended: true, it has, for good. The record's place is taken by compare-and-set, so
// that of a renewal still on its way and the grave only one can be written.
func (ls *Leases) bury(ctx context.Context, id string) (bool, error) {
	ls.mu.Lock()
	_, known := ls.dead[id]
	ls.mu.Unlock()
	if known {
		return true, nil
	}
	body, err := json.Marshal(Member{Holder: Holder{ID: id, At: time.Now().UTC()}, Dead: true})
	if err != nil {
		return false, err
	}
	_, err = ls.members.Create(ctx, memberKey+id, body)
	dead := err == nil
	if errors.Is(err, jetstream.ErrKeyExists) { // it lives, or somebody else was faster
		dead, err = ls.buriedBySomebody(ctx, id)
	}
	if err != nil {
		return false, fmt.Errorf("finding out whether a daemon lives: %w", err)
	}
	if dead {
		ls.buried(id)
	}
	return dead, nil
}

func (ls *Leases) buriedBySomebody(ctx context.Context, id string) (bool, error) {
	entry, err := ls.members.Get(ctx, memberKey+id)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return false, nil // has passed away just now
	}
	var there Member
	if err == nil {
		_ = json.Unmarshal(entry.Value(), &there) // what cannot be read is no grave
	}
	return there.Dead, err
}

// buried notes that a daemon's lease has ended.
func (ls *Leases) buried(id string) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if _, known := ls.dead[id]; !known {
		ls.dead[id] = time.Now()
	}
}

// grave is since when a daemon is known to be dead.
func (ls *Leases) grave(id string) (at time.Time, dead bool) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	at, dead = ls.dead[id]
	return at, dead
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

// holds says whether this daemon has an account.
func (ls *Leases) holds(account string) bool {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	return ls.held[account] != nil
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
