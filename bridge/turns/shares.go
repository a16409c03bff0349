package turns

import "slices"

// Limits of a pool.
type Limits struct {
	Work  int   // jobs at work
	Begun int   // jobs at work, and those that have begun and wait for something
	Queue int   // jobs that have not begun
	Bytes int64 // of requests, all of them
}

// shares is who has how much of what there is, and whose turn it is.
//
// Places at work go round among the callers, then among the methods of each: callers that NATS tells of by name, and all others
// together, the readers (tg.ro) apart from the rest. A job that begins to wait for anything but Telegram's answer gives its
// place away (see Job.Park). No caller takes all there is of anything, and no method all that its caller may have: it may have three
// times as much as it leaves free (see fits), so that there is always room for who comes next, whatever the others do.
type shares struct {
	limits  Limits
	budget  *Budget // of the daemon; nil: none
	callers map[string]*caller
	turns   []*caller // those that have jobs which may begin; the first is next
	load
	bytes int64
	spare struct { // for who comes next
		caller *caller
		group  *group
	}
}

// load is how many jobs somebody has.
type load struct{ working, begun, waiting int }

func (l load) none() bool { return l.begun == 0 && l.waiting == 0 }

// caller is one of those who make requests.
type caller struct {
	name   string
	groups map[string]*group
	turns  []*group // those that have jobs which may begin
	listed bool     // in the pool's turns
	bytes  int64
	load
}

// group is the jobs of a caller that call one method.
type group struct {
	caller *caller
	method string
	free   lane      // its jobs without a chat
	turns  []listing // of lanes whose first job is of this group, and may begin
	woken  []*Job    // those that waited for something and may go on
	listed bool      // in the caller's turns
	load
}

// listing is a lane's place in the turns of a group. It is void when the lane was listed anew: its first job was taken away, and the
// next is of another group.
type listing struct {
	lane *lane
	n    uint64
}

func (s *shares) mayWork(g *group) bool {
	return most(s.limits.Work, s.working, g.caller.working, g.working)
}

func (s *shares) mayBegin(g *group) bool {
	return s.mayWork(g) && most(s.limits.Begun, s.begun, g.caller.begun, g.begun)
}

func (s *shares) mayWait(g *group) bool {
	return most(s.limits.Queue, s.waiting, g.caller.waiting, g.waiting)
}

// full reports whether there are as many jobs as there may be. Those that have begun and wait in a lane again count as waiting.
func (s *shares) full() bool { return s.waiting+s.begun >= s.limits.Queue+s.limits.Begun }

func (s *shares) groupOf(from, method string) *group {
	c := s.callers[from]
	if c == nil {
		if c = s.spare.caller; c == nil {
			c = &caller{groups: map[string]*group{}}
		}
		s.spare.caller, c.name = nil, from
		s.callers[from] = c
	}
	g := c.groups[method]
	if g == nil {
		if g = s.spare.group; g == nil {
			g = &group{}
		}
		s.spare.group, g.caller, g.method = nil, c, method
		c.groups[method] = g
	}
	return g
}

func (s *shares) takeBytes(c *caller, n int64) bool {
	free := s.limits.Bytes - s.bytes - n
	if free < 0 || c.bytes > 0 && !fits(c.bytes+n, free) || !s.budget.reserve(s.bytes, n) {
		return false
	}
	c.bytes += n
	s.bytes += n
	return true
}

func (s *shares) giveBytes(c *caller, n int64) {
	c.bytes -= n
	s.giveOwnBytes(n)
}

// takeOwnBytes takes bytes of what belongs to no caller.
func (s *shares) takeOwnBytes(n int64) bool {
	if s.bytes+n > s.limits.Bytes || !s.budget.reserve(s.bytes, n) {
		return false
	}
	s.bytes += n
	return true
}

func (s *shares) giveOwnBytes(n int64) {
	s.bytes -= n
	s.budget.release(n)
}

// count adds to the loads that a job of the group is in.
func (s *shares) count(g *group, n load) {
	for _, l := range []*load{&s.load, &g.caller.load, &g.load} {
		l.working += n.working
		l.begun += n.begun
		l.waiting += n.waiting
	}
}

// list puts a lane whose first job may begin among the turns of that job's group.
func (s *shares) list(l *lane) {
	if len(l.waiting) == 0 || !l.isOpen() || l.listed == l.waiting[0].group {
		return
	}
	g := l.waiting[0].group
	l.listed = g
	l.listing++
	g.turns = append(g.turns, listing{l, l.listing})
	s.listGroup(g)
}

func (s *shares) listGroup(g *group) {
	if !g.listed {
		g.listed = true
		g.caller.turns = append(g.caller.turns, g)
	}
	if c := g.caller; !c.listed {
		c.listed = true
		s.turns = append(s.turns, c)
	}
}

// listWoken has a job that has begun have its turn at work again.
func (s *shares) listWoken(j *Job) {
	j.group.woken = append(j.group.woken, j)
	s.listGroup(j.group)
}

// pick takes the job whose turn it is among those that may begin. Those that have begun before go on by the way.
func (s *shares) pick() (*Job, *lane) {
	for i := 0; i < len(s.turns) && s.working < s.limits.Work; {
		c := s.turns[i]
		j, l, moved := s.pickOf(c)
		switch {
		case len(c.turns) == 0:
			s.turns, c.listed = slices.Delete(s.turns, i, i+1), false
			s.forgetCaller(c)
		case moved:
			s.turns = append(slices.Delete(s.turns, i, i+1), c)
		default:
			i++
		}
		if j != nil {
			s.count(j.group, load{waiting: -1})
			return j, l
		}
	}
	return nil, nil
}

// pickOf takes the job of a caller whose turn it is. Moved: one of them has a place now, and it is the next caller's turn.
func (s *shares) pickOf(c *caller) (j *Job, l *lane, moved bool) {
	for i := 0; i < len(c.turns); {
		g := c.turns[i]
		j, l, moved = s.pickFrom(g)
		switch {
		case len(g.turns) == 0 && len(g.woken) == 0:
			c.turns, g.listed = slices.Delete(c.turns, i, i+1), false
			s.forgetGroup(g)
		case moved:
			c.turns = append(slices.Delete(c.turns, i, i+1), g)
		default:
			i++
		}
		if moved {
			return j, l, true
		}
	}
	return nil, nil, false
}

// pickFrom takes a job of a group: first who waited and may go on, then of the lane whose turn it is.
func (s *shares) pickFrom(g *group) (j *Job, l *lane, moved bool) {
	if len(g.woken) > 0 {
		if !s.mayWork(g) {
			return nil, nil, false
		}
		woken := g.woken[0]
		g.woken = slices.Delete(g.woken, 0, 1)
		s.count(g, load{working: 1})
		close(woken.wake)
		return nil, nil, true
	}
	for len(g.turns) > 0 {
		at := g.turns[0]
		l = at.lane
		valid := l.listed == g && l.listing == at.n
		ours := valid && len(l.waiting) > 0 && l.isOpen()
		if ours && !s.mayBegin(g) {
			return nil, nil, false
		}
		g.turns = slices.Delete(g.turns, 0, 1)
		if valid {
			l.listed = nil
		}
		if ours {
			return l.pop(), l, true
		}
	}
	return nil, nil, false
}

func (s *shares) forgetGroup(g *group) {
	if g.none() && !g.listed && g.caller.groups[g.method] == g {
		delete(g.caller.groups, g.method)
		s.spare.group = g
	}
}

func (s *shares) forgetCaller(c *caller) {
	if c.none() && !c.listed && s.callers[c.name] == c {
		delete(s.callers, c.name)
		s.spare.caller = c
	}
}
