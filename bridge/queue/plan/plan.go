// Package plan decides which of an account's jobs may run now: in order within each chat, the most urgent chat first, no earlier
// than is wanted and not after it is of use, the newest of those that replace each other (design §11). It is a machine: it is told what
// there is, what became of it and what time it is, and answers what to do next and when to be asked again.
//
// It knows little of many jobs. Of each chat it keeps those that come next, without their bodies; where there are more, it remembers
// from which sequence on, and asks for them when their turn comes. So what it needs depends on the number of chats that wait, not on
// that of jobs.
package plan

import "time"

// Job is a job of the queue, as far as it matters when it runs.
type Job struct {
	Seq       uint64 // in the stream: the order of jobs
	Chat      string
	Method    string
	ID        string // by which its sender knows it
	Priority  int    // -MostUrgent to MostUrgent, higher first
	NotBefore time.Time
	Expires   time.Time
	Coalesce  string // of those with the same text in a chat the newest is wanted, the others are not
}

// MostUrgent is the highest priority.
const MostUrgent = 9

// Limits of a plan. Zero ones have defaults.
type Limits struct {
	Work  int // jobs at work; 32
	Known int // jobs of all chats that are known at a time, about; 8192
	Later int // jobs known that are not due; 4096
}

const (
	leastWindow = 8   // jobs of a chat that are known at a time, where there are many chats
	mostWindow  = 256 // and where there are few
)

func (l Limits) withDefaults() Limits {
	set := func(n *int, d int) {
		if *n <= 0 {
			*n = d
		}
	}
	set(&l.Work, 32)
	set(&l.Known, 8192)
	set(&l.Later, 4096)
	return l
}

// Verb says what to do.
type Verb uint8

// What there is to do.
const (
	Nothing Verb = iota
	Run          // make the call of Job; then Done, Again or Park
	Drop         // Job is not to run any more, for the reason Why; then Done
	Read         // give the jobs of Chat from the sequence From on, Count of them, by Fill
	Scan         // give all jobs there are by Add
)

// Reason is why a job does not run.
type Reason string

// The reasons.
const (
	Expired  Reason = "expired"
	Replaced Reason = "replaced"
)

// Action is one thing to do. Each is given once.
type Action struct {
	Verb  Verb
	Job   Job
	Tries int    // of Job so far
	Err   string // why the last did not do
	Why   Reason // of Drop
	By    Job    // of Drop, when replaced: the newer one
	Chat  string // of Read
	From  uint64
	Count int
}

// entry is a job that is known.
type entry struct {
	Job
	place uint64 // by which it stands among those of its priority: its own sequence, or that of the first which it replaced
	tries int
	err   string // why the last try did not do
}

// Plan is the jobs of one account. It is not safe for concurrent use.
type Plan struct {
	limits  Limits
	chats   map[string]*chat
	turns   [2*MostUrgent + 1][]*chat // those that may have something to run, by priority; the first is next
	timers  timers                    // of chats that are held
	later   []*entry                  // jobs that are not due, the first due first
	notDue  map[uint64]bool           // their sequences
	beyond  time.Time                 // from then on there may be due jobs that are not known; zero: there are none
	scan    bool                      // there may be jobs that nobody has told of
	drops   []Action
	reads   []*chat
	gone    map[uint64]*chat // jobs that are being dropped; of nil: that wait for a person. They are in the stream all the same
	working map[uint64]*chat
	expiry  time.Time // none of the jobs that are known expires before
	methods map[string]flood
	held    time.Time // the account
	why     string
}

// New makes a plan without jobs.
func New(l Limits) *Plan {
	return &Plan{limits: l.withDefaults(), chats: map[string]*chat{}, gone: map[uint64]*chat{}, notDue: map[uint64]bool{}, working: map[uint64]*chat{}, methods: map[string]flood{}}
}

// Add tells of a job. All that there are of an account are told in the order of their sequences; any may be told again.
func (p *Plan) Add(now time.Time, j Job) {
	if p.knows(j) {
		return
	}
	if j.NotBefore.After(now) && !expired(now, j) {
		p.delay(j)
		return
	}
	c := p.chat(j.Chat)
	switch full := len(c.jobs)+c.leaving >= p.window(); {
	case c.next == 0 && (!full || j.Seq < c.top), c.next != 0 && j.Seq < c.next:
		p.insert(now, c, &entry{Job: j, place: j.Seq})
	case c.urgent(j) && len(c.jobs) < 2*p.window():
		p.insert(now, c, &entry{Job: j, place: j.Seq})
	default:
		c.skip(j)
	}
	p.tidy(now, c)
}

// knows reports whether a job was told of, and is not yet gone.
func (p *Plan) knows(j Job) bool {
	if _, gone := p.gone[j.Seq]; gone || p.working[j.Seq] != nil {
		return true
	}
	c := p.chats[j.Chat]
	return p.notDue[j.Seq] || c != nil && c.find(j.Seq) >= 0
}

// Fill answers Read: the jobs that there are of a chat, as many as were asked for; from next on there are more, 0: there were none.
func (p *Plan) Fill(now time.Time, name string, jobs []Job, next uint64) {
	c := p.chats[name]
	if c == nil || !c.reading {
		return
	}
	c.reading = false
	last := c.next
	for _, j := range jobs {
		last = j.Seq + 1
		switch {
		case j.Chat != name, p.knows(j):
		case j.NotBefore.After(now) && !expired(now, j):
			p.delay(j)
		default:
			p.insert(now, c, &entry{Job: j, place: j.Seq})
		}
	}
	if c.next = next; next == 0 && c.missed >= last { // one came meanwhile
		c.next = last
	}
	c.missed = 0
	p.tidy(now, c)
}

// Again gives a job back that is to be tried later: Telegram wants it to wait, or was not reached. Its chat waits with it, since order
// is kept. flood says that Telegram wants the method to wait: when it says so in a second chat as well, the method waits in all.
func (p *Plan) Again(now time.Time, seq uint64, until time.Time, err string, flood bool) {
	c := p.working[seq]
	if c == nil {
		return
	}
	e := c.at
	c.at, e.err = nil, err
	e.tries++
	delete(p.working, seq)
	p.hold(c, until, err)
	if flood {
		p.flooded(now, c, e.Method, until)
	}
	p.insert(now, c, e)
	p.tidy(now, c)
}

// Hold makes a chat wait, as is known of it from before.
func (p *Plan) Hold(now time.Time, name string, until time.Time, why string) {
	if until.After(now) {
		c := p.chat(name)
		p.hold(c, until, why)
		p.tidy(now, c)
	}
}

// Pause makes the account wait: it has no connection, or somebody has frozen it. The zero time ends that.
func (p *Plan) Pause(until time.Time, why string) { p.held, p.why = until, why }

// Overlooked tells that there may be jobs of which nobody has told: all are to be told again.
func (p *Plan) Overlooked() { p.scan = true }

// Done tells that a job is gone from the stream.
func (p *Plan) Done(now time.Time, seq uint64) {
	if c := p.working[seq]; c != nil {
		delete(p.working, seq)
		c.at = nil
		p.tidy(now, c)
		return
	}
	c := p.gone[seq]
	delete(p.gone, seq)
	if c != nil {
		c.leaving--
		p.tidy(now, c)
	}
}

// Park leaves a job in the stream that is not to be run, until a person decides about it. It holds up no other.
func (p *Plan) Park(now time.Time, seq uint64) {
	if c := p.working[seq]; c != nil {
		delete(p.working, seq)
		c.at = nil
		p.tidy(now, c)
	}
	p.gone[seq] = nil
}

// Unpark forgets a job that was parked, so that it can be added again.
func (p *Plan) Unpark(seq uint64) {
	if c, gone := p.gone[seq]; gone && c == nil {
		delete(p.gone, seq)
	}
}

// Take takes a job out that is not at work, for its caller to drop; then Done. False: it is at work, or is being dropped.
func (p *Plan) Take(now time.Time, j Job) bool {
	if c, gone := p.gone[j.Seq]; gone {
		return c == nil
	}
	if p.working[j.Seq] != nil {
		return false
	}
	if p.notDue[j.Seq] {
		p.cutLater(p.findLater(j.Seq))
		p.gone[j.Seq] = nil
		return true
	}
	c := p.chat(j.Chat)
	if i := c.find(j.Seq); i >= 0 {
		c.cut(i)
	}
	p.gone[j.Seq] = c
	c.leaving++
	p.tidy(now, c)
	return true
}

// Release ends what keeps a chat and a method from being tried: a person says so.
func (p *Plan) Release(now time.Time, j Job) {
	delete(p.methods, j.Method)
	if c := p.chats[j.Chat]; c != nil {
		c.held, c.why = time.Time{}, ""
		p.tidy(now, c)
	}
}

// Next is what to do now.
func (p *Plan) Next(now time.Time) Action {
	p.turn(now)
	if len(p.drops) > 0 {
		a := p.drops[0]
		p.drops = p.drops[1:]
		return a
	}
	for len(p.reads) > 0 {
		c := p.reads[0]
		p.reads = p.reads[1:]
		if n := p.window() - len(c.jobs); c.reading && n > 0 {
			return Action{Verb: Read, Chat: c.name, From: c.next, Count: n}
		}
		c.reading = false
	}
	if p.scan {
		p.scan, p.beyond = false, time.Time{}
		return Action{Verb: Scan}
	}
	if !p.beyond.IsZero() && (!p.beyond.After(now) || len(p.later) <= p.limits.Later/2) {
		p.beyond = time.Time{}
		return Action{Verb: Scan}
	}
	if p.held.After(now) || len(p.working) >= p.limits.Work {
		return Action{}
	}
	return p.run(now)
}

// turn moves on what the time has come for.
func (p *Plan) turn(now time.Time) {
	for len(p.later) > 0 && !p.later[0].NotBefore.After(now) {
		e := p.later[0]
		p.cutLater(0)
		c := p.chat(e.Chat)
		p.insert(now, c, e)
		p.tidy(now, c)
	}
	for c, due := p.timers.due(now); due; c, due = p.timers.due(now) {
		c.timed = false
		p.tidy(now, c)
	}
	if !p.expiry.IsZero() && !p.expiry.After(now) {
		p.sweep(now)
	}
	if !p.held.After(now) {
		p.held, p.why = time.Time{}, ""
	}
}

// run takes the chat whose turn it is, of the most urgent ones.
func (p *Plan) run(now time.Time) Action {
	for level := len(p.turns) - 1; level >= 0; level-- {
		for len(p.turns[level]) > 0 {
			c := p.turns[level][0]
			p.turns[level] = p.turns[level][1:]
			if c.turn != level+1 { // it waits for another turn since
				continue
			}
			c.turn = 0
			if !c.ready(now) || levelOf(c.jobs[0]) != level {
				p.tidy(now, c)
				continue
			}
			if f := p.methods[c.jobs[0].Method]; f.all && f.until.After(now) {
				p.hold(c, f.until, f.why)
				p.tidy(now, c)
				continue
			}
			e := c.jobs[0]
			c.cut(0)
			c.at, p.working[e.Seq] = e, c
			p.tidy(now, c)
			return Action{Verb: Run, Job: e.Job, Tries: e.tries, Err: e.err}
		}
	}
	return Action{}
}

// Wake is when to ask Next again, though nothing happens before; zero: never.
func (p *Plan) Wake() (at time.Time) {
	sooner := func(t time.Time) {
		if !t.IsZero() && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	if len(p.timers) > 0 {
		sooner(p.timers[0].at)
	}
	if len(p.later) > 0 {
		sooner(p.later[0].NotBefore)
	}
	sooner(p.expiry)
	sooner(p.beyond)
	sooner(p.held)
	return at
}

// Working is how many jobs are at work.
func (p *Plan) Working() int { return len(p.working) }

// Chats is in how many chats there are jobs that are known, due or not.
func (p *Plan) Chats() int {
	n := len(p.chats)
	later := map[string]bool{}
	for _, e := range p.later {
		if p.chats[e.Chat] == nil && !later[e.Chat] {
			later[e.Chat] = true
			n++
		}
	}
	return n
}
