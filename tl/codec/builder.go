package codec

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/natsgram/natsgram/tl/bin"
)

// Options are the comforts of input. None changes what an input without gaps means; nil asks for none.
type Options struct {
	// MissingLong is asked for a required long or int that the input leaves out, such as a random_id: fn is the call or
	// constructor, param its parameter. Of the answer an int takes the low 32 bits. For a missing Vector<long> it is
	// asked once for each item of the parameter "id" beside it, which it numbers. False: it stays an error.
	MissingLong func(fn, param string) (int64, bool)
	// Resolve is asked where an object of a class is wanted and a string or number stands: class is "InputPeer" and the
	// like, text the string or the number's digits. It answers the boxed TL of an object of that class; false for what
	// it does not know, which leaves the usual error; or an error that the caller is to see.
	Resolve func(class, text string) ([]byte, bool, error)
}

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
	limit int // of len(dst)
	*scratch
	err *Error
}

func newBuilder(s *Schema, dst []byte, o *Options) builder {
	if o == nil {
		o = &noOptions
	}
	return builder{s: s, o: o, dst: dst, limit: len(dst) + MaxOutput, scratch: scratches.Get().(*scratch)}
}

var noOptions Options

// done gives back the scratch and the result: dst as it was after an error.
func (b *builder) done(dst []byte, root string) ([]byte, error) {
	b.free()
	if b.err != nil {
		return dst, b.err.root(root)
	}
	return b.dst, nil
}

func (b *builder) fail(e *Error) bool {
	if b.err == nil {
		b.err = e
	}
	return false
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

// missing fills in a required field, where the options know how.
func (b *builder) missing(fr *frame, i, off int) bool {
	f := &fr.c.fields[i]
	ok := false
	switch {
	case b.o.MissingLong == nil:
	case f.op == opLong || f.op == opInt:
		ok = b.missingNumber(fr, i)
	case f.op == opVector && f.t.elem.op == opLong:
		ok = b.missingNumbers(fr, i)
	}
	if !ok {
		return b.fail(&Error{Path: f.name, Offset: off, What: "missing, want " + f.t.name})
	}
	return true
}

func (b *builder) missingNumber(fr *frame, i int) bool {
	f := &fr.c.fields[i]
	v, ok := b.o.MissingLong(fr.c.name, f.name)
	if !ok {
		return false
	}
	b.begin(fr, i)
	if f.op == opInt {
		b.dst = binary.LittleEndian.AppendUint32(b.dst, uint32(v))
	} else {
		b.dst = binary.LittleEndian.AppendUint64(b.dst, uint64(v))
	}
	return true
}

// missingNumbers fills in a Vector<long> that numbers the items of the field "id" beside it.
func (b *builder) missingNumbers(fr *frame, i int) bool {
	n := 0
	id := fr.c.find([]byte("id"))
	if id < 0 || fr.c.fields[id].op != opVector {
		return false
	}
	for _, sg := range b.segs[fr.base:] {
		if sg.field == id {
			n = int(binary.LittleEndian.Uint32(b.dst[sg.start+4:]))
		}
	}
	f := &fr.c.fields[i]
	b.begin(fr, i)
	b.dst = binary.LittleEndian.AppendUint32(b.dst, bin.IDVector)
	b.dst = binary.LittleEndian.AppendUint32(b.dst, uint32(n))
	for range n {
		v, ok := b.o.MissingLong(fr.c.name, f.name)
		if !ok {
			return false
		}
		b.dst = binary.LittleEndian.AppendUint64(b.dst, uint64(v))
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

// pick finds the constructor by the name that an input gives for a place of type t; nil after failing.
func (b *builder) pick(t *typ, name []byte, off int) *comb {
	c := t.near(name)
	if c != nil {
		return c
	}
	c = b.named(t, name)
	if c == nil {
		b.fail(b.errName(t, string(name), off))
		return nil
	}
	if t.op == opBare && c != t.comb || t.op != opBare && !t.admits(c) {
		b.fail(&Error{Offset: off, What: "want " + t.described(), Got: c.name})
		return nil
	}
	return c
}

// near looks where a name most likely is, in a class of a few.
func (t *typ) near(name []byte) *comb {
	if t.op == opClass && len(t.class.combs) <= 4 {
		for _, c := range t.class.combs {
			if c.name == string(name) {
				return c
			}
		}
	}
	return nil
}

func (b *builder) named(t *typ, name []byte) *comb {
	c := b.s.ctors[string(name)]
	if f := b.s.functions[string(name)]; f != nil && (c == nil || t.op == opCall || f.c == t.comb) {
		c = f.c
	}
	if c != nil || len(name) < 9 || name[len(name)-9] != '#' {
		return c
	}
	id, err := strconv.ParseUint(string(name[len(name)-8:]), 16, 32)
	if c = b.s.ids.get(uint32(id)); err != nil || c == nil || c.name != string(name[:len(name)-9]) {
		return nil
	}
	return c
}

func (b *builder) errName(t *typ, name string, off int) *Error {
	what, names := "constructor", []string(nil)
	switch t.op {
	case opCall:
		what, names = "method", b.s.Nearest(name)
	case opClass:
		for _, c := range t.class.combs {
			names = append(names, c.name)
		}
	default:
		for _, c := range b.s.combs {
			names = append(names, c.name)
		}
	}
	return &Error{Offset: off, What: "want " + t.described() + ", there is no " + what + " " + quoted(name) + didYouMean(name, names)}
}

// same checks the name that an input gives for an object that is already known to be a c.
func (b *builder) same(c *comb, name []byte, off int) bool {
	return string(name) == c.name || b.pick(&typ{op: opBare, comb: c, name: c.name}, name, off) != nil
}

// only is the constructor of a place that needs no name; nil where there are several.
func (t *typ) only() *comb {
	switch t.op {
	case opBare:
		return t.comb
	case opClass:
		return t.class.single()
	}
	return nil
}

// errUnnamed is for an object that does not say what it is.
func errUnnamed(t *typ, off int) *Error {
	what := `want an object with its constructor in "_"`
	switch t.op {
	case opClass:
		what = "want " + t.name + ` with its constructor in "_": ` + t.class.list()
	case opCall:
		what = `want a call with its method in "_"`
	}
	return &Error{Offset: off, What: what}
}

// described names what is wanted, for errors.
func (t *typ) described() string {
	switch t.op {
	case opCall:
		return "a method"
	case opObject:
		return "an object"
	case opBare:
		return t.comb.name
	}
	return t.name
}

// resolve asks the options for the object of class t that text stands for. Handled is false where nobody knows.
func (b *builder) resolve(t *typ, text string, off int) (handled, ok bool) {
	if b.o.Resolve == nil || t.op != opClass {
		return false, false
	}
	tl, ok, err := b.o.Resolve(t.name, text)
	if err != nil {
		return true, b.fail(&Error{Offset: off, What: err.Error(), Err: err})
	}
	if !ok {
		return false, false
	}
	if bad := b.s.whole(tl, t); bad != nil {
		return true, b.fail(&Error{Offset: off, What: "what it resolves to is no " + t.name, Err: bad})
	}
	b.dst = append(b.dst, tl...)
	return true, true
}

// openText begins a length-prefixed value of n bytes (H1) and reports whether TL can carry it.
func (b *builder) openText(n, off int) bool {
	switch {
	case n > bin.MaxBytes:
		return b.fail(&Error{Offset: off, What: "TL carries at most " + strconv.Itoa(bin.MaxBytes) + " bytes", Got: strconv.Itoa(n), Err: &bin.TooLongError{Len: n}})
	case n < 254:
		b.dst = append(b.dst, byte(n))
	default:
		b.dst = append(b.dst, 254, byte(n), byte(n>>8), byte(n>>16))
	}
	return true
}

// closeText pads a value of n bytes that stands at the end of dst.
func (b *builder) closeText(n int) {
	if n < 254 {
		n++
	}
	const zeros = "\x00\x00\x00"
	b.dst = append(b.dst, zeros[:-n&3]...)
}

func (b *builder) text(s []byte, off int) bool {
	if !b.openText(len(s), off) {
		return false
	}
	b.dst = append(b.dst, s...)
	b.closeText(len(s))
	return true
}

func (b *builder) uint32(v uint32) bool {
	b.dst = binary.LittleEndian.AppendUint32(b.dst, v)
	return true
}

func (b *builder) uint64(v uint64) bool {
	b.dst = binary.LittleEndian.AppendUint64(b.dst, v)
	return true
}

func (b *builder) bool(v bool) bool {
	if v {
		return b.uint32(bin.IDBoolTrue)
	}
	return b.uint32(bin.IDBoolFalse)
}

// vectorHead begins a vector; the answer is where its count belongs.
func (b *builder) vectorHead(t *typ) int {
	if t.op == opVector {
		b.uint32(bin.IDVector)
	}
	b.uint32(0)
	return len(b.dst) - 4
}

// vectorEnd fills in the count.
func (b *builder) vectorEnd(t *typ, at, n, off int) bool {
	if t.elem.min == 0 && n > maxEmptyItems {
		return b.fail(&Error{Offset: off, What: "at most " + strconv.Itoa(maxEmptyItems) + " items without bytes", Got: strconv.Itoa(n)})
	}
	if len(b.dst) > b.limit {
		return b.fail(errOutput(off))
	}
	binary.LittleEndian.PutUint32(b.dst[at:], uint32(n))
	return true
}

func (b *builder) wantBytes(t *typ, off, n int) bool {
	return b.fail(&Error{Offset: off, What: "want " + t.name + ", " + plural(t.min, "byte"), Got: strconv.Itoa(n)})
}

// word is what true, false or null, of which c is the first letter, mean as an object of type t; "" for nothing.
func (t *typ) word(c byte) (id uint32, word string) {
	switch {
	case c == 't' && t.op == opObject:
		return bin.IDBoolTrue, "true"
	case c == 'f' && t.op == opObject:
		return bin.IDBoolFalse, "false"
	case c == 't' && t.op == opClass && t.name == "True":
		return bin.IDTrue, "true"
	case c == 'n' && t.op == opClass && t.name == "Null":
		return bin.IDNull, "null"
	}
	return 0, ""
}
