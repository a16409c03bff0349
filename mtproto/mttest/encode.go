package mttest

import (
	"encoding/binary"
	"fmt"
	"strings"
	"sync"

	"github.com/natsgram/natsgram/tl"
	"github.com/natsgram/natsgram/tl/bin"
	"github.com/natsgram/natsgram/tl/codec"
)

// M is an object of the API by the names of its fields.
type M = codec.M

// encoder writes objects by name in whatever layer the server speaks. Where codec.Schema.Encode is strict, it is not:
// fields that the layer does not have are left out, those that it asks for and nobody set are filled with the emptiest
// value there is, and so are objects whose constructor it does not know. So the server says the same in any layer, as
// far as the layer can say it.
type encoder struct {
	api  *tl.Schema
	zero sync.Map // class name -> []byte, its emptiest object

	shapes sync.Map // *tl.Combinator -> shape
}

// append writes v as a value of type t.
func (e *encoder) append(dst []byte, t tl.Type, v any) ([]byte, error) {
	w := writing{e: e, w: bin.Writer{Buf: dst}}
	w.value(t, v, 0)
	if err := w.w.Err(); err != nil {
		return dst, err
	}
	return w.w.Buf, nil
}

// object writes m boxed, whatever its class.
func (e *encoder) object(m M) ([]byte, error) {
	return e.append(nil, tl.Type{Name: "Object"}, m)
}

type writing struct {
	e *encoder
	w bin.Writer
}

const maxDepth = 64

func (w *writing) failf(format string, args ...any) { w.w.Fail(fmt.Errorf("mttest: "+format, args...)) }

// known finds the constructor of an object, nil where the layer has none.
func (w *writing) known(v any) *tl.Combinator {
	m, ok := v.(M)
	if !ok {
		return nil
	}
	name, _ := m["_"].(string)
	if c := w.e.api.Constructor(name); c != nil {
		return c
	}
	return w.e.api.Function(name)
}

func (w *writing) value(t tl.Type, v any, depth int) {
	if depth > maxDepth {
		w.failf("too deep")
	}
	if w.w.Err() != nil || w.ready(v) {
		return
	}
	switch t.Name {
	case "int", "#":
		w.w.Int32(int32(number(v)))
	case "long", "int53":
		w.w.Int64(number(v))
	case "double":
		f, _ := v.(float64)
		w.w.Double(f)
	case "string", "bytes":
		w.text(v)
	case "int128":
		b, _ := v.([16]byte)
		w.w.Raw(b[:])
	case "int256":
		b, _ := v.([32]byte)
		w.w.Raw(b[:])
	case "Bool":
		b, _ := v.(bool)
		w.w.Bool(b)
	case "true":
	case "Vector", "vector":
		w.vector(t, v, depth)
	default:
		w.boxed(t, v, depth)
	}
}

// ready writes what is TL already.
func (w *writing) ready(v any) bool {
	switch v := v.(type) {
	case codec.Raw:
		w.w.Raw(v)
		return true
	case codec.View:
		w.w.Raw(v.Raw())
		return true
	}
	return false
}

func number(v any) int64 {
	switch v := v.(type) {
	case int:
		return int64(v)
	case int64:
		return v
	case int32:
		return int64(v)
	case uint32:
		return int64(v)
	}
	return 0
}

func (w *writing) text(v any) {
	switch v := v.(type) {
	case string:
		w.w.Str(v)
	case []byte:
		w.w.Bytes(v)
	default:
		w.w.Str("")
	}
}

func (w *writing) vector(t tl.Type, v any, depth int) {
	items := list(v)
	elem := t.Args[0]
	if isClass(elem) {
		kept := items[:0:0]
		for _, item := range items {
			if _, raw := item.(codec.Raw); raw || w.known(item) != nil {
				kept = append(kept, item)
			}
		}
		items = kept
	}
	if t.Name == "Vector" {
		w.w.Uint32(bin.IDVector)
	}
	w.w.Int32(int32(len(items)))
	for _, item := range items {
		w.value(elem, item, depth+1)
	}
}

// list makes any slice that M may hold one of items.
func list(v any) []any {
	switch v := v.(type) {
	case []any:
		return v
	case []M:
		return items(v)
	case []int:
		return items(v)
	case []int64:
		return items(v)
	case []string:
		return items(v)
	case [][]byte:
		return items(v)
	case []codec.Raw:
		return items(v)
	}
	return nil
}

func items[T any](in []T) []any {
	out := make([]any, len(in))
	for i, v := range in {
		out[i] = v
	}
	return out
}

// isClass reports whether a type is written by one of its constructors, with its id.
func isClass(t tl.Type) bool {
	switch t.Name {
	case "int", "#", "long", "int53", "double", "string", "bytes", "int128", "int256", "Bool", "true", "Vector", "vector":
		return false
	}
	return true
}

func (w *writing) boxed(t tl.Type, v any, depth int) {
	c := w.known(v)
	if c == nil || t.Name != "Object" && !t.Bare && c.Result.Name != t.Name {
		w.w.Raw(w.emptiest(t, depth))
		return
	}
	m, _ := v.(M)
	if !t.Bare {
		w.w.Uint32(c.ID)
	}
	w.fields(c, m, depth)
}

// shape is a constructor's parameters by name.
type shape map[string]int

func (e *encoder) shape(c *tl.Combinator) shape {
	if s, ok := e.shapes.Load(c); ok {
		return s.(shape)
	}
	s := make(shape, len(c.Params))
	for i := range c.Params {
		s[c.Params[i].Name] = i
	}
	e.shapes.Store(c, s)
	return s
}

// fields writes the fields of c, and the flags that follow from which of them m has (H3).
func (w *writing) fields(c *tl.Combinator, m M, depth int) {
	var room [64]any
	values := append(room[:0], make([]any, len(c.Params))...)
	shape := w.e.shape(c)
	var flags map[string]uint32
	for name, v := range m {
		i, ok := shape[name]
		if !ok {
			continue
		}
		values[i] = v
		if p := &c.Params[i]; p.Cond != nil && w.present(p, v) {
			if flags == nil {
				flags = make(map[string]uint32, 2)
			}
			flags[p.Cond.Flags] |= 1 << p.Cond.Bit
		}
	}
	for i := range c.Params {
		p := &c.Params[i]
		switch {
		case p.Type.Name == "#":
			w.w.Uint32(flags[p.Name])
		case p.Cond == nil || flags[p.Cond.Flags]&(1<<p.Cond.Bit) != 0:
			w.value(p.Type, values[i], depth+1)
		}
	}
}

func (w *writing) present(p *tl.Param, v any) bool {
	switch v := v.(type) {
	case nil:
		return false
	case bool:
		return v || p.Type.Name != "true"
	case M:
		return w.known(v) != nil
	}
	return true
}

// emptiest is the object of a class that says the least: one called ...Empty, or the one that needs the fewest fields.
func (w *writing) emptiest(t tl.Type, depth int) []byte {
	if b, ok := w.e.zero.Load(t.Name); ok && !t.Bare {
		return b.([]byte)
	}
	var best *tl.Combinator
	for _, c := range w.e.api.Class(t.Name) {
		if best == nil || weight(c) < weight(best) {
			best = c
		}
	}
	if best == nil {
		w.failf("nothing can stand for %s", t)
		return nil
	}
	inner := writing{e: w.e}
	if !t.Bare {
		inner.w.Uint32(best.ID)
	}
	inner.fields(best, nil, depth+1)
	if err := inner.w.Err(); err != nil {
		w.w.Fail(err)
		return nil
	}
	if !t.Bare {
		w.e.zero.Store(t.Name, inner.w.Buf)
	}
	return inner.w.Buf
}

func weight(c *tl.Combinator) (n int) {
	for i := range c.Params {
		if p := &c.Params[i]; p.Cond == nil {
			n += 2
			if isClass(p.Type) {
				n += 8
			}
		}
	}
	if !strings.HasSuffix(c.Name, "Empty") {
		n++
	}
	return n
}

// call32 is the id that a call begins with, 0 for none.
func call32(b []byte) uint32 {
	if len(b) < 4 {
		return 0
	}
	return binary.LittleEndian.Uint32(b)
}
