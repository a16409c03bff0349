package rpc

import (
	"strconv"
	"strings"
	"time"

	"github.com/natsgram/natsgram/mtproto"
)

// reason is why a job waits.
type reason uint8

// The reasons, and how answers tell of them.
const (
	forRoom   reason = iota // other requests were at work
	forOrder                // a request to the same chat came before
	forRepeat               // a request with the same Nats-Msg-Id was at work
	forLookup               // whose a name is had to be asked
	forUpload               // files that it names had to be brought to Telegram
	forFlood                // Telegram said so
	reasons
)

var reasonNames = [reasons]string{forRoom: "room", forOrder: "order", forRepeat: "repeat", forLookup: "lookup", forUpload: "upload", forFlood: "flood"}

// waits is how long a job has waited for what, and what it waits for.
type waits struct {
	waited [reasons]time.Duration
	since  time.Time
	why    reason
	parked bool          // it has begun, and waits
	gated  bool          // it stands in its lane among those that have not begun
	wake   chan struct{} // closed when it may go on
}

// queued notes that a job waits to begin in a lane.
func (j *job) queued(l *lane) {
	j.lane = l
	if j.why = forRoom; l.ordered() && !l.open() {
		j.why = forOrder
	}
}

// begins notes that it begins.
func (j *job) begins() {
	switch {
	case j.gated:
		j.goesOn()
	case j.lane != nil:
		j.waited[j.why] += time.Since(j.at)
	}
}

// leastWaited is the shortest wait that an answer tells of.
const leastWaited = 50 * time.Millisecond

// told is how long a job has waited for what, as in "2.4 flood, 0.3 order"; empty: not for long.
func (w *waits) told() string {
	var all []string
	for why := reasons; why > 0; why-- {
		if d := w.waited[why-1]; d >= leastWaited {
			all = append(all, strconv.FormatFloat(d.Seconds(), 'f', 1, 64)+" "+reasonNames[why-1])
		}
	}
	return strings.Join(all, ", ")
}

// BeginWait is what a call tells of its waits while it is on its way to Telegram.
func (j *job) BeginWait(w mtproto.Wait) (end func()) {
	p := j.service.pool
	switch w.For {
	case mtproto.WaitTurn:
		return p.park(j, forOrder, nil)
	case mtproto.WaitElse:
		if j.asksOnce {
			j.leave() // the other request may be behind this one
			return p.park(j, forRepeat, nil)
		}
		return p.park(j, forLookup, nil)
	case mtproto.WaitStore:
		return p.lend(j)
	case mtproto.WaitFlood:
	}
	return p.park(j, forFlood, &flood{until: w.Until, fault: j.service.c.Explain(w.Refusal)})
}

// park gives the place of a job at work to another while it waits for something, until resume is called. Those behind it that have
// no time for a flood wait are told at once.
func (p *pool) park(j *job, why reason, f *flood) (resume func()) {
	p.mu.Lock()
	if j.parked {
		p.mu.Unlock()
		return func() {}
	}
	j.parked, j.since, j.why = true, time.Now(), why
	p.count(j.group, load{working: -1})
	var late []*job
	if l := j.lane; l.ordered() && f != nil {
		l.flood = f
		late = l.remove(func(j *job) bool { return f.outlasts(p.deadline(j)) })
		p.dropLocked(late)
	}
	p.fillLocked()
	p.mu.Unlock()
	for _, gone := range late {
		p.refuse(gone, f.told(time.Now()))
	}
	return func() { p.resume(j) }
}

// lend gives the place of a job at work to another, until giveBack is called. Those behind it in its lane begin nevertheless.
func (p *pool) lend(j *job) (giveBack func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if j.parked {
		return func() {}
	}
	p.count(j.group, load{working: -1})
	p.fillLocked()
	return func() {
		if wake := p.workAgain(j); wake != nil {
			since := time.Now()
			<-wake
			j.waited[forRoom] += time.Since(since)
		}
	}
}

// workAgain has a job go on that has lent its place when wake is closed; nil: at once.
func (p *pool) workAgain(j *job) (wake chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.placeLocked(j)
}

// placeLocked gives a job that has begun a place at work when wake is closed; nil: it has one.
func (p *pool) placeLocked(j *job) (wake chan struct{}) {
	if p.mayWork(j.group) {
		p.count(j.group, load{working: 1})
		return nil
	}
	wake = make(chan struct{})
	j.wake = wake
	p.queueWokenLocked(j)
	return wake
}

// resume returns when a job that waited has a place at work again.
func (p *pool) resume(j *job) {
	if wake := p.wake(j); wake != nil {
		<-wake
	}
}

// wake has a job that waited go on when wake is closed; nil: at once.
func (p *pool) wake(j *job) (wake chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if l := j.lane; l.flood != nil && !l.flood.until.After(time.Now()) {
		l.flood = nil
	}
	j.goesOn()
	wake = p.placeLocked(j)
	p.listLocked(j.lane)
	p.fillLocked()
	return wake
}

func (j *job) goesOn() {
	j.parked, j.gated = false, false
	j.waited[j.why] += time.Since(j.since)
}

func (p *pool) queueWokenLocked(j *job) {
	j.group.woken = append(j.group.woken, j)
	p.listGroupLocked(j.group)
}

// sweepEvery is how often the jobs that wait are looked through for those whose time is over.
const sweepEvery = 250 * time.Millisecond

func (p *pool) sweepLaterLocked() {
	if p.sweeper == nil {
		p.sweeper = time.AfterFunc(sweepEvery, p.sweep)
	}
}

// sweep tells those that their time is over who still wait to begin. It is done again while there are others.
func (p *pool) sweep() {
	p.mu.Lock()
	now := time.Now()
	var late []*job
	p.lanesLocked(func(l *lane) {
		late = append(late, l.remove(func(j *job) bool { return !p.deadline(j).After(now) })...)
	})
	p.dropLocked(late)
	p.fillLocked()
	if p.sweeper = nil; p.waiting > 0 {
		p.sweepLaterLocked()
	}
	p.mu.Unlock()
	for _, gone := range late {
		p.refuse(gone, tooLate())
	}
}

// dropLocked lets go of jobs that have not begun, and will not.
func (p *pool) dropLocked(jobs []*job) {
	for _, j := range jobs {
		n := int64(j.Size())
		p.count(j.group, load{waiting: -1})
		j.group.caller.bytes -= n
		p.bytes -= n
		p.budget.release(n)
		p.listLocked(j.lane)
		p.forgetLocked(j.group, j.lane)
	}
}
