package mt

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
)

// MaxUnpacked is a good limit for [Gunzip]: 16 MiB, what one TL value can carry (C21).
const MaxUnpacked = 16 << 20

// maxRatio is how much larger than its packed form a value may be. Deflate cannot pass 1032; what Telegram sends, rows of
// like objects at best, stays far below 200. Small values may pass it: there the ratio says nothing.
const (
	maxRatio      = 256
	ratioFreeSize = 64 << 10
)

// ErrGzip says that packed data cannot be unpacked: it is damaged, or larger than the limits allow.
var ErrGzip = errors.New("mt: bad gzip_packed")

var unpackers = sync.Pool{New: func() any { return new(unpacker) }}

// unpacker is what one call of Gunzip needs; a decompressor alone has 40 KB of tables.
type unpacker struct {
	src bytes.Reader
	zip gzip.Reader
}

// Gunzip appends the unpacked form of packed, a gzip_packed's packed_data, to dst. It fails with [ErrGzip], and then
// returns nil, if that takes more than limit bytes or grows beyond all proportion (C21). Memory grows with what was in
// fact unpacked.
func Gunzip(dst, packed []byte, limit int) ([]byte, error) {
	u := unpackers.Get().(*unpacker)
	defer unpackers.Put(u)
	u.src.Reset(packed)
	defer u.src.Reset(nil)
	if err := u.zip.Reset(&u.src); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrGzip, err)
	}
	// One member, as zlib reads it: what stands behind is not looked at.
	u.zip.Multistream(false)
	return u.unpack(dst, min(limit, max(ratioFreeSize, len(packed)*maxRatio)), len(packed))
}

func (u *unpacker) unpack(dst []byte, limit, packed int) ([]byte, error) {
	start := len(dst)
	dst = slices.Grow(dst, min(limit, 4*packed)+1)
	for {
		if len(dst) == cap(dst) {
			dst = slices.Grow(dst, max(1, min(len(dst)-start, limit+1-(len(dst)-start))))
		}
		n, err := u.zip.Read(dst[len(dst):cap(dst)])
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
