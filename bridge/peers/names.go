package peers

import (
	"slices"
	"strings"
	"time"
)

const (
	// nameLife is how long a name or a phone number is taken to be the same peer's.
	nameLife = 5 * time.Minute
	// namesMany is how many names are known at once.
	namesMany = 10_000
)

// alias is what a name or phone number stands for, or that it stands for nobody.
type alias struct {
	peer  peer
	err   error
	until time.Time // it is so without a question; a peer that was seen since has his names without one too
}

// names are whose names and phone numbers are, by reference.key.
type names struct {
	known map[string]alias
	owned map[key][]string // the usernames among them, by whose they are
	vain  map[string]alias // that lead to nobody
}

func newNames() names {
	return names{map[string]alias{}, map[key][]string{}, map[string]alias{}}
}

// find is what a name stands for, or that it stands for nobody.
func (x *names) find(name string) (alias, bool) {
	n, ok := x.known[name]
	if !ok {
		n, ok = x.vain[name]
	}
	return n, ok
}

// note takes in what a question has found.
func (x *names) note(name string, n alias) {
	if n.err == nil {
		delete(x.vain, name)
		x.put(name, n)
		return
	}
	if a, there := x.known[name]; there {
		x.disown(keyOf(a.peer), strings.TrimPrefix(name, "@"))
		delete(x.known, name)
	}
	if len(x.vain) >= namesMany {
		clear(x.vain)
	}
	x.vain[name] = n
}

// put notes whose a name is.
func (x *names) put(name string, n alias) {
	if _, there := x.known[name]; !there && len(x.known) >= namesMany {
		clear(x.known)
		clear(x.owned)
	}
	x.known[name] = n
	if username, found := strings.CutPrefix(name, "@"); found && !slices.Contains(x.owned[keyOf(n.peer)], username) {
		x.owned[keyOf(n.peer)] = append(x.owned[keyOf(n.peer)], username)
	}
}

// own notes the usernames that somebody has: those that he had before lead to him no more, and nobody else has them.
func (x *names) own(p peer, k key, usernames []string) {
	for _, username := range x.owned[k] {
		if !slices.Contains(usernames, username) {
			delete(x.known, "@"+username)
		}
	}
	delete(x.owned, k)
	for _, username := range usernames {
		name := "@" + username
		delete(x.vain, name)
		if a, there := x.known[name]; there && a.peer != p {
			x.disown(keyOf(a.peer), username)
		}
		x.put(name, alias{peer: p})
	}
}

func (x *names) disown(k key, username string) {
	x.owned[k] = slices.DeleteFunc(x.owned[k], func(other string) bool { return other == username })
}
