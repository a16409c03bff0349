package gen

import (
	"fmt"

	"github.com/natsgram/natsgram/tl"
)

// apiNames gives out the Go names of a package, each once. Who comes first gets the obvious name; others get a suffix that
// tells what they are, then one with their id, which no other has. So a name depends on nothing but the schema.
type apiNames struct {
	*namer
	renamed []string // what did not get the obvious name
	err     error
}

func newAPINames(reserved []string) *apiNames {
	n := &apiNames{namer: newNamer(nil)}
	for _, name := range reserved {
		n.taken[name] = "the package itself"
	}
	return n
}

// pick tries bases until the names that are made of one are all free, and takes those. It returns the base.
func (n *apiNames) pick(of string, names func(base string) []string, bases ...string) string {
	for _, base := range bases {
		all := names(base)
		if n.holder(all) != "" {
			continue
		}
		for _, name := range all {
			n.taken[name] = of
		}
		if base != bases[0] {
			n.renamed = append(n.renamed, fmt.Sprintf("%s is %s in Go, because %s has a name of %s", of, base, n.holder(names(bases[0])), bases[0]))
		}
		if n.err == nil && !validIdentifier(base) {
			n.err = fmt.Errorf("gen: %s: %q is no exported Go name", of, base)
		}
		return base
	}
	if n.err == nil {
		n.err = fmt.Errorf("gen: no Go name is left for %s", of)
	}
	return bases[0]
}

// holder is who has one of the names, empty for nobody.
func (n *apiNames) holder(names []string) string {
	for _, name := range names {
		if of := n.taken[name]; of != "" {
			return of
		}
	}
	return ""
}

func itself(base string) []string { return []string{base} }

func (n *apiNames) constructor(c *tl.Combinator) string {
	name := n.goName(c.Name)
	return n.pick(c.Name, itself, name, name+"Object", fmt.Sprintf("%sObject%08x", name, c.ID))
}

// class names the interface and DecodeX; a class of one constructor is that constructor's struct. tlX and isX go with both.
func (n *apiNames) class(k *apiClass) {
	single := k.single()
	name := n.goName(k.tl)
	k.name = n.pick("class "+k.tl, func(base string) []string {
		if single {
			return []string{"tl" + base}
		}
		return []string{"tl" + base, base + "Class", "Decode" + base}
	}, name, name+"Type", name+"Type2")
	k.goType = k.name + "Class"
	if single {
		k.goType = "*" + k.ctors[0].name
	}
}

// function names a function; its request goes with it.
func (n *apiNames) function(c *tl.Combinator) (request, call string) {
	name := n.goName(c.Name)
	call = n.pick("method "+c.Name, func(base string) []string {
		return []string{base, base + "Request"}
	}, name, name+"Method", fmt.Sprintf("%sMethod%08x", name, c.ID))
	return call + "Request", call
}

// fieldNames names the fields of one struct.
func fieldNames(c *tl.Combinator) ([]string, error) {
	n := newAPINames(nil)
	names := make([]string, len(c.Params))
	for i, p := range c.Params {
		name := n.goName(p.Name)
		names[i] = n.pick(c.Name+"."+p.Name, itself, name, fmt.Sprintf("%sParam%d", name, i+1))
	}
	return names, n.err
}
