package codec

import (
	"encoding/binary"

	"github.com/natsgram/natsgram/tl/bin"
)

// walker goes over TL bytes. Every method takes an offset and answers the one behind the value, or -1 after it has set
// err. It is checked (H1, H2, H8): no read leaves src, counts fit the bytes left, depth is bounded.
type walker struct {
	s   *Schema
	src []byte
	err *Error

	longSearch
	objects
}

func (w *walker) fail(e *Error) int {
	w.err = e
	return -1
}

func (w *walker) short(off, want int) int { return w.fail(errShort(off, want, len(w.src)-off)) }

// fixed steps over n bytes.
func (w *walker) fixed(off, n int) int {
	if n > len(w.src)-off {
		return w.short(off, n)
	}
	return off + n
}

// text finds a length-prefixed value (H1): src[start:end], padded up to next.
func (w *walker) text(off int) (start, end, next int) {
	src := w.src
	if len(src)-off < 4 {
		return 0, 0, w.short(off, 4)
	}
	n, prefix := bin.TextLength(binary.LittleEndian.Uint32(src[off:]))
	if prefix == 0 {
		return 0, 0, w.fail(errFormat(off, bin.ErrTextPrefix))
	}
	start = off + prefix
	end = start + n
	next = off + (end-off+3)&^3
	if next > len(src) {
		return 0, 0, w.short(start, next-start)
	}
	return start, end, next
}

// count takes the head of a vector and checks that its items can be there (H2).
func (w *walker) count(off int, t *typ) (n, next int) {
	if t.op == opVector {
		if len(w.src)-off < 4 {
			return 0, w.short(off, 4)
		}
		if id := binary.LittleEndian.Uint32(w.src[off:]); id != bin.IDVector {
			return 0, w.fail(errID(off, id, w.s.ids.get(id), t.name))
		}
		off += 4
	}
	if len(w.src)-off < 4 {
		return 0, w.short(off, 4)
	}
	n = int(int32(binary.LittleEndian.Uint32(w.src[off:])))
	most := maxEmptyItems
	if t.elem.min > 0 {
		most = (len(w.src) - off - 4) / t.elem.min
	}
	if n < 0 || n > most {
		return 0, w.fail(errCount(off, n, len(w.src)-off-4))
	}
	return n, off + 4
}

// boxed takes a constructor id that may stand where t is wanted.
func (w *walker) boxed(off int, t *typ) (*comb, int) {
	if len(w.src)-off < 4 {
		return nil, w.short(off, 4)
	}
	id := binary.LittleEndian.Uint32(w.src[off:])
	c := w.s.ids.get(id)
	if c == nil || !t.admits(c) {
		return nil, w.fail(errID(off, id, c, t.name))
	}
	return c, off + 4
}

// admits reports whether c may stand, boxed, where t is wanted.
func (t *typ) admits(c *comb) bool {
	switch t.op {
	case opClass:
		return c.class == t.class
	case opObject:
		return true
	case opCall:
		return c.function
	}
	return false
}

// bool takes a boxed Bool.
func (w *walker) bool(off int) (v bool, next int) {
	if len(w.src)-off < 4 {
		return false, w.short(off, 4)
	}
	switch id := binary.LittleEndian.Uint32(w.src[off:]); id {
	case bin.IDBoolTrue:
		return true, off + 4
	case bin.IDBoolFalse:
		return false, off + 4
	default:
		return false, w.fail(errID(off, id, w.s.ids.get(id), "Bool"))
	}
}

// value steps over a value of t. Depth is how many more levels there may be.
func (w *walker) value(off int, t *typ, depth int) int {
	switch t.op {
	case opInt, opFlags:
		return w.fixed(off, 4)
	case opLong, opDouble:
		return w.fixed(off, 8)
	case opInt128:
		return w.fixed(off, 16)
	case opInt256:
		return w.fixed(off, 32)
	case opString, opBytes:
		_, _, off = w.text(off)
		return off
	case opBool:
		_, off = w.bool(off)
		return off
	case opTrue:
		return off
	case opClass, opObject, opCall:
		c, off := w.boxed(off, t)
		if off < 0 {
			return off
		}
		end := w.fields(off, c, depth)
		if w.finder != nil {
			w.see(w, c, off, end)
		}
		return end
	case opBare:
		return w.fields(off, t.comb, depth)
	case opVector, opBareVector:
		return w.vector(off, t, depth)
	}
	return w.fail(errVoid(off, t))
}

func (w *walker) vector(off int, t *typ, depth int) int {
	if depth <= 0 {
		return w.fail(errDepth(off))
	}
	n, off := w.count(off, t)
	if off < 0 {
		return off
	}
	switch t.elem.op {
	case opInt, opLong, opDouble, opInt128, opInt256:
		return off + n*t.elem.min // count has seen that they are there
	}
	for i := range n {
		if off = w.value(off, t.elem, depth-1); off < 0 {
			w.err.at(i)
			return off
		}
	}
	return off
}

// fields steps over the fields of c.
func (w *walker) fields(off int, c *comb, depth int) int {
	if depth <= 0 {
		return w.fail(errDepth(off))
	}
	var flags [maxFlags]uint32
	tags := w.tagsOf(c)
	for i := range c.fields {
		f := &c.fields[i]
		if f.mask != 0 && flags[f.slot%maxFlags]&f.mask == 0 {
			continue
		}
		next := w.value(off, f.t, depth-1)
		if next < 0 {
			w.err.in(f)
			return next
		}
		if f.op == opFlags {
			flags[f.slot%maxFlags] = binary.LittleEndian.Uint32(w.src[off:])
		}
		if tags != nil && tags[i] != 0 {
			w.note(off, &c.fields[i], tags[i])
		}
		off = next
	}
	return off
}

// whole checks that src is one value of t and nothing else (H9).
func (s *Schema) whole(src []byte, t *typ) *Error {
	if t == nil {
		return errVoid(0, t)
	}
	w := walker{s: s, src: src}
	return w.end(w.value(0, t, MaxDepth))
}

// end checks that nothing follows what was walked over up to off (H9).
func (w *walker) end(off int) *Error {
	if off >= 0 && off < len(w.src) {
		w.err = errTrailing(off, len(w.src)-off)
	}
	return w.err
}

// refuse fails where an object or a vector nests too deep, or what is written of it is too large.
func (w *walker) refuse(off, depth int) int {
	if depth <= 0 {
		return w.fail(errDepth(off))
	}
	return w.fail(errOutput(off))
}

// Check reports whether src is exactly one value of t. The error is an [*Error].
func (s *Schema) Check(src []byte, t Type) error { return s.whole(src, t.t).root(t.String()) }
