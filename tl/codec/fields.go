package codec

import (
	"encoding/binary"
	"iter"
	"math"
)

// Fields is a [View] that knows where each of its fields is, after one pass over the object: for reading many fields, or an
// object within. The zero Fields is no object; [Fields.Read] makes it one, and may be called again and again without
// allocating. It aliases what it read, and is not safe for concurrent use while it reads.
type Fields struct {
	v  View
	at []spot // its fields, but for those that are absent
}

// spot is where a field begins.
type spot struct{ field, off int32 }

// Read finds the fields of v.
func (f *Fields) Read(v View) {
	f.v = v
	if f.pass() < 0 {
		f.v = View{}
	}
}

// pass goes over the object once, and answers where it ends; -1: it has no fields.
func (f *Fields) pass() int {
	f.at = f.at[:0]
	if f.v.c == nil || len(f.v.src) > math.MaxInt32 {
		return -1
	}
	w := walker{s: f.v.s, src: f.v.src}
	off := f.v.off
	var flags [maxFlags]uint32
	for i := range f.v.c.fields {
		c := &f.v.c.fields[i]
		if c.mask != 0 && flags[c.slot%maxFlags]&c.mask == 0 {
			continue
		}
		f.at = append(f.at, spot{int32(i), int32(off)})
		if c.op == opFlags {
			flags[c.slot%maxFlags] = binary.LittleEndian.Uint32(f.v.src[off:])
		}
		if off = w.value(off, c.t, MaxDepth); off < 0 { // View has checked it: never
			f.at = f.at[:0]
			return -1
		}
	}
	return off
}

// View is what was read.
func (f *Fields) View() View { return f.v }

// place is where the field called name begins, and its number among those that are there.
func (f *Fields) place(name string) (place, int) {
	for i, at := range f.at {
		if c := &f.v.c.fields[at.field]; c.name == name {
			return place{c, int(at.off)}, i
		}
	}
	return place{}, 0
}

// Has is as that of [View], and so are the others.
func (f *Fields) Has(name string) bool {
	p, _ := f.place(name)
	return p.f != nil
}

// Int is an int, a long or a flags field.
func (f *Fields) Int(name string) int64 {
	p, _ := f.place(name)
	return p.int(f.v.src)
}

// Bytes is a string, bytes, int128 or int256. It aliases the input.
func (f *Fields) Bytes(name string) []byte {
	p, _ := f.place(name)
	return p.bytes(f.v.src)
}

// Bool is a true flag or a Bool.
func (f *Fields) Bool(name string) bool {
	p, _ := f.place(name)
	return p.bool(f.v.src)
}

// Object is an object. It is not stepped over again: where it ends is known.
func (f *Fields) Object(name string) (View, bool) {
	p, i := f.place(name)
	if !p.object() {
		return View{}, false
	}
	end := f.end(i)
	o := View{s: f.v.s, c: p.f.t.comb, src: f.v.src[p.off:end:end]}
	if p.f.op != opBare {
		w := walker{s: f.v.s, src: o.src}
		if o.c, o.off = w.boxed(0, p.f.t); o.off < 0 {
			return View{}, false
		}
	}
	return o, true
}

// end is where the value of the field with that number ends.
func (f *Fields) end(i int) int {
	if i+1 < len(f.at) {
		return int(f.at[i+1].off)
	}
	return len(f.v.src)
}

// Len is how many items a vector has.
func (f *Fields) Len(name string) int {
	p, _ := f.place(name)
	return p.vector(f.v).n
}

// Objects goes over a vector of objects.
func (f *Fields) Objects(name string) iter.Seq[View] {
	return func(yield func(View) bool) {
		p, _ := f.place(name)
		f.v.s.items(f.v.src, p.vector(f.v), yield)
	}
}

// Each goes over a vector of objects and reads each into item, in one pass over them all.
func (f *Fields) Each(name string, item *Fields) iter.Seq[*Fields] {
	return func(yield func(*Fields) bool) {
		p, _ := f.place(name)
		l := p.vector(f.v)
		if l.elem == nil {
			return
		}
		src := f.v.src[l.off:]
		for range l.n {
			n := item.next(f.v.s, src, l.elem)
			if n < 0 || !yield(item) {
				return
			}
			src = src[n:]
		}
	}
}

// next reads the object of type t that src begins with, and answers its size.
func (f *Fields) next(s *Schema, src []byte, t *typ) int {
	f.v = View{s: s, src: src}
	switch t.op {
	case opBare:
		f.v.c = t.comb
	case opClass, opObject, opCall:
		w := walker{s: s, src: src}
		f.v.c, f.v.off = w.boxed(0, t)
	}
	n := f.pass()
	if n < 0 {
		f.v = View{}
		return n
	}
	f.v.src = src[:n:n]
	return n
}
