package supervisor

import (
	"maps"
	"slices"
	"time"

	"github.com/natsgram/natsgram/bridge/share"
)

// lookLeast is how soon after a look the next may follow.
const lookLeast = 20 * time.Millisecond

// share has the machine decide who is to run what, whenever something changed, and does what it says, until ctx ends.
func (s *Supervisor) share() {
	for s.ctx.Err() == nil {
		changed := s.table.Changed()
		s.pulse.Begin()
		wait := s.look()
		s.pulse.End()
		t := time.NewTimer(max(wait, lookLeast))
		select {
		case <-s.ctx.Done():
		case <-changed:
		case <-s.wake:
		case <-t.C:
		}
		t.Stop()
	}
}

// wakeShare has share look again.
func (s *Supervisor) wakeShare() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// look does what there is to do, and says how soon to look again.
func (s *Supervisor) look() (wait time.Duration) {
	asked := map[string]bool{}
	for {
		v := s.view(time.Now())
		maps.Copy(v.Heard, asked)
		s.mu.Lock()
		d := s.machine.Look(v)
		s.mu.Unlock()
		s.do(d)
		if len(d.Ask) == 0 {
			return d.Wait
		}
		maps.Copy(asked, s.Answering(d.Ask))
	}
}

// do does what the machine has decided.
func (s *Supervisor) do(d share.Decision) {
	for _, name := range d.Take {
		s.start(name)
	}
	for _, name := range d.Close {
		if a := s.accounts.get(name); a != nil {
			a.close()
		}
	}
	for _, g := range d.Give {
		if a := s.accounts.get(g.Account); a != nil {
			a.giveTo(g.To)
		}
	}
}

func (s *Supervisor) start(name string) {
	a := s.accounts.add(name)
	s.work.Go(func() { s.tend(a) })
}

// view is what the machine has to know.
func (s *Supervisor) view(now time.Time) share.View {
	v := share.View{Now: now, Fleet: s.Fleet(now), Heard: s.pings.good(s.table.Members(now), now), Wishes: map[string]share.Wish{}}
	if !s.table.Ready() {
		v.Fleet.Self = "" // nothing is taken or given away until the records are confirmed
	}
	for _, name := range s.candidates() {
		a := share.Account{Name: name, Here: s.accounts.get(name) != nil}
		if !a.Here {
			holding := s.table.Holding(name, now)
			a.Closed, a.Taken, a.Since, a.For = holding.By.Closed, holding.Taken, holding.Since, holding.By.For
		}
		v.Accounts = append(v.Accounts, a)
	}
	for _, a := range s.accounts.list() {
		v.Own = append(v.Own, a.own())
		if m, ok := s.table.Asked(a.name, now); ok {
			v.Wishes[a.name] = share.Wish{To: m.To, Close: m.Close}
		}
	}
	return v
}

// candidates are the accounts that this daemon may run, sorted: those that were added or ever taken, those with a session, and
// those that the settings name.
func (s *Supervisor) candidates() []string {
	names := map[string]bool{}
	for _, name := range append(s.table.Accounts(), s.settings.Accounts...) {
		names[name] = true
	}
	s.mu.Lock()
	maps.Copy(names, s.stored)
	s.mu.Unlock()
	maps.DeleteFunc(names, func(name string, _ bool) bool { return !s.settings.Serves(name) })
	return slices.Sorted(maps.Keys(names))
}

// Fleet is the daemons that live, and how many accounts each has.
func (s *Supervisor) Fleet(now time.Time) share.Fleet {
	f := share.Fleet{Self: s.table.Self(), Loads: s.table.Loads(now)}
	for _, m := range s.table.Members(now) {
		f.Members = append(f.Members, share.Member{
			ID: m.ID, Name: m.Host, Capacity: m.Capacity, Accounts: m.Accounts, Leaving: m.Leaving,
		})
	}
	if f.Self == "" {
		return f
	}
	f.Loads[f.Self] = 0
	for _, a := range s.accounts.list() {
		if heir := a.heirID(); heir != "" {
			f.Loads[heir]++ // on its way
		} else {
			f.Loads[f.Self]++
		}
	}
	return f
}

// Successor reports whether another daemon would take an account now.
func (s *Supervisor) Successor(name string) bool {
	for f := s.Fleet(time.Now()); ; {
		to := f.Target(name, "")
		if to == "" || s.Answering([]string{to})[to] {
			return to != ""
		}
		f = f.Without(func(id string) bool { return id == to })
	}
}

// noteSession notes whether an account has a session in the vault.
func (s *Supervisor) noteSession(name string, there bool) {
	s.mu.Lock()
	if there {
		s.stored[name] = true
	} else {
		delete(s.stored, name)
	}
	s.mu.Unlock()
	s.wakeShare()
}
