package rpc

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/natsgram/natsgram/bridge/answer"
)

// limits of a pool.
type limits struct {
	work  int   // jobs at work
	begun int   // jobs at work, and those that have begun and wait for something
	queue int   // jobs that have not begun
	bytes int64 // of requests, all of them
}

// pool works on jobs with a bounded number of goroutines, which exist only while there is work: an idle account costs none.
//
// Places at work go round among the callers, then among the methods of each: callers that NATS tells of by name, and all others
// together, the readers (tg.ro) apart from the rest. A job that begins to wait for anything but Telegram's answer gives its
// place away (see park). No caller takes all there is of anything, and no method all that its caller may have: it may have three
// times as much as it leaves free (see fits), so that there is always room for who comes next, whatever the others do.
//
// Jobs that write to one chat have a lane: they begin in the order in which they came, whoever sent them (see lanes.go).
type pool struct {
	do       func(*job)
	refuse   func(*job, *Fault)   // answers a job that will not begin
	deadline func(*job) time.Time // when nobody waits for it any more
	sequence func() Sequence      // of a lane
	whose    func(string) chat    // is a name, as far as that is known without asking; the zero chat: it is not
	limits   limits
	budget   *Budget // of the daemon; nil: none

	mu      sync.Mutex
	tickets uint64
	callers map[string]*caller
	turns   []*caller // those that have jobs which may begin; the first is next
	lanes   map[chat]*lane
	load
	bytes    int64
	idle     sync.WaitGroup
	holding  bool
	awaiting func(j *job, passed bool) int // until a former owner has passed its requests on: where a job's place is; else nil
	kept     []*job                        // while holding: for whoever serves the account next, or for then
	sweeper  *time.Timer
	spare    struct { // for who comes next
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
	woken  []*job    // those that waited for something and may go on
	listed bool      // in the caller's turns
	load
}

// listing is a lane's place in the turns of a group. It is void when the lane was listed anew: its first job was taken away, and the
// next is of another group.
type listing struct {
	lane *lane
	n    uint64
}

func newPool(l limits, budget *Budget, do func(*job)) *pool {
	return &pool{do: do, limits: l, budget: budget, callers: map[string]*caller{}, lanes: map[chat]*lane{}}
}

// fits reports whether somebody may have this much while that much is left free: up to three quarters of all when alone, three
// quarters of the rest for the next, and so on. This is the dynamic threshold of switches with shared buffers (Choudhury and
// Hahne, 1998).
func fits[N int | int64](has, free N) bool { return free >= 0 && has <= 3*free }

// most reports whether one more of something fits: within all there is, for a caller, and for one of its groups within what the
// caller may have.
func most(limit, all, ofCaller, ofGroup int) bool {
	free := limit - all
	switch {
	case free <= 0:
		return false
	case ofCaller == 0:
		return true
	}
	more := (3*free - ofCaller) / 4 // that the caller may have, so that it still fits
	return more > 0 && (ofGroup == 0 || fits(ofGroup+1, more-1))
}

func (p *pool) mayWork(g *group) bool {
	return most(p.limits.work, p.working, g.caller.working, g.working)
}

func (p *pool) mayBegin(g *group) bool {
	return p.mayWork(g) && most(p.limits.begun, p.begun, g.caller.begun, g.begun)
}

// submit takes a job of a caller, or tells why not.
func (p *pool) submit(from string, j *job) *Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.submitLocked(from, j)
}

func (p *pool) submitLocked(from string, j *job) *Fault {
	p.tickets++
	j.ticket = p.tickets
	switch {
	case !p.holding:
	case j.IsInside() && p.awaiting == nil:
		return passing()
	case !p.keepLocked(j):
		return crowded()
	default:
		return nil
	}
	g := p.groupLocked(from, j.known())
	j.group = g
	l := p.laneLocked(j)
	start := l.open() && len(l.waiting) == 0 && p.mayBegin(g)
	if fault := p.admitLocked(l, j, start); fault != nil {
		p.forgetLocked(g, l)
		return fault
	}
	if start {
		p.startLocked(l, j)
		return nil
	}
	j.queued(l)
	l.waiting = append(l.waiting, j)
	p.count(g, load{waiting: 1})
	p.listLocked(l)
	p.sweepLaterLocked()
	return nil
}

// admitLocked tells why a job is not taken; nil: it is.
func (p *pool) admitLocked(l *lane, j *job, start bool) *Fault {
	g := j.group
	switch {
	case !start && l.flood.outlasts(p.deadline(j)):
		return l.flood.told(time.Now())
	case p.waiting+p.begun >= p.limits.queue+p.limits.begun: // those that have begun and wait in a lane again count as waiting
		return crowded()
	case !start && !most(p.limits.queue, p.waiting, g.caller.waiting, g.waiting), !p.takeBytesLocked(g.caller, int64(j.Size())):
		return crowded()
	}
	return nil
}

// passing is the fault of what cannot go to another daemon with the account.
func passing() *Fault {
	return answer.Later("the account is passing to another daemon")
}

func crowded() *Fault {
	return answer.Later("too many requests of this caller are waiting")
}

func (p *pool) groupLocked(from, method string) *group {
	c := p.callers[from]
	if c == nil {
		if c = p.spare.caller; c == nil {
			c = &caller{groups: map[string]*group{}}
		}
		p.spare.caller, c.name = nil, from
		p.callers[from] = c
	}
	g := c.groups[method]
	if g == nil {
		if g = p.spare.group; g == nil {
			g = &group{}
		}
		p.spare.group, g.caller, g.method = nil, c, method
		c.groups[method] = g
	}
	return g
}

func (p *pool) takeBytesLocked(c *caller, n int64) bool {
	free := p.limits.bytes - p.bytes - n
	if free < 0 || c.bytes > 0 && !fits(c.bytes+n, free) || !p.budget.take(p.bytes, n) {
		return false
	}
	c.bytes += n
	p.bytes += n
	return true
}

// count adds to the loads that a job of the group is in.
func (p *pool) count(g *group, n load) {
	for _, l := range []*load{&p.load, &g.caller.load, &g.load} {
		l.working += n.working
		l.begun += n.begun
		l.waiting += n.waiting
	}
}

// startLocked begins a job, or has one go on that had begun elsewhere.
func (p *pool) startLocked(l *lane, j *job) {
	gated := j.gated
	p.beginLocked(l, j)
	if gated {
		close(j.wake)
		return
	}
	p.idle.Add(1)
	go p.worker(j)
}

func (p *pool) beginLocked(l *lane, j *job) {
	j.begins()
	l.begin(p, j)
	p.count(j.group, load{working: 1, begun: 1})
	p.listLocked(l) // the next may begin as well
}

// worker does its job, and then others until none may begin.
func (p *pool) worker(j *job) {
	defer p.idle.Done()
	for j != nil {
		p.do(j)
		j = p.next(j)
	}
}

// next lets go of a job that is done, and gives the one whose turn it is; of those that may begin beside it each gets a
// goroutine of its own.
func (p *pool) next(done *job) *job {
	p.mu.Lock()
	defer p.mu.Unlock()
	g, n := done.group, int64(done.Size())
	p.count(g, load{working: -1, begun: -1})
	g.caller.bytes -= n
	p.bytes -= n
	p.budget.release(n)
	done.lane.end(done)
	p.listLocked(done.lane)
	p.forgetLocked(g, done.lane)
	for {
		first, l := p.pickLocked()
		switch {
		case first == nil:
			return nil
		case first.gated:
			p.count(first.group, load{waiting: -1})
			p.startLocked(l, first)
		default:
			p.count(first.group, load{waiting: -1})
			p.beginLocked(l, first)
			p.fillLocked()
			return first
		}
	}
}

// fillLocked begins all that may.
func (p *pool) fillLocked() {
	for j, l := p.pickLocked(); j != nil; j, l = p.pickLocked() {
		p.count(j.group, load{waiting: -1})
		p.startLocked(l, j)
	}
}

// pickLocked takes the job whose turn it is among those that may begin. Those that have begun before go on by the way.
func (p *pool) pickLocked() (*job, *lane) {
	for i := 0; i < len(p.turns) && p.working < p.limits.work; {
		c := p.turns[i]
		j, l, moved := p.pickOf(c)
		switch {
		case len(c.turns) == 0:
			p.turns, c.listed = slices.Delete(p.turns, i, i+1), false
			p.forgetCallerLocked(c)
		case moved:
			p.turns = append(slices.Delete(p.turns, i, i+1), c)
		default:
			i++
		}
		if j != nil {
			return j, l
		}
	}
	return nil, nil
}

// pickOf takes the job of a caller whose turn it is. Moved: one of them has a place now, and it is the next caller's turn.
func (p *pool) pickOf(c *caller) (j *job, l *lane, moved bool) {
	for i := 0; i < len(c.turns); {
		g := c.turns[i]
		j, l, moved = p.pickFrom(g)
		switch {
		case len(g.turns) == 0 && len(g.woken) == 0:
			c.turns, g.listed = slices.Delete(c.turns, i, i+1), false
			p.forgetGroupLocked(g)
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
func (p *pool) pickFrom(g *group) (j *job, l *lane, moved bool) {
	if len(g.woken) > 0 {
		if !p.mayWork(g) {
			return nil, nil, false
		}
		woken := g.woken[0]
		g.woken = slices.Delete(g.woken, 0, 1)
		p.count(g, load{working: 1})
		close(woken.wake)
		return nil, nil, true
	}
	for len(g.turns) > 0 {
		at := g.turns[0]
		l = at.lane
		valid := l.listed == g && l.listing == at.n
		ours := valid && len(l.waiting) > 0 && l.open()
		if ours && !p.mayBegin(g) {
			return nil, nil, false
		}
		g.turns = slices.Delete(g.turns, 0, 1)
		if valid {
			l.listed = nil
		}
		if ours {
			return l.take(), l, true
		}
	}
	return nil, nil, false
}

// listLocked puts a lane whose first job may begin among the turns of that job's group.
func (p *pool) listLocked(l *lane) {
	if len(l.waiting) == 0 || !l.open() || l.listed == l.waiting[0].group {
		return
	}
	g := l.waiting[0].group
	l.listed = g
	l.listing++
	g.turns = append(g.turns, listing{l, l.listing})
	p.listGroupLocked(g)
}

func (p *pool) listGroupLocked(g *group) {
	if !g.listed {
		g.listed = true
		g.caller.turns = append(g.caller.turns, g)
	}
	if c := g.caller; !c.listed {
		c.listed = true
		p.turns = append(p.turns, c)
	}
}

// forgetLocked takes away what nobody uses: callers and chats come and go.
func (p *pool) forgetLocked(g *group, l *lane) {
	if l != &g.free && l.begun == 0 && len(l.waiting) == 0 && p.lanes[l.chat] == l {
		delete(p.lanes, l.chat)
	}
	p.forgetGroupLocked(g)
	p.forgetCallerLocked(g.caller)
}

func (p *pool) forgetGroupLocked(g *group) {
	if g.none() && !g.listed && g.caller.groups[g.method] == g {
		delete(g.caller.groups, g.method)
		p.spare.group = g
	}
}

func (p *pool) forgetCallerLocked(c *caller) {
	if c.none() && !c.listed && p.callers[c.name] == c {
		delete(p.callers, c.name)
		p.spare.caller = c
	}
}

// busy is how many jobs wait or have begun.
func (p *pool) busy() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.begun + p.waiting
}

// close waits for the jobs that were taken, until ctx ends; then cancel is called, and it waits on.
func (p *pool) close(ctx context.Context, cancel func()) {
	done := make(chan struct{})
	go func() { p.idle.Wait(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
		cancel()
		<-done
	}
}
