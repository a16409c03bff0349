package tl

import (
	"fmt"
	"slices"
	"strings"
)

// Changes is what makes one schema of another: see [Diff].
type Changes struct {
	From, To int // layers, 0 where unknown

	AddedConstructors, RemovedConstructors []*Combinator
	AddedFunctions, RemovedFunctions       []*Combinator
	ChangedConstructors, ChangedFunctions  []Change
}

// Change is a combinator that both schemas have, in different forms.
type Change struct {
	Old, New *Combinator
	Params   []ParamChange
}

// ParamChange is one parameter's part in a Change. Old is nil for a parameter that came, New for one that went.
type ParamChange struct{ Old, New *Param }

// Diff says what changes from a to b. Combinators are matched by name; those of b stand in b's order, those only in a
// in a's.
func Diff(a, b *Schema) Changes {
	d := Changes{From: a.Layer, To: b.Layer}
	d.AddedConstructors, d.RemovedConstructors, d.ChangedConstructors = diff(a.Constructors, b.Constructors, a.Constructor, b.Constructor)
	d.AddedFunctions, d.RemovedFunctions, d.ChangedFunctions = diff(a.Functions, b.Functions, a.Function, b.Function)
	return d
}

// Empty reports whether nothing changes but perhaps the layer's number.
func (d *Changes) Empty() bool {
	return len(d.AddedConstructors)+len(d.RemovedConstructors)+len(d.ChangedConstructors)+
		len(d.AddedFunctions)+len(d.RemovedFunctions)+len(d.ChangedFunctions) == 0
}

func diff(a, b []*Combinator, inA, inB func(string) *Combinator) (added, removed []*Combinator, changed []Change) {
	for _, c := range b {
		switch old := inA(c.Name); {
		case old == nil:
			added = append(added, c)
		case old.String() != c.String():
			changed = append(changed, Change{Old: old, New: c, Params: diffParams(old, c)})
		}
	}
	for _, c := range a {
		if inB(c.Name) == nil {
			removed = append(removed, c)
		}
	}
	return added, removed, changed
}

func diffParams(a, b *Combinator) (changes []ParamChange) {
	for i := range b.Params {
		old, p := a.Param(b.Params[i].Name), &b.Params[i]
		if old == nil || old.String() != p.String() {
			changes = append(changes, ParamChange{Old: old, New: p})
		}
	}
	for i := range a.Params {
		if b.Param(a.Params[i].Name) == nil {
			changes = append(changes, ParamChange{Old: &a.Params[i]})
		}
	}
	return changes
}

// String is the changes for people to read: + came, - went, ~ changed, with the parameters below; an empty Changes
// says so.
func (d *Changes) String() string {
	var b strings.Builder
	if d.From != d.To {
		fmt.Fprintf(&b, "layer %s -> %s\n", layerName(d.From), layerName(d.To))
	}
	if d.Empty() {
		b.WriteString("no constructor and no function changes\n")
	}
	writeChanges(&b, "constructors", d.AddedConstructors, d.RemovedConstructors, d.ChangedConstructors)
	writeChanges(&b, "functions", d.AddedFunctions, d.RemovedFunctions, d.ChangedFunctions)
	return b.String()
}

func layerName(n int) string {
	if n == 0 {
		return "?"
	}
	return fmt.Sprint(n)
}

func writeChanges(b *strings.Builder, what string, added, removed []*Combinator, changed []Change) {
	if len(added)+len(removed)+len(changed) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s: %d added, %d removed, %d changed\n", what, len(added), len(removed), len(changed))
	for _, c := range added {
		fmt.Fprintf(b, "+ %s\n", c)
	}
	for _, c := range removed {
		fmt.Fprintf(b, "- %s\n", c)
	}
	for i := range changed {
		fmt.Fprintln(b, &changed[i])
	}
}

// String is a line for the combinator and one for each thing that is different about it.
func (c *Change) String() string {
	lines := []string{"~ " + c.New.Name}
	say := func(format string, args ...any) { lines = append(lines, "    "+fmt.Sprintf(format, args...)) }
	if c.Old.ID != c.New.ID {
		say("id %08x -> %08x", c.Old.ID, c.New.ID)
	}
	for _, p := range c.Params {
		say("%s", p)
	}
	if !c.Old.Result.Equal(c.New.Result) {
		say("= %s -> %s", c.Old.Result, c.New.Result)
	}
	if len(c.Params) == 0 && !slices.Equal(paramNames(c.Old), paramNames(c.New)) {
		say("the same parameters in another order: %s", strings.Join(paramNames(c.New), " "))
	}
	return strings.Join(lines, "\n")
}

func (p ParamChange) String() string {
	switch {
	case p.Old == nil:
		return "+ " + p.New.String()
	case p.New == nil:
		return "- " + p.Old.String()
	default:
		before, _ := strings.CutPrefix(p.Old.String(), p.Old.Name+":")
		after, _ := strings.CutPrefix(p.New.String(), p.New.Name+":")
		return fmt.Sprintf("~ %s: %s -> %s", p.New.Name, before, after)
	}
}

func paramNames(c *Combinator) (names []string) {
	for _, p := range c.Params {
		names = append(names, p.Name)
	}
	return names
}
