package bridge

import (
	"hash/fnv"
	"maps"
	"slices"
	"time"

	"github.com/natsgram/natsgram/bridge/lease"
)

// How daemons share the accounts out (design §5). Nobody decides for the others; each looks at who has what, and
//
//   - takes what is free: at once if it has least to do, after a moment if others have less, so that they come first;
//   - gives away what it has too much of: an account goes from who has most to who has two less or fewer. So a daemon that
//     comes is given its share and no account moves between the others, and of one that goes only its own move.
//
// Two that reach for the same account find out by the lease.

const (
	// turn is how long a daemon leaves a free account to each of those that come before it.
	turn = 300 * time.Millisecond
	// settle is how long an account stays at least, and a daemon must have taken none, before one is given away to even out.
	settle = 5 * time.Second
	// atOnce is how many accounts are given away at a time.
	atOnce = 8
	// startsAtOnce is how many accounts a daemon takes at a time: each reads its stream, and all the others wait for the same disk.
	startsAtOnce = 32
	// look is how often a daemon looks without a reason.
	look = time.Second
)

// has notes whether an account has a session in the vault.
func (s *supervisor) has(name string, session bool) {
	s.mu.Lock()
	if session {
		s.stored[name] = true
	} else {
		delete(s.stored, name)
	}
	s.mu.Unlock()
	s.stir()
}

// candidates are the accounts that this daemon may run, sorted: those that were added or ever taken, those with a session, and
// those that the settings name.
func (s *supervisor) candidates(now time.Time) (all []*candidate) {
	names := map[string]bool{}
	for _, name := range append(s.crew.Accounts(), s.b.settings.Accounts...) {
		names[name] = true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.Copy(names, s.stored)
	maps.DeleteFunc(s.known, func(name string, _ *candidate) bool { return !names[name] })
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if !s.b.settings.Serves(name) {
			continue
		}
		if s.known[name] == nil {
			s.known[name] = &candidate{name: name, found: now, wait: retryMin}
		}
		all = append(all, s.known[name])
	}
	return all
}

// stir has share look again.
func (s *supervisor) stir() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// share looks who is to run what, whenever something changed, until ctx ends.
func (s *supervisor) share() {
	for s.ctx.Err() == nil {
		changed := s.crew.Changed()
		s.pulse.Begin()
		next := s.look(time.Now())
		s.pulse.End()
		t := time.NewTimer(min(max(next, 20*time.Millisecond), look))
		select {
		case <-s.ctx.Done():
		case <-changed:
		case <-s.wake:
		case <-t.C:
		}
		t.Stop()
	}
}

// look takes what falls to this daemon, gives away what does not, and says how soon to look again.
func (s *supervisor) look(now time.Time) (next time.Duration) {
	next = look
	c := s.census(now)
	if c.self == "" || !s.crew.Ready() {
		return next // no lease, no account
	}
	starting := s.b.starting()
	for _, one := range s.candidates(now) {
		if c.full(c.self) || s.b.running(one.name) != nil {
			continue
		}
		if wait := s.due(one, c, now); wait > 0 {
			next = min(next, wait)
			continue
		}
		if starting++; starting > startsAtOnce {
			next = 0 // as soon as may be
			break
		}
		c.loads[c.self]++
		s.start(one.name, now)
	}
	s.giveAway(c, now)
	return next
}

// due is how long this daemon has to wait before it may take an account.
func (s *supervisor) due(one *candidate, c *census, now time.Time) time.Duration {
	s.mu.Lock()
	after := one.after
	s.mu.Unlock()
	if now.Before(after) {
		return after.Sub(now)
	}
	seat := s.crew.Seat(one.name, now)
	if seat.By.Closed {
		return look
	}
	if seat.Taken {
		return max(seat.Since.Add(s.crew.TTL()).Sub(now), time.Millisecond)
	}
	since := seat.Since
	if since.IsZero() {
		since = one.found
	}
	at := since.Add(time.Duration(c.rank(one.name)) * turn)
	if heir := seat.By.For; heir == c.self {
		at = since
	} else if heir != "" && c.lives(heir) {
		at = since.Add(lease.HeirTime)
	}
	return at.Sub(now)
}

func (s *supervisor) start(name string, now time.Time) {
	s.took = now
	a := &supervised{name: name, since: now}
	s.b.mu.Lock()
	s.b.accounts[name] = a
	s.b.mu.Unlock()
	s.work.Go(func() { s.tend(a) })
}

// giveAway lets go of what somebody wished elsewhere, and of what is too much.
func (s *supervisor) giveAway(c *census, now time.Time) {
	mine := s.b.all()
	going := 0
	for _, a := range mine {
		if m, ok := s.crew.Asked(a.name, now); ok {
			s.grant(a, c, m)
		}
		if a.whose() != "" {
			going++
		}
	}
	if now.Sub(s.took) < settle {
		return // others may be taking as well: who has too much is not known before that is over
	}
	slices.SortFunc(mine, func(a, b *supervised) int { return a.since.Compare(b.since) })
	for _, a := range mine {
		if going >= atOnce || !c.most(c.self) {
			return
		}
		to := c.target(a.name, "")
		if to == "" || !s.hears(to) || a.whose() != "" || a.closes() || now.Sub(a.since) < settle || c.loads[to]+2 > c.loads[c.self] {
			continue
		}
		c.loads[c.self]--
		c.loads[to]++
		going++
		a.giveTo(to)
	}
}

// grant does what was wished of an account.
func (s *supervisor) grant(a *supervised, c *census, m lease.Move) {
	if m.Close {
		a.close()
	} else if to := s.reachable(c).target(a.name, m.To); to != "" {
		a.giveTo(to)
	}
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

// successor says whether another daemon would take an account now.
func (s *supervisor) successor(name string) bool {
	return s.reachable(s.census(time.Now())).target(name, "") != ""
}

// starting is how many accounts are being taken.
func (b *Bridge) starting() (n int) {
	for _, a := range b.all() {
		a.mu.Lock()
		r := a.runner
		a.mu.Unlock()
		if r == nil || r.Starting() {
			n++
		}
	}
	return n
}

// all are the accounts that run here.
func (b *Bridge) all() []*supervised {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Collect(maps.Values(b.accounts))
}

// census is who there is and how much each has to do.
type census struct {
	self    string
	members []lease.Member
	loads   map[string]int
}

func (s *supervisor) census(now time.Time) *census {
	c := &census{self: s.crew.Self(), members: s.crew.Members(now), loads: s.crew.Loads(now)}
	if c.self == "" {
		return c
	}
	c.loads[c.self] = 0
	for _, a := range s.b.all() {
		if heir := a.whose(); heir != "" {
			c.loads[heir]++ // on its way
		} else {
			c.loads[c.self]++
		}
	}
	return c
}

func (c *census) member(id string) (lease.Member, bool) {
	for _, m := range c.members {
		if m.ID == id {
			return m, true
		}
	}
	return lease.Member{}, false
}

func (c *census) lives(id string) bool { m, ok := c.member(id); return ok && !m.Leaving }

// full: the daemon takes no more.
func (c *census) full(id string) bool {
	m, ok := c.member(id)
	return !ok || m.Leaving || m.Capacity > 0 && c.loads[id] >= m.Capacity
}

// rank is how many daemons come before this one where an account is free: those with less to do. Among equals the account's
// name decides, so that they do not all reach for the same.
func (c *census) rank(name string) (n int) {
	mine := draw(c.self, name)
	for _, m := range c.members {
		if m.ID == c.self || !m.Serves(name) || c.full(m.ID) {
			continue
		}
		if less := c.loads[m.ID] - c.loads[c.self]; less < 0 || less == 0 && draw(m.ID, name) < mine {
			n++
		}
	}
	return n
}

func draw(id, name string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(id + "/" + name))
	return h.Sum64()
}

// target is another daemon that can take an account: the wanted one, or the one with least to do; empty: there is none.
func (c *census) target(name, want string) (best string) {
	for _, m := range c.members {
		if m.ID == c.self || !m.Serves(name) || c.full(m.ID) || want != "" && m.ID != want {
			continue
		}
		if best == "" || c.loads[m.ID] < c.loads[best] {
			best = m.ID
		}
	}
	return best
}

// most: no daemon has more to do; of several the first gives.
func (c *census) most(id string) bool {
	for _, m := range c.members {
		if n := c.loads[m.ID] - c.loads[id]; n > 0 || n == 0 && m.ID < id {
			return false
		}
	}
	return true
}
