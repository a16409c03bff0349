package share

import (
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strings"
)

// Member is a daemon, as far as sharing out goes.
type Member struct {
	ID       string
	Name     string   // for people
	Capacity int      // accounts it runs at most; 0: any number
	Accounts []string // those it may run; none: all
	Leaving  bool     // it takes no more
}

// Serves reports whether the daemon may run an account.
func (m *Member) Serves(account string) bool {
	return len(m.Accounts) == 0 || slices.Contains(m.Accounts, account)
}

// Fleet is the daemons that live, and how many accounts each of them has.
type Fleet struct {
	Self    string // the id of the daemon that looks; empty: it has no lease
	Members []Member
	Loads   map[string]int // by id; an account on its way counts where it goes
}

// own is a copy whose loads can be changed.
func (f Fleet) own() Fleet {
	f.Loads = maps.Clone(f.Loads)
	if f.Loads == nil {
		f.Loads = map[string]int{}
	}
	return f
}

// Without is the fleet without some of its members.
func (f Fleet) Without(gone func(id string) bool) Fleet {
	f.Members = slices.DeleteFunc(slices.Clone(f.Members), func(m Member) bool { return gone(m.ID) })
	return f
}

// Member finds a daemon by its id.
func (f Fleet) Member(id string) (Member, bool) {
	for i := range f.Members {
		if f.Members[i].ID == id {
			return f.Members[i], true
		}
	}
	return Member{}, false
}

// full reports whether the daemon takes no more.
func (f Fleet) full(m *Member) bool {
	return m.Leaving || m.Capacity > 0 && f.Loads[m.ID] >= m.Capacity
}

// takes reports whether the daemon with that id lives and takes accounts that are given to it.
func (f Fleet) takes(id string) bool {
	m, ok := f.Member(id)
	return ok && !m.Leaving
}

// rank is how many daemons come before this one where an account is free: those with fewer accounts. Among equals the account's
// name decides, so that they do not all reach for the same one.
func (f Fleet) rank(account string) (n int) {
	load, mine := f.Loads[f.Self], draw(f.Self, account)
	for i := range f.Members {
		m := &f.Members[i]
		more := f.Loads[m.ID] - load
		if more > 0 || m.ID == f.Self || f.full(m) || !m.Serves(account) {
			continue
		}
		if more < 0 || draw(m.ID, account) < mine {
			n++
		}
	}
	return n
}

// draw is a number that nobody can foresee without both. The upper bits of an FNV sum hardly depend on the last letters, hence
// the rest.
func draw(id, account string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(id + "/" + account))
	n := h.Sum64()
	n = (n ^ n>>33) * 0xff51afd7ed558ccd
	return n ^ n>>33
}

// Target is another daemon that can take an account: the wanted one, or the one with the fewest accounts; empty: there is none.
func (f Fleet) Target(account, want string) (best string) {
	for i := range f.Members {
		m := &f.Members[i]
		if m.ID == f.Self || want != "" && m.ID != want || f.full(m) || !m.Serves(account) {
			continue
		}
		if best == "" || f.Loads[m.ID] < f.Loads[best] {
			best = m.ID
		}
	}
	return best
}

// gives reports whether this daemon is the one to even out: none has more accounts, and of those with as many it is the first.
func (f Fleet) gives() bool {
	for i := range f.Members {
		m := &f.Members[i]
		if more := f.Loads[m.ID] - f.Loads[f.Self]; more > 0 || more == 0 && m.ID < f.Self {
			return false
		}
	}
	return true
}

// WhyFree is why the daemons there are cannot run an account; empty: one of them can.
func (f Fleet) WhyFree(account string) string {
	why := "no daemon may run it (NATSGRAM_ACCOUNTS)"
	for i := range f.Members {
		if m := &f.Members[i]; m.Serves(account) {
			if !f.full(m) {
				return ""
			}
			why = "no daemon has room for it (NATSGRAM_CAPACITY)"
		}
	}
	return why
}

// WhyNot is why a daemon cannot take an account that Self runs; empty: it can.
func (f Fleet) WhyNot(m Member, account string) string {
	switch {
	case m.ID == f.Self:
		return account + " is on " + m.Name + " already"
	case !m.Serves(account):
		return m.Name + " may not run " + account + " (its NATSGRAM_ACCOUNTS)"
	case m.Leaving:
		return m.Name + " is stopping"
	case f.full(&m):
		return fmt.Sprintf("%s has no room: it runs %d accounts of %d (NATSGRAM_CAPACITY)", m.Name, f.Loads[m.ID], m.Capacity)
	}
	return ""
}

// WhyNone is why none of the other daemons can take an account that Self runs.
func (f Fleet) WhyNone(account string) string {
	var all []string
	for _, m := range f.Members {
		if m.ID != f.Self {
			all = append(all, f.WhyNot(m, account))
		}
	}
	if len(all) == 0 {
		return "there is none, or it does not answer"
	}
	return strings.Join(all, "; ")
}

// Named are the daemons that a person means: by name or id.
func (f Fleet) Named(name string) []Member {
	return slices.DeleteFunc(slices.Clone(f.Members), func(m Member) bool { return m.ID != name && m.Name != name })
}

// String names all daemons, for people.
func (f Fleet) String() string {
	all := make([]string, len(f.Members))
	for i, m := range f.Members {
		all[i] = fmt.Sprintf("%s (%s)", m.Name, m.ID)
	}
	return strings.Join(all, ", ")
}
