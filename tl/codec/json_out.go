package codec

import (
	"encoding/binary"
	"math"
	"strconv"

	"github.com/natsgram/natsgram/tl/bin"
)

// AppendJSON appends the JSON of src, which must be exactly one value of t. On an error, an [*Error], dst comes back as
// it was.
func (s *Schema) AppendJSON(dst, src []byte, t Type) ([]byte, error) {
	if t.t == nil {
		return dst, errVoid(0, nil)
	}
	e := jsonOut{walker: walker{s: s, src: src}, limit: len(dst) + MaxOutput}
	out, off := e.value(dst, 0, t.t, MaxDepth)
	if err := e.end(off); err != nil {
		return dst, err.root(t.t.name)
	}
	return out, nil
}

// jsonOut writes JSON while it walks. Buffer and offset travel through arguments and results, in registers.
type jsonOut struct {
	walker
	limit int // of the buffer's length
}

func (e *jsonOut) value(dst []byte, off int, t *typ, depth int) ([]byte, int) {
	switch t.op {
	case opInt:
		if off+4 <= len(e.src) {
			return appendDecimal(dst, int64(int32(binary.LittleEndian.Uint32(e.src[off:])))), off + 4
		}
	case opLong:
		if off+8 <= len(e.src) {
			dst = appendDecimal(append(dst, '"'), int64(binary.LittleEndian.Uint64(e.src[off:])))
			return append(dst, '"'), off + 8
		}
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
			dst = appendBase64(dst, e.src[start:end])
		}
		return dst, next
	case opBool:
		v, next := e.bool(off)
		return strconv.AppendBool(dst, v), next
	case opTrue:
		return append(dst, "true"...), off
	case opVoid:
		return dst, e.fail(errVoid(off, t))
	}
	return e.fixed(dst, off, t)
}

// fixed writes what else has a fixed size, or fails for want of bytes.
func (e *jsonOut) fixed(dst []byte, off int, t *typ) ([]byte, int) {
	if len(e.src)-off < t.min {
		return dst, e.short(off, t.min)
	}
	b := e.src[off : off+t.min]
	if t.op == opDouble {
		return appendJSONDouble(dst, binary.LittleEndian.Uint64(b)), off + 8
	}
	return appendBase64(dst, b), off + t.min
}

func (e *jsonOut) string(dst []byte, off int) ([]byte, int) {
	start, end, next := e.text(off)
	if next < 0 {
		return dst, next
	}
	return appendJSONString(dst, e.src[start:end]), next
}

// object writes the constructor c and its fields, which begin at off. T is what was asked for.
func (e *jsonOut) object(dst []byte, off int, c *comb, t *typ, depth int) ([]byte, int) {
	if depth <= 0 || len(dst) > e.limit {
		return dst, e.refuse(off, depth)
	}
	name := c.json[0]
	if t.op == opObject {
		if isBool(c) {
			return strconv.AppendBool(dst, c.id == bin.IDBoolTrue), off
		}
		name = c.json[1]
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
		dst = appendKey(dst, f.json)
		if dst, off = e.value(dst, off, f.t, depth-1); off < 0 {
			e.err.in(f)
			return dst, off
		}
	}
	if e.finder != nil && t.op != opBare {
		e.see(&e.walker, c, start, off)
	}
	return append(dst, '}'), off
}

func (e *jsonOut) vector(dst []byte, off int, t *typ, depth int) ([]byte, int) {
	if depth <= 0 {
		return dst, e.refuse(off, depth)
	}
	n, off := e.count(off, t)
	if off < 0 {
		return dst, off
	}
	dst = append(dst, '[')
	for i := range n {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, off = e.value(dst, off, t.elem, depth-1); off < 0 {
			e.err.at(i)
			return dst, off
		}
	}
	if len(dst) > e.limit {
		return dst, e.refuse(off, depth)
	}
	return append(dst, ']'), off
}

// quietNaN is the NaN that is written without its bits.
const quietNaN = 0x7ff8000000000000

// appendJSONDouble writes the shortest number that reads back as the same bits; what is no number, as a string.
func appendJSONDouble(dst []byte, bits uint64) []byte {
	v := math.Float64frombits(bits)
	switch {
	case bits == quietNaN:
		return append(dst, `"NaN"`...)
	case v != v:
		dst = append(dst, `"NaN:`...)
		for shift := 60; shift >= 0; shift -= 4 {
			dst = append(dst, hexDigits[bits>>shift&15])
		}
		return append(dst, '"')
	case math.IsInf(v, 1):
		return append(dst, `"Infinity"`...)
	case math.IsInf(v, -1):
		return append(dst, `"-Infinity"`...)
	}
	format := byte('f')
	if abs := math.Abs(v); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(dst, v, format, -1, 64)
}

const hexDigits = "0123456789abcdef"
