package codec

import "encoding/binary"

// First bytes of MessagePack values.
const (
	packFixMap   = 0x80
	packFixArray = 0x90
	packFixStr   = 0xa0
	packNil      = 0xc0
	packFalse    = 0xc2
	packTrue     = 0xc3
	packBin8     = 0xc4
	packBin16    = 0xc5
	packBin32    = 0xc6
	packExt8     = 0xc7
	packExt32    = 0xc9
	packFloat32  = 0xca
	packFloat64  = 0xcb
	packUint8    = 0xcc
	packUint16   = 0xcd
	packUint32   = 0xce
	packUint64   = 0xcf
	packInt8     = 0xd0
	packInt16    = 0xd1
	packInt32    = 0xd2
	packInt64    = 0xd3
	packFixExt1  = 0xd4
	packFixExt16 = 0xd8
	packStr8     = 0xd9
	packStr16    = 0xda
	packStr32    = 0xdb
	packArray16  = 0xdc
	packArray32  = 0xdd
	packMap16    = 0xde
	packMap32    = 0xdf
	packNegative = 0xe0
)

// appendPackInt writes v in the fewest bytes.
func appendPackInt(dst []byte, v int32) []byte {
	switch {
	case v >= 0 && v < 128, v < 0 && v >= -32:
		return append(dst, byte(v))
	case v >= -128 && v < 128:
		return append(dst, packInt8, byte(v))
	case v >= -1<<15 && v < 1<<15:
		return append(dst, packInt16, byte(v>>8), byte(v))
	}
	return binary.BigEndian.AppendUint32(append(dst, packInt32), uint32(v))
}

func appendPackBool(dst []byte, v bool) []byte {
	if v {
		return append(dst, packTrue)
	}
	return append(dst, packFalse)
}

func appendPackStr[T string | []byte](dst []byte, s T) []byte {
	switch n := len(s); {
	case n < 32:
		dst = append(dst, packFixStr|byte(n))
	case n < 1<<8:
		dst = append(dst, packStr8, byte(n))
	case n < 1<<16:
		dst = append(dst, packStr16, byte(n>>8), byte(n))
	default:
		dst = binary.BigEndian.AppendUint32(append(dst, packStr32), uint32(n))
	}
	return append(dst, s...)
}

func appendPackBin(dst, b []byte) []byte {
	switch n := len(b); {
	case n < 1<<8:
		dst = append(dst, packBin8, byte(n))
	case n < 1<<16:
		dst = append(dst, packBin16, byte(n>>8), byte(n))
	default:
		dst = binary.BigEndian.AppendUint32(append(dst, packBin32), uint32(n))
	}
	return append(dst, b...)
}

func appendPackArray(dst []byte, n int) []byte {
	switch {
	case n < 16:
		return append(dst, packFixArray|byte(n))
	case n < 1<<16:
		return append(dst, packArray16, byte(n>>8), byte(n))
	}
	return binary.BigEndian.AppendUint32(append(dst, packArray32), uint32(n))
}
