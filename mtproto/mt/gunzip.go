package mt

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
)

// MaxUnpacked is a good limit for [Gunzip]: 16 MiB, what one TL value can carry (C21).
const MaxUnpacked = 16 << 20

// ErrGzip says that packed data cannot be unpacked: it is damaged, or larger than the limits allow.
var ErrGzip = errors.New("mt: bad gzip_packed")

var unpackers = sync.Pool{New: func() any { return new(unpacker) }}

// unpacker is what one call of Gunzip needs; a decompressor alone has 40 KB of tables.
type unpacker struct {
	src  bytes.Reader
	gzip gzip.Reader
	zlib io.ReadCloser // nil until one is needed
}

// Gunzip appends the unpacked form of packed, a gzip_packed's packed_data, to dst. It fails with [ErrGzip], and then
// returns nil, if that takes more than limit bytes (C21). Memory grows with what was in fact unpacked. How much larger than
// its packed form a value is, says nothing: a file of zeros is an honest thousand times (as TDLib, which knows no ratio).
//
// The data are gzip's, or zlib's: TDLib packs so (tdutils/td/utils/Gzip.cpp, Gzip::init_encode) and reads both.
func Gunzip(dst, packed []byte, limit int) ([]byte, error) {
	u := unpackers.Get().(*unpacker)
	defer unpackers.Put(u)
	u.src.Reset(packed)
	defer u.src.Reset(nil)
	from, err := u.open(packed)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrGzip, err)
	}
	return unpack(from, dst, limit, len(packed))
}

// open begins to read either form.
func (u *unpacker) open(packed []byte) (io.Reader, error) {
	if len(packed) > 0 && packed[0] == 0x1f {
		if err := u.gzip.Reset(&u.src); err != nil {
			return nil, err
		}
		// One member, as zlib reads it: what stands behind is not looked at.
		u.gzip.Multistream(false)
		return &u.gzip, nil
	}
	if u.zlib == nil {
		r, err := zlib.NewReader(&u.src)
		if err != nil {
			return nil, err
		}
		u.zlib = r
		return r, nil
	}
	return u.zlib, u.zlib.(zlib.Resetter).Reset(&u.src, nil)
}

func unpack(from io.Reader, dst []byte, limit, packed int) ([]byte, error) {
	start := len(dst)
	dst = slices.Grow(dst, min(limit, 4*packed)+1)
	for {
		if len(dst) == cap(dst) {
			dst = slices.Grow(dst, max(1, min(len(dst)-start, limit+1-(len(dst)-start))))
		}
		n, err := from.Read(dst[len(dst):cap(dst)])
		dst = dst[:len(dst)+n]
		switch {
		case len(dst)-start > limit:
			return nil, fmt.Errorf("%w: more than %d bytes out of %d", ErrGzip, limit, packed)
		case errors.Is(err, io.EOF):
			return dst, nil
		case err != nil:
			return nil, fmt.Errorf("%w: %w", ErrGzip, err)
		}
	}
}
