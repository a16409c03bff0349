package codec

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"strings"
	"sync"
)

// scratch is what input needs besides dst. It is kept between uses.
type scratch struct {
	segs []seg  // of the objects being written, outermost first
	text []byte // of a string with escapes
	swap []byte // of an object being put in order
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// maxKept bounds what a pooled scratch may hold on to, in bytes.
const maxKept = 1 << 20

func (k *scratch) free() {
	if cap(k.text) <= maxKept && cap(k.swap) <= maxKept && cap(k.segs) <= maxKept/16 {
		k.segs = k.segs[:0]
		scratches.Put(k)
	}
}

// seg is where a field of an object begins in dst.
type seg struct{ field, start int }

// builder writes TL of fields that come in any order: each is written when it comes, and an object whose fields were
// out of order is put right when it ends.
type builder struct {
	s     *Schema
	o     *Options
	dst   []byte
	limit int  // of len(dst)
	ids   bool // the longs that are taken now are those of Forms.ID
	*scratch
	err *Error
}

func newBuilder(s *Schema, dst []byte, o *Options) builder {
	if o == nil {
		o = &noOptions
	}
	return builder{s: s, o: o, dst: dst, limit: len(dst) + MaxOutput, scratch: scratches.Get().(*scratch)}
}

// done gives back the scratch and the result: dst as it was after an error, of the builder or of what reads its input.
func (b *builder) done(dst []byte, root string, input *Error) ([]byte, error) {
	b.merge(input)
	b.free()
	if b.err != nil {
		return dst, b.err.root(root)
	}
	return b.dst, nil
}

func (b *builder) fail(e *Error) bool {
	b.merge(e)
	return false
}

// merge takes an error, if it is the first.
func (b *builder) merge(e *Error) {
	if b.err == nil {
		b.err = e
	}
}

// inField puts a field on the path of the first error, as atItem does with an index; input is that of what reads the input.
// Both return false for their callers to return.
func (b *builder) inField(f *field, input *Error) bool {
	b.merge(input)
	b.err.in(f)
	return false
}

func (b *builder) atItem(i int, input *Error) bool {
	b.merge(input)
	b.err.at(i)
	return false
}

// name notes that the name of an object comes, which may come once.
func (b *builder) name(fr *frame, off int) bool {
	if fr.named {
		return b.fail(&Error{Path: "_", Offset: off, What: "given twice"})
	}
	fr.named = true
	return true
}

// wantName fails with what stands in place of an object's name.
func (b *builder) wantName(off int) bool {
	return b.fail(&Error{Path: "_", Offset: off, What: "want the constructor's name as a string"})
}

// frame is an object being written.
type frame struct {
	c      *comb
	base   int // of its segs
	last   int // the highest field so far
	nflags int // flags fields so far
	named  bool
	mixed  bool // fields are out of order
	seen   [maxBits]uint64
	have   [maxBits]uint64
	flagAt [maxFlags]int
}

func (b *builder) open(c *comb) frame { return frame{c: c, base: len(b.segs), last: -1} }

// see finds the field called name, which must not have come before.
func (b *builder) see(fr *frame, name []byte, off int) (int, bool) {
	i := fr.last + 1 // most writers keep the schema's order
	if i >= len(fr.c.fields) || fr.c.fields[i].name != string(name) {
		i = fr.c.find(name)
	}
	if i < 0 || fr.c.fields[i].op == opFlags {
		return i, b.fail(errField(fr.c, string(name), off))
	}
	if fr.seen[i/64]>>(i%64)&1 != 0 {
		return i, b.fail(&Error{Path: clip(name), Offset: off, What: "given twice"})
	}
	fr.seen[i/64] |= 1 << (i % 64)
	return i, true
}

func errField(c *comb, name string, off int) *Error {
	e := &Error{Path: clip(name), Offset: off}
	if i := c.find([]byte(name)); i >= 0 {
		e.What = "flags follow from the fields that are present, leave it out"
		return e
	}
	e.What = "no such field in " + c.name + didYouMean(name, c.fieldNames())
	return e
}

// begin says that field i comes next in dst, after the flags fields that stand before it.
func (b *builder) begin(fr *frame, i int) {
	b.flagsBefore(fr, i)
	if i < fr.last {
		fr.mixed = true
	}
	fr.last = max(fr.last, i)
	fr.have[i/64] |= 1 << (i % 64)
	b.segs = append(b.segs, seg{i, len(b.dst)})
}

// flagsBefore leaves room for the flags fields that stand before field i.
func (b *builder) flagsBefore(fr *frame, i int) {
	for ; fr.nflags < len(fr.c.flags) && fr.c.flags[fr.nflags] < i; fr.nflags++ {
		at := fr.c.flags[fr.nflags]
		if at < fr.last {
			fr.mixed = true
		}
		fr.last = max(fr.last, at)
		fr.flagAt[fr.nflags] = len(b.dst)
		b.segs = append(b.segs, seg{at, len(b.dst)})
		b.dst = append(b.dst, 0, 0, 0, 0)
	}
}

// setTrue notes a true flag.
func (fr *frame) setTrue(i int) { fr.have[i/64] |= 1 << (i % 64) }

// close ends an object: what is missing, the flags, the order.
func (b *builder) close(fr *frame, off int) bool {
	for w, required := range &fr.c.required {
		for left := required &^ fr.have[w]; left != 0; left &= left - 1 {
			if !b.missing(fr, w*64+bits.TrailingZeros64(left), off) {
				return false
			}
		}
	}
	var flags [maxFlags]uint32
	for w, have := range &fr.have {
		for ; have != 0; have &= have - 1 {
			f := &fr.c.fields[w*64+bits.TrailingZeros64(have)]
			flags[f.slot%maxFlags] |= f.mask
		}
	}
	if len(fr.c.sharing) > 0 && !b.together(fr, &flags, off) {
		return false
	}
	b.flagsBefore(fr, len(fr.c.fields))
	for slot := range fr.c.flags {
		binary.LittleEndian.PutUint32(b.dst[fr.flagAt[slot]:], flags[slot])
	}
	if fr.mixed {
		b.order(b.segs[fr.base:])
	}
	b.segs = b.segs[:fr.base]
	if len(b.dst) > b.limit {
		return b.fail(errOutput(off))
	}
	return true
}

// together checks that fields which share a bit are all there or none (H3). A true flag among them follows from the rest.
func (b *builder) together(fr *frame, flags *[maxFlags]uint32, off int) bool {
	c := fr.c
	for _, i := range c.sharing {
		f := &c.fields[i]
		if fr.have[i/64]>>(i%64)&1 != 0 || flags[f.slot]&f.mask == 0 {
			continue
		}
		var others []string
		for j := range c.fields {
			if g := &c.fields[j]; j != i && g.mask == f.mask && g.slot == f.slot {
				others = append(others, g.name)
			}
		}
		return b.fail(&Error{Path: f.name, Offset: off, What: "missing, it must come together with " + strings.Join(others, ", ")})
	}
	return true
}

// order puts the segments of an object, which reach to the end of dst, into the order of the schema.
func (b *builder) order(segs []seg) {
	if len(segs) == 0 {
		return
	}
	first, end := segs[0].start, len(b.dst)
	b.swap = append(b.swap[:0], b.dst[first:]...)
	var place [maxFields + 1]struct{ start, end int }
	for i, sg := range segs {
		stop := end
		if i+1 < len(segs) {
			stop = segs[i+1].start
		}
		place[sg.field].start, place[sg.field].end = sg.start-first, stop-first
	}
	slices.SortFunc(segs, func(a, b seg) int { return a.field - b.field })
	at := b.dst[:first]
	for _, sg := range segs {
		p := place[sg.field]
		at = append(at, b.swap[p.start:p.end]...)
	}
}
