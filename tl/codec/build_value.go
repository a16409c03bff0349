package codec

import (
	"encoding/binary"
	"strconv"

	"github.com/natsgram/natsgram/tl/bin"
)

// openText begins a length-prefixed value of n bytes (H1) and reports whether TL can carry it.
func (b *builder) openText(n, off int) bool {
	if n > bin.MaxBytes {
		return b.tooLong(n, off)
	}
	b.dst = bin.AppendLength(b.dst, n)
	return true
}

// closeText pads a value of n bytes that stands at the end of dst.
func (b *builder) closeText(n int) { b.dst = bin.AppendPadding(b.dst, n) }

func (b *builder) text(s []byte, off int) bool {
	if len(s) > bin.MaxBytes {
		return b.tooLong(len(s), off)
	}
	b.dst = bin.AppendText(b.dst, s)
	return true
}

func (b *builder) tooLong(n, off int) bool {
	return b.fail(&Error{Offset: off, What: "TL carries at most " + strconv.Itoa(bin.MaxBytes) + " bytes", Got: strconv.Itoa(n),
		Err: &bin.TooLongError{Len: n}})
}

func (b *builder) uint32(v uint32) bool {
	b.dst = binary.LittleEndian.AppendUint32(b.dst, v)
	return true
}

func (b *builder) uint64(v uint64) bool {
	b.dst = binary.LittleEndian.AppendUint64(b.dst, v)
	return true
}

func (b *builder) bool(v bool) bool {
	if v {
		return b.uint32(bin.IDBoolTrue)
	}
	return b.uint32(bin.IDBoolFalse)
}

// vectorHead begins a vector; the answer is where its count belongs.
func (b *builder) vectorHead(t *typ) int {
	if t.op == opVector {
		b.uint32(bin.IDVector)
	}
	b.uint32(0)
	return len(b.dst) - 4
}

// vectorEnd fills in the count.
func (b *builder) vectorEnd(t *typ, at, n, off int) bool {
	if t.elem.min == 0 && n > maxEmptyItems {
		what := "at most " + strconv.Itoa(maxEmptyItems) + " items without bytes"
		return b.fail(&Error{Offset: off, What: what, Got: strconv.Itoa(n)})
	}
	if len(b.dst) > b.limit {
		return b.fail(errOutput(off))
	}
	binary.LittleEndian.PutUint32(b.dst[at:], uint32(n))
	return true
}

func (b *builder) wantBytes(t *typ, off, n int) bool {
	return b.fail(&Error{Offset: off, What: "want " + t.name + ", " + plural(t.min, "byte"), Got: strconv.Itoa(n)})
}
