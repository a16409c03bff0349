package rpc

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/natsgram/natsgram/bridge/answer"
)

// Sequence has calls executed in the order of their turns: an mtproto.Sequence, or whatever stands in for it.
type Sequence interface{ Next() Turn }

// Turn is a call's place in a [Sequence]. It is used for a call, or left.
type Turn interface {
	Invoke(ctx context.Context, query []byte) ([]byte, error)
	Leave()
}

// chat is what calls are kept in order for. Kind says what ID or Name stand for.
type chat struct {
	kind byte
	id   int64
	name string
}

// Kinds of chats.
const (
	aUser    byte = 'u'
	aGroup   byte = 'g'
	aChannel byte = 'c'
	aSecret  byte = 's'
	aCall    byte = 'p'
	anInline byte = 'i' // a message that somebody sent by way of a bot
	aMethod  byte = 'm' // calls of one method that names no chat
	aName    byte = 'n' // whose it is has to be looked up
)

// lane is the jobs that write to one chat, in the order in which they came; or, without a chat, those of a group that need no order.
//
// A job begins when those before it in the lane have begun, and takes its turn in the lane's sequence as it does, so that all of
// them are on their way to Telegram at once. While the last that has begun waits for something, the next does not begin: it
// could do no more than wait as well.
//
// A name of which it is not known whose it is has a lane of its own, where one job at a time begins. When that one has found out
// whose the name is, it goes on in that chat's lane, and takes all those behind it along (see settle).
type lane struct {
	chat    chat
	waiting []*job // in the order of their tickets
	begun   int
	last    *job     // that has begun; nil: none, or it is done
	calls   Sequence // nil: nobody has begun yet
	listed  *group   // in whose turns it is; nil: in none
	listing uint64   // which of its listings is the last
	flood   *flood   // that somebody in the lane sits out
}

// flood is a wait that Telegram asked for, and how whoever has not the time is told.
type flood struct {
	until time.Time
	fault Fault
}

func (l *lane) ordered() bool { return l.chat != chat{} }

// open reports whether the lane's next job may begin, as far as the lane goes.
func (l *lane) open() bool {
	switch {
	case !l.ordered():
		return true
	case l.chat.kind == aName:
		return l.begun == 0
	}
	return l.last == nil || !l.last.parked
}

// take takes the first job.
func (l *lane) take() *job {
	j := l.waiting[0]
	l.waiting[0] = nil
	if l.waiting = l.waiting[1:]; len(l.waiting) == 0 {
		l.waiting = nil // give back what is done
	}
	return j
}

// begin gives a job its turn.
func (l *lane) begin(p *pool, j *job) {
	j.lane = l
	l.begun++
	if !l.ordered() {
		return
	}
	l.last = j
	if l.chat.kind == aName {
		return
	}
	if l.calls == nil && p.sequence != nil {
		l.calls = p.sequence()
	}
	if l.calls != nil {
		j.turn = l.calls.Next()
	}
}

// turnOf is a job's turn; nil: it needs none. One that was given up is taken anew.
func (p *pool) turnOf(j *job) Turn {
	if l := j.lane; j.turn == nil && l.calls != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		j.turn = l.calls.Next()
	}
	return j.turn
}

// leave gives up the turn of a job that makes no call, for now or for good.
func (j *job) leave() {
	if j.turn != nil {
		j.turn.Leave()
		j.turn = nil
	}
}

// end lets go of a job that is done.
func (l *lane) end(j *job) {
	l.begun--
	if l.last == j {
		l.last = nil
	}
}

// laneLocked finds the lane of a job. Behind others that wait for whose a name is it waits too, even if that is known by now: they
// came first.
func (p *pool) laneLocked(j *job) *lane {
	if j.chat == (chat{}) {
		return &j.group.free
	}
	if j.chat.kind == aName && p.lanes[j.chat] == nil {
		if c := p.whose(j.chat.name); c != (chat{}) {
			j.chat = c
		}
	}
	return p.laneOfLocked(j.chat)
}

func (p *pool) laneOfLocked(c chat) *lane {
	l := p.lanes[c]
	if l == nil {
		l = &lane{chat: c}
		p.lanes[c] = l
	}
	return l
}

// settle has a job that has found out whose a name is go on in the lane of that chat, with all behind it that use the name. It waits
// there for those that came before it and have not begun.
func (p *pool) settle(j *job, c chat) {
	if c == (chat{}) {
		return
	}
	if wake := p.moveOver(j, c); wake != nil {
		<-wake
	}
}

// moveOver takes a job and those behind it from the lane of a name to that of a chat. The job goes on when wake is closed; nil: at once.
func (p *pool) moveOver(j *job, c chat) (wake chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	from, to := j.lane, p.laneOfLocked(c)
	moved := from.waiting
	from.waiting = nil
	from.end(j)
	delete(p.lanes, from.chat)
	for _, m := range moved {
		m.chat, m.lane = c, to
	}
	if len(to.waiting) == 0 || to.waiting[0].ticket > j.ticket {
		to.begin(p, j)
	} else {
		j.parked, j.gated, j.since, j.why = true, true, time.Now(), forOrder
		j.wake, j.lane = make(chan struct{}), to
		wake = j.wake
		p.count(j.group, load{working: -1, begun: -1, waiting: 1})
		moved = append(moved, j)
	}
	if len(moved) > 0 {
		to.waiting = append(to.waiting, moved...)
		slices.SortStableFunc(to.waiting, byTicket)
	}
	p.listLocked(to)
	p.fillLocked()
	return wake
}

func byTicket(a, b *job) int {
	if a.ticket < b.ticket {
		return -1
	}
	return 1
}

// remove takes jobs out that have not begun. One that has, and waits to go on in this lane, stays.
func (l *lane) remove(which func(*job) bool) (gone []*job) {
	l.waiting = slices.DeleteFunc(l.waiting, func(j *job) bool {
		if !j.gated && which(j) {
			gone = append(gone, j)
			return true
		}
		return false
	})
	return gone
}

// lanesLocked goes over all lanes.
func (p *pool) lanesLocked(do func(*lane)) {
	for _, l := range p.lanes {
		do(l)
	}
	for _, c := range p.callers {
		for _, g := range c.groups {
			do(&g.free)
		}
	}
}

func (f *flood) outlasts(end time.Time) bool { return f != nil && f.until.After(end) }

// told is the fault of a job that has no time for a flood wait of its chat: nothing of it was sent.
func (f *flood) told(now time.Time) *Fault {
	fault := f.fault
	fault.Sent, fault.RetryAfter = answer.No, max(f.until.Sub(now), time.Second)
	return &fault
}

// hold begins no more jobs: those that wait, and those that come, are kept, but for those from inside the daemon.
func (p *pool) hold() {
	for _, j := range p.holdAll() {
		p.refuse(j, passing())
	}
}

func (p *pool) holdAll() (inside []*job) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.endAwaitLocked()
	p.holding = true
	p.kept = slices.DeleteFunc(p.kept, func(j *job) bool {
		if j.IsInside() {
			inside = append(inside, j)
			p.unkeepLocked(j)
		}
		return j.IsInside()
	})
	p.lanesLocked(func(l *lane) {
		gone := l.remove((*job).isInside)
		inside = append(inside, gone...)
		p.dropLocked(gone)
		for _, j := range l.remove(func(*job) bool { return true }) {
			p.count(j.group, load{waiting: -1})
			j.group.caller.bytes -= int64(j.Size()) // and kept, it counts for all
			p.kept = append(p.kept, j)
			p.listLocked(l)
		}
	})
	for _, j := range p.kept {
		p.forgetLocked(j.group, j.lane)
	}
	p.fillLocked() // nothing but those that have begun and wait for their turn
	return inside
}

// keep puts a job to those that are kept. False: nothing is kept, or too much.
func (p *pool) keep(j *job) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.holding && p.keepLocked(j)
}

func (p *pool) keepLocked(j *job) bool {
	n := int64(j.Size())
	if len(p.kept) >= p.limits.queue+p.limits.begun || p.bytes+n > p.limits.bytes || !p.budget.take(p.bytes, n) {
		return false
	}
	p.bytes += n
	p.kept = append(p.kept, j)
	return true
}

// await keeps all jobs until release, which begins them by their places; those of one place in the order in which they came.
func (p *pool) await(place func(j *job, passed bool) int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.holding, p.awaiting = true, place
}

// endAwaitLocked puts what was kept since await into its order.
func (p *pool) endAwaitLocked() {
	if p.awaiting == nil {
		return
	}
	places := map[*job]int{}
	for _, j := range p.kept {
		places[j] = p.awaiting(j, j.passed)
	}
	p.awaiting, p.holding = nil, false
	slices.SortStableFunc(p.kept, func(a, b *job) int { return cmp.Compare(places[a], places[b]) })
	for _, j := range p.kept {
		p.tickets++
		j.ticket = p.tickets
	}
}

// release begins what was kept since await, and gives those for which there is no room.
func (p *pool) release(from func(*job) string) (refused map[*job]*Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.awaiting == nil {
		return nil
	}
	p.endAwaitLocked()
	kept := p.kept
	p.kept, refused = nil, map[*job]*Fault{}
	for _, j := range kept {
		p.unkeepLocked(j)
		if fault := p.submitLocked(from(j), j); fault != nil {
			refused[j] = fault
		}
	}
	return refused
}

func (p *pool) unkeepLocked(j *job) {
	n := int64(j.Size())
	p.bytes -= n
	p.budget.release(n)
}

// takeKept gives what was kept, in the order in which it came. Nothing is any more.
func (p *pool) takeKept() []*job {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := p.kept
	for _, j := range all {
		p.unkeepLocked(j)
	}
	slices.SortStableFunc(all, byTicket)
	p.kept, p.limits = nil, limits{}
	return all
}
