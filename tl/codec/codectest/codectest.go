// Package codectest makes random TL values of a schema, for tests: every bit that means something is set sometimes, and
// numbers and strings are often the awkward ones.
package codectest

import (
	"encoding/binary"
	"math/rand/v2"

	"github.com/natsgram/natsgram/tl"
	"github.com/natsgram/natsgram/tl/bin"
)

// Generator makes values. The same seed makes the same ones. It is not for concurrent use.
type Generator struct {
	// Text makes every string, where it is not nil.
	Text func() []byte

	s       *tl.Schema
	r       *rand.Rand
	all     []*tl.Combinator
	heights map[*tl.Combinator]int // how deep the shallowest value is; what is not in it has no values
}

// New makes a Generator.
func New(s *tl.Schema, seed uint64) *Generator {
	g := &Generator{s: s, r: rand.New(rand.NewPCG(seed, 1)), heights: map[*tl.Combinator]int{}}
	g.all = append(append(g.all, s.Constructors...), s.Functions...)
	for changed := true; changed; { // a fixed point, from below
		changed = false
		for _, c := range g.all {
			if _, known := g.heights[c]; known {
				continue
			}
			if h, ok := g.height(c); ok {
				g.heights[c], changed = h, true
			}
		}
	}
	return g
}

// Possible reports whether c has values at all.
func (g *Generator) Possible(c *tl.Combinator) bool { _, ok := g.heights[c]; return ok }

// Boxed appends a value of c with its id. Depth bounds how deep it nests, where the schema lets it.
func (g *Generator) Boxed(dst []byte, c *tl.Combinator, depth int) []byte {
	return g.fields(binary.LittleEndian.AppendUint32(dst, c.ID), c, depth)
}

// Value appends a value of t. A type variable stands for any object.
func (g *Generator) Value(dst []byte, t tl.Type, depth int) []byte {
	w := bin.Writer{Buf: dst}
	switch t.Name {
	case "int", "#":
		w.Int32(int32(g.long()))
	case "long":
		w.Int64(g.long())
	case "double":
		w.Uint64(g.double())
	case "string", "bytes":
		w.Bytes(g.text())
	case "int128":
		g.random(&w, 4)
	case "int256":
		g.random(&w, 8)
	case "Bool":
		w.Bool(g.r.IntN(2) == 0)
	case "true":
	case "Vector", "vector":
		g.vector(&w, t, depth)
	default:
		w.Buf = g.object(dst, t, depth)
	}
	return w.Buf
}

func (g *Generator) object(dst []byte, t tl.Type, depth int) []byte {
	if c := g.bare(t); c != nil {
		return g.fields(dst, c, depth)
	}
	return g.Boxed(dst, g.choose(g.choices(t), depth), depth)
}

// choices are the combinators that may stand, boxed, where t is wanted.
func (g *Generator) choices(t tl.Type) []*tl.Combinator {
	class := g.s.Class(t.Name)
	switch {
	case t.Bang:
		return g.s.Functions
	case class == nil:
		return g.all
	}
	return class
}

// bare is the constructor that a bare type means (H2), nil for a boxed one.
func (g *Generator) bare(t tl.Type) *tl.Combinator {
	if !t.Bare {
		return nil
	}
	if c := g.s.Constructor(t.Name); c != nil {
		return c
	}
	if class := g.s.Class(t.Name); len(class) == 1 {
		return class[0]
	}
	return nil
}

func (g *Generator) fields(dst []byte, c *tl.Combinator, depth int) []byte {
	flags := g.flags(c, depth)
	for _, p := range c.Params {
		switch {
		case p.Type.Name == "#":
			dst = binary.LittleEndian.AppendUint32(dst, flags[p.Name])
		case p.Cond == nil || flags[p.Cond.Flags]>>p.Cond.Bit&1 != 0:
			dst = g.Value(dst, p.Type, depth-1)
		}
	}
	return dst
}

// flags sets some of the bits that mean something.
func (g *Generator) flags(c *tl.Combinator, depth int) map[string]uint32 {
	flags := map[string]uint32{}
	for _, p := range c.Params {
		_, ok := g.typeHeight(p.Type)
		if ok && p.Cond != nil && (p.Type.Name == "true" || depth > 0) && g.r.IntN(2) == 0 {
			flags[p.Cond.Flags] |= 1 << p.Cond.Bit
		}
	}
	return flags
}

func (g *Generator) vector(w *bin.Writer, t tl.Type, depth int) {
	n := 0
	if _, ok := g.typeHeight(t.Args[0]); ok && depth > 0 {
		n = g.r.IntN(4)
	}
	if t.Name == "Vector" {
		w.Uint32(bin.IDVector)
	}
	w.Int32(int32(n))
	for range n {
		w.Buf = g.Value(w.Buf, t.Args[0], depth-1)
	}
}

// choose picks one; one of the shallowest where depth has run out.
func (g *Generator) choose(among []*tl.Combinator, depth int) *tl.Combinator {
	low, _ := g.lowest(among)
	for {
		c := among[g.r.IntN(len(among))]
		if h, ok := g.heights[c]; ok && (h == low || h <= depth) {
			return c
		}
	}
}

func (g *Generator) height(c *tl.Combinator) (int, bool) {
	most := 0
	for _, p := range c.Params {
		if p.Cond != nil {
			continue
		}
		h, ok := g.typeHeight(p.Type)
		if !ok {
			return 0, false
		}
		most = max(most, h)
	}
	return most + 1, true
}

func (g *Generator) typeHeight(t tl.Type) (int, bool) {
	if c := g.bare(t); c != nil {
		h, ok := g.heights[c]
		return h, ok
	}
	if t.Bang || g.s.Class(t.Name) != nil && t.Name != "Bool" {
		return g.lowest(g.choices(t))
	}
	return 1, true
}

func (g *Generator) lowest(among []*tl.Combinator) (int, bool) {
	best, ok := 0, false
	for _, c := range among {
		if h, known := g.heights[c]; known && (!ok || h < best) {
			best, ok = h, true
		}
	}
	return best, ok
}
