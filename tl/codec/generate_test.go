package codec

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"strings"

	"github.com/natsgram/natsgram/tl/bin"
)

// generator makes random TL values by the tables.
type generator struct {
	s       *Schema
	r       *rand.Rand
	heights map[*comb]int
	anyOf   []*comb
	callOf  []*comb
}

func newGenerator(s *Schema, seed uint64) *generator {
	g := &generator{s: s, r: rand.New(rand.NewPCG(seed, 1)), heights: make(map[*comb]int)}
	for _, c := range s.combs {
		g.anyOf = append(g.anyOf, c)
		if c.function {
			g.callOf = append(g.callOf, c)
		}
	}
	// How deep the shallowest value of each constructor is: a fixed point, from below.
	for changed := true; changed; {
		changed = false
		for _, c := range s.combs {
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

func (g *generator) height(c *comb) (int, bool) {
	most := 0
	for i := range c.fields {
		f := &c.fields[i]
		if f.mask != 0 {
			continue
		}
		h, ok := g.typeHeight(f.t)
		if !ok {
			return 0, false
		}
		most = max(most, h)
	}
	return most + 1, true
}

func (g *generator) typeHeight(t *typ) (int, bool) {
	switch t.op {
	case opClass:
		return g.lowest(t.class.combs)
	case opBare:
		h, ok := g.heights[t.comb]
		return h, ok
	case opCall:
		return g.lowest(g.callOf)
	case opVoid:
		return 0, false
	}
	return 1, true // Object: a Bool
}

func (g *generator) lowest(combs []*comb) (int, bool) {
	best, ok := 0, false
	for _, c := range combs {
		if h, known := g.heights[c]; known && (!ok || h < best) {
			best, ok = h, true
		}
	}
	return best, ok
}

// possible tells whether c has values at all.
func (g *generator) possible(c *comb) bool { _, ok := g.heights[c]; return ok }

func (g *generator) boxed(dst []byte, c *comb, depth int) []byte {
	return g.fields(binary.LittleEndian.AppendUint32(dst, c.id), c, depth)
}

func (g *generator) fields(dst []byte, c *comb, depth int) []byte {
	var flags [maxFlags]uint32
	for i := range c.fields { // bits that mean something, some of them
		f := &c.fields[i]
		_, ok := g.typeHeight(f.t)
		if ok && f.mask != 0 && (f.op == opTrue || depth > 0) && g.r.IntN(2) == 0 {
			flags[f.slot] |= f.mask
		}
	}
	for i := range c.fields {
		f := &c.fields[i]
		switch {
		case f.op == opFlags:
			dst = binary.LittleEndian.AppendUint32(dst, flags[f.slot])
		case f.mask == 0 || flags[f.slot]&f.mask != 0:
			dst = g.value(dst, f.t, depth-1)
		}
	}
	return dst
}

func (g *generator) value(dst []byte, t *typ, depth int) []byte {
	switch t.op {
	case opInt:
		return binary.LittleEndian.AppendUint32(dst, uint32(g.long()))
	case opLong:
		return binary.LittleEndian.AppendUint64(dst, uint64(g.long()))
	case opDouble:
		return binary.LittleEndian.AppendUint64(dst, g.double())
	case opString, opBytes:
		w := bin.Writer{Buf: dst}
		w.Bytes(g.text())
		return w.Buf
	case opInt128, opInt256:
		for range t.min / 4 {
			dst = binary.LittleEndian.AppendUint32(dst, g.r.Uint32())
		}
	case opBool:
		w := bin.Writer{Buf: dst}
		w.Bool(g.r.IntN(2) == 0)
		return w.Buf
	case opClass:
		return g.boxed(dst, g.choose(t.class.combs, depth), depth)
	case opObject:
		return g.boxed(dst, g.choose(g.anyOf, depth), depth)
	case opCall:
		return g.boxed(dst, g.choose(g.callOf, depth), depth)
	case opBare:
		return g.fields(dst, t.comb, depth)
	case opVector, opBareVector:
		return g.vector(dst, t, depth)
	}
	return dst
}

func (g *generator) vector(dst []byte, t *typ, depth int) []byte {
	n := 0
	if _, ok := g.typeHeight(t.elem); ok && depth > 0 {
		n = g.r.IntN(4)
	}
	if t.op == opVector {
		dst = binary.LittleEndian.AppendUint32(dst, bin.IDVector)
	}
	dst = binary.LittleEndian.AppendUint32(dst, uint32(n))
	for range n {
		dst = g.value(dst, t.elem, depth-1)
	}
	return dst
}

// choose picks one of combs; one of the shallowest where depth has run out.
func (g *generator) choose(combs []*comb, depth int) *comb {
	low, _ := g.lowest(combs)
	for {
		c := combs[g.r.IntN(len(combs))]
		if h, ok := g.heights[c]; ok && (h == low || h <= depth) {
			return c
		}
	}
}

func (g *generator) long() int64 {
	switch g.r.IntN(4) {
	case 0:
		return int64(g.r.IntN(300)) - 150
	case 1:
		return []int64{math.MinInt64, math.MaxInt64, math.MinInt32, math.MaxInt32, 1 << 53, 0, -1}[g.r.IntN(7)]
	}
	return int64(g.r.Uint64())
}

func (g *generator) double() uint64 {
	switch g.r.IntN(4) {
	case 0:
		return math.Float64bits(float64(g.r.IntN(1000)) / 8)
	case 1:
		return []uint64{
			quietNaN, quietNaN + 1, 0x7ff0000000000001, 0xfff8000000000000, math.Float64bits(math.Inf(1)),
			math.Float64bits(math.Inf(-1)), 1 << 63, 0, 1, math.Float64bits(math.MaxFloat64), math.Float64bits(1e21),
		}[g.r.IntN(11)]
	}
	return g.r.Uint64()
}

var snippets = []string{
	"", "a", "hello, world", "\"quoted\" \\ and /", "line\nline\r\t\b\f\x00\x1f", "<b>&amp;</b>", "привет", "日本語", "👋🏽",
	"\u2028\u2029", "\x7f", "\xff", "ok\xc3", "\xed\xa0\x80", "_", `{"base64":"x"}`,
}

// text is a string, sometimes none that is UTF-8, sometimes long.
func (g *generator) text() []byte {
	var b strings.Builder
	for range g.r.IntN(4) {
		b.WriteString(snippets[g.r.IntN(len(snippets))])
	}
	if g.r.IntN(16) == 0 {
		b.WriteString(strings.Repeat("x", 240+g.r.IntN(30)))
	}
	return []byte(b.String())
}
