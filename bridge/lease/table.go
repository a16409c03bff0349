package lease

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/subjects"
)

// Keys in the bucket of those that live.
const (
	memberKey = "member."
	moveKey   = "move."
)

// Table is all daemons and who runs what, as seen from one of them: what was written into the buckets, and by this daemon's
// clock what has passed away since.
type Table struct {
	leases *Leases
	since  time.Time // when this daemon joined

	mu      sync.Mutex
	me      Member // but for the id
	members map[string]seen[Member]
	held    map[string]seen[Holder]
	moves   map[string]seen[Move]
	changed chan struct{}
}

type seen[T any] struct {
	v   T
	at  time.Time
	rev uint64
}

// Look reads an account's record anew, for decisions that news on their way must not spoil.
func (c *Table) Look(ctx context.Context, account string) (Holding, error) {
	by, rev, err := c.leases.read(ctx, account)
	if err != nil {
		return Holding{}, err
	}
	if rev != 0 {
		c.noteRecord(account, by, rev)
	}
	return c.Holding(account, time.Now()), nil
}

// noteRecord takes in an account's record, unless a later one is known.
func (c *Table) noteRecord(account string, by Holder, rev uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held[account].rev < rev {
		c.held[account] = seen[Holder]{by, time.Now(), rev}
	}
}

// Join makes this daemon known, and follows the others, until life ends. ctx bounds the joining.
func (ls *Leases) Join(ctx, life context.Context, me Member, work *sync.WaitGroup) (*Table, error) {
	me.Holder = ls.base
	c := &Table{
		leases: ls, since: time.Now().UTC(), me: me, members: map[string]seen[Member]{}, held: map[string]seen[Holder]{},
		moves: map[string]seen[Move]{}, changed: make(chan struct{}),
	}
	m, err := c.enter(ctx)
	if err != nil {
		return nil, err
	}
	work.Go(func() { c.stay(life, m) })
	for _, kv := range []jetstream.KeyValue{ls.members, ls.accounts} {
		known := make(chan struct{})
		work.Go(func() { c.follow(life, kv, known) })
		select {
		case <-known:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return c, nil
}

// Leave says that this daemon takes no more accounts.
func (c *Table) Leave(ctx context.Context) {
	c.mu.Lock()
	c.me.Leaving = true
	c.mu.Unlock()
	c.leases.mu.Lock()
	m := c.leases.now
	c.leases.mu.Unlock()
	if m == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, c.leases.ttl/8)
	defer cancel()
	if err := c.renew(ctx, m); err != nil {
		c.leases.log.Warn("telling the other daemons that this one goes", "err", err)
	}
}

// Gone takes this daemon's record away. Everything that rests on its lease must have ended.
func (c *Table) Gone(ctx context.Context) {
	if id := c.Self(); id != "" {
		_ = c.leases.members.Delete(ctx, memberKey+id) // it passes away by itself as well
	}
}

// note takes in one record. What cannot be read is somebody's all the same.
func (c *Table) note(ctx context.Context, e jetstream.KeyValueEntry) {
	if e.Key() == bornKey || e.Bucket() == c.leases.accounts.Bucket() && subjects.CheckAccount(e.Key()) != nil {
		return // no account
	}
	if e.Bucket() == c.leases.accounts.Bucket() {
		c.noteAccount(ctx, e)
		return
	}
	there, now := e.Operation() == jetstream.KeyValuePut, time.Now()
	c.mu.Lock()
	news := true
	switch key := e.Key(); {
	case strings.HasPrefix(key, moveKey):
		put(c.moves, strings.TrimPrefix(key, moveKey), e.Value(), there, now)
	default:
		news = c.noteMember(strings.TrimPrefix(key, memberKey), e.Value(), there, now)
	}
	c.mu.Unlock()
	if news {
		c.tell()
	}
}

// noteAccount takes in an account's record as the bucket tells of it.
func (c *Table) noteAccount(ctx context.Context, e jetstream.KeyValueEntry) {
	var by Holder
	if e.Operation() == jetstream.KeyValuePut {
		_ = json.Unmarshal(e.Value(), &by)
		c.noteRecord(e.Key(), by, e.Revision())
	} else {
		c.mu.Lock()
		if c.held[e.Key()].rev < e.Revision() {
			delete(c.held, e.Key())
		}
		c.mu.Unlock()
	}
	c.leases.recordSeen(ctx, e.Key(), by, e.Revision())
	c.tell()
}

// noteMember reports whether the daemon is not what it was; a renewal is no news.
func (c *Table) noteMember(id string, body []byte, there bool, now time.Time) bool {
	before, was := c.members[id]
	put(c.members, id, body, there, now)
	after, is := c.members[id]
	if after.v.Dead {
		c.leases.buried(id, false)
		delete(c.members, id)
		return true
	}
	if is && there {
		c.leases.lives(id, now)
	}
	return was != is || before.v.Leaving != after.v.Leaving
}

func put[T any](all map[string]seen[T], key string, body []byte, there bool, now time.Time) {
	if !there {
		delete(all, key)
		return
	}
	var v T
	_ = json.Unmarshal(body, &v)
	all[key] = seen[T]{v: v, at: now}
}

// tell wakes those who wait for a change.
func (c *Table) tell() {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.changed)
	c.changed = make(chan struct{})
}

// Changed is closed when something is not as it was, but for what passes away.
func (c *Table) Changed() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.changed
}

// Self is this daemon's present id; empty: it has no lease now, and may take nothing.
func (c *Table) Self() string { return c.leases.id() }

// Ready: this daemon may take accounts.
func (c *Table) Ready() bool { return c.Self() != "" && c.leases.recordsSure() }

// TTL is how long a lease outlives its holder.
func (c *Table) TTL() time.Duration { return c.leases.ttl }

// Members are the daemons that live, by id.
func (c *Table) Members(now time.Time) []Member {
	self := c.leases.id()
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []Member
	for id, m := range c.members {
		if id != self && c.isAlive(id, now) {
			all = append(all, m.v)
		}
	}
	if self != "" {
		me := c.me
		me.ID, me.At = self, c.since
		all = append(all, me)
	}
	slices.SortFunc(all, func(a, b Member) int { return strings.Compare(a.ID, b.ID) })
	return all
}

// isAlive reports whether another daemon's lease may live.
func (c *Table) isAlive(id string, now time.Time) bool {
	m, ok := c.members[id]
	return ok && now.Before(m.at.Add(c.leases.ttl)) && !c.leases.isFormer(m.v.Holder) && !c.leases.isOwn(id)
}

// Holding is where an account is.
type Holding struct {
	By    Holder    // who has it, or had it last; For: whom it was given to
	Known bool      // there is a record of it
	Taken bool      // it is held
	Since time.Time // taken: when its holder was seen last; free: when it became so; zero: always
}

// Holding looks an account up.
func (c *Table) Holding(account string, now time.Time) Holding {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.holding(account, now)
}

func (c *Table) holding(account string, now time.Time) Holding {
	h, ok := c.held[account]
	s := Holding{By: h.v, Known: ok}
	switch {
	case c.leases.holds(account): // the bucket may not have told yet
		me := c.me.Holder
		if c.leases.isOwn(h.v.ID) {
			me.At = h.v.At
		}
		me.ID = c.leases.id()
		return Holding{By: me, Known: true, Taken: true, Since: h.at}
	case !ok:
	case h.v.Free:
		s.Since = h.at
	case c.leases.isOwn(h.v.ID): // and not held: it was lost, or never known to be taken
	case c.isAlive(h.v.ID, now):
		s.Taken, s.Since = true, c.members[h.v.ID].at
	case !c.leases.isFormer(h.v):
		s.Since = c.ended(h.v.ID)
	}
	return s
}

// ended is when a daemon's lease ended, as far as this one knows.
func (c *Table) ended(id string) time.Time {
	at, dead := c.leases.grave(id)
	if m, ok := c.members[id]; ok && !dead {
		at = m.at.Add(c.leases.ttl)
	}
	return at
}

// HeirTime is how long an account that was given to a daemon is left to it.
const HeirTime = 3 * time.Second

// Loads counts the accounts of every daemon, with those that were given to it and that it has not taken yet.
func (c *Table) Loads(now time.Time) map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	loads := map[string]int{}
	for account := range c.held {
		switch s := c.holding(account, now); {
		case s.Taken:
			loads[s.By.ID]++
		case s.By.For != "" && now.Before(s.Since.Add(HeirTime)):
			loads[s.By.For]++
		}
	}
	return loads
}

// Accounts are the names of all accounts that have a record, sorted.
func (c *Table) Accounts() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Sorted(maps.Keys(c.held))
}
