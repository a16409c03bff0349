package codec

import (
	"encoding/binary"
	"math"
	"strconv"
)

// AppendTLFromMsgpack appends the TL of src, the MessagePack of one value of t; o may be nil. On an error, an [*Error]
// whose text names the place, dst comes back as it was.
func (s *Schema) AppendTLFromMsgpack(dst, src []byte, t Type, o *Options) ([]byte, error) {
	if t.t == nil {
		return dst, errVoid(0, nil)
	}
	d := packIn{unpacker: unpacker{src: src}, builder: newBuilder(s, dst, o)}
	if d.value(t.t, MaxDepth) {
		d.end()
	}
	return d.done(dst, t.t.name, d.unpacker.err)
}

// AppendCallFromMsgpack appends the TL of a call of f whose parameters are the map src, as
// [Schema.AppendTLFromMsgpack] does. An empty src stands for an empty map.
func (s *Schema) AppendCallFromMsgpack(dst, src []byte, f *Function, o *Options) ([]byte, error) {
	if len(src) == 0 {
		src = []byte{packFixMap}
	}
	d := packIn{unpacker: unpacker{src: src}, builder: newBuilder(s, dst, o)}
	if d.call(f.c) {
		d.end()
	}
	return d.done(dst, f.c.name, d.unpacker.err)
}

// packIn reads MessagePack by what the schema wants at each place.
type packIn struct {
	unpacker
	builder
}

func (d *packIn) end() {
	if d.pos < len(d.src) {
		d.bad("more follows the value")
	}
}

func (d *packIn) call(c *comb) bool {
	start := d.pos
	v := d.token()
	if v.kind != kindMap {
		return d.want(&typ{name: "an object with the parameters"}, v, start)
	}
	d.uint32(c.id)
	return d.object(c, v.n, start, MaxDepth)
}

// quick takes the next value if it stands as we write it ourselves, and most others do. Else it moves nothing.
func (d *packIn) quick(t *typ) bool {
	src := d.src[d.pos:]
	switch t.op {
	case opString:
		s, ok := d.shortStr()
		return ok && d.text(s, d.pos)
	case opInt:
		if len(src) >= 5 && src[0] == packInt32 {
			d.pos += 5
			return d.uint32(binary.BigEndian.Uint32(src[1:]))
		}
		if len(src) > 0 && src[0] < packFixMap {
			d.pos++
			return d.uint32(uint32(src[0]))
		}
	case opLong:
		if len(src) >= 9 && src[0] == packInt64 {
			d.pos += 9
			return d.uint64(binary.BigEndian.Uint64(src[1:]))
		}
	}
	return false
}

// value takes a value of t.
func (d *packIn) value(t *typ, depth int) bool {
	if !d.ids && d.quick(t) {
		return true
	}
	start := d.pos
	v := d.token()
	switch t.op {
	case opInt, opLong:
		if d.ids && v.kind == kindMap {
			return d.idObject(v, start, depth)
		}
		return d.integer(t, v, start)
	case opString, opBytes:
		if v.kind != kindStr && v.kind != kindBin {
			return d.want(t, v, start)
		}
		return d.text(v.data, start)
	case opClass, opObject, opCall, opBare:
		return d.boxed(t, v, start, depth)
	case opVector, opBareVector:
		return d.vector(t, v, start, depth)
	case opBool:
		return v.kind == kindBool && d.bool(v.bits == 1) || d.want(t, v, start)
	case opDouble:
		return d.double(t, v, start)
	case opTrue:
		return v.kind == kindBool && v.bits == 1 || d.want(t, v, start)
	case opInt128, opInt256:
		if v.kind != kindStr && v.kind != kindBin {
			return d.want(t, v, start)
		}
		if len(v.data) != t.min {
			return d.wantBytes(t, start, len(v.data))
		}
		d.dst = append(d.dst, v.data...)
		return true
	}
	return d.fail(errVoid(start, t))
}

// idObject takes an object that stands for its id.
func (d *packIn) idObject(v packToken, start, depth int) bool {
	at := len(d.dst)
	d.ids = false
	ok := d.boxed(&typ{op: opObject}, v, start, depth) && d.idOf(at, start)
	d.ids = true
	return ok
}

func (d *packIn) boxed(t *typ, v packToken, start, depth int) bool {
	if v.kind != kindMap {
		return d.plain(t, v, start)
	}
	m := t.only()
	if m == nil {
		name, ok := d.peekName(v.n)
		if !ok {
			return false
		}
		if name == nil {
			return d.fail(errUnnamed(t, start))
		}
		if m = d.pick(t, name, start); m == nil {
			return false
		}
	}
	at := len(d.dst)
	if t.op != opBare {
		d.uint32(m.id)
	}
	return d.object(m, v.n, start, depth) && d.meant(t, m, at, start)
}

// plain takes what may stand for an object.
func (d *packIn) plain(t *typ, v packToken, start int) bool {
	text, word := "", byte(0)
	switch v.kind {
	case kindStr:
		text = string(v.data)
	case kindInt, kindFloat:
		if n, ok := v.integer(); ok {
			text = strconv.FormatInt(n, 10)
		}
	case kindBool:
		word = "ft"[v.bits&1]
	case kindNil:
		word = 'n'
	}
	if id, known := t.word(word); known != "" {
		return d.uint32(id)
	}
	if v.kind == kindStr || text != "" {
		if handled, ok := d.resolve(t, text, start); handled {
			return ok
		}
	}
	return d.want(t, v, start)
}

// object takes the n fields of a c, whose head is taken.
func (d *packIn) object(c *comb, n, start, depth int) bool {
	if depth <= 0 {
		return d.fail(errDepth(start))
	}
	fr := d.open(c)
	for range n {
		at := d.pos
		key, ok := d.key()
		if !ok {
			return false
		}
		if len(key) == 1 && key[0] == '_' {
			if !d.sameName(&fr, at) {
				return false
			}
			continue
		}
		i, ok := d.see(&fr, key, at)
		if !ok {
			return false
		}
		if !d.field(&fr, i, depth) {
			return d.inField(&c.fields[i], d.unpacker.err)
		}
	}
	return d.close(&fr, start)
}

func (d *packIn) key() ([]byte, bool) {
	if s, ok := d.shortStr(); ok {
		return s, true
	}
	at := d.pos
	v := d.token()
	switch v.kind {
	case kindStr, kindBin:
		return v.data, true
	case kindNone:
		return nil, false
	}
	return nil, d.fail(&Error{Offset: at, What: "want a string as key", Got: packKinds[v.kind]})
}

// field takes the value of field i.
func (d *packIn) field(fr *frame, i, depth int) bool {
	f := &fr.c.fields[i]
	if c := d.peek(); f.mask != 0 && d.pos < len(d.src) && (c == packNil || c == packFalse && f.op == opTrue) {
		d.pos++
		return true
	}
	if f.op == opTrue {
		fr.setTrue(i)
	} else {
		d.begin(fr, i)
	}
	if d.takesIDs(fr.c, f) {
		d.ids = true
		defer func() { d.ids = false }()
	}
	return d.value(f.t, depth-1)
}

// sameName takes the name of the object, which must be what it was taken for.
func (d *packIn) sameName(fr *frame, at int) bool {
	if !d.name(fr, at) {
		return false
	}
	name, ok := d.nameText()
	if !ok {
		return d.wantName(at)
	}
	return d.same(fr.c, name, at)
}

// nameText takes a string, if one is next.
func (d *packIn) nameText() ([]byte, bool) {
	if name, ok := d.shortStr(); ok {
		return name, true
	}
	v := d.token()
	return v.data, v.kind == kindStr || v.kind == kindBin
}

// peekName finds the value of "_" among the n pairs that are next, and moves nothing. It is nil where there is none.
func (d *packIn) peekName(n int) (name []byte, ok bool) {
	start := d.pos
	for range n {
		key, ok := d.key()
		if !ok {
			return nil, false
		}
		if len(key) == 1 && key[0] == '_' {
			if name, ok = d.nameText(); !ok {
				return nil, d.wantName(start)
			}
			d.pos = start
			return name, true
		}
		if !d.skip() {
			return nil, false
		}
	}
	d.pos = start
	return nil, true
}

func (d *packIn) vector(t *typ, v packToken, start, depth int) bool {
	if v.kind != kindArray {
		return d.want(t, v, start)
	}
	if depth <= 0 {
		return d.fail(errDepth(start))
	}
	count := d.vectorHead(t)
	for i := range v.n {
		if !d.value(t.elem, depth-1) {
			return d.atItem(i, d.unpacker.err)
		}
	}
	return d.vectorEnd(t, count, v.n, start)
}

func (d *packIn) integer(t *typ, v packToken, start int) bool {
	n, ok := v.integer()
	if d.ids && v.kind == kindStr && !ok {
		return d.id(string(v.data), start)
	}
	if d.ids && ok && n < 0 {
		return d.id(strconv.FormatInt(n, 10), start)
	}
	if !ok {
		return d.want(t, v, start)
	}
	if t.op == opLong {
		return d.uint64(uint64(n))
	}
	if n != int64(int32(n)) {
		return d.want(t, v, start)
	}
	return d.uint32(uint32(n))
}

// maxExact is up to where every whole number is a float64 of its own.
const maxExact = 1 << 53

// integer is the whole number that v stands for: an int of any width, a float without fraction that is exact, decimal
// text.
func (v packToken) integer() (int64, bool) {
	switch v.kind {
	case kindInt:
		return int64(v.bits), true
	case kindStr:
		return parseInteger(v.data)
	case kindFloat:
		f := math.Float64frombits(v.bits)
		return int64(f), f == math.Trunc(f) && math.Abs(f) <= maxExact
	}
	return 0, false
}

func (d *packIn) double(t *typ, v packToken, start int) bool {
	switch v.kind {
	case kindFloat:
		return d.uint64(v.bits)
	case kindInt:
		return d.uint64(math.Float64bits(float64(int64(v.bits))))
	case kindUint:
		return d.uint64(math.Float64bits(float64(v.bits)))
	case kindStr:
		if bits, ok := parseDouble(v.data, true); ok {
			return d.uint64(bits)
		}
	}
	return d.want(t, v, start)
}

// want fails with v, which stands in place of a value of t.
func (d *packIn) want(t *typ, v packToken, start int) bool {
	if v.kind == kindNone {
		return false
	}
	got, kind := packKinds[v.kind], packKinds[v.kind]
	switch v.kind {
	case kindStr:
		got = quoted(v.data)
	case kindInt:
		got = strconv.FormatInt(int64(v.bits), 10)
	case kindUint:
		got = strconv.FormatUint(v.bits, 10)
	case kindFloat:
		got = strconv.FormatFloat(math.Float64frombits(v.bits), 'g', -1, 64)
	case kindBool:
		got = strconv.FormatBool(v.bits == 1)
	}
	return d.fail(&Error{Offset: start, What: "want " + t.described(), Got: got, kind: kind})
}
