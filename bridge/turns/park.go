package turns

import "time"

// What a job that has begun asks of its pool: its turn, to give its place away while it waits, and to go on in the lane of the chat that
// it has found out about.

// Turn is the job's turn; nil: it needs none. One that was given up is taken anew.
func (j *Job) Turn() Turn {
	if l := j.lane; j.turn == nil && l.calls != nil {
		j.pool.mu.Lock()
		defer j.pool.mu.Unlock()
		j.turn = l.calls.Next()
	}
	return j.turn
}

// Park gives the place of a job at work to another while it waits for something, until resume is called. Those behind it that have
// no time for a flood wait are told at once; f is nil for all other waits.
func (j *Job) Park(why Reason, f *Flood) (resume func()) {
	p := j.pool
	p.mu.Lock()
	if j.parked {
		p.mu.Unlock()
		return func() {}
	}
	j.parked, j.since, j.why = true, time.Now(), why
	p.count(j.group, load{working: -1})
	var late []*Job
	if l := j.lane; l.ordered() && f != nil {
		l.flood = f
		late = l.remove(func(j *Job) bool { return f.outlasts(j.Work.Deadline()) })
		p.drop(late)
	}
	p.fill()
	p.mu.Unlock()
	for _, gone := range late {
		gone.Work.Refuse(f.told(time.Now()))
	}
	return j.resume
}

// resume returns when a job that waited has a place at work again.
func (j *Job) resume() {
	if wake := j.pool.wake(j); wake != nil {
		<-wake
	}
}

// wake has a job that waited go on when wake is closed; nil: at once.
func (p *Pool) wake(j *Job) (wake chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if l := j.lane; l.flood != nil && !l.flood.Until.After(time.Now()) {
		l.flood = nil
	}
	j.goesOn()
	wake = p.place(j)
	p.list(j.lane)
	p.fill()
	return wake
}

// place gives a job that has begun a place at work when wake is closed; nil: it has one.
func (p *Pool) place(j *Job) (wake chan struct{}) {
	if p.mayWork(j.group) {
		p.count(j.group, load{working: 1})
		return nil
	}
	wake = make(chan struct{})
	j.wake = wake
	p.listWoken(j)
	return wake
}

// Lend gives the place of a job at work to another, until giveBack is called. Those behind it in its lane begin nevertheless.
func (j *Job) Lend() (giveBack func()) {
	p := j.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	if j.parked {
		return func() {}
	}
	p.count(j.group, load{working: -1})
	p.fill()
	return func() {
		if wake := p.workAgain(j); wake != nil {
			since := time.Now()
			<-wake
			j.waited[ForRoom] += time.Since(since)
		}
	}
}

// workAgain has a job go on that has lent its place when wake is closed; nil: at once.
func (p *Pool) workAgain(j *Job) (wake chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.place(j)
}

// Settle has a job that has found out whose a name is go on in the lane of that chat, with all behind it that use the name. It waits
// there for those that came before it and have not begun.
func (j *Job) Settle(c Chat) {
	if c == (Chat{}) {
		return
	}
	if wake := j.pool.moveOver(j, c); wake != nil {
		<-wake
	}
}

// moveOver takes a job and those behind it from the lane of a name to that of a chat. The job goes on when wake is closed; nil: at once.
func (p *Pool) moveOver(j *Job, c Chat) (wake chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	from, to := j.lane, p.lanes.of(c)
	moved := from.waiting
	from.waiting = nil
	from.end(j)
	delete(p.lanes, from.chat)
	for _, m := range moved {
		m.Chat, m.lane = c, to
	}
	if len(to.waiting) == 0 || to.waiting[0].ticket > j.ticket {
		to.begin(j, p.sequence)
	} else {
		j.parked, j.gated, j.since, j.why = true, true, time.Now(), ForOrder
		j.wake, j.lane = make(chan struct{}), to
		wake = j.wake
		p.count(j.group, load{working: -1, begun: -1, waiting: 1})
		moved = append(moved, j)
	}
	to.insert(moved)
	p.list(to)
	p.fill()
	return wake
}
