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
)

// Member is a daemon that runs accounts, as the others know it.
type Member struct {
	Holder
	Capacity int      `json:"capacity,omitempty"` // accounts it runs at most; 0: any number
	Accounts []string `json:"accounts,omitempty"` // those it may run; none: all
	Leaving  bool     `json:"leaving,omitempty"`  // it takes no more
}

// Serves says whether the daemon may run an account.
func (m Member) Serves(account string) bool {
	return len(m.Accounts) == 0 || slices.Contains(m.Accounts, account)
}

// Keys that are not accounts have a dot in them, which no account's name has.
const (
	memberKey = "member."
	moveKey   = "move."
)

// Move is somebody's wish that an account goes to another daemon.
type Move struct {
	To string `json:"to,omitempty"` // a daemon's id; empty: the one with least to do
}

// Crew is all daemons and who runs what, as seen from one of them: what was written into the bucket, and by this daemon's
// clock what has passed away since.
type Crew struct {
	leases *Leases

	mu      sync.Mutex
	me      Member
	members map[string]seen[Member]
	held    map[string]seen[Holder]
	moves   map[string]seen[Move]
	changed chan struct{}
}

type seen[T any] struct {
	v  T
	at time.Time
}

// Join makes this daemon known, and follows the others, until life ends. ctx bounds the joining.
func (ls *Leases) Join(ctx, life context.Context, me Member, work *sync.WaitGroup) (*Crew, error) {
	me.Holder = ls.self
	me.At = time.Now().UTC()
	c := &Crew{
		leases: ls, me: me, members: map[string]seen[Member]{}, held: map[string]seen[Holder]{}, moves: map[string]seen[Move]{},
		changed: make(chan struct{}),
	}
	if err := c.tell(ctx); err != nil {
		return nil, err
	}
	known := make(chan struct{})
	work.Go(func() { c.follow(life, known) })
	work.Go(func() { c.stay(life) })
	select {
	case <-known:
		return c, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// tell writes this daemon's record.
func (c *Crew) tell(ctx context.Context) error {
	c.mu.Lock()
	body, err := json.Marshal(c.me)
	c.mu.Unlock()
	if err == nil {
		_, err = c.leases.kv.Put(ctx, memberKey+c.leases.self.ID, body)
	}
	return err
}

// stay writes the record again before it passes away.
func (c *Crew) stay(ctx context.Context) {
	tick := time.NewTicker(c.leases.ttl / 4)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := c.tell(ctx); err != nil && ctx.Err() == nil {
			c.leases.log.Warn("telling the other daemons of this one", "err", err)
		}
	}
}

// Leave says that this daemon takes no more accounts.
func (c *Crew) Leave(ctx context.Context) {
	c.mu.Lock()
	c.me.Leaving = true
	c.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, c.leases.ttl/8)
	defer cancel()
	if err := c.tell(ctx); err != nil {
		c.leases.log.Warn("telling the other daemons that this one goes", "err", err)
	}
}

// Gone takes this daemon's record away.
func (c *Crew) Gone(ctx context.Context) {
	_ = c.leases.kv.Delete(ctx, memberKey+c.leases.self.ID) // it passes away by itself as well
}

// follow reads the bucket. The library's consumer begins anew after a loss of the connection, and tells all again.
func (c *Crew) follow(ctx context.Context, known chan struct{}) {
	for ctx.Err() == nil {
		w, err := c.leases.kv.WatchAll(ctx)
		if err == nil {
			known = c.read(ctx, w, known)
			_ = w.Stop() // the end of ctx stops it as well
		} else if ctx.Err() == nil {
			c.leases.log.Warn("following the other daemons", "err", err)
		}
		t := time.NewTimer(c.leases.ttl / 8)
		select {
		case <-ctx.Done():
		case <-t.C:
		}
		t.Stop()
	}
}

func (c *Crew) read(ctx context.Context, w jetstream.KeyWatcher, known chan struct{}) chan struct{} {
	for {
		select {
		case <-ctx.Done():
			return known
		case e, open := <-w.Updates():
			switch {
			case !open:
				return known
			case e != nil:
				c.note(e)
			case known != nil:
				close(known)
				known = nil
			}
		}
	}
}

// note takes in one record. What cannot be read is somebody's all the same.
func (c *Crew) note(e jetstream.KeyValueEntry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	there, now := e.Operation() == jetstream.KeyValuePut, time.Now()
	switch key := e.Key(); {
	case strings.HasPrefix(key, memberKey):
		news := put(c.members, strings.TrimPrefix(key, memberKey), e.Value(), there, now)
		if !news {
			return
		}
	case strings.HasPrefix(key, moveKey):
		put(c.moves, strings.TrimPrefix(key, moveKey), e.Value(), there, now)
	default:
		before, was := c.held[key]
		put(c.held, key, e.Value(), there, now)
		if after, is := c.held[key]; was && is && before.v.ID == after.v.ID && before.v.Free == after.v.Free {
			return // renewed
		}
	}
	close(c.changed)
	c.changed = make(chan struct{})
}

// put says whether the key is new or gone.
func put[T any](all map[string]seen[T], key string, body []byte, there bool, now time.Time) bool {
	_, was := all[key]
	if !there {
		delete(all, key)
		return was
	}
	var v T
	_ = json.Unmarshal(body, &v)
	all[key] = seen[T]{v, now}
	return !was
}

// Changed is closed when something is not as it was, but for what passes away.
func (c *Crew) Changed() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.changed
}

// Self is this daemon's id.
func (c *Crew) Self() string { return c.leases.self.ID }

// TTL is how long a lease outlives its holder.
func (c *Crew) TTL() time.Duration { return c.leases.ttl }

// Members are the daemons that live, by id.
func (c *Crew) Members(now time.Time) []Member {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []Member
	for id, m := range c.members {
		if id == c.me.ID {
			m.v = c.me
		}
		former := id != c.me.ID && c.leases.mine(m.v.Holder) // ran the NATS server that this one runs now
		if id == c.me.ID || !former && now.Before(m.at.Add(c.leases.ttl)) {
			all = append(all, m.v)
		}
	}
	slices.SortFunc(all, func(a, b Member) int { return strings.Compare(a.ID, b.ID) })
	return all
}

// Seat is where an account is.
type Seat struct {
	By    Holder    // who has it, or had it last; For: whom it was given to
	Taken bool      // it is held
	Since time.Time // when the record was seen last; free: when it became so; zero: always
}

// Seat looks an account up.
func (c *Crew) Seat(account string, now time.Time) Seat {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seat(account, now)
}

func (c *Crew) seat(account string, now time.Time) Seat {
	h, ok := c.held[account]
	passes := h.at.Add(c.leases.ttl)
	switch {
	case !ok:
		return Seat{}
	case h.v.Free:
		return Seat{By: h.v, Since: h.at}
	case h.v.ID != c.me.ID && c.leases.mine(h.v):
		return Seat{By: h.v}
	case !now.Before(passes):
		return Seat{By: h.v, Since: passes}
	}
	return Seat{By: h.v, Taken: true, Since: h.at}
}

// HeirTime is how long an account that was given to a daemon is left to it.
const HeirTime = 3 * time.Second

// Loads counts the accounts of every daemon, with those that were given to it and that it has not taken yet.
func (c *Crew) Loads(now time.Time) map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	loads := map[string]int{}
	for account := range c.held {
		switch s := c.seat(account, now); {
		case s.Taken:
			loads[s.By.ID]++
		case s.By.For != "" && now.Before(s.Since.Add(HeirTime)):
			loads[s.By.For]++
		}
	}
	return loads
}

// Held are the accounts that somebody has.
func (c *Crew) Held(now time.Time) (all []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, account := range slices.Sorted(maps.Keys(c.held)) {
		if c.seat(account, now).Taken {
			all = append(all, account)
		}
	}
	return all
}

// Ask wishes that an account goes to another daemon, whoever has it now.
func (c *Crew) Ask(ctx context.Context, account string, m Move) error {
	body, err := json.Marshal(m)
	if err == nil {
		_, err = c.leases.kv.Put(ctx, moveKey+account, body)
	}
	return err
}

// Asked tells, once, what was wished of an account.
func (c *Crew) Asked(account string, now time.Time) (Move, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	m, ok := c.moves[account]
	delete(c.moves, account)
	return m.v, ok && now.Before(m.at.Add(c.leases.ttl))
}
