package erase

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/subjects"
)

// eachText gives the texts of a request or an event that are values: not the names of fields, nor those of constructors. It reports whether it
// could read all of it; of TL, which only its schema tells apart, it reads nothing.
func eachText(h nats.Header, body []byte, each func(text []byte)) bool {
	switch first(h, subjects.HeaderContentType) {
	case subjects.ContentTL:
		return false
	case subjects.ContentMsgpack:
		return (&packed{body, each}).all()
	}
	return jsonTexts(json.NewDecoder(bytes.NewReader(body)), each)
}

// level is an object or an array that is being read.
type level struct {
	object bool
	value  bool // of an object: what comes next is a value
	mute   bool // and that of a field that tells the constructor
	left   int  // MessagePack: how many values and names are to come
}

// deepest is how deep objects and arrays are read.
const deepest = 1000

// constructorField tells the constructor of an object.
const constructorField = "_"

func jsonTexts(d *json.Decoder, each func(text []byte)) bool {
	var in []level
	for {
		token, err := d.Token()
		if err != nil {
			return errors.Is(err, io.EOF) && len(in) == 0
		}
		end, isDelim := token.(json.Delim)
		if isDelim && (end == '}' || end == ']') {
			in = in[:len(in)-1]
			continue
		}
		text, isText := token.(string)
		name := false
		if n := len(in); n > 0 {
			name = in[n-1].next(text)
		}
		switch {
		case len(in) == deepest:
			return false
		case isDelim:
			in = append(in, level{object: end == '{'})
		case isText && !name:
			each([]byte(text))
		}
	}
}

// next notes that something comes, and reports whether it is no text of a value.
func (l *level) next(text string) bool {
	if !l.object {
		return false
	}
	if l.value = !l.value; l.value {
		l.mute = text == constructorField
		return true
	}
	return l.mute
}

// packed is MessagePack.
type packed struct {
	rest []byte
	each func(text []byte)
}

// all reads value after value. What says that it is larger than what there is ends it.
func (p *packed) all() bool {
	var in []level
	for len(p.rest) > 0 {
		for len(in) > 0 && in[len(in)-1].left == 0 {
			in = in[:len(in)-1]
		}
		text, isText, inner, ok := p.take()
		if !ok {
			return false
		}
		name := false
		if n := len(in); n > 0 {
			in[n-1].left--
			name = in[n-1].next(string(text))
		}
		switch {
		case len(in) == deepest:
			return false
		case inner.left > 0:
			in = append(in, inner)
		case isText && !name:
			p.each(text)
		}
	}
	for len(in) > 0 && in[len(in)-1].left == 0 {
		in = in[:len(in)-1]
	}
	return len(in) == 0
}

// plainSizes are how many bytes stand behind the first one of values that hold nothing else.
var plainSizes = map[byte]int{
	0xc0: 0, 0xc2: 0, 0xc3: 0, 0xca: 4, 0xcb: 8, 0xcc: 1, 0xcd: 2, 0xce: 4, 0xcf: 8, 0xd0: 1, 0xd1: 2, 0xd2: 4, 0xd3: 8,
	0xd4: 2, 0xd5: 3, 0xd6: 5, 0xd7: 9, 0xd8: 17,
}

// sized are the values that begin with how large they are: in how many bytes that stands, and how many more belong to each.
var sized = map[byte]struct{ width, more int }{
	0xc4: {1, 0}, 0xc5: {2, 0}, 0xc6: {4, 0}, 0xc7: {1, 1}, 0xc8: {2, 1}, 0xc9: {4, 1}, 0xd9: {1, 0}, 0xda: {2, 0}, 0xdb: {4, 0},
	0xdc: {2, 0}, 0xdd: {4, 0}, 0xde: {2, 0}, 0xdf: {4, 0},
}

// take reads what comes next: a text, the begin of an object or array, or something else.
func (p *packed) take() (text []byte, isText bool, inner level, ok bool) {
	c := p.rest[0]
	p.rest = p.rest[1:]
	s, isSized := sized[c]
	plain, isPlain := plainSizes[c]
	n := 0
	switch {
	case c < 0x80 || c >= 0xe0: // a small number
		return nil, false, inner, true
	case isPlain:
		_, ok = p.cut(plain)
		return nil, false, inner, ok
	case c < 0x90:
		return nil, false, level{object: true, left: 2 * int(c&0x0f)}, true
	case c < 0xa0:
		return nil, false, level{left: int(c & 0x0f)}, true
	case c < 0xc0:
		n = int(c & 0x1f)
	case !isSized:
		return nil, false, inner, false
	default:
		size, ok := p.cut(s.width)
		if !ok {
			return nil, false, inner, false
		}
		var wide [8]byte
		copy(wide[8-s.width:], size)
		n = int(binary.BigEndian.Uint64(wide[:])) + s.more //nolint:gosec // of four bytes at most
	}
	switch c {
	case 0xdc, 0xdd, 0xde, 0xdf:
		if n > len(p.rest) {
			return nil, false, inner, false
		}
		if inner = (level{left: n}); c >= 0xde {
			inner = level{object: true, left: 2 * n}
		}
		return nil, false, inner, true
	}
	text, ok = p.cut(n)
	return text, c < 0xc0 || c >= 0xd9, inner, ok
}

func (p *packed) cut(n int) (b []byte, ok bool) {
	if n > len(p.rest) {
		return nil, false
	}
	b, p.rest = p.rest[:n], p.rest[n:]
	return b, true
}
