package files_test

import (
	"bytes"
	"testing"

	"github.com/natsgram/natsgram/mtproto/files"
	"github.com/natsgram/natsgram/mtproto/mttest"
)

const benchSize = 64 << 20

// One operation is a file of 64 MiB over loopback; client and server share the machine.
func BenchmarkUpload(b *testing.B) {
	r := start(b, func(c *mttest.Config) { c.TrackQueries = false })
	data := content(benchSize)
	b.SetBytes(benchSize)
	b.ReportAllocs()
	for b.Loop() {
		u, err := r.Upload(r.ctx, "a.bin", bytes.NewReader(data), benchSize)
		if err == nil {
			err = u.Use(r.ctx, r.send)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDownload(b *testing.B) { benchDownload(b, false, false) }

func BenchmarkDownloadUnverified(b *testing.B) { benchDownload(b, true, false) }

func BenchmarkDownloadCDN(b *testing.B) { benchDownload(b, false, true) }

func benchDownload(b *testing.B, noVerify, cdn bool) {
	r := start(b, func(c *mttest.Config) { c.TrackQueries = false })
	r.NoVerify = noVerify
	f := r.s.AddFile(2, "a.bin", content(benchSize))
	if cdn {
		r.s.PutOnCDN(f, mttest.CDNFile{})
	}
	w := &buffer{make([]byte, benchSize)}
	b.SetBytes(benchSize)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Download(r.ctx, files.Source{Location: r.alice.Location(f), DC: 2, Size: benchSize}, w); err != nil {
			b.Fatal(err)
		}
	}
}
