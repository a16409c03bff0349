package bin

import (
	"encoding/binary"
	"slices"
)

// Strings and bytes stand behind their length (H1): in one byte up to 253, else in three behind a byte 254. Zeros fill up to a
// multiple of 4 bytes.
const (
	longText = 254 // what the long form begins with, and the first length that needs it
	badText  = 255 // begins no value
)

// TextLength reads the length of a string or bytes value off its first four bytes, as a little-endian number, and how many of
// them are the prefix: 1 or 4, or 0 where they begin no value. A long form for a short length is accepted.
func TextLength(head uint32) (n, prefix int) {
	switch first := head & 0xff; {
	case first < longText:
		return int(first), 1
	case first == badText:
		return 0, 0
	}
	return int(head >> 8), 4
}

// ErrTextPrefix is what is wrong with a value of which [TextLength] says 0 bytes of prefix, for a [FormatError].
const ErrTextPrefix = "string length prefix 255"

// AppendText appends a string or bytes value of at most [MaxBytes] bytes: its length, itself, and zeros.
func AppendText[T string | []byte](dst []byte, v T) []byte {
	n := len(v)
	if n >= longText {
		return AppendPadding(append(AppendLength(dst, n), v...), n)
	}
	at, size := len(dst), (1+n+3)&^3
	dst = slices.Grow(dst, size)[:at+size]
	binary.LittleEndian.PutUint32(dst[at+size-4:], 0)
	dst[at] = byte(n)
	copy(dst[at+1:], v)
	return dst
}

// AppendLength appends the prefix of a value of n bytes, at most [MaxBytes], which is to follow.
func AppendLength(dst []byte, n int) []byte {
	if n < longText {
		return append(dst, byte(n))
	}
	return append(dst, longText, byte(n), byte(n>>8), byte(n>>16))
}

// AppendPadding appends the zeros behind a value of n bytes and its prefix.
func AppendPadding(dst []byte, n int) []byte {
	if n < longText {
		n++
	}
	const zeros = "\x00\x00\x00"
	return append(dst, zeros[:-n&3]...)
}
