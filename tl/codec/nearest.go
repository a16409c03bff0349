package codec

import (
	"slices"
	"strings"
)

// Nearest returns up to three method names that resemble name, the best first. It is meant for error messages.
func (s *Schema) Nearest(name string) []string {
	names := make([]string, len(s.sorted))
	for i, f := range s.sorted {
		names[i] = f.c.name
	}
	return nearest(name, names)
}

// nearest returns up to three of names that are few edits away from name, or equal but for case and underscores.
func nearest(name string, names []string) []string {
	if len(name) > 64 {
		return nil
	}
	type candidate struct {
		name string
		d    int
	}
	var found []candidate
	plain := fold(name)
	for _, n := range names {
		if d := distance(plain, fold(n)); d <= max(1, len(name)/3) {
			found = append(found, candidate{n, d})
		}
	}
	slices.SortStableFunc(found, func(a, b candidate) int { return a.d - b.d })
	out := make([]string, 0, 3)
	for _, f := range found[:min(3, len(found))] {
		out = append(out, f.name)
	}
	return out
}

func fold(s string) string { return strings.ReplaceAll(strings.ToLower(s), "_", "") }

// distance is how many bytes must be put in, taken out or replaced to make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// didYouMean is the end of an error's sentence: nothing, or the names to try.
func didYouMean(name string, names []string) string {
	near := nearest(name, names)
	if len(near) == 0 {
		return ""
	}
	return ", did you mean " + strings.Join(near, " or ") + "?"
}

func (c *comb) fieldNames() []string {
	names := make([]string, 0, len(c.fields))
	for i := range c.fields {
		if c.fields[i].op != opFlags {
			names = append(names, c.fields[i].name)
		}
	}
	return names
}

// list names what belongs to a class, shortened.
func (c *class) list() string {
	var names []string
	for _, m := range c.combs {
		names = append(names, m.name)
	}
	if len(names) > 6 {
		return strings.Join(names[:5], ", ") + " and " + plural(len(names)-5, "other")
	}
	return strings.Join(names, ", ")
}
