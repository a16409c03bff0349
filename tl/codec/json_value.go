package codec

import "bytes"

func (d *jsonIn) integer(t *typ, c byte) bool {
	start := d.pos
	text, ok := d.numeral(t, c)
	if !ok {
		return false
	}
	v, ok := parseInteger(text)
	if d.ids && (c == '"' && !ok || ok && v < 0) {
		return d.id(string(text), start)
	}
	if !ok {
		return d.want(t, start)
	}
	if t.op == opLong {
		return d.uint64(uint64(v))
	}
	if v != int64(int32(v)) {
		return d.want(t, start)
	}
	return d.uint32(uint32(v))
}

func (d *jsonIn) double(t *typ, c byte) bool {
	start := d.pos
	text, ok := d.numeral(t, c)
	if !ok {
		return false
	}
	bits, ok := parseDouble(text, c == '"')
	if !ok {
		return d.want(t, start)
	}
	return d.uint64(bits)
}

// numeral takes a number, or the string that may stand for a number of t.
func (d *jsonIn) numeral(t *typ, c byte) (text []byte, ok bool) {
	switch {
	case c == '"':
		return d.string()
	case c == '-' || c >= '0' && c <= '9':
		return d.number()
	default:
		return nil, d.want(t, d.pos)
	}
}

func (d *jsonIn) stringValue(t *typ, c byte) bool {
	start := d.pos
	switch c {
	case '"':
		s, ok := d.string()
		return ok && d.text(s, start)
	case '{':
		return d.wrapped(t, start)
	}
	return d.want(t, start)
}

// wrapped takes {"base64": "..."}, which stands for a string that is not UTF-8.
func (d *jsonIn) wrapped(t *typ, start int) bool {
	d.pos++
	if d.peek() != '"' {
		return d.want(t, start)
	}
	key, ok := d.key()
	if !ok {
		return false
	}
	if string(key) != "base64" || d.peek() != '"' {
		return d.want(t, start)
	}
	if !d.bytes(t, '"') {
		return false
	}
	if more, ok := d.next(false, '}'); !ok || more {
		return ok && d.want(t, start)
	}
	return true
}

// bytes takes base64, standard or of the URL alphabet, padded or not. Of a string, too, which may be given so.
func (d *jsonIn) bytes(t *typ, c byte) bool {
	start := d.pos
	if c != '"' {
		return d.want(t, start)
	}
	text, ok := d.string()
	if !ok {
		return false
	}
	body := unpadded(text)
	n := base64Std.DecodedLen(len(body))
	switch t.op {
	case opInt128, opInt256:
		if n != t.min {
			return d.wantBytes(t, start, n)
		}
	default:
		if !d.openText(n, start) {
			return false
		}
	}
	encoding := base64Std
	if bytes.ContainsAny(body, "-_") {
		encoding = base64URL
	}
	at := len(d.dst)
	var err error
	d.dst, err = encoding.AppendDecode(d.dst, body)
	if err != nil || len(d.dst)-at != n || bytes.ContainsAny(body, "\r\n") { // line breaks are skipped by package base64
		return d.want(&typ{name: t.name + " in base64"}, start)
	}
	if t.op == opBytes || t.op == opString {
		d.closeText(n)
	}
	return true
}

// unpadded cuts off the padding of base64, if it has the right length.
func unpadded(text []byte) []byte {
	n := len(text)
	if n == 0 || n%4 != 0 || text[n-1] != '=' {
		return text
	}
	if text[n-2] == '=' {
		return text[:n-2]
	}
	return text[:n-1]
}

// want fails with what stands at start in place of a value of t.
func (d *jsonIn) want(t *typ, start int) bool {
	d.pos = start
	got, kind, ok := d.echo()
	if !ok {
		return false
	}
	return d.fail(&Error{Offset: start, What: "want " + t.described(), Got: got, kind: kind})
}

// echo shows the value that is next, and names its kind.
func (d *jsonIn) echo() (got, kind string, ok bool) {
	switch c := d.peek(); c {
	case '"':
		s, ok := d.string()
		return quoted(s), "a string", ok
	case '{':
		return "an object", "an object", true
	case '[':
		return "an array", "an array", true
	case 't':
		return "true", "a bool", d.word("true")
	case 'f':
		return "false", "a bool", d.word("false")
	case 'n':
		return "null", "null", d.word("null")
	default:
		if c != '-' && (c < '0' || c > '9') {
			return "", "", d.bad("want a value")
		}
		s, ok := d.number()
		return clip(s), "a number", ok
	}
}
