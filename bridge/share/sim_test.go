package share

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// The times of the model: a lease outlives a dead daemon, an account that was given away is left to its heir, and what one daemon
// writes the others see a moment later.
const (
	leaseTime = 10 * time.Second
	heirTime  = 3 * time.Second
	lagMost   = 100 * time.Millisecond
	startMost = 500 * time.Millisecond // of an account
	endMost   = 400 * time.Millisecond
	step      = 20 * time.Millisecond
)

// record is who has an account, as it is written down for all.
type record struct {
	holder string
	heir   string // free, and given to
	free   bool
	since  time.Time
}

// snapshot is all that is written down at a time.
type snapshot struct {
	at      time.Time
	n       int
	members map[string]Member
	died    map[string]time.Time
	records map[string]record
}

// move is an account that another daemon took than had it before.
type move struct {
	at                time.Time
	account, from, to string
}

// sim is a fleet in a world without NATS, Telegram and clocks.
type sim struct {
	t       *testing.T
	r       *rand.Rand
	now     time.Time
	daemons map[string]*daemon
	written snapshot
	past    []snapshot // every snapshot that somebody may still see, oldest first
	changed bool
	moves   []move
	born    int
}

// daemon is one of a sim.
type daemon struct {
	Member
	machine *Machine
	own     map[string]*Own
	until   map[string]time.Time // when what goes on with an account ends: its start, or its end where it leaves
	leaving map[string]bool      // accounts that end
	lag     time.Duration
	next    time.Time
	saw     int // the number of the snapshot
}

func newSim(t *testing.T, seed uint64) *sim {
	return &sim{
		t: t, r: rand.New(rand.NewPCG(seed, 7)), now: time.Unix(1_700_000_000, 0), daemons: map[string]*daemon{},
		written: snapshot{members: map[string]Member{}, died: map[string]time.Time{}, records: map[string]record{}},
	}
}

func (s *sim) upTo(d time.Duration) time.Duration { return time.Duration(s.r.Int64N(int64(d))) }

// join begins a daemon.
func (s *sim) join(capacity int, accounts ...string) *daemon {
	s.born++
	d := &daemon{
		Member:  Member{ID: fmt.Sprintf("%x-%d", s.r.Uint32(), s.born), Name: fmt.Sprint("host", s.born), Capacity: capacity, Accounts: accounts},
		machine: New(Times{Lease: leaseTime, Heir: heirTime}), own: map[string]*Own{}, until: map[string]time.Time{}, leaving: map[string]bool{},
		lag: s.upTo(lagMost),
	}
	s.daemons[d.ID], s.written.members[d.ID], s.changed = d, d.Member, true
	return d
}

// add makes accounts known.
func (s *sim) add(names ...string) {
	for _, name := range names {
		s.written.records[name], s.changed = record{free: true, since: s.now}, true
	}
}

// leave has a daemon stop as planned.
func (s *sim) leave(d *daemon) {
	d.Leaving, s.written.members[d.ID], s.changed = true, d.Member, true
	m := s.written.members[d.ID]
	m.Leaving = true
	s.written.members[d.ID] = m
	for name := range d.own {
		s.end(d, name)
	}
}

// die ends a daemon without a word.
func (s *sim) die(d *daemon) {
	delete(s.daemons, d.ID)
	s.written.died[d.ID], s.changed = s.now, true
}

func (s *sim) end(d *daemon, name string) {
	d.leaving[name], d.until[name] = true, s.now.Add(s.upTo(endMost))
}

// run lets time pass.
func (s *sim) run(for_ time.Duration) {
	for end := s.now.Add(for_); s.now.Before(end); s.now = s.now.Add(step) {
		for _, id := range slices.Sorted(maps.Keys(s.daemons)) {
			s.proceed(s.daemons[id])
		}
		for id, at := range s.written.died {
			if _, there := s.written.members[id]; there && s.now.Sub(at) > leaseTime {
				delete(s.written.members, id)
				s.changed = true
			}
		}
		s.write()
		for _, id := range slices.Sorted(maps.Keys(s.daemons)) {
			if d := s.daemons[id]; d != nil && !d.Leaving {
				s.look(d)
			}
		}
		s.write()
	}
}

// proceed ends what goes on with a daemon's accounts.
func (s *sim) proceed(d *daemon) {
	for _, name := range slices.Sorted(maps.Keys(d.until)) {
		if s.now.Before(d.until[name]) {
			continue
		}
		delete(d.until, name)
		if !d.leaving[name] {
			d.own[name].Starting = false
			continue
		}
		s.written.records[name], s.changed = record{holder: d.ID, heir: d.own[name].Heir, free: true, since: s.now}, true
		delete(d.leaving, name)
		delete(d.own, name)
		d.machine.Ended(s.now, name, time.Minute, nil)
		d.next = s.now
	}
	if d.Leaving && len(d.own) == 0 {
		delete(s.daemons, d.ID)
		delete(s.written.members, d.ID)
		s.changed = true
	}
}

// write makes what has changed visible.
func (s *sim) write() {
	if !s.changed {
		return
	}
	s.changed = false
	s.written.n++
	s.past = append(s.past, snapshot{s.now, s.written.n, maps.Clone(s.written.members), maps.Clone(s.written.died), maps.Clone(s.written.records)})
	for len(s.past) > 1 && s.now.Sub(s.past[1].at) > lagMost {
		s.past = s.past[1:]
	}
}

// look has a daemon decide, if it is time or something has changed.
func (s *sim) look(d *daemon) {
	seen := s.past[0]
	for _, p := range s.past {
		if s.now.Sub(p.at) >= d.lag {
			seen = p
		}
	}
	if s.now.Before(d.next) && seen.n == d.saw {
		return
	}
	d.saw = seen.n
	heard := map[string]bool{}
	for {
		decided := d.machine.Look(s.view(d, seen, heard))
		s.do(d, seen, decided)
		if len(decided.Ask) == 0 {
			d.next = s.now.Add(decided.Wait)
			return
		}
		for _, id := range decided.Ask {
			if _, twice := heard[id]; twice {
				s.t.Fatalf("%s asks %s again", d.ID, id)
			}
			heard[id] = s.daemons[id] != nil && !s.daemons[id].Leaving
		}
	}
}

// view is what a daemon knows: of itself how it is, of the others how they were.
func (s *sim) view(d *daemon, seen snapshot, heard map[string]bool) View {
	v := View{Now: s.now, Fleet: Fleet{Self: d.ID, Loads: map[string]int{}}, Heard: maps.Clone(heard)}
	members := maps.Clone(seen.members)
	members[d.ID] = d.Member
	for _, id := range slices.Sorted(maps.Keys(members)) {
		v.Fleet.Members = append(v.Fleet.Members, members[id])
	}
	for _, name := range slices.Sorted(maps.Keys(seen.records)) {
		rec := seen.records[name]
		if last := s.written.records[name]; last.holder == d.ID {
			rec = last // what it wrote itself it knows
		}
		a := Account{Name: name, Here: d.own[name] != nil, Since: rec.since, For: rec.heir}
		if _, lives := members[rec.holder]; !rec.free && rec.holder != d.ID {
			a.Taken = lives
			if died, dead := seen.died[rec.holder]; dead && lives {
				a.Since = died
			} else if lives {
				a.Since = s.now
			} else {
				a.Since = seen.died[rec.holder].Add(leaseTime)
			}
		}
		switch {
		case a.Here:
		case a.Taken:
			v.Fleet.Loads[rec.holder]++
		case rec.heir != "" && s.now.Before(rec.since.Add(heirTime)):
			v.Fleet.Loads[rec.heir]++
		}
		if d.Serves(name) {
			v.Accounts = append(v.Accounts, a)
		}
	}
	v.Fleet.Loads[d.ID] = 0
	for _, a := range d.own {
		v.Own = append(v.Own, *a)
		if a.Heir != "" {
			v.Fleet.Loads[a.Heir]++
		} else {
			v.Fleet.Loads[d.ID]++
		}
	}
	return v
}

// do does what a daemon has decided, and checks that it may.
func (s *sim) do(d *daemon, seen snapshot, decided Decision) {
	for _, name := range decided.Take {
		if !d.Serves(name) || d.own[name] != nil {
			s.t.Fatalf("%s takes %s", d.ID, name)
		}
		if rec := s.written.records[name]; !rec.free && s.written.members[rec.holder].ID != "" {
			d.machine.Later(s.now, name, Turn) // somebody was faster
			continue
		} else if rec.holder != "" && rec.holder != d.ID {
			s.moves = append(s.moves, move{s.now, name, rec.holder, d.ID})
		}
		if d.Capacity > 0 && len(d.own) >= d.Capacity+givenAtOnce {
			s.t.Fatalf("%s takes more than %d", d.ID, d.Capacity)
		}
		s.written.records[name], s.changed = record{holder: d.ID, since: s.now}, true
		d.own[name], d.until[name] = &Own{Name: name, Since: s.now, Starting: true}, s.now.Add(s.upTo(startMost))
	}
	for _, g := range decided.Give {
		to, ok := seen.members[g.To]
		if !ok || !to.Serves(g.Account) || to.Leaving || g.To == d.ID || s.daemons[g.To] == nil {
			s.t.Fatalf("%s gives %s to %s", d.ID, g.Account, g.To)
		}
		d.own[g.Account].Heir = g.To
		s.end(d, g.Account)
	}
	if len(decided.Close) > 0 {
		s.t.Fatalf("%s closes %v", d.ID, decided.Close)
	}
}

// loads is how many accounts each living daemon has.
func (s *sim) loads() map[string]int {
	all := map[string]int{}
	for id, d := range s.daemons {
		all[id] = len(d.own)
	}
	return all
}
