package turns

import (
	"cmp"
	"slices"

	"github.com/natsgram/natsgram/bridge/answer"
)

// kept is the jobs that are not begun here: those for whoever serves the account next, and those that wait for a former owner's.
type kept struct {
	holding bool             // jobs that come are kept
	places  func(j *Job) int // until a former owner has passed its requests on: where a job's place is; else nil
	jobs    []*Job
}

// sort puts what came while the former owner's were awaited into its order.
func (k *kept) sort() {
	places := map[*Job]int{}
	for _, j := range k.jobs {
		places[j] = k.places(j)
	}
	slices.SortStableFunc(k.jobs, func(a, b *Job) int { return cmp.Compare(places[a], places[b]) })
}

// Hold begins no more jobs: those that wait, and those that come, are kept, but for those from inside the daemon.
func (p *Pool) Hold() {
	for _, j := range p.hold() {
		j.Work.Refuse(passing())
	}
}

func (p *Pool) hold() (inside []*Job) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.endAwait()
	p.kept.holding = true
	p.kept.jobs = slices.DeleteFunc(p.kept.jobs, func(j *Job) bool {
		if j.Work.IsInside() {
			inside = append(inside, j)
			p.giveOwnBytes(int64(j.Work.Size()))
		}
		return j.Work.IsInside()
	})
	var waited []*Job
	p.each(func(l *lane) {
		gone := l.remove(func(j *Job) bool { return j.Work.IsInside() })
		inside = append(inside, gone...)
		p.drop(gone)
		waited = append(waited, l.remove(func(*Job) bool { return true })...)
		p.list(l)
	})
	for _, j := range waited {
		p.count(j.group, load{waiting: -1})
		j.group.caller.bytes -= int64(j.Work.Size()) // and kept, it counts for all
		p.forget(j.group, j.lane)
	}
	p.kept.jobs = append(p.kept.jobs, waited...)
	p.fill() // nothing but those that have begun and wait for their turn
	return inside
}

// Keep puts a job to those that are kept. False: nothing is kept, or too much.
func (p *Pool) Keep(j *Job) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.kept.holding && p.keep(j)
}

func (p *Pool) keep(j *Job) bool {
	if len(p.kept.jobs) >= p.limits.Queue+p.limits.Begun || !p.takeOwnBytes(int64(j.Work.Size())) {
		return false
	}
	p.kept.jobs = append(p.kept.jobs, j)
	return true
}

// Await keeps all jobs until Release, which begins them by their places; those of one place in the order in which they came.
func (p *Pool) Await(place func(j *Job) int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.kept.holding, p.kept.places = true, place
}

// endAwait puts what was kept since Await into its order.
func (p *Pool) endAwait() {
	if p.kept.places == nil {
		return
	}
	p.kept.sort()
	p.kept.places, p.kept.holding = nil, false
	for _, j := range p.kept.jobs {
		p.tickets++
		j.ticket = p.tickets
	}
}

// Release begins what was kept since Await, and refuses those for which there is no room.
func (p *Pool) Release() {
	for j, fault := range p.release() {
		j.Work.Refuse(fault)
	}
}

func (p *Pool) release() (refused map[*Job]*answer.Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.kept.places == nil {
		return nil
	}
	p.endAwait()
	jobs := p.kept.jobs
	p.kept.jobs, refused = nil, map[*Job]*answer.Fault{}
	for _, j := range jobs {
		p.giveOwnBytes(int64(j.Work.Size()))
		if fault := p.submit(j); fault != nil {
			refused[j] = fault
		}
	}
	return refused
}

// TakeKept gives what was kept, in the order in which it came. Nothing is any more.
func (p *Pool) TakeKept() []*Job {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := p.kept.jobs
	for _, j := range all {
		p.giveOwnBytes(int64(j.Work.Size()))
	}
	slices.SortStableFunc(all, byTicket)
	p.kept.jobs, p.limits = nil, Limits{}
	return all
}
