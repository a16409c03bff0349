// Package turns decides when requests are worked on: which may begin, in which order, and whose turn it is at the places there are. What
// the work is, and to which chat it writes, others say (see [Work] and [Chat]).
package turns

import (
	"context"
	"sync"
	"time"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/subjects"
)

// Config of a pool.
type Config struct {
	Limits
	Budget   *Budget                // of the daemon; nil: none
	Sequence func() Sequence        // of a lane; nil: calls have no turns
	Whose    func(name string) Chat // as far as that is known without asking; the zero chat: it is not
}

// Pool works on jobs with a bounded number of goroutines, which exist only while there is work: an idle account costs none.
//
// Who has which share of its places is told at shares. Jobs that write to one chat have a lane: they begin in the order in which they
// came, whoever sent them.
type Pool struct {
	sequence func() Sequence
	whose    func(name string) Chat

	mu sync.Mutex
	shares
	lanes   lanes
	tickets uint64
	idle    sync.WaitGroup
	kept    kept
	sweeper *time.Timer
}

// New makes a pool.
func New(c Config) *Pool {
	return &Pool{
		sequence: c.Sequence, whose: c.Whose, lanes: lanes{},
		shares: shares{limits: c.Limits, budget: c.Budget, callers: map[string]*caller{}},
	}
}

// Submit takes a job, or tells why not.
func (p *Pool) Submit(j *Job) *answer.Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.submit(j)
}

func (p *Pool) submit(j *Job) *answer.Fault {
	j.pool = p
	p.tickets++
	j.ticket = p.tickets
	switch {
	case !p.kept.holding:
	case j.Work.IsInside() && p.kept.places == nil:
		return passing()
	case !p.keep(j):
		return crowded()
	default:
		return nil
	}
	g := p.groupOf(j.Work.Room(), j.Work.Method())
	j.group = g
	l := p.laneOf(j)
	start := l.isOpen() && len(l.waiting) == 0 && p.mayBegin(g)
	if fault := p.admit(l, j, start); fault != nil {
		p.forget(g, l)
		return fault
	}
	if start {
		p.start(l, j)
		return nil
	}
	j.queued(l)
	l.waiting = append(l.waiting, j)
	p.count(g, load{waiting: 1})
	p.list(l)
	p.sweepLater()
	return nil
}

// admit tells why a job is not taken; nil: it is.
func (p *Pool) admit(l *lane, j *Job, start bool) *answer.Fault {
	switch {
	case !start && l.flood.outlasts(j.Work.Deadline()):
		return l.flood.told(time.Now())
	case p.full(), !start && !p.mayWait(j.group), !p.takeBytes(j.group.caller, int64(j.Work.Size())):
		return crowded()
	}
	return nil
}

// passing is the fault of what cannot go to another daemon with the account.
func passing() *answer.Fault {
	return answer.Later("the account is passing to another daemon")
}

func crowded() *answer.Fault {
	return answer.Later("too many requests of this caller are waiting")
}

// TooLate is the fault of a request whose time was over before anything was done for it.
func TooLate() *answer.Fault {
	return answer.Refuse(504, "it waited here for longer than it may take ("+subjects.HeaderTimeout+"), and was not sent")
}

// laneOf finds the lane of a job. Behind others that wait for whose a name is it waits too, even if that is known by now: they
// came first.
func (p *Pool) laneOf(j *Job) *lane {
	if j.Chat == (Chat{}) {
		return &j.group.free
	}
	if j.Chat.Kind == Name && p.lanes[j.Chat] == nil {
		if c := p.whose(j.Chat.Name); c != (Chat{}) {
			j.Chat = c
		}
	}
	return p.lanes.of(j.Chat)
}

// start begins a job, or has one go on that had begun elsewhere.
func (p *Pool) start(l *lane, j *Job) {
	gated := j.gated
	p.begin(l, j)
	if gated {
		close(j.wake)
		return
	}
	p.idle.Add(1)
	go p.worker(j)
}

func (p *Pool) begin(l *lane, j *Job) {
	j.begins()
	l.begin(j, p.sequence)
	p.count(j.group, load{working: 1, begun: 1})
	p.list(l) // the next may begin as well
}

// worker does its job, and then others until none may begin.
func (p *Pool) worker(j *Job) {
	defer p.idle.Done()
	for j != nil {
		j.Work.Do()
		j = p.next(j)
	}
}

// next lets go of a job that is done, and gives the one whose turn it is; of those that may begin beside it each gets a
// goroutine of its own.
func (p *Pool) next(done *Job) *Job {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.count(done.group, load{working: -1, begun: -1})
	p.giveBytes(done.group.caller, int64(done.Work.Size()))
	done.lane.end(done)
	p.list(done.lane)
	p.forget(done.group, done.lane)
	for {
		first, l := p.pick()
		switch {
		case first == nil:
			return nil
		case first.gated:
			p.start(l, first)
		default:
			p.begin(l, first)
			p.fill()
			return first
		}
	}
}

// fill begins all that may.
func (p *Pool) fill() {
	for j, l := p.pick(); j != nil; j, l = p.pick() {
		p.start(l, j)
	}
}

// forget takes away what nobody uses: callers and chats come and go.
func (p *Pool) forget(g *group, l *lane) {
	p.lanes.forget(l)
	p.forgetGroup(g)
	p.forgetCaller(g.caller)
}

// drop lets go of jobs that have not begun, and will not.
func (p *Pool) drop(jobs []*Job) {
	for _, j := range jobs {
		p.count(j.group, load{waiting: -1})
		p.giveBytes(j.group.caller, int64(j.Work.Size()))
		p.list(j.lane)
		p.forget(j.group, j.lane)
	}
}

// each goes over all lanes.
func (p *Pool) each(do func(*lane)) {
	for _, l := range p.lanes {
		do(l)
	}
	for _, c := range p.callers {
		for _, g := range c.groups {
			do(&g.free)
		}
	}
}

// sweepEvery is how often the jobs that wait are looked through for those whose time is over.
const sweepEvery = 250 * time.Millisecond

func (p *Pool) sweepLater() {
	if p.sweeper == nil {
		p.sweeper = time.AfterFunc(sweepEvery, p.sweep)
	}
}

// sweep tells those that their time is over who still wait to begin. It is done again while there are others.
func (p *Pool) sweep() {
	p.mu.Lock()
	now := time.Now()
	var late []*Job
	p.each(func(l *lane) {
		late = append(late, l.remove(func(j *Job) bool { return !j.Work.Deadline().After(now) })...)
	})
	p.drop(late)
	p.fill()
	if p.sweeper = nil; p.waiting > 0 {
		p.sweepLater()
	}
	p.mu.Unlock()
	for _, gone := range late {
		gone.Work.Refuse(TooLate())
	}
}

// Busy is how many jobs wait or have begun.
func (p *Pool) Busy() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.begun + p.waiting
}

// Close waits for the jobs that were taken, until ctx ends; then cancel is called, and it waits on.
func (p *Pool) Close(ctx context.Context, cancel func()) {
	done := make(chan struct{})
	go func() { p.idle.Wait(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
		cancel()
		<-done
	}
}
