package bin

import (
	"encoding/binary"
	"math"
)

// Writer appends TL values to Buf, which the caller owns and may preset.
type Writer struct {
	Buf []byte
	err error
}

// Err is the first failure: a [TooLongError], or what [Writer.Fail] was given.
func (w *Writer) Err() error { return w.err }

// Fail makes err the Writer's failure, if it has none yet.
func (w *Writer) Fail(err error) {
	if w.err == nil {
		w.err = err
	}
}

// Uint32 appends a 32-bit number: flags, or a constructor id.
func (w *Writer) Uint32(v uint32) { w.Buf = binary.LittleEndian.AppendUint32(w.Buf, v) }

// Int32 appends an int.
func (w *Writer) Int32(v int32) { w.Uint32(uint32(v)) }

// Uint64 appends a 64-bit number.
func (w *Writer) Uint64(v uint64) { w.Buf = binary.LittleEndian.AppendUint64(w.Buf, v) }

// Int64 appends a long.
func (w *Writer) Int64(v int64) { w.Uint64(uint64(v)) }

// Double appends a double.
func (w *Writer) Double(v float64) { w.Uint64(math.Float64bits(v)) }

// Raw appends b as it is: int128, int256, or TL that is already encoded.
func (w *Writer) Raw(b []byte) { w.Buf = append(w.Buf, b...) }

// Bool appends a boxed Bool.
func (w *Writer) Bool(v bool) {
	if v {
		w.Uint32(IDBoolTrue)
	} else {
		w.Uint32(IDBoolFalse)
	}
}

// Bytes appends a length-prefixed value, padded with zeros to a multiple of 4 (H1).
func (w *Writer) Bytes(v []byte) {
	if w.fits(len(v)) {
		w.Buf = AppendText(w.Buf, v)
	}
}

// Str appends a length-prefixed string.
func (w *Writer) Str(v string) {
	if w.fits(len(v)) {
		w.Buf = AppendText(w.Buf, v)
	}
}

// fits reports whether TL can carry a value of n bytes.
func (w *Writer) fits(n int) bool {
	if n > MaxBytes {
		w.Fail(&TooLongError{Len: n})
	}
	return n <= MaxBytes
}

// Vector appends the head of a boxed vector of n items.
func (w *Writer) Vector(n int) {
	w.Uint32(IDVector)
	w.Int32(int32(n))
}
