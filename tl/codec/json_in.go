package codec

import "strconv"

// AppendTLFromJSON appends the TL of src, the JSON of one value of t; o may be nil. On an error, an [*Error] whose text
// names the place, dst comes back as it was.
func (s *Schema) AppendTLFromJSON(dst, src []byte, t Type, o *Options) ([]byte, error) {
	if t.t == nil {
		return dst, errVoid(0, nil)
	}
	d := newJSONIn(s, dst, src, o)
	if d.value(t.t, MaxDepth) {
		d.end()
	}
	return d.done(dst, t.t.name, d.scanner.err)
}

// AppendCallFromJSON appends the TL of a call of f whose parameters are the JSON object src, as
// [Schema.AppendTLFromJSON] does. An empty src stands for an empty object.
func (s *Schema) AppendCallFromJSON(dst, src []byte, f *Function, o *Options) ([]byte, error) {
	d := newJSONIn(s, dst, src, o)
	if d.peek() == 0 && d.pos == len(src) {
		d.src, d.pos = emptyObject, 0
	}
	if d.call(f.c) {
		d.end()
	}
	return d.done(dst, f.c.name, d.scanner.err)
}

var emptyObject = []byte("{}")

// jsonIn reads JSON by what the schema wants at each place.
type jsonIn struct {
	scanner
	builder
}

func newJSONIn(s *Schema, dst, src []byte, o *Options) jsonIn {
	d := jsonIn{scanner: scanner{src: src}, builder: newBuilder(s, dst, o)}
	d.buf = &d.scratch.text
	return d
}

func (d *jsonIn) end() {
	if d.peek(); d.pos < len(d.src) {
		d.bad("more follows the value")
	}
}

func (d *jsonIn) call(c *comb) bool {
	if d.peek() != '{' {
		return d.want(&typ{name: "an object with the parameters"}, d.pos)
	}
	d.uint32(c.id)
	return d.object(c, MaxDepth)
}

// value takes a value of t.
func (d *jsonIn) value(t *typ, depth int) bool {
	c := d.peek()
	switch t.op {
	case opInt, opLong:
		if d.ids && c == '{' {
			return d.idObject(depth)
		}
		return d.integer(t, c)
	case opString:
		return d.stringValue(t, c)
	case opClass, opObject, opCall, opBare:
		return d.boxed(t, c, depth)
	case opVector, opBareVector:
		return d.vector(t, c, depth)
	case opBool:
		switch c {
		case 't':
			return d.word("true") && d.bool(true)
		case 'f':
			return d.word("false") && d.bool(false)
		}
		return d.want(t, d.pos)
	case opDouble:
		return d.double(t, c)
	case opTrue:
		if c != 't' {
			return d.want(t, d.pos)
		}
		return d.word("true")
	case opBytes, opInt128, opInt256:
		return d.bytes(t, c)
	}
	return d.fail(errVoid(d.pos, t))
}

// idObject takes an object that stands for its id.
func (d *jsonIn) idObject(depth int) bool {
	start, at := d.pos, len(d.dst)
	d.ids = false
	ok := d.boxed(&typ{op: opObject}, '{', depth) && d.idOf(at, start)
	d.ids = true
	return ok
}

// boxed takes an object, or what may stand for one.
func (d *jsonIn) boxed(t *typ, c byte, depth int) bool {
	start := d.pos
	if c != '{' {
		return d.plain(t, c, start)
	}
	m := t.only()
	if m == nil {
		name, ok := d.peekName()
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
	return d.object(m, depth) && d.meant(t, m, at, start)
}

// plain takes what may stand for an object: words for objects of such names, text and numbers for what the options
// can resolve.
func (d *jsonIn) plain(t *typ, c byte, start int) bool {
	switch {
	case c == '"' && t.op == opClass:
		text, ok := d.string()
		if !ok {
			return false
		}
		if handled, ok := d.resolve(t, string(text), start); handled {
			return ok
		}
	case (c == '-' || c >= '0' && c <= '9') && t.op == opClass:
		text, ok := d.number()
		if !ok {
			return false
		}
		if n, whole := parseInteger(text); whole {
			text = strconv.AppendInt(nil, n, 10)
		}
		if handled, ok := d.resolve(t, string(text), start); handled {
			return ok
		}
	case c == 't' || c == 'f' || c == 'n':
		if id, word := t.word(c); word != "" {
			return d.word(word) && d.uint32(id)
		}
	}
	return d.want(t, start)
}

// object takes the fields of c, whose brace is next.
func (d *jsonIn) object(c *comb, depth int) bool {
	start := d.pos
	if depth <= 0 {
		return d.fail(errDepth(start))
	}
	d.pos++
	fr := d.open(c)
	for first := true; ; first = false {
		more, ok := d.next(first, '}')
		if !ok {
			return false
		}
		if !more {
			return d.close(&fr, start)
		}
		d.peek()
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
			return d.inField(&c.fields[i], d.scanner.err)
		}
	}
}

// field takes the value of field i.
func (d *jsonIn) field(fr *frame, i, depth int) bool {
	f := &fr.c.fields[i]
	if f.mask != 0 {
		switch c := d.peek(); {
		case c == 'n':
			return d.word("null")
		case f.op == opTrue && c == 'f':
			return d.word("false")
		}
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
func (d *jsonIn) sameName(fr *frame, at int) bool {
	if !d.name(fr, at) {
		return false
	}
	if d.peek() != '"' {
		return d.wantName(d.pos)
	}
	name, ok := d.string()
	return ok && d.same(fr.c, name, at)
}

// peekName finds the value of "_" in the object whose brace is next, and moves nothing. It is nil where there is none.
func (d *jsonIn) peekName() (name []byte, ok bool) {
	start := d.pos
	d.pos++
	for first := true; ; first = false {
		more, ok := d.next(first, '}')
		if !ok {
			return nil, false
		}
		if !more {
			d.pos = start
			return nil, true
		}
		key, ok := d.key()
		if !ok {
			return nil, false
		}
		if len(key) == 1 && key[0] == '_' {
			break
		}
		if !d.skip() {
			return nil, d.skipped()
		}
	}
	if d.peek() != '"' {
		return nil, d.wantName(d.pos)
	}
	name, ok = d.string()
	d.pos = start
	return name, ok
}

// skipped says why skip gave up.
func (d *jsonIn) skipped() bool {
	if d.pos >= len(d.src) {
		return d.bad("")
	}
	return d.fail(errDepth(d.pos))
}

func (d *jsonIn) vector(t *typ, c byte, depth int) bool {
	if c != '[' {
		return d.want(t, d.pos)
	}
	if depth <= 0 {
		return d.fail(errDepth(d.pos))
	}
	d.pos++
	count := d.vectorHead(t)
	n := 0
	for {
		more, ok := d.next(n == 0, ']')
		if !ok {
			return false
		}
		if !more {
			return d.vectorEnd(t, count, n, d.pos)
		}
		if !d.value(t.elem, depth-1) {
			return d.atItem(n, d.scanner.err)
		}
		n++
	}
}
