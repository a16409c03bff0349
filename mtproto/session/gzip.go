package session

import (
	"bytes"
	"compress/gzip"
	"io"
	"sync"

	"github.com/natsgram/natsgram/mtproto/mt"
	"github.com/natsgram/natsgram/tl/bin"
)

var packers = sync.Pool{New: func() any {
	w, _ := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed)
	return w
}}

// pack is a query, with what stands before it, as gzip_packed; nil: that is not smaller (C21).
func pack(before, query []byte) []byte {
	z := packers.Get().(*gzip.Writer)
	defer packers.Put(z)
	var b bytes.Buffer
	z.Reset(&b)
	// A bytes.Buffer does not fail.
	_, _ = z.Write(before)
	_, _ = z.Write(query)
	_ = z.Close()
	var w bin.Writer
	(&mt.GzipPacked{PackedData: b.Bytes()}).Encode(&w)
	if w.Err() != nil || len(w.Buf) >= len(before)+len(query) {
		return nil
	}
	return w.Buf
}
