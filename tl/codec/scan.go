package codec

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

// scanner takes JSON apart (RFC 8259). It does not keep what it saw; whoever calls it knows what must come.
type scanner struct {
	src []byte
	pos int
	buf *[]byte // of a string with escapes, overwritten by the next
	err *Error
}

func (s *scanner) syntax(what string) *Error {
	if s.pos >= len(s.src) {
		return &Error{Offset: s.pos, What: "bad JSON: it ends early"}
	}
	return &Error{Offset: s.pos, What: fmt.Sprintf("bad JSON at byte %d: %s", s.pos, what)}
}

func (s *scanner) bad(what string) bool {
	if s.err == nil {
		s.err = s.syntax(what)
	}
	return false
}

// peek is the next byte that is no space, 0 at the end.
func (s *scanner) peek() byte {
	for s.pos < len(s.src) {
		switch c := s.src[s.pos]; c {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return c
		}
	}
	return 0
}

// next moves to the following member of an array or object that closes with end: first says that none was taken yet.
// more is false behind the end.
func (s *scanner) next(first bool, end byte) (more, ok bool) {
	c := s.peek()
	switch {
	case c == end:
		s.pos++
		return false, true
	case first:
		return true, true
	case c != ',':
		return false, s.bad("want a comma or " + string(rune(end)))
	}
	s.pos++
	if s.peek() == end {
		return false, s.bad("a comma before " + string(rune(end)))
	}
	return true, true
}

// key takes an object's key and its colon.
func (s *scanner) key() ([]byte, bool) {
	if s.peek() != '"' {
		return nil, s.bad("want a key in quotes")
	}
	key, ok := s.string()
	if !ok {
		return nil, false
	}
	if s.peek() != ':' {
		return nil, s.bad("want a colon")
	}
	s.pos++
	return key, true
}

// string takes a string, whose quote is next. What it returns holds until the next string is taken.
func (s *scanner) string() ([]byte, bool) {
	src, start := s.src, s.pos+1
	i, high := start, uint64(0)
	for found := uint64(0); found == 0 && i < len(src); {
		if i+8 > len(src) { // near the end, byte by byte
			n := plainPrefix(src[i:])
			high |= tail(src[i:i+n], 0)
			i += n
			break
		}
		w := binary.LittleEndian.Uint64(src[i:])
		if found = special(w); found == 0 {
			high |= w
			i += 8
			continue
		}
		n := bits.TrailingZeros64(found) &^ 7 // the lowest mark is exact
		high |= w & (1<<n - 1)
		i += n / 8
	}
	if i < len(src) && src[i] == '\\' {
		return s.escaped(start, i)
	}
	if i == len(src) || src[i] != '"' {
		s.pos = i
		return nil, s.bad("a control character in a string")
	}
	text := src[start:i]
	if high&topBits != 0 && !utf8.Valid(text) {
		return nil, s.bad("a string that is not UTF-8")
	}
	s.pos = i + 1
	return text, true
}

// escaped takes a string that has an escape at i.
func (s *scanner) escaped(start, i int) ([]byte, bool) {
	src, buf := s.src, (*s.buf)[:0]
	buf = append(buf, src[start:i]...)
	for i < len(src) && src[i] == '\\' {
		var n int
		if buf, n = unescape(buf, src[i:]); n == 0 {
			*s.buf, s.pos = buf, i
			return nil, s.bad("an escape that JSON does not have")
		}
		i += n
		n = plainPrefix(src[i:])
		buf = append(buf, src[i:i+n]...)
		i += n
	}
	*s.buf = buf
	if i == len(src) || src[i] != '"' {
		s.pos = i
		return nil, s.bad("a control character in a string")
	}
	if !utf8.Valid(buf) {
		return nil, s.bad("a string that is not UTF-8")
	}
	s.pos = i + 1
	return buf, true
}

// unescape appends what the escape at the start of src means and tells its length, 0 for a bad one.
func unescape(buf, src []byte) ([]byte, int) {
	if len(src) < 2 {
		return buf, 0
	}
	switch src[1] {
	case '"', '\\', '/':
		return append(buf, src[1]), 2
	case 'b':
		return append(buf, '\b'), 2
	case 'f':
		return append(buf, '\f'), 2
	case 'n':
		return append(buf, '\n'), 2
	case 'r':
		return append(buf, '\r'), 2
	case 't':
		return append(buf, '\t'), 2
	}
	r := unit(src)
	if r < 0 {
		return buf, 0
	}
	if !utf16.IsSurrogate(r) {
		return utf8.AppendRune(buf, r), 6
	}
	if pair := utf16.DecodeRune(r, unit(src[6:])); pair != utf8.RuneError {
		return utf8.AppendRune(buf, pair), 12
	}
	return utf8.AppendRune(buf, utf8.RuneError), 6 // half of a pair, as encoding/json has it
}

// unit is the number of the \uXXXX at the start of src, -1 where there is none.
func unit(src []byte) rune {
	if len(src) < 6 || src[0] != '\\' || src[1] != 'u' {
		return -1
	}
	r := rune(0)
	for _, c := range src[2:6] {
		d := hexValue(c)
		if d < 0 {
			return -1
		}
		r = r<<4 | rune(d)
	}
	return r
}

func hexValue(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// number takes a number, as it is written.
func (s *scanner) number() ([]byte, bool) {
	src, i := s.src, s.pos
	if i < len(src) && src[i] == '-' {
		i++
	}
	digits := countDigits(src[i:])
	ok := digits > 0 && (digits == 1 || src[i] != '0')
	i += digits
	if ok && i < len(src) && src[i] == '.' {
		n := countDigits(src[i+1:])
		ok = n > 0
		i += 1 + n
	}
	if ok && i < len(src) && src[i]|0x20 == 'e' {
		i++
		if i < len(src) && (src[i] == '+' || src[i] == '-') {
			i++
		}
		n := countDigits(src[i:])
		ok = n > 0
		i += n
	}
	if !ok {
		s.pos = min(i, len(src))
		return nil, s.bad("a number that JSON does not have")
	}
	text := src[s.pos:i]
	s.pos = i
	return text, true
}

func countDigits(b []byte) int {
	for i, c := range b {
		if c < '0' || c > '9' {
			return i
		}
	}
	return len(b)
}

// word takes true, false or null.
func (s *scanner) word(word string) bool {
	if len(s.src)-s.pos < len(word) || string(s.src[s.pos:s.pos+len(word)]) != word {
		return s.bad("no such word")
	}
	s.pos += len(word)
	return true
}

// skip steps over a value without checking more of it than its borders: what it steps over is read again, carefully.
// Without calling itself, so that depth costs nothing. False: the input ends, or nests too deep.
func (s *scanner) skip() bool {
	depth := 0
	for ; s.pos < len(s.src); s.pos++ {
		switch s.src[s.pos] {
		case '"':
			if !s.skipString() {
				return false
			}
			s.pos-- // the loop steps over the quote
		case '{', '[':
			if depth++; depth > MaxDepth {
				return false
			}
		case '}', ']':
			if depth == 0 {
				return true
			}
			depth--
		case ',':
			if depth == 0 {
				return true
			}
		}
	}
	return false
}

// skipString steps behind the string whose quote is next.
func (s *scanner) skipString() bool {
	for i := s.pos + 1; i < len(s.src); i++ {
		switch s.src[i] {
		case '\\':
			i++
		case '"':
			s.pos = i + 1
			return true
		}
	}
	s.pos = len(s.src)
	return false
}
