package codec

import (
	"encoding/binary"
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

// inspect tells whether s has bytes that JSON must escape, and whether it has any beyond ASCII.
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
	done := 0
	for i, c := range s {
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, s[done:i]...)
		done = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return append(dst, s[done:]...)
}
