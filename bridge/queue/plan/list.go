package plan

import (
	"cmp"
	"slices"
	"time"
)

// State is how a job does.
type State string

// The states.
const (
	Running State = "running"
	Ready   State = "ready"   // its turn comes
	Waiting State = "waiting" // until a time, for the reason Why
	Later   State = "later"   // it is not due
	Behind  State = "behind"  // another of its chat comes first
)

// Item is a job that is known, and how it does.
type Item struct {
	Job
	State State
	Tries int
	Err   string // of the last try
	Why   string
	Until time.Time
}

// List is the jobs that are known, of one chat or with an empty name of all, in the order of their sequences.
func (p *Plan) List(now time.Time, name string) (all []Item) {
	for _, c := range p.chats {
		if name == "" || c.name == name {
			all = append(all, p.listChat(now, c)...)
		}
	}
	for _, e := range p.later {
		if name == "" || e.Chat == name {
			all = append(all, Item{Job: e.Job, State: Later, Until: e.NotBefore, Tries: e.tries, Err: e.err})
		}
	}
	slices.SortFunc(all, func(a, b Item) int { return cmp.Compare(a.Seq, b.Seq) })
	return all
}

func (p *Plan) listChat(now time.Time, c *chat) (all []Item) {
	if c.at != nil {
		all = append(all, Item{Job: c.at.Job, State: Running, Tries: c.at.tries, Err: c.at.err})
	}
	for i, e := range c.jobs {
		it := Item{Job: e.Job, State: Ready, Tries: e.tries, Err: e.err}
		switch {
		case i > 0 || c.at != nil:
			it.State = Behind
		case c.held.After(now):
			it.State, it.Until, it.Why = Waiting, c.held, c.why
		case p.held.After(now):
			it.State, it.Until, it.Why = Waiting, p.held, p.why
		}
		all = append(all, it)
	}
	return all
}

// Find is a job that is known.
func (p *Plan) Find(now time.Time, chat string, seq uint64) (Item, bool) {
	for _, it := range p.List(now, chat) {
		if it.Seq == seq {
			return it, true
		}
	}
	return Item{}, false
}

// Held is until when the account waits, and why; zero: it does not.
func (p *Plan) Held(now time.Time) (time.Time, string) {
	if p.held.After(now) {
		return p.held, p.why
	}
	return time.Time{}, ""
}
