package codectest

import (
	"encoding/binary"

	"github.com/natsgram/natsgram/tl"
	"github.com/natsgram/natsgram/tl/bin"
)

// Planter makes values that hold a given object somewhere, on a way through the schema that is another one each time.
type Planter struct {
	g     *Generator
	class string
	far   map[*tl.Combinator]int // how many steps to a place for an object of the class, at least
}

// Planter makes a Planter of objects of a class.
func (g *Generator) Planter(class string) *Planter {
	p := &Planter{g: g, class: class, far: map[*tl.Combinator]int{}}
	for step, more := 1, true; more; step++ { // a constructor of the class may hold another one
		more = false
		for _, c := range g.all {
			if _, known := p.far[c]; !known && g.Possible(c) && len(p.ways(c, step)) > 0 {
				p.far[c], more = step, true
			}
		}
	}
	return p
}

// Reaches reports whether a value of t can hold an object of the class.
func (p *Planter) Reaches(t tl.Type) bool { _, ok := p.distance(t); return ok }

// distance is 0 where the object itself may stand.
func (p *Planter) distance(t tl.Type) (best int, ok bool) {
	if len(t.Args) == 1 {
		return p.distance(t.Args[0])
	}
	if t.Name == p.class && !t.Bare {
		return 0, true
	}
	for _, c := range p.candidates(t) {
		if d, known := p.far[c]; known && (!ok || d < best) {
			best, ok = d, true
		}
	}
	return best, ok
}

func (p *Planter) candidates(t tl.Type) []*tl.Combinator {
	if c := p.g.bare(t); c != nil {
		return []*tl.Combinator{c}
	}
	return p.g.s.Class(t.Name)
}

// ways are the parameters of c by which a place is less than most steps away.
func (p *Planter) ways(c *tl.Combinator, most int) (ways []int) {
	for i, param := range c.Params {
		if d, ok := p.distance(param.Type); ok && d < most {
			ways = append(ways, i)
		}
	}
	return ways
}

// Value appends a value of t that holds object. Depth bounds how deep it nests, where the schema lets it.
func (p *Planter) Value(dst []byte, t tl.Type, object []byte, depth int) []byte {
	if len(t.Args) == 1 {
		return p.vector(dst, t, object, depth)
	}
	if t.Name == p.class && !t.Bare && (depth <= 0 || p.g.r.IntN(3) > 0) {
		return append(dst, object...)
	}
	c := p.choose(p.candidates(t), depth)
	if c == nil {
		return append(dst, object...)
	}
	if p.g.bare(t) == nil {
		dst = binary.LittleEndian.AppendUint32(dst, c.ID)
	}
	return p.fields(dst, c, object, depth)
}

// choose picks a constructor that leads to a place; a near one where depth has run out. Nil: none does.
func (p *Planter) choose(among []*tl.Combinator, depth int) (chosen *tl.Combinator) {
	seen := 0
	for _, c := range among {
		d, ok := p.far[c]
		if near, _ := p.far[chosen]; !ok || depth <= 0 && chosen != nil && d >= near {
			continue
		}
		if seen++; depth <= 0 || p.g.r.IntN(seen) == 0 {
			chosen = c
		}
	}
	return chosen
}

func (p *Planter) vector(dst []byte, t tl.Type, object []byte, depth int) []byte {
	w := bin.Writer{Buf: dst}
	before, after := p.g.r.IntN(2), p.g.r.IntN(2)
	if t.Name == "Vector" {
		w.Uint32(bin.IDVector)
	}
	w.Int32(int32(before + 1 + after))
	for range before {
		w.Buf = p.g.Value(w.Buf, t.Args[0], 1)
	}
	w.Buf = p.Value(w.Buf, t.Args[0], object, depth-1)
	for range after {
		w.Buf = p.g.Value(w.Buf, t.Args[0], 1)
	}
	return w.Buf
}

func (p *Planter) fields(dst []byte, c *tl.Combinator, object []byte, depth int) []byte {
	most := p.far[c]
	if depth > 0 {
		most = len(p.g.all)
	}
	ways := p.ways(c, most)
	way := ways[p.g.r.IntN(len(ways))]
	flags := p.g.flags(c, 1)
	if cond := c.Params[way].Cond; cond != nil {
		flags[cond.Flags] |= 1 << cond.Bit
	}
	for i, param := range c.Params {
		switch {
		case param.Type.Name == "#":
			dst = binary.LittleEndian.AppendUint32(dst, flags[param.Name])
		case param.Cond != nil && flags[param.Cond.Flags]>>param.Cond.Bit&1 == 0:
		case i == way:
			dst = p.Value(dst, param.Type, object, depth-1)
		default:
			dst = p.g.Value(dst, param.Type, 1)
		}
	}
	return dst
}
