package codec

import (
	"fmt"
	"math"
)

// packKind is what a MessagePack value is, whatever its width.
type packKind uint8

const (
	kindNil packKind = iota
	kindBool
	kindInt  // fits an int64
	kindUint // beyond it
	kindFloat
	kindStr
	kindBin
	kindArray
	kindMap
	kindExt
	kindNone
)

var packKinds = [...]string{
	"nil", "a bool", "a number", "a number", "a number", "a string", "bytes", "an array", "an object", "an extension", "",
}

// packToken is one MessagePack value, of an array or map just its head.
type packToken struct {
	kind packKind
	bits uint64 // number: its bits as int64, uint64 or float64; bool: 0 or 1
	data []byte // str, bin
	n    int    // array: items, map: pairs
}

// unpacker takes MessagePack apart.
type unpacker struct {
	src []byte
	pos int
	err *Error
}

func (u *unpacker) bad(what string) packToken {
	if u.err == nil {
		u.err = &Error{Offset: u.pos, What: fmt.Sprintf("bad MessagePack at byte %d: %s", u.pos, what)}
	}
	return packToken{kind: kindNone}
}

// peek is the first byte of the next value; packNil at the end, where token fails.
func (u *unpacker) peek() byte {
	if u.pos < len(u.src) {
		return u.src[u.pos]
	}
	return packNil
}

// token takes the next value or head; kindNone after failing. Counts are bounded by the bytes left.
func (u *unpacker) token() packToken {
	if u.pos >= len(u.src) {
		return u.bad("it ends early")
	}
	c := u.src[u.pos]
	switch {
	case c < packFixMap:
		u.pos++
		return packToken{kind: kindInt, bits: uint64(c)}
	case c >= packNegative:
		u.pos++
		return packToken{kind: kindInt, bits: uint64(int64(int8(c)))}
	case c < packFixArray:
		return u.head(kindMap, 0, int(c&15))
	case c < packFixStr:
		return u.head(kindArray, 0, int(c&15))
	case c < packNil:
		return u.bytes(kindStr, 0, int(c&31))
	}
	return u.wide(c)
}

// shortStr takes the next value if it is a str of less than 32 bytes, the most frequent kind; else it moves nothing.
func (u *unpacker) shortStr() ([]byte, bool) {
	src, i := u.src, u.pos
	if i >= len(src) || src[i]&0xe0 != packFixStr {
		return nil, false
	}
	n := int(src[i] & 31)
	if n >= len(src)-i {
		return nil, false
	}
	u.pos = i + 1 + n
	return src[i+1 : i+1+n], true
}

// wide takes a value whose first byte only says its kind.
func (u *unpacker) wide(c byte) packToken {
	switch c {
	case packNil:
		u.pos++
		return packToken{kind: kindNil}
	case packFalse, packTrue:
		u.pos++
		return packToken{kind: kindBool, bits: uint64(c & 1)}
	case packBin8, packBin16, packBin32:
		return u.sized(kindBin, 1<<(c-packBin8))
	case packStr8, packStr16, packStr32:
		return u.sized(kindStr, 1<<(c-packStr8))
	case packArray16, packArray32:
		return u.sized(kindArray, 2<<(c-packArray16))
	case packMap16, packMap32:
		return u.sized(kindMap, 2<<(c-packMap16))
	case packFloat32, packFloat64:
		return u.float(4 << (c - packFloat32))
	case packUint8, packUint16, packUint32, packUint64:
		return u.number(1<<(c-packUint8), false)
	case packInt8, packInt16, packInt32, packInt64:
		return u.number(1<<(c-packInt8), true)
	}
	if c >= packExt8 && c <= packExt32 || c >= packFixExt1 && c <= packFixExt16 {
		return u.bad("an extension type")
	}
	return u.bad("a byte that begins no value")
}

// uint reads the n bytes behind the first.
func (u *unpacker) uint(n int) (uint64, bool) {
	if n >= len(u.src)-u.pos {
		u.pos = len(u.src)
		u.bad("it ends early")
		return 0, false
	}
	var v uint64
	for _, c := range u.src[u.pos+1 : u.pos+1+n] {
		v = v<<8 | uint64(c)
	}
	return v, true
}

func (u *unpacker) number(n int, signed bool) packToken {
	v, ok := u.uint(n)
	if !ok {
		return packToken{kind: kindNone}
	}
	u.pos += 1 + n
	if signed {
		shift := 64 - 8*n
		return packToken{kind: kindInt, bits: uint64(int64(v<<shift) >> shift)}
	}
	if v > math.MaxInt64 {
		return packToken{kind: kindUint, bits: v}
	}
	return packToken{kind: kindInt, bits: v}
}

func (u *unpacker) float(n int) packToken {
	v, ok := u.uint(n)
	if !ok {
		return packToken{kind: kindNone}
	}
	u.pos += 1 + n
	if n == 4 {
		v = math.Float64bits(float64(math.Float32frombits(uint32(v))))
	}
	return packToken{kind: kindFloat, bits: v}
}

// sized takes a value whose length stands in the n bytes behind the first.
func (u *unpacker) sized(kind packKind, n int) packToken {
	v, ok := u.uint(n)
	switch {
	case !ok:
		return packToken{kind: kindNone}
	case v > uint64(len(u.src)):
		return u.bad("a length beyond its end")
	case kind == kindStr || kind == kindBin:
		return u.bytes(kind, n, int(v))
	}
	return u.head(kind, n, int(v))
}

func (u *unpacker) bytes(kind packKind, skip, n int) packToken {
	start := u.pos + 1 + skip
	if n > len(u.src)-start {
		return u.bad("a length beyond its end")
	}
	u.pos = start + n
	return packToken{kind: kind, data: u.src[start:u.pos]}
}

func (u *unpacker) head(kind packKind, skip, n int) packToken {
	start, least := u.pos+1+skip, n
	if kind == kindMap {
		least = 2 * n
	}
	if least > len(u.src)-start {
		return u.bad("more items than it has bytes")
	}
	u.pos = start
	return packToken{kind: kind, n: n}
}

// skip steps over a value, without calling itself.
func (u *unpacker) skip() bool {
	for left := 1; left > 0; left-- {
		t := u.token()
		switch t.kind {
		case kindNone:
			return false
		case kindArray:
			left += t.n
		case kindMap:
			left += 2 * t.n
		}
		if left > len(u.src)-u.pos+1 {
			u.bad("more items than it has bytes")
			return false
		}
	}
	return true
}
