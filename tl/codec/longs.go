package codec

import "encoding/binary"

// LongFinder finds the longs of chosen fields in an object, at every depth: the ids in an update of any layer. It never
// changes and may be used by any number of goroutines.
type LongFinder struct {
	s    *Schema
	tags [][]uint8 // by constructor and field; 0: not wanted
}

// Long is one that was found.
type Long struct {
	Tag   uint8 // of its field
	Value int64
}

// NewLongFinder makes the tables. Tag is asked about every field that is a long, or a vector of longs, and says how its
// values are marked; those of a field with the tag 0 are left out.
func (s *Schema) NewLongFinder(tag func(field string, vector bool) uint8) *LongFinder {
	f := &LongFinder{s: s, tags: make([][]uint8, len(s.combs))}
	fields := 0
	for _, c := range s.combs {
		fields += len(c.fields)
	}
	tags := make([]uint8, fields)
	for i, c := range s.combs {
		f.tags[i], tags = tags[:len(c.fields)], tags[len(c.fields):]
		for j := range c.fields {
			switch t := c.fields[j].t; {
			case t.op == opLong:
				f.tags[i][j] = tag(c.fields[j].name, false)
			case (t.op == opVector || t.op == opBareVector) && t.elem.op == opLong:
				f.tags[i][j] = tag(c.fields[j].name, true)
			}
		}
	}
	return f
}

// longSearch is a walk that looks for longs.
type longSearch struct {
	finder *LongFinder
	found  []Long
}

// Append appends what the boxed object at the start of src holds, in the order in which it stands there. Of an object that
// cannot be read it appends what comes before the place where it cannot.
func (f *LongFinder) Append(dst []Long, src []byte) []Long {
	search := longSearch{f, dst}
	w := walker{s: f.s, src: src, search: &search}
	w.value(0, objectType, MaxDepth)
	return search.found
}

// note notes the value at off, if it is wanted, of the field of c with that number.
func (l *longSearch) note(w *walker, off int, c *comb, field int) {
	tag := l.finder.tags[c.index][field]
	if tag == 0 {
		return
	}
	n := 1
	if t := c.fields[field].t; t.op != opLong {
		n, off = w.count(off, t)
	}
	for ; n > 0; n-- {
		l.found = append(l.found, Long{tag, int64(binary.LittleEndian.Uint64(w.src[off:]))})
		off += 8
	}
}
