package codec

import (
	"encoding/base64"
	"encoding/binary"
	"slices"
)

// For reading, without padding, which is cut off before; unused bits must be zero.
var (
	base64Std = base64.RawStdEncoding.Strict()
	base64URL = base64.RawURLEncoding.Strict()
)

// sextets are the two characters of every twelve bits, the first in the low byte. They halve the work of an encoder.
var sextets = func() (p [1 << 12]uint16) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	for i := range p {
		p[i] = uint16(alphabet[i>>6]) | uint16(alphabet[i&63])<<8
	}
	return p
}()

// appendBase64 appends b in standard base64, padded, in quotes.
func appendBase64(dst, b []byte) []byte {
	whole := len(b) / 3
	dst = slices.Grow(dst, 4*whole+6)
	at := len(dst)
	dst = dst[:at+1+4*whole]
	dst[at] = '"'
	out := dst[at+1:]
	for len(b) >= 3 && len(out) >= 4 {
		v := uint32(b[0])<<16 | uint32(b[1])<<8 | uint32(b[2])
		binary.LittleEndian.PutUint32(out, uint32(sextets[v>>12])|uint32(sextets[v&0xfff])<<16)
		b, out = b[3:], out[4:]
	}
	switch len(b) {
	case 1:
		c := sextets[uint32(b[0])<<4]
		return append(dst, byte(c), byte(c>>8), '=', '=', '"')
	case 2:
		v := uint32(b[0])<<10 | uint32(b[1])<<2
		c := sextets[v>>6]
		return append(dst, byte(c), byte(c>>8), byte(sextets[v&63<<6]), '=', '"')
	}
	return append(dst, '"')
}
