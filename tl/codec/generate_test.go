package codec

import (
	"github.com/natsgram/natsgram/tl"
	"github.com/natsgram/natsgram/tl/codec/codectest"
)

// generator makes random values by a compiled schema's own declarations.
type generator struct{ *codectest.Generator }

func newGenerator(s *Schema, seed uint64) generator {
	var all []*tl.Combinator
	for _, c := range s.combs {
		all = append(all, c.decl)
	}
	src, err := tl.New(s.layer, all)
	if err != nil {
		panic(err)
	}
	return generator{codectest.New(src, seed)}
}

func (g generator) possible(c *comb) bool { return g.Possible(c.decl) }

func (g generator) boxed(dst []byte, c *comb, depth int) []byte { return g.Boxed(dst, c.decl, depth) }
