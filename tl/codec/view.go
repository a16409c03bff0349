package codec

import (
	"encoding/binary"
	"iter"
)

// View reads one object by field names, straight from its TL bytes, which it aliases and which must not change. It is a
// small value; the zero View is no object, and has no fields. Asking for a field that the constructor does not have, that
// is absent or of another type, answers the zero value: the names belong to a layer that the program may not know.
//
// A field is found by stepping over those before it, so that reading many of a large object is not free: see [Fields].
type View struct {
	s   *Schema
	c   *comb
	src []byte // with the id, if it has one
	off int    // of the fields: 4, or 0 where the object is bare
}

// View reads the boxed object at the start of src. All of it is checked here, once: the fields can be read without errors.
// Bytes may follow it; [View.Raw] tells where it ends. The error is an [*Error].
func (s *Schema) View(src []byte) (View, error) {
	w := walker{s: s, src: src}
	v, next := w.view(0, objectType)
	if next < 0 {
		return View{}, w.err.root(s.peekName(src))
	}
	return v, nil
}

// peekName names what src begins with, for errors.
func (s *Schema) peekName(src []byte) string {
	if len(src) < 4 {
		return ""
	}
	return s.Name(binary.LittleEndian.Uint32(src))
}

// view makes a View of the object of type t at off. It fails, quietly, where t is no type of objects.
func (w *walker) view(off int, t *typ) (View, int) {
	v := View{s: w.s, src: w.src[off:]}
	next := off
	switch t.op {
	case opBare:
		v.c = t.comb
	case opClass, opObject, opCall:
		if v.c, next = w.boxed(off, t); next < 0 {
			return View{}, next
		}
	default:
		return View{}, w.fail(&Error{Offset: off, What: "no object"})
	}
	v.off = next - off
	if next = w.fields(next, v.c, MaxDepth); next < 0 {
		return View{}, next
	}
	v.src = w.src[off:next:next]
	return v, next
}

// Valid reports whether there is an object.
func (v View) Valid() bool { return v.c != nil }

// Name is the object's constructor or method, "" for no object.
func (v View) Name() string {
	if v.c == nil {
		return ""
	}
	return v.c.name
}

// ID is the constructor id.
func (v View) ID() uint32 {
	if v.c == nil {
		return 0
	}
	return v.c.id
}

// Class is the class that the constructor belongs to, "" for a call.
func (v View) Class() string {
	if v.c == nil || v.c.class == nil {
		return ""
	}
	return v.c.class.name
}

// Raw is the object's bytes, exactly: boxed, but for an item of a vector of bare objects, which has no id.
func (v View) Raw() []byte { return v.src }

// place is where the field called name begins.
func (v View) place(name string) place {
	if v.c == nil {
		return place{}
	}
	w := walker{s: v.s, src: v.src}
	off := v.off
	var flags [maxFlags]uint32
	for i := range v.c.fields {
		f := &v.c.fields[i]
		if f.mask != 0 && flags[f.slot%maxFlags]&f.mask == 0 {
			continue
		}
		if f.name == name {
			return place{f, off}
		}
		if f.op == opFlags {
			flags[f.slot%maxFlags] = binary.LittleEndian.Uint32(v.src[off:])
		}
		if off = w.value(off, f.t, MaxDepth); off < 0 {
			return place{}
		}
	}
	return place{}
}

// Has reports whether the field is present.
func (v View) Has(name string) bool { return v.place(name).f != nil }

// Offset is where in [View.Raw] the field's value begins, -1 if it is absent.
func (v View) Offset(name string) int {
	if p := v.place(name); p.f != nil {
		return p.off
	}
	return -1
}

// Int is an int, a long or a flags field.
func (v View) Int(name string) int64 { return v.place(name).int(v.src) }

// Double is a double.
func (v View) Double(name string) float64 { return v.place(name).double(v.src) }

// Str is a string or bytes, as a new string.
func (v View) Str(name string) string { return string(v.Bytes(name)) }

// Bytes is a string, bytes, int128 or int256. It aliases the input.
func (v View) Bytes(name string) []byte { return v.place(name).bytes(v.src) }

// Bool is a true flag or a Bool.
func (v View) Bool(name string) bool { return v.place(name).bool(v.src) }

// Object is an object: of a class, bare, of any class, or the call within a wrapper.
func (v View) Object(name string) (View, bool) {
	p := v.place(name)
	if !p.object() {
		return View{}, false
	}
	w := walker{s: v.s, src: v.src}
	o, next := w.view(p.off, p.f.t)
	return o, next >= 0
}

// Len is how many items a vector has.
func (v View) Len(name string) int { return v.place(name).vector(v).n }

// Objects goes over a vector of objects.
func (v View) Objects(name string) iter.Seq[View] {
	return func(yield func(View) bool) { v.s.items(v.src, v.place(name).vector(v), yield) }
}

// Longs is a vector of int or long.
func (v View) Longs(name string) []int64 { return v.place(name).vector(v).longs(v.src) }

// Strs goes over a vector of string or bytes. The items alias the input.
func (v View) Strs(name string) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		l := v.place(name).vector(v)
		if l.elem == nil || l.elem.op != opString && l.elem.op != opBytes {
			return
		}
		w, off := walker{src: v.src}, l.off
		for range l.n {
			start, end, next := w.text(off)
			if next < 0 || !yield(v.src[start:end:end]) {
				return
			}
			off = next
		}
	}
}

// Objects goes over the objects of a result that is a vector. Nothing comes of one that is malformed or holds no objects.
func (s *Schema) Objects(src []byte, t Type) iter.Seq[View] {
	return func(yield func(View) bool) {
		if t.t == nil || t.t.op != opVector && t.t.op != opBareVector || s.whole(src, t.t) != nil {
			return
		}
		w := walker{s: s, src: src}
		if n, off := w.count(0, t.t); off >= 0 {
			s.items(src, list{t.t.elem, off, n}, yield)
		}
	}
}
