package codec

import (
	"encoding/binary"
	"math"
)

// place is where a field's value begins. The zero place is that of an absent field.
type place struct {
	f   *field
	off int
}

func (p place) int(src []byte) int64 {
	switch {
	case p.f == nil:
	case p.f.op == opInt:
		return int64(int32(binary.LittleEndian.Uint32(src[p.off:])))
	case p.f.op == opFlags:
		return int64(binary.LittleEndian.Uint32(src[p.off:]))
	case p.f.op == opLong:
		return int64(binary.LittleEndian.Uint64(src[p.off:]))
	}
	return 0
}

func (p place) double(src []byte) float64 {
	if p.f == nil || p.f.op != opDouble {
		return 0
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(src[p.off:]))
}

func (p place) bytes(src []byte) []byte {
	if p.f == nil {
		return nil
	}
	switch p.f.op {
	case opString, opBytes:
		w := walker{src: src}
		start, end, _ := w.text(p.off)
		return src[start:end:end]
	case opInt128, opInt256:
		end := p.off + p.f.t.min
		return src[p.off:end:end]
	}
	return nil
}

func (p place) bool(src []byte) bool {
	if p.f == nil {
		return false
	}
	if p.f.op == opBool {
		w := walker{src: src}
		b, _ := w.bool(p.off)
		return b
	}
	return p.f.op == opTrue
}

// object reports whether there is one.
func (p place) object() bool {
	if p.f == nil {
		return false
	}
	switch p.f.op {
	case opClass, opBare, opObject, opCall:
		return true
	}
	return false
}

// list is a vector: the type of its items, where they begin and how many there are.
type list struct {
	elem *typ
	off  int
	n    int
}

func (p place) vector(v View) list {
	if p.f == nil || p.f.op != opVector && p.f.op != opBareVector {
		return list{}
	}
	w := walker{s: v.s, src: v.src}
	n, off := w.count(p.off, p.f.t)
	if off < 0 {
		return list{}
	}
	return list{p.f.t.elem, off, n}
}

func (l list) longs(src []byte) []int64 {
	if l.elem == nil || l.elem.op != opLong && l.elem.op != opInt {
		return nil
	}
	out := make([]int64, l.n)
	for i := range out {
		b := src[l.off+i*l.elem.min:]
		if l.elem.op == opLong {
			out[i] = int64(binary.LittleEndian.Uint64(b))
		} else {
			out[i] = int64(int32(binary.LittleEndian.Uint32(b)))
		}
	}
	return out
}

func (s *Schema) items(src []byte, l list, yield func(View) bool) {
	if l.elem == nil {
		return
	}
	w, off := walker{s: s, src: src}, l.off
	for range l.n {
		o, next := w.view(off, l.elem)
		if next < 0 || !yield(o) {
			return
		}
		off = next
	}
}
