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

// longSearch is what a walk looks for and has found. It stands in the walker itself: a pointer to it would be one more
// allocation for every update.
type longSearch struct {
	longs *LongFinder // nil: no longs are looked for
	noted []Long
}

// Append appends what the boxed object at the start of src holds, in the order in which it stands there. Of an object that
// cannot be read it appends what comes before the place where it cannot.
func (f *LongFinder) Append(dst []Long, src []byte) []Long {
	w := walker{s: f.s, src: src, longSearch: longSearch{f, dst}}
	w.value(0, objectType, MaxDepth)
	return w.noted
}

// tagsOf are the tags of the fields of c; nil if none are looked for.
func (l *longSearch) tagsOf(c *comb) []uint8 {
	if l.longs == nil {
		return nil
	}
	return l.longs.tags[c.index]
}

// note notes the value of f at off.
func (w *walker) note(off int, f *field, tag uint8) {
	n := 1
	if f.op != opLong {
		n, off = w.count(off, f.t)
	}
	for ; n > 0; n-- {
		w.noted = append(w.noted, Long{tag, int64(binary.LittleEndian.Uint64(w.src[off:]))})
		off += 8
	}
}
