package share

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

func names(n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf("account%04d", i))
	}
	return all
}

// Daemons come, stop and die at random, some with a list of accounts or a capacity. Once that is over, whatever can be run is run, the
// accounts are spread evenly where nothing forbids it, and none moves any more.
func TestRandomFleets(t *testing.T) {
	seeds := uint64(60)
	if testing.Short() {
		seeds = 10
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			s := newSim(t, seed)
			accounts, limits := names(s.r.IntN(60)), s.r.IntN(2) == 0
			s.add(accounts...)
			for range 1 + s.r.IntN(6) {
				s.joinRandom(accounts, limits)
			}
			for range s.r.IntN(12) {
				s.run(s.upTo(15 * time.Second))
				s.violence(accounts, limits)
			}
			s.run(90 * time.Second)
			quiet := len(s.moves)
			s.run(30 * time.Second)
			if len(s.moves) != quiet {
				t.Errorf("accounts still move: %v", s.moves[quiet:])
			}
			s.allRun()
			if !limits {
				s.even()
			}
		})
	}
}

func (s *sim) joinRandom(accounts []string, limits bool) {
	var may []string
	capacity := 0
	if limits && s.r.IntN(3) == 0 && len(accounts) > 0 {
		for range 1 + s.r.IntN(20) {
			may = append(may, accounts[s.r.IntN(len(accounts))])
		}
	}
	if limits && s.r.IntN(3) == 0 {
		capacity = 1 + s.r.IntN(20)
	}
	s.join(capacity, may...)
}

// violence has something happen to the fleet.
func (s *sim) violence(accounts []string, limits bool) {
	all := slices.Sorted(maps.Keys(s.daemons))
	what := s.r.IntN(3)
	if len(all) < 2 || what == 0 {
		s.joinRandom(accounts, limits)
		return
	}
	d := s.daemons[all[s.r.IntN(len(all))]]
	switch {
	case d.Leaving:
	case what == 1:
		s.leave(d)
	default:
		s.die(d)
	}
}

// allRun checks that whatever can be run is run, and by whom it may be.
func (s *sim) allRun() {
	s.t.Helper()
	for name := range s.written.records {
		runs := 0
		for id, d := range s.daemons {
			if d.own[name] != nil {
				runs++
			} else if d.Serves(name) && (d.Capacity == 0 || len(d.own) < d.Capacity) && !s.runsSomewhere(name) {
				s.t.Errorf("%s does not run, and %s could run it", name, id)
			}
		}
		if runs > 1 {
			s.t.Errorf("%s runs %d times", name, runs)
		}
	}
	for id, d := range s.daemons {
		if d.Capacity > 0 && len(d.own) > d.Capacity {
			s.t.Errorf("%s runs %d accounts of %d", id, len(d.own), d.Capacity)
		}
	}
}

func (s *sim) runsSomewhere(name string) bool {
	for _, d := range s.daemons {
		if d.own[name] != nil {
			return true
		}
	}
	return false
}

func (s *sim) even() {
	s.t.Helper()
	loads := slices.Sorted(maps.Values(s.loads()))
	if len(loads) > 0 && loads[len(loads)-1]-loads[0] > 1 {
		s.t.Errorf("not even: %v", loads)
	}
}

// A daemon that comes is given its share, and no account moves between the others. Of one that stops or dies its own move; where
// the others took them unevenly, as many again as make it even.
func TestNoMoreMovesThanNeeded(t *testing.T) {
	for _, daemons := range []int{1, 2, 3, 5} {
		for _, accounts := range []int{0, 1, 7, 40} {
			t.Run(fmt.Sprintf("%d daemons, %d accounts", daemons, accounts), func(t *testing.T) {
				s := newSim(t, uint64(100*daemons+accounts))
				s.add(names(accounts)...)
				for range daemons {
					s.join(0)
				}
				s.run(time.Minute)
				s.even()
				s.moves = nil
				d := s.join(0)
				s.run(time.Minute)
				s.even()
				for _, m := range s.moves {
					if m.to != d.ID {
						t.Errorf("%+v, and it is %s that came", m, d.ID)
					}
				}
				if most := (accounts + daemons) / (daemons + 1); len(s.moves) > most {
					t.Errorf("%d moves, want %d at most", len(s.moves), most)
				}
				s.goes(s.leave)
				if daemons > 1 {
					s.goes(s.die)
				}
			})
		}
	}
}

// goes ends one of several daemons, and looks what becomes of its accounts.
func (s *sim) goes(how func(*daemon)) {
	s.t.Helper()
	s.moves = nil
	d := s.daemons[slices.Min(slices.Collect(maps.Keys(s.daemons)))]
	had := slices.Sorted(maps.Keys(d.own))
	how(d)
	s.run(time.Minute)
	s.even()
	between := 0
	for _, m := range s.moves {
		if m.from != d.ID {
			between++
		} else if at := slices.Index(had, m.account); at >= 0 {
			had = slices.Delete(had, at, at+1)
		}
	}
	if len(had) != 0 {
		s.t.Errorf("%v of %s did not move", had, d.ID)
	}
	if its := len(s.moves) - between; between > (its+1)/2 {
		s.t.Errorf("%d accounts were the daemon's that went, and %d of the others moved", its, between)
	}
}

// thousand is a fleet of a thousand daemons that run five accounts each, as the one with that number sees it.
func thousand(now time.Time, self int) View {
	v := View{Now: now, Fleet: Fleet{Loads: map[string]int{}}}
	for i, name := range names(5000) {
		by := i % 1000
		a := Account{Name: name, Taken: by != self, Here: by == self, Since: now}
		if a.Here {
			v.Own = append(v.Own, Own{Name: name, Since: now.Add(-time.Hour)})
		}
		v.Accounts = append(v.Accounts, a)
	}
	for i := range 1000 {
		id := fmt.Sprintf("%03d", i)
		v.Fleet.Members = append(v.Fleet.Members, Member{ID: id})
		v.Fleet.Loads[id] = 5
	}
	v.Fleet.Self = fmt.Sprintf("%03d", self)
	return v
}

// A thousand daemons leave each other alone; the accounts of one that has gone are taken by five, one each.
func TestThousandDaemons(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	took := map[string]int{}
	v := thousand(now, 7)
	if d := New(Times{leaseTime, heirTime}).Look(v); len(d.Take)+len(d.Give)+len(d.Ask) != 0 || d.Wait != Interval {
		t.Errorf("%+v", d)
	}
	v.Fleet.Members = slices.Delete(v.Fleet.Members, 500, 501)
	for i := 500; i < 5000; i += 1000 {
		v.Accounts[i].Taken = false
	}
	for i, m := range v.Fleet.Members {
		if i == 7 {
			continue // its own accounts are marked as such
		}
		v.Fleet.Self = m.ID
		for _, name := range New(Times{leaseTime, heirTime}).Look(v).Take {
			took[name]++
		}
	}
	for i := 500; i < 5000; i += 1000 {
		if n := took[v.Accounts[i].Name]; n > 1 {
			t.Errorf("%d daemons reach for %s at once", n, v.Accounts[i].Name)
		}
	}
	if len(took) < 4 { // one may be left to the daemon that was passed over
		t.Errorf("taken: %v", took)
	}
}

// again: go test -run - -bench Look ./bridge/share
func BenchmarkLook(b *testing.B) {
	v := thousand(time.Unix(1_700_000_000, 0), 7)
	m := New(Times{leaseTime, heirTime})
	for b.Loop() {
		m.Look(v)
	}
}

// two is a view of two daemons, "a" that looks with accounts that run here, and "b" with none.
func two(now time.Time, own ...string) View {
	v := View{Now: now, Fleet: Fleet{Self: "a", Members: []Member{{ID: "a", Name: "one"}, {ID: "b", Name: "two"}}, Loads: map[string]int{"a": len(own)}}}
	for _, name := range own {
		v.Own = append(v.Own, Own{Name: name, Since: now.Add(-time.Hour)})
		v.Accounts = append(v.Accounts, Account{Name: name, Here: true})
	}
	return v
}

// What a machine decides, line by line as a daemon would be told it.
func TestLook(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	free := func(a Account) View {
		v := two(now)
		v.Accounts = []Account{a}
		return v
	}
	for _, c := range []struct {
		name string
		view View
		want string
	}{
		{"no lease", View{Now: now, Accounts: []Account{{Name: "x"}}}, "wait 1s"},
		{"free for long", free(Account{Name: "x", Since: now.Add(-time.Minute)}), "take x, wait 1s"},
		{"given to this daemon", free(Account{Name: "x", Since: now, For: "a"}), "take x, wait 1s"},
		{"given to the other", free(Account{Name: "x", Since: now.Add(-time.Minute), For: "b"}), "take x, wait 1s"},
		{"just given to the other", free(Account{Name: "x", Since: now.Add(heirTime/-2 - heirTime/4), For: "b"}), "wait 750ms"},
		{"given to one that is gone", free(Account{Name: "x", Since: now.Add(-time.Minute), For: "c"}), "take x, wait 1s"},
		{"taken", free(Account{Name: "x", Taken: true, Since: now.Add(-leaseTime + 250*time.Millisecond)}), "wait 250ms"},
		{"closed", free(Account{Name: "x", Closed: true}), "wait 1s"},
		{"nobody knows whether the other is there", two(now, "x", "y"), "ask b, wait 1s"},
		{"it is", with(two(now, "x", "y"), func(v *View) { v.Heard = map[string]bool{"b": true} }), "give x to b, wait 1s"},
		{"it is not", with(two(now, "x", "y"), func(v *View) { v.Heard = map[string]bool{"b": false} }), "wait 1s"},
		{"one more is even", two(now, "x"), "wait 1s"},
		{"the other may not run it", with(two(now, "x", "y"), func(v *View) { v.Fleet.Members[1].Accounts = []string{"z"} }), "wait 1s"},
		{"the other has no room", with(two(now, "x", "y", "z"), func(v *View) {
			v.Fleet.Members[1].Capacity, v.Fleet.Loads["b"] = 1, 1
		}), "wait 1s"},
		{"the other goes", with(two(now, "x", "y"), func(v *View) { v.Fleet.Members[1].Leaving = true }), "wait 1s"},
		{"wished away", with(two(now, "x"), func(v *View) {
			v.Wishes, v.Heard = map[string]Wish{"x": {}}, map[string]bool{"b": true}
		}), "give x to b, wait 1s"},
		{"wished where nobody is", with(two(now, "x"), func(v *View) { v.Wishes = map[string]Wish{"x": {To: "c"}} }), "wait 1s"},
		{"wished to be closed", with(two(now, "x"), func(v *View) { v.Wishes = map[string]Wish{"x": {Close: true}} }), "close x, wait 1s"},
	} {
		if got := New(Times{leaseTime, heirTime}).Look(c.view).String(); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func with(v View, change func(*View)) View {
	change(&v)
	return v
}

func (d Decision) String() string {
	var all []string
	for _, name := range d.Take {
		all = append(all, "take "+name)
	}
	for _, g := range d.Give {
		all = append(all, "give "+g.Account+" to "+g.To)
	}
	for _, name := range d.Close {
		all = append(all, "close "+name)
	}
	for _, id := range d.Ask {
		all = append(all, "ask "+id)
	}
	return strings.Join(append(all, "wait "+d.Wait.String()), ", ")
}

// A wish waits until it is known whether the daemon answers, and is granted once.
func TestWish(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	m := New(Times{leaseTime, heirTime})
	v := two(now, "x")
	v.Wishes = map[string]Wish{"x": {To: "b"}}
	for i, c := range []struct {
		heard map[string]bool
		want  string
	}{
		{nil, "ask b, wait 1s"},
		{map[string]bool{"b": true}, "give x to b, wait 1s"},
		{map[string]bool{"b": true}, "wait 1s"},
	} {
		v.Heard = c.heard
		if got := m.Look(v).String(); got != c.want {
			t.Errorf("%d: %s, want %s", i, got, c.want)
		}
		v = two(now, "x")
	}
}

// An account that fails is left alone for 1, 2, 4 ... 60 seconds, and for one again after it ran well.
func TestFailures(t *testing.T) {
	now, down := time.Unix(1_700_000_000, 0), errors.New("down")
	m := New(Times{leaseTime, heirTime})
	v := two(now)
	v.Accounts = []Account{{Name: "x", Since: now.Add(-time.Hour)}}
	m.Look(v)
	for _, c := range []struct {
		ran  time.Duration
		err  error
		wait time.Duration
	}{
		{0, down, time.Second}, {0, down, 2 * time.Second}, {time.Second, down, 4 * time.Second}, {2 * time.Minute, down, time.Second},
		{0, down, 2 * time.Second}, {0, nil, 0}, {0, down, time.Second},
	} {
		if wait := m.Ended(now, "x", c.ran, c.err); wait != c.wait || !errors.Is(m.Failure("x"), c.err) {
			t.Errorf("%v, %v; want %v", wait, m.Failure("x"), c.wait)
		}
	}
	if got := m.Look(v).String(); got != "wait 1s" || len(m.Failures()) != 1 {
		t.Errorf("%s, %v", got, m.Failures())
	}
	v.Now = now.Add(time.Second)
	if got := m.Look(v).String(); got != "take x, wait 1s" {
		t.Error(got)
	}
	v.Accounts = nil
	m.Look(v)
	if m.Ended(now, "x", 0, down) != 0 || len(m.Failures()) != 0 {
		t.Error("an account that is no more is known")
	}
}

// Not more than startsAtOnce begin at a time.
func TestStartsAtOnce(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	v := two(now)
	for _, name := range names(100) {
		v.Accounts = append(v.Accounts, Account{Name: name, Since: now.Add(-time.Minute)})
	}
	v.Own = []Own{{Name: "y", Since: now, Starting: true}}
	if d := New(Times{leaseTime, heirTime}).Look(v); len(d.Take) != startsAtOnce-1 || d.Wait != 0 {
		t.Errorf("%d, then %v", len(d.Take), d.Wait)
	}
	v.Fleet.Members[0].Capacity = 3
	v.Fleet.Loads["a"] = 1
	if d := New(Times{leaseTime, heirTime}).Look(v); len(d.Take) != 2 {
		t.Errorf("%d, and there is room for 2", len(d.Take))
	}
}

// Of several daemons with as many accounts each comes first for some of the free ones.
func TestEqualsShare(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	f := Fleet{}
	for range 4 {
		f.Members = append(f.Members, Member{ID: fmt.Sprint(r.Uint64())})
	}
	first := map[string]int{}
	for _, name := range names(400) {
		ranks := map[int]bool{}
		for _, m := range f.Members {
			f.Self = m.ID
			n := f.rank(name)
			ranks[n] = true
			if n == 0 {
				first[m.ID]++
			}
		}
		if len(ranks) != 4 {
			t.Fatalf("%s: ranks %v", name, ranks)
		}
	}
	for id, n := range first {
		if n < 50 || n > 150 {
			t.Errorf("%s is first for %d of 400", id, n)
		}
	}
}
