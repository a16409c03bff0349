package plan

import (
	"cmp"
	"container/heap"
	"slices"
	"time"
)

// chat is what is known of one chat's jobs.
type chat struct {
	name    string
	jobs    []*entry // those that come next, in order
	top     uint64   // the highest sequence of a job that has been among them
	next    uint64   // from here on there are jobs that are not known; 0: there are none
	skipped int      // the highest priority of one of those
	missed  uint64   // the last job that was skipped while more were being read
	reading bool
	at      *entry    // at work
	leaving int       // jobs that are being dropped: until they are gone the next one does not run, or an older edit could come last
	held    time.Time // not before
	why     string    // it is held
	turn    int       // the level of turns where it waits, plus one; 0: nowhere
	timed   bool      // it is among the timers
}

// chat finds one, or begins to know it.
func (p *Plan) chat(name string) *chat {
	c := p.chats[name]
	if c == nil {
		c = &chat{name: name}
		p.chats[name] = c
	}
	return c
}

// window is how many jobs of a chat are known at a time.
func (p *Plan) window() int {
	return min(max(p.limits.Known/max(len(p.chats), 1), leastWindow), mostWindow)
}

// order is that in which a chat's jobs run.
func order(a, b *entry) int {
	return cmp.Or(cmp.Compare(b.Priority, a.Priority), cmp.Compare(a.place, b.place), cmp.Compare(a.Seq, b.Seq))
}

func levelOf(e *entry) int { return min(max(e.Priority, -MostUrgent), MostUrgent) + MostUrgent }

func (c *chat) find(seq uint64) int {
	return slices.IndexFunc(c.jobs, func(e *entry) bool { return e.Seq == seq })
}

func (c *chat) cut(i int) { c.jobs = slices.Delete(c.jobs, i, i+1) }

// urgent reports whether a job overtakes all that there is behind those that are known, and one of these.
func (c *chat) urgent(j Job) bool {
	return len(c.jobs) > 0 && j.Priority > c.jobs[len(c.jobs)-1].Priority && (c.next == 0 || j.Priority > c.skipped)
}

// skip leaves a job to be read later.
func (c *chat) skip(j Job) {
	if c.next == 0 {
		c.next, c.skipped = j.Seq, j.Priority
	}
	c.skipped = max(c.skipped, j.Priority)
	if c.reading {
		c.missed = max(c.missed, j.Seq)
	}
}

// ready reports whether the chat's first job may run.
func (c *chat) ready(now time.Time) bool {
	return len(c.jobs) > 0 && c.at == nil && c.leaving == 0 && !c.held.After(now)
}

// insert puts a job among those that come next, unless it is not to run at all.
func (p *Plan) insert(now time.Time, c *chat, e *entry) {
	c.top = max(c.top, e.Seq)
	if expired(now, e.Job) {
		p.drop(c, e, Expired, Job{})
		return
	}
	if !p.coalesce(c, e) {
		return
	}
	i, _ := slices.BinarySearchFunc(c.jobs, e, order)
	c.jobs = slices.Insert(c.jobs, i, e)
	p.expires(e.Job)
}

// coalesce drops an older job that e replaces, and has e take its place: at the end of the line, what is replaced again and again
// would never have its turn. False: e itself is replaced.
func (p *Plan) coalesce(c *chat, e *entry) bool {
	if e.Coalesce == "" {
		return true
	}
	i := slices.IndexFunc(c.jobs, func(o *entry) bool { return o.Coalesce == e.Coalesce })
	switch {
	case i < 0:
		return true
	case c.jobs[i].Seq > e.Seq:
		newer := c.jobs[i]
		c.cut(i)
		newer.place = min(newer.place, e.place)
		p.drop(c, e, Replaced, newer.Job)
		at, _ := slices.BinarySearchFunc(c.jobs, newer, order)
		c.jobs = slices.Insert(c.jobs, at, newer)
		return false
	}
	older := c.jobs[i]
	c.cut(i)
	e.place = min(e.place, older.place)
	p.drop(c, older, Replaced, e.Job)
	return true
}

func (p *Plan) drop(c *chat, e *entry, why Reason, by Job) {
	p.gone[e.Seq] = c
	c.leaving++
	p.drops = append(p.drops, Action{Verb: Drop, Job: e.Job, Tries: e.tries, Err: e.err, Why: why, By: by})
}

func expired(now time.Time, j Job) bool { return !j.Expires.IsZero() && !j.Expires.After(now) }

// expires notes when a job that is known does.
func (p *Plan) expires(j Job) {
	if !j.Expires.IsZero() && (p.expiry.IsZero() || j.Expires.Before(p.expiry)) {
		p.expiry = j.Expires
	}
}

// sweep drops what has expired, also of what is held or not due.
func (p *Plan) sweep(now time.Time) {
	p.expiry = time.Time{}
	for _, e := range slices.Clone(p.later) {
		if p.expires(e.Job); expired(now, e.Job) {
			p.cutLater(p.findLater(e.Seq))
			p.drop(p.chat(e.Chat), e, Expired, Job{})
		}
	}
	for _, c := range p.chats {
		c.jobs = slices.DeleteFunc(c.jobs, func(e *entry) bool {
			over := expired(now, e.Job)
			if over {
				p.drop(c, e, Expired, Job{})
			} else {
				p.expires(e.Job)
			}
			return over
		})
		p.tidy(now, c)
	}
	if !p.expiry.IsZero() && !p.expiry.After(now) {
		p.expiry = time.Time{} // of those that were dropped
	}
}

// tidy has a chat wait for what it waits for, and forgets one that waits for nothing.
func (p *Plan) tidy(now time.Time, c *chat) {
	if c.next != 0 && !c.reading && len(c.jobs) < p.window()/2 {
		c.reading = true
		p.reads = append(p.reads, c)
	}
	switch {
	case len(c.jobs) == 0 && c.next == 0 && c.at == nil && c.leaving == 0 && !c.held.After(now):
		if p.chats[c.name] == c {
			delete(p.chats, c.name)
		}
	case c.at != nil || c.leaving > 0:
	case c.held.After(now):
		if !c.timed {
			c.timed = true
			heap.Push(&p.timers, timer{c.held, c})
		}
	case len(c.jobs) > 0:
		if level := levelOf(c.jobs[0]); c.turn != level+1 {
			c.turn = level + 1
			p.turns[level] = append(p.turns[level], c)
		}
	}
}

func (p *Plan) hold(c *chat, until time.Time, why string) {
	c.held, c.why = until, why
	if c.timed {
		p.timers.move(c, until)
	}
}

// delay keeps a job that is not due. Of too many the last due ones are left aside, and looked for again in time.
func (p *Plan) delay(j Job) {
	e := &entry{Job: j, place: j.Seq}
	i, _ := slices.BinarySearchFunc(p.later, e, func(a, b *entry) int {
		return cmp.Or(a.NotBefore.Compare(b.NotBefore), cmp.Compare(a.Seq, b.Seq))
	})
	p.later = slices.Insert(p.later, i, e)
	p.notDue[j.Seq] = true
	if n := len(p.later); n > p.limits.Later {
		if last := p.later[n-1]; p.beyond.IsZero() || last.NotBefore.Before(p.beyond) {
			p.beyond = last.NotBefore
		}
		p.cutLater(n - 1)
	}
	p.expires(j)
}

func (p *Plan) findLater(seq uint64) int {
	return slices.IndexFunc(p.later, func(e *entry) bool { return e.Seq == seq })
}

func (p *Plan) cutLater(i int) {
	delete(p.notDue, p.later[i].Seq)
	p.later = slices.Delete(p.later, i, i+1)
}

// flood is a method that Telegram wanted to wait.
type flood struct {
	until time.Time
	chat  string
	why   string
	all   bool // in more than one chat
}

// mostFloods is how many methods are remembered.
const mostFloods = 256

// flooded notes that a method is to wait. In one chat that may be the chat's own limit; in two it is the account's, and to find that
// out in each of a thousand chats would be a thousand calls too many.
func (p *Plan) flooded(now time.Time, c *chat, method string, until time.Time) {
	f := p.methods[method]
	if f.until.After(now) {
		f.all = f.all || f.chat != c.name
	} else {
		f = flood{}
	}
	if until.After(f.until) {
		f.until = until
	}
	f.chat, f.why = c.name, method+" has to wait in all chats: "+c.why
	if len(p.methods) >= mostFloods {
		for name, old := range p.methods {
			if !old.until.After(now) {
				delete(p.methods, name)
			}
		}
	}
	if len(p.methods) < mostFloods {
		p.methods[method] = f
	}
}

// timer is a chat that is held.
type timer struct {
	at   time.Time
	chat *chat
}

type timers []timer

func (t timers) Len() int           { return len(t) }
func (t timers) Less(i, j int) bool { return t[i].at.Before(t[j].at) }
func (t timers) Swap(i, j int)      { t[i], t[j] = t[j], t[i] }
func (t *timers) Push(x any)        { *t = append(*t, x.(timer)) } //nolint:forcetypeassert // of this file
func (t *timers) Pop() any {
	old := *t
	last := old[len(old)-1]
	old[len(old)-1] = timer{}
	*t = old[:len(old)-1]
	return last
}

// due takes out a chat that is held no longer.
func (t *timers) due(now time.Time) (*chat, bool) {
	if len(*t) == 0 || (*t)[0].at.After(now) {
		return nil, false
	}
	return heap.Pop(t).(timer).chat, true //nolint:forcetypeassert // of this file
}

func (t *timers) move(c *chat, at time.Time) {
	if i := slices.IndexFunc(*t, func(x timer) bool { return x.chat == c }); i >= 0 {
		(*t)[i].at = at
		heap.Fix(t, i)
	}
}
