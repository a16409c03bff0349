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
	return Nearest(name, names)
}

// Nearest returns up to three of names that are few edits away from name, or equal but for case and underscores.
func Nearest(name string, names []string) []string {
	if len(name) > maxNear {
		return nil
	}
	type candidate struct {
		name string
		d    int
	}
	var found []candidate
	plain, limit := fold(name), min(max(1, len(name)/3), len(name)-1)
	for _, n := range names {
		if d := distance(plain, fold(n), limit); d <= limit {
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

// maxNear is the longest name that is worth a guess.
const maxNear = 64

// distance is how many bytes must be put in, taken out or replaced to make b of a; some number above limit where it is
// more than that. A has at most maxNear bytes.
func distance(a, b string, limit int) int {
	if len(a)-len(b) > limit || len(b)-len(a) > limit {
		return limit + 1
	}
	var row [2*maxNear + 1]int // b is at most limit longer, and limit less than maxNear
	for j := range row[:len(b)+1] {
		row[j] = j
	}
	for i := range len(a) {
		diagonal, least := row[0], i+1
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
			least = min(least, row[j+1])
		}
		if least > limit {
			return least
		}
	}
	return row[len(b)]
}

// didYouMean is the end of an error's sentence: nothing, or the names to try.
func didYouMean(name string, names []string) string {
	near := Nearest(name, names)
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
