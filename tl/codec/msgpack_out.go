package codec

import (
	"encoding/binary"
	"unicode/utf8"

	"github.com/natsgram/natsgram/tl/bin"
)

// AppendMsgpack appends the MessagePack of src, which must be exactly one value of t. On an error, an [*Error], dst comes
// back as it was.
func (s *Schema) AppendMsgpack(dst, src []byte, t Type) ([]byte, error) {
	if t.t == nil {
		return dst, errVoid(0, nil)
	}
	e := packOut{walker: walker{s: s, src: src}, limit: len(dst) + MaxOutput}
	out, off := e.value(dst, 0, t.t, MaxDepth)
	if err := e.end(off); err != nil {
		return dst, err.root(t.t.name)
	}
	return out, nil
}

// packOut writes MessagePack while it walks, in the manner of jsonOut.
type packOut struct {
	walker
	limit int // of the buffer's length
}

func (e *packOut) value(dst []byte, off int, t *typ, depth int) ([]byte, int) {
	switch t.op {
	case opString:
		return e.string(dst, off)
	case opClass, opObject, opCall:
		c, off := e.boxed(off, t)
		if off < 0 {
			return dst, off
		}
		return e.object(dst, off, c, t, depth)
	case opBare:
		return e.object(dst, off, t.comb, t, depth)
	case opVector, opBareVector:
		return e.vector(dst, off, t, depth)
	case opBytes:
		start, end, next := e.text(off)
		if next >= 0 {
			dst = appendPackBin(dst, e.src[start:end])
		}
		return dst, next
	case opBool:
		v, next := e.bool(off)
		return appendPackBool(dst, v), next
	case opTrue:
		return append(dst, packTrue), off
	case opVoid:
		return dst, e.fail(errVoid(off, t))
	}
	return e.number(dst, off, t)
}

// number writes a value of fixed size.
func (e *packOut) number(dst []byte, off int, t *typ) ([]byte, int) {
	if len(e.src)-off < t.min {
		return dst, e.short(off, t.min)
	}
	b := e.src[off : off+t.min]
	off += t.min
	switch t.op {
	case opInt:
		return appendPackInt(dst, int32(binary.LittleEndian.Uint32(b))), off
	case opLong:
		return binary.BigEndian.AppendUint64(append(dst, packInt64), binary.LittleEndian.Uint64(b)), off
	case opDouble:
		return binary.BigEndian.AppendUint64(append(dst, packFloat64), binary.LittleEndian.Uint64(b)), off
	}
	return appendPackBin(dst, b), off
}

func (e *packOut) string(dst []byte, off int) ([]byte, int) {
	start, end, next := e.text(off)
	if next < 0 {
		return dst, next
	}
	if s := e.src[start:end]; !utf8.Valid(s) {
		return appendPackBin(dst, s), next
	}
	return appendPackStr(dst, e.src[start:end]), next
}

// object writes the constructor c and its fields. How many there are is known only behind the last flags field, so the
// map's head is filled in at the end.
func (e *packOut) object(dst []byte, off int, c *comb, t *typ, depth int) ([]byte, int) {
	if depth <= 0 || len(dst) > e.limit {
		return dst, e.refuse(off, depth)
	}
	name := c.pack[0]
	if t.op == opObject {
		if isBool(c) {
			return appendPackBool(dst, c.id == bin.IDBoolTrue), off
		}
		name = c.pack[1]
	}
	head, count := len(dst), 1
	if c.packMax < 16 {
		dst = append(dst, packFixMap)
	} else {
		dst = append(dst, packMap16, 0, 0)
	}
	dst = appendKey(dst, name)
	start := off
	var flags [maxFlags]uint32
	for i := range c.fields {
		f := &c.fields[i]
		if f.mask != 0 && flags[f.slot%maxFlags]&f.mask == 0 {
			continue
		}
		if f.op == opFlags {
			if len(e.src)-off < 4 {
				off = e.short(off, 4)
				e.err.in(f)
				return dst, off
			}
			flags[f.slot%maxFlags] = binary.LittleEndian.Uint32(e.src[off:])
			off += 4
			continue
		}
		dst = appendKey(dst, f.pack)
		if dst, off = e.value(dst, off, f.t, depth-1); off < 0 {
			e.err.in(f)
			return dst, off
		}
		count++
	}
	if c.packMax < 16 {
		dst[head] |= byte(count)
	} else {
		binary.BigEndian.PutUint16(dst[head+1:], uint16(count))
	}
	if e.finder != nil && t.op != opBare {
		e.see(&e.walker, c, start, off)
	}
	return dst, off
}

func (e *packOut) vector(dst []byte, off int, t *typ, depth int) ([]byte, int) {
	if depth <= 0 {
		return dst, e.refuse(off, depth)
	}
	n, off := e.count(off, t)
	if off < 0 {
		return dst, off
	}
	dst = appendPackArray(dst, n)
	for i := range n {
		if dst, off = e.value(dst, off, t.elem, depth-1); off < 0 {
			e.err.at(i)
			return dst, off
		}
	}
	if len(dst) > e.limit {
		return dst, e.refuse(off, depth)
	}
	return dst, off
}
