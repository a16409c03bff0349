package codec

import "github.com/natsgram/natsgram/tl"

// ObjectFinder finds the objects of chosen constructors that a value holds, at every depth, while the value is written as JSON
// or MessagePack: so they cost no pass of their own. It never changes and may be used by any number of goroutines.
type ObjectFinder struct {
	s      *Schema
	wanted []bool // by constructor
	reach  *reach // what can hold one
}

// NewObjectFinder makes the tables: want is asked about every constructor.
func (s *Schema) NewObjectFinder(want func(*tl.Combinator) bool) *ObjectFinder {
	f := &ObjectFinder{s: s, wanted: make([]bool, len(s.combs))}
	for _, c := range s.combs {
		f.wanted[c.index] = !c.function && want(c.decl)
	}
	f.reach = s.reachOf(nowhere, func(c *comb) bool { return f.wanted[c.index] })
	return f
}

// objects is what a walk has found.
type objects struct {
	finder *ObjectFinder // nil: nothing is looked for
	found  []View
}

// see notes the object of c that ends at end, if it is wanted. Its fields begin at off, its id stands before them.
func (o *objects) see(w *walker, c *comb, off, end int) {
	if o.finder.wanted[c.index] && off >= 4 && end >= 0 {
		o.found = append(o.found, View{s: w.s, c: c, src: w.src[off-4 : end : end], off: 4})
	}
}

// looks is the finder itself, unless a value of t holds nothing that it looks for.
func (f *ObjectFinder) looks(t Type) *ObjectFinder {
	if t.t == nil || !f.reach.in(t.t) {
		return nil
	}
	return f
}

// AppendJSON is [Schema.AppendJSON], and appends to found the boxed objects that were met, those within others before them. They
// alias src. Of a value that cannot be read it appends none.
func (f *ObjectFinder) AppendJSON(dst []byte, found []View, src []byte, t Type) ([]byte, []View, error) {
	if t.t == nil {
		return dst, found, errVoid(0, nil)
	}
	e := jsonOut{walker: walker{s: f.s, src: src, objects: objects{f.looks(t), found}}, limit: len(dst) + MaxOutput}
	out, off := e.value(dst, 0, t.t, MaxDepth)
	if err := e.end(off); err != nil {
		return dst, found, err.root(t.t.name)
	}
	return out, e.found, nil
}

// AppendMsgpack is [Schema.AppendMsgpack], and appends to found as AppendJSON does.
func (f *ObjectFinder) AppendMsgpack(dst []byte, found []View, src []byte, t Type) ([]byte, []View, error) {
	if t.t == nil {
		return dst, found, errVoid(0, nil)
	}
	e := packOut{walker: walker{s: f.s, src: src, objects: objects{f.looks(t), found}}, limit: len(dst) + MaxOutput}
	out, off := e.value(dst, 0, t.t, MaxDepth)
	if err := e.end(off); err != nil {
		return dst, found, err.root(t.t.name)
	}
	return out, e.found, nil
}

// Append appends to found as AppendJSON does, of a value that is not written.
func (f *ObjectFinder) Append(found []View, src []byte, t Type) []View {
	if f.looks(t) == nil {
		return found
	}
	w := walker{s: f.s, src: src, objects: objects{f, found}}
	if w.end(w.value(0, t.t, MaxDepth)) != nil {
		return found
	}
	return w.found
}
