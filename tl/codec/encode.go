package codec

import (
	"fmt"
	"math"
	"slices"
)

// M is an object or a call by the names of its fields, its constructor or method in "_". Values may be int, int32, int64,
// uint32, float64, bool, string, []byte, [16]byte, [32]byte, M, View, Raw, and slices of them: []M, []any, []int,
// []int32, []int64, []string, [][]byte, []View, []Raw. A nil value, and false for a true flag, is absence. An empty slice is
// an empty vector.
type M map[string]any

// Raw is TL that is already encoded, exactly as it is to stand where it is put: boxed where the place asks for that.
type Raw []byte

// Encode appends the TL of a constructor or function. On an error, an [*Error], dst comes back as it was.
func (s *Schema) Encode(dst []byte, m M) ([]byte, error) {
	g := goIn{newBuilder(s, dst, nil)}
	g.object(objectType, m, MaxDepth)
	name, _ := m["_"].(string)
	return g.done(dst, name, nil)
}

// goIn writes TL from Go values.
type goIn struct{ builder }

func (g *goIn) object(t *typ, m M, depth int) bool {
	if depth <= 0 {
		return g.fail(errDepth(-1))
	}
	c := t.only()
	if name, ok := m["_"].(string); ok {
		if c = g.pick(t, []byte(name), -1); c == nil {
			return false
		}
	}
	if c == nil {
		return g.fail(errUnnamed(t, -1))
	}
	if t.op != opBare {
		g.uint32(c.id)
	}
	fr := g.open(c)
	used := 0
	if _, ok := m["_"]; ok {
		used++
	}
	for i := range c.fields {
		v, ok := m[c.fields[i].name]
		if !ok || c.fields[i].op == opFlags {
			continue
		}
		used++
		if !g.field(&fr, i, v, depth) {
			g.err.in(&c.fields[i])
			return false
		}
	}
	if used < len(m) {
		return g.fail(unknownKey(c, m))
	}
	return g.close(&fr, -1)
}

// unknownKey is for the first key, in alphabetical order, that c has no field for.
func unknownKey(c *comb, m M) *Error {
	var keys []string
	for k := range m {
		if i := c.find([]byte(k)); k != "_" && (i < 0 || c.fields[i].op == opFlags) {
			keys = append(keys, k)
		}
	}
	return errField(c, slices.Min(keys), -1)
}

func (g *goIn) field(fr *frame, i int, v any, depth int) bool {
	f := &fr.c.fields[i]
	if f.mask != 0 && (v == nil || f.op == opTrue && v == false) {
		return true
	}
	if f.op == opTrue {
		fr.setTrue(i)
	} else {
		g.begin(fr, i)
	}
	return g.value(f.t, v, depth-1)
}

func (g *goIn) value(t *typ, v any, depth int) bool {
	switch v := v.(type) {
	case Raw:
		return g.raw(t, v)
	case View:
		return g.raw(t, v.src)
	}
	switch t.op {
	case opInt, opLong:
		return g.integer(t, v)
	case opDouble:
		switch v := v.(type) {
		case float64:
			return g.uint64(math.Float64bits(v))
		case int:
			return g.uint64(math.Float64bits(float64(v)))
		}
	case opString, opBytes:
		switch v := v.(type) {
		case string:
			return g.text([]byte(v), -1)
		case []byte:
			return g.text(v, -1)
		}
	case opInt128, opInt256:
		return g.fixed(t, v)
	case opBool:
		if v, ok := v.(bool); ok {
			return g.bool(v)
		}
	case opTrue:
		if v == true {
			return true
		}
	case opClass, opBare, opObject, opCall:
		switch v := v.(type) {
		case M:
			return g.object(t, v, depth)
		case map[string]any:
			return g.object(t, v, depth)
		}
	case opVector, opBareVector:
		return g.vector(t, v, depth)
	}
	return g.want(t, v)
}

func (g *goIn) want(t *typ, v any) bool {
	return g.fail(&Error{Offset: -1, What: "want " + t.described(), Got: fmt.Sprintf("a Go %T", v)})
}

// raw takes what is already encoded, if it is a t.
func (g *goIn) raw(t *typ, tl []byte) bool {
	if bad := g.s.whole(tl, t); bad != nil {
		return g.fail(bad)
	}
	g.dst = append(g.dst, tl...)
	return true
}

func (g *goIn) integer(t *typ, v any) bool {
	var n int64
	switch v := v.(type) {
	case int:
		n = int64(v)
	case int32:
		n = int64(v)
	case int64:
		n = v
	case uint32:
		n = int64(v)
	default:
		return g.want(t, v)
	}
	if t.op == opLong {
		return g.uint64(uint64(n))
	}
	if n != int64(int32(n)) {
		return g.fail(&Error{Offset: -1, What: "want int", Got: fmt.Sprint(n), kind: "a larger number"})
	}
	return g.uint32(uint32(n))
}

func (g *goIn) fixed(t *typ, v any) bool {
	var b []byte
	switch v := v.(type) {
	case []byte:
		b = v
	case [16]byte:
		b = v[:]
	case [32]byte:
		b = v[:]
	default:
		return g.want(t, v)
	}
	if len(b) != t.min {
		return g.wantBytes(t, -1, len(b))
	}
	g.dst = append(g.dst, b...)
	return true
}

func (g *goIn) vector(t *typ, v any, depth int) bool {
	if depth <= 0 {
		return g.fail(errDepth(-1))
	}
	switch v := v.(type) {
	case []any:
		return eachItem(g, t, v, depth)
	case []M:
		return eachItem(g, t, v, depth)
	case []int64:
		return eachItem(g, t, v, depth)
	case []int:
		return eachItem(g, t, v, depth)
	case []int32:
		return eachItem(g, t, v, depth)
	case []string:
		return eachItem(g, t, v, depth)
	case [][]byte:
		return eachItem(g, t, v, depth)
	case []View:
		return eachItem(g, t, v, depth)
	case []Raw:
		return eachItem(g, t, v, depth)
	}
	return g.want(t, v)
}

func eachItem[T any](g *goIn, t *typ, items []T, depth int) bool {
	at := g.vectorHead(t)
	for i, v := range items {
		if !g.value(t.elem, v, depth-1) {
			g.err.at(i)
			return false
		}
	}
	return g.vectorEnd(t, at, len(items), -1)
}

// AppendValue appends a value of any type, such as the vector that a method answers; v is as in [M].
func (s *Schema) AppendValue(dst []byte, t Type, v any) ([]byte, error) {
	if t.t == nil {
		return dst, errVoid(-1, nil)
	}
	g := goIn{newBuilder(s, dst, nil)}
	g.value(t.t, v, MaxDepth)
	return g.done(dst, t.t.name, nil)
}
