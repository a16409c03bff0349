package codec

import (
	"github.com/natsgram/natsgram/tl"
	"github.com/natsgram/natsgram/tl/codec/codectest"
)

// generator makes random values by a compiled schema's own declarations, or copies of them: those of the built-in
// constructors belong to all schemas, and tl.New changes what it is given.
type generator struct {
	*codectest.Generator
	decls *tl.Schema
}

func newGenerator(s *Schema, seed uint64) generator {
	var all []*tl.Combinator
	for _, c := range s.combs {
		d := *c.decl
		all = append(all, &d)
	}
	src, err := tl.New(s.layer, all)
	if err != nil {
		panic(err)
	}
	return generator{codectest.New(src, seed), src}
}

func (g generator) possible(c *comb) bool { return g.Possible(g.decls.ByID(c.id)) }

func (g generator) boxed(dst []byte, c *comb, depth int) []byte {
	return g.Boxed(dst, g.decls.ByID(c.id), depth)
}
