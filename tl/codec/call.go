package codec

import (
	"encoding/binary"

	"github.com/natsgram/natsgram/tl/bin"
)

// CheckCall reports whether call is exactly one well-formed call of f and nothing more, so that raw TL from outside can
// be passed on as it is. The error is an [*Error].
func (s *Schema) CheckCall(call []byte, f *Function) error {
	w := walker{s: s, src: call}
	id := uint32(0)
	switch {
	case len(call) < 4:
		w.short(0, 4)
	default:
		id = binary.LittleEndian.Uint32(call)
	}
	if w.err == nil && id != f.c.id {
		w.fail(errID(0, id, s.ids.get(id), f.c.name))
	}
	if w.err == nil {
		if off := w.fields(4, f.c, MaxDepth); off >= 0 && off < len(call) {
			w.fail(errTrailing(off, len(call)-off))
		}
	}
	return w.err.root(f.c.name)
}

// ResultOf is the type of the answer to an encoded call. Wrappers answer what the call they wrap answers (H4), however
// many there are. Only as much of the call is read as that takes. The error is an [*Error].
func (s *Schema) ResultOf(call []byte) (Type, error) {
	w := walker{s: s, src: call}
	off, path := 0, ""
	for depth := MaxDepth; ; depth-- {
		c, next := w.boxed(off, callType)
		if next >= 0 && path == "" {
			path = c.name
		}
		if next >= 0 && c.wrapped < 0 {
			return Type{c.result}, nil
		}
		if next >= 0 && depth == 0 {
			next = w.fail(errDepth(off))
		}
		if next >= 0 {
			next = w.before(next, c, c.wrapped)
		}
		if next < 0 {
			return Type{}, w.err.root(path)
		}
		off = next
	}
}

var callType = &typ{op: opCall, min: 4, name: "a method"}

// before finds where the field with index i of c begins.
func (w *walker) before(off int, c *comb, i int) int {
	part := comb{fields: c.fields[:i]}
	return w.fields(off, &part, MaxDepth)
}

// isBool tells the two constructors that are plain true and false.
func isBool(c *comb) bool { return c.id == bin.IDBoolTrue || c.id == bin.IDBoolFalse }
