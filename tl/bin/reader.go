// Package bin reads and writes the primitives of the TL wire format: little-endian numbers, length-prefixed strings
// and vectors (checklist H1, H2).
//
// Both directions are sticky: after the first failure a [Reader] yields zero values and a [Writer] writes nothing, so
// code reads straight through and asks for the error once.
package bin

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Ids of the boxed forms that every schema shares.
const (
	IDVector    = 0x1cb5c415
	IDBoolTrue  = 0x997275b5
	IDBoolFalse = 0xbc799737
	IDTrue      = 0x3fedd339
	IDNull      = 0x56730bcc
)

// MaxBytes is the longest string or bytes value that TL can carry: 2^24-1 bytes.
const MaxBytes = 1<<24 - 1

// Reader takes TL values from a byte slice. It never reads past the slice and never allocates: byte values alias it.
type Reader struct {
	buf []byte
	off int
	err error
}

// NewReader returns a Reader over b.
func NewReader(b []byte) *Reader { return &Reader{buf: b} }

// Reset makes the Reader start over on b, without an error.
func (r *Reader) Reset(b []byte) { *r = Reader{buf: b} }

// Err is the first failure, nil so far.
func (r *Reader) Err() error { return r.err }

// Offset is how many bytes were taken.
func (r *Reader) Offset() int { return r.off }

// Remaining is how many bytes are left, 0 after a failure.
func (r *Reader) Remaining() int {
	if r.err != nil {
		return 0
	}
	return len(r.buf) - r.off
}

// Rest takes all that is left.
func (r *Reader) Rest() []byte { return r.Raw(r.Remaining()) }

// Close reports the first failure, or bytes that nobody read (checklist H9).
func (r *Reader) Close() error {
	if n := r.Remaining(); n > 0 {
		r.fail(&TrailingError{Offset: r.off, Left: n})
	}
	return r.err
}

// Fail makes err the Reader's failure, if it has none yet.
func (r *Reader) Fail(err error) { r.fail(err) }

func (r *Reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

// Raw takes the next n bytes as they are. The result aliases the input and has no spare capacity.
func (r *Reader) Raw(n int) []byte {
	if r.err != nil {
		return nil
	}
	if n < 0 || n > len(r.buf)-r.off {
		r.fail(&ShortError{Offset: r.off, Want: n, Have: len(r.buf) - r.off})
		return nil
	}
	b := r.buf[r.off : r.off+n : r.off+n]
	r.off += n
	return b
}

// Uint32 takes a 32-bit number; flags fields and constructor ids are such.
func (r *Reader) Uint32() uint32 {
	b := r.Raw(4)
	if b == nil {
		return 0
	}
	return binary.LittleEndian.Uint32(b)
}

// Int32 takes an int.
func (r *Reader) Int32() int32 { return int32(r.Uint32()) }

// Uint64 takes a 64-bit number.
func (r *Reader) Uint64() uint64 {
	b := r.Raw(8)
	if b == nil {
		return 0
	}
	return binary.LittleEndian.Uint64(b)
}

// Int64 takes a long.
func (r *Reader) Int64() int64 { return int64(r.Uint64()) }

// Double takes a double.
func (r *Reader) Double() float64 { return math.Float64frombits(r.Uint64()) }

// Int128 takes 16 raw bytes.
func (r *Reader) Int128() (v [16]byte) {
	copy(v[:], r.Raw(16))
	return v
}

// Int256 takes 32 raw bytes.
func (r *Reader) Int256() (v [32]byte) {
	copy(v[:], r.Raw(32))
	return v
}

// Bytes takes a length-prefixed value. The result aliases the input. A long form for a short length is accepted, and
// padding of any value is skipped (H1).
func (r *Reader) Bytes() []byte {
	head := r.Raw(4) // the least that a value takes
	if head == nil {
		return nil
	}
	r.off -= 4
	n, prefix := TextLength(binary.LittleEndian.Uint32(head))
	if prefix == 0 {
		r.fail(&FormatError{Offset: r.off, What: ErrTextPrefix})
		return nil
	}
	b := r.Raw((prefix + n + 3) &^ 3)
	if b == nil {
		return nil
	}
	return b[prefix : prefix+n : prefix+n]
}

// Str takes a length-prefixed value as a new string.
func (r *Reader) Str() string { return string(r.Bytes()) }

// Bool takes a boxed Bool.
func (r *Reader) Bool() bool {
	switch id := r.Uint32(); {
	case r.err != nil:
		return false
	case id == IDBoolTrue:
		return true
	case id == IDBoolFalse:
		return false
	default:
		r.fail(&UnexpectedIDError{Offset: r.off - 4, ID: id, Want: "Bool"})
		return false
	}
}

// Peek is the next constructor id, without taking it; 0 where fewer than 4 bytes are left.
func (r *Reader) Peek() uint32 {
	if r.Remaining() < 4 {
		return 0
	}
	return binary.LittleEndian.Uint32(r.buf[r.off:])
}

// Expect takes a constructor id and fails unless it is id. Name is what the error calls it.
func (r *Reader) Expect(id uint32, name string) {
	if got := r.Uint32(); r.err == nil && got != id {
		r.fail(&UnexpectedIDError{Offset: r.off - 4, ID: got, Want: name})
	}
}

// Vector takes the head of a boxed vector and returns its count. MinItem is the least number of bytes an item can
// have (0 counts as 4): a count that the remaining bytes cannot hold is refused before anybody allocates for it (H2).
func (r *Reader) Vector(minItem int) int {
	r.Expect(IDVector, "Vector")
	return r.Count(minItem)
}

// Count takes the count of a bare vector, with the check of [Reader.Vector].
func (r *Reader) Count(minItem int) int {
	n := r.Int32()
	if minItem <= 0 {
		minItem = 4
	}
	if r.err == nil && (n < 0 || int(n) > r.Remaining()/minItem) {
		r.fail(&FormatError{Offset: r.off - 4, What: fmt.Sprintf("vector of %d items in %d bytes", n, r.Remaining())})
	}
	if r.err != nil {
		return 0
	}
	return int(n)
}
