package codec

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// Eight bytes are looked at together. Each mask has the top bit of a byte set where that byte is what is looked for; a
// borrow can mark a byte above a true find, never one without.
const (
	eachByte = 0x0101010101010101
	topBits  = 0x80 * eachByte
)

// special marks control characters, quotes and backslashes.
func special(w uint64) uint64 {
	quote := w ^ '"'*eachByte
	slash := w ^ '\\'*eachByte
	return ((w-' '*eachByte)&^w | (quote-eachByte)&^quote | (slash-eachByte)&^slash) & topBits
}

// appendJSONString appends s as a JSON string, or as an object with its base64 where it is not UTF-8.
func appendJSONString(dst, s []byte) []byte {
	escapes, high := inspect(s)
	if high && !utf8.Valid(s) {
		dst = append(dst, `{"base64":`...)
		dst = appendBase64(dst, s)
		return append(dst, '}')
	}
	dst = append(dst, '"')
	if escapes {
		dst = appendEscaped(dst, s)
	} else {
		dst = append(dst, s...)
	}
	return append(dst, '"')
}

// inspect reports whether s has bytes that JSON must escape, and whether it has any beyond ASCII.
func inspect(s []byte) (escapes, high bool) {
	var found, all uint64
	i := 0
	for ; i+8 <= len(s); i += 8 {
		w := binary.LittleEndian.Uint64(s[i:])
		found |= special(w)
		all |= w
	}
	if i < len(s) {
		w := tail(s, i)
		found |= special(w)
		all |= w
	}
	return found != 0, all&topBits != 0
}

// tail is the last up to seven bytes of s from i, in a word filled up with what needs no escape.
func tail(s []byte, i int) uint64 {
	if len(s) >= 8 {
		return binary.LittleEndian.Uint64(s[len(s)-8:]) // some are seen twice
	}
	w := uint64('0' * eachByte)
	for ; i < len(s); i++ {
		w = w<<8 | uint64(s[i])
	}
	return w
}

// appendEscaped appends s, which is UTF-8, with what must be escaped escaped.
func appendEscaped(dst, s []byte) []byte {
	for {
		n := plainPrefix(s)
		dst = append(dst, s[:n]...)
		if n == len(s) {
			return dst
		}
		dst = appendEscape(dst, s[n])
		s = s[n+1:]
	}
}

// plainPrefix is how many bytes at the start of s need no escape.
func plainPrefix(s []byte) int {
	i := 0
	for ; i+8 <= len(s); i += 8 {
		if found := special(binary.LittleEndian.Uint64(s[i:])); found != 0 {
			return i + bits.TrailingZeros64(found)/8 // the lowest mark is exact
		}
	}
	for i < len(s) && s[i] >= ' ' && s[i] != '"' && s[i] != '\\' {
		i++
	}
	return i
}

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}
