package codec

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// key is a text that is appended often. Its array holds at least keyBlock bytes: to copy a block of fixed size and let
// the next value write over the excess is much faster than to copy the exact length.
type key []byte

const keyBlock = 32

func newKey(s []byte) key {
	k := make(key, max(len(s), keyBlock))
	copy(k, s)
	return k[:len(s)]
}

func appendKey(dst []byte, k key) []byte {
	n := len(dst)
	if len(k) > keyBlock || cap(dst)-n < keyBlock {
		return append(dst, k...)
	}
	// Word by word, because an array is copied by a call: the compiler cannot know that the two do not overlap.
	to, from := (*[keyBlock]byte)(dst[n:n+keyBlock]), (*[keyBlock]byte)(k[:keyBlock])
	binary.LittleEndian.PutUint64(to[0:8], binary.LittleEndian.Uint64(from[0:8]))
	binary.LittleEndian.PutUint64(to[8:16], binary.LittleEndian.Uint64(from[8:16]))
	binary.LittleEndian.PutUint64(to[16:24], binary.LittleEndian.Uint64(from[16:24]))
	binary.LittleEndian.PutUint64(to[24:32], binary.LittleEndian.Uint64(from[24:32]))
	return dst[:n+len(k)]
}

var powers = func() (p [20]uint64) {
	v := uint64(1)
	for i := range p {
		p[i] = v
		v *= 10
	}
	return p
}()

// pairs are "00" to "99".
var pairs = func() (p [100][2]byte) {
	for i := range p {
		p[i] = [2]byte{'0' + byte(i/10), '0' + byte(i%10)}
	}
	return p
}()

// appendDecimal appends v in decimal. It writes right to left, into place, eight digits at a time, whose pairs do not wait
// for each other: twice as fast as strconv on long numbers.
func appendDecimal(dst []byte, v int64) []byte {
	u := uint64(v)
	if v < 0 {
		dst = append(dst, '-')
		u = -u
	}
	if u < 10 {
		return append(dst, '0'+byte(u))
	}
	digits := bits.Len64(u) * 1233 >> 12
	if u >= powers[digits] {
		digits++
	}
	dst = slices.Grow(dst, digits)
	dst = dst[:len(dst)+digits]
	out := dst[len(dst)-digits:]
	for u >= 1e8 {
		eight := uint32(u % 1e8)
		u /= 1e8
		end := len(out) - 8
		high, low := eight/1e4, eight%1e4
		*(*[2]byte)(out[end:]) = pairs[high/100]
		*(*[2]byte)(out[end+2:]) = pairs[high%100]
		*(*[2]byte)(out[end+4:]) = pairs[low/100]
		*(*[2]byte)(out[end+6:]) = pairs[low%100]
		out = out[:end]
	}
	rest := uint32(u)
	for rest >= 100 {
		*(*[2]byte)(out[len(out)-2:]) = pairs[rest%100]
		rest /= 100
		out = out[:len(out)-2]
	}
	if len(out) == 2 {
		*(*[2]byte)(out) = pairs[rest]
	} else if len(out) == 1 {
		out[0] = '0' + byte(rest)
	}
	return dst
}
