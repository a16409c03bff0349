package rpc

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/micro"
)

// job is a request taken from NATS.
type job struct {
	answer.Request
	endpoint *micro.Endpoint
	method   string
	at       time.Time
	lane     *lane
	out      Encoding // of the answer
	redacted string   // why the answer lacks something; empty: it does not
	named
}

// limits of a pool.
type limits struct {
	work  int   // jobs at work
	queue int   // jobs waiting
	bytes int64 // of requests, waiting and at work
}

// pool works on jobs with a bounded number of goroutines, which exist only while there is work: an idle account costs none.
//
// Callers have lanes: each that NATS tells of by name, and all others together, the readers (tg.ro) apart from the rest. Places at
// work go round among the lanes. No lane takes all there is of anything: it may have three times as much as it leaves
// free (see fits), so that there is always room for who comes next, whatever the others do.
type pool struct {
	do     func(*job)
	limits limits
	budget *Budget // of the daemon; nil: none

	mu      sync.Mutex
	lanes   map[string]*lane
	turns   []*lane // those that have jobs waiting; the first is next
	working int
	waiting int
	bytes   int64
	idle    sync.WaitGroup
	holding bool
	kept    []job // while holding: for whoever serves the account next
}

// lane is what one caller has here.
type lane struct {
	name    string
	waiting []job
	working int
	bytes   int64
}

func newPool(l limits, budget *Budget, do func(*job)) *pool {
	return &pool{do: do, limits: l, budget: budget, lanes: map[string]*lane{}}
}

// fits reports whether a lane may have this much while that much is left free: up to three quarters of all when it is alone,
// three quarters of the rest for the next, and so on. This is the dynamic threshold of switches with shared buffers
// (Choudhury and Hahne, 1998).
func fits[N int | int64](has, free N) bool { return free >= 0 && has <= 3*free }

// submit takes a job of a lane; false: there is no room for it.
func (p *pool) submit(name string, j job) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.holding {
		return p.keepLocked(j)
	}
	l := p.lanes[name]
	if l == nil {
		l = &lane{name: name}
	}
	j.lane = l
	start := len(l.waiting) == 0 && p.mayWorkLocked(l)
	if !start && !p.mayWaitLocked(l) || !p.takeBytesLocked(l, int64(j.Size())) {
		return false
	}
	p.lanes[name] = l
	if start {
		p.startLocked(l, j)
		return true
	}
	if l.waiting = append(l.waiting, j); len(l.waiting) == 1 {
		p.turns = append(p.turns, l)
	}
	p.waiting++
	return true
}

func (p *pool) mayWorkLocked(l *lane) bool {
	return p.working < p.limits.work && (l.working == 0 || fits(l.working+1, p.limits.work-p.working-1))
}

func (p *pool) mayWaitLocked(l *lane) bool {
	return p.waiting < p.limits.queue && (len(l.waiting) == 0 || fits(len(l.waiting)+1, p.limits.queue-p.waiting-1))
}

func (p *pool) takeBytesLocked(l *lane, n int64) bool {
	free := p.limits.bytes - p.bytes - n
	if free < 0 || l.bytes > 0 && !fits(l.bytes+n, free) || !p.budget.take(p.bytes, n) {
		return false
	}
	l.bytes += n
	p.bytes += n
	return true
}

func (p *pool) startLocked(l *lane, j job) {
	l.working++
	p.working++
	p.idle.Add(1)
	go p.worker(j)
}

// worker does its job, and then others until none waits.
func (p *pool) worker(j job) {
	defer p.idle.Done()
	for ok := true; ok; j, ok = p.next(&j) {
		p.do(&j)
	}
}

// next lets go of a job that is done, and gives the one whose turn it is; of those that may begin beside it each gets a
// goroutine of its own.
func (p *pool) next(done *job) (job, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l, n := done.lane, int64(done.Size())
	l.working--
	p.working--
	l.bytes -= n
	p.bytes -= n
	p.budget.release(n)
	p.forgetLocked(l)
	first, ok := p.pickLocked()
	if !ok {
		return job{}, false
	}
	first.lane.working++
	p.working++
	for j, more := p.pickLocked(); more; j, more = p.pickLocked() {
		p.startLocked(j.lane, j)
	}
	return first, true
}

// pickLocked takes the job whose turn it is among those that may begin.
func (p *pool) pickLocked() (job, bool) {
	for i, l := range p.turns {
		if !p.mayWorkLocked(l) {
			continue
		}
		j := l.waiting[0]
		l.waiting[0] = job{}
		l.waiting = l.waiting[1:]
		p.waiting--
		p.turns = slices.Delete(p.turns, i, i+1)
		if len(l.waiting) > 0 {
			p.turns = append(p.turns, l)
		} else {
			l.waiting = nil // give back what is done
		}
		return j, true
	}
	return job{}, false
}

// forgetLocked takes away a lane that nobody uses: callers come and go.
func (p *pool) forgetLocked(l *lane) {
	if l.working == 0 && len(l.waiting) == 0 {
		delete(p.lanes, l.name)
	}
}

// hold begins no more jobs: those that wait, and those that come, are kept.
func (p *pool) hold() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.holding = true
	for _, l := range p.turns {
		for _, j := range l.waiting {
			l.bytes -= int64(j.Size()) // and kept, it counts for all
			p.kept = append(p.kept, j)
		}
		l.waiting = nil
		p.forgetLocked(l)
	}
	p.turns, p.waiting = nil, 0
	slices.SortStableFunc(p.kept, func(a, b job) int { return a.at.Compare(b.at) })
}

// keep puts a job to those that are kept. False: nothing is kept, or too much.
func (p *pool) keep(j job) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.holding && p.keepLocked(j)
}

func (p *pool) keepLocked(j job) bool {
	n := int64(j.Size())
	if len(p.kept) >= p.limits.queue+p.limits.work || p.bytes+n > p.limits.bytes || !p.budget.take(p.bytes, n) {
		return false
	}
	p.bytes += n
	p.kept = append(p.kept, j)
	return true
}

// takeKept gives what was kept. Nothing is any more.
func (p *pool) takeKept() []job {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := p.kept
	for i := range all {
		n := int64(all[i].Size())
		p.bytes -= n
		p.budget.release(n)
	}
	p.kept, p.limits = nil, limits{}
	return all
}

// busy is how many jobs wait or are at work.
func (p *pool) busy() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.working + p.waiting
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
