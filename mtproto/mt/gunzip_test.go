package mt_test

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/natsgram/natsgram/mtproto/mt"
)

func pack(t testing.TB, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write(data)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// noise is data that packs to about half its size.
func noise(n int) []byte {
	rnd, b := rand.New(rand.NewPCG(5, 6)), make([]byte, n)
	for i := range b {
		b[i] = byte(rnd.IntN(16))
	}
	return b
}

// C21
func TestGunzip(t *testing.T) {
	for _, data := range [][]byte{{}, []byte("four"), bytes.Repeat([]byte("ab"), 20_000), noise(1 << 20)} {
		got, err := mt.Gunzip([]byte("before "), pack(t, data), mt.MaxUnpacked)
		if err != nil || !bytes.Equal(got, append([]byte("before "), data...)) {
			t.Errorf("%d bytes: got %d, %v", len(data), len(got), err)
		}
	}
}

// C21: TDLib packs as zlib does, and nothing of one value is left in the next.
func TestGunzipOfZlib(t *testing.T) {
	for _, data := range [][]byte{[]byte("four"), noise(1 << 16), make([]byte, 1<<20)} {
		var b bytes.Buffer
		z := zlib.NewWriter(&b)
		z.Write(data)
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if got, err := mt.Gunzip(nil, b.Bytes(), mt.MaxUnpacked); err != nil || !bytes.Equal(got, data) {
				t.Errorf("%d bytes: got %d, %v", len(data), len(got), err)
			}
			if _, err := mt.Gunzip(nil, b.Bytes()[:b.Len()-5], mt.MaxUnpacked); !errors.Is(err, mt.ErrGzip) {
				t.Errorf("cut: %v", err)
			}
		}
	}
}

// C21
func TestGunzipHasLimits(t *testing.T) {
	for name, c := range map[string]struct {
		packed []byte
		limit  int
		ok     bool
	}{
		"exactly the limit":          {pack(t, noise(4096)), 4096, true},
		"one byte more":              {pack(t, noise(4097)), 4096, false},
		"15 MiB of zeros in 15 KB":   {pack(t, make([]byte, 15<<20)), mt.MaxUnpacked, true},
		"17 MiB of zeros":            {pack(t, make([]byte, 17<<20)), mt.MaxUnpacked, false},
		"64 KiB of zeros":            {pack(t, make([]byte, 64<<10)), mt.MaxUnpacked, true},
		"nothing":                    {nil, mt.MaxUnpacked, false},
		"no gzip":                    {[]byte("not at all packed"), mt.MaxUnpacked, false},
		"cut":                        {pack(t, noise(4096))[:1000], mt.MaxUnpacked, false},
		"wrong checksum":             {spoil(pack(t, noise(4096)), -6), mt.MaxUnpacked, false},
		"something behind (ignored)": {append(pack(t, noise(4096)), 0, 0, 0), mt.MaxUnpacked, true},
	} {
		got, err := mt.Gunzip(nil, c.packed, c.limit)
		if (err == nil) != c.ok || err != nil && (!errors.Is(err, mt.ErrGzip) || got != nil) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
		if cap(got) > 2*max(c.limit, 1<<20) {
			t.Errorf("%s: room for %d bytes", name, cap(got))
		}
	}
}

func spoil(b []byte, at int) []byte {
	b[len(b)+at] ^= 1
	return b
}

func FuzzGunzip(f *testing.F) {
	f.Add(pack(f, []byte("four")))
	f.Add(pack(f, make([]byte, 100_000)))
	const limit = 1 << 20
	f.Fuzz(func(t *testing.T, packed []byte) {
		got, err := mt.Gunzip(nil, packed, limit)
		if err != nil && !errors.Is(err, mt.ErrGzip) || len(got) > limit || cap(got) > 4*limit {
			t.Errorf("%d bytes of %d, %v", len(got), cap(got), err)
		}
	})
}

func BenchmarkGunzip(b *testing.B) {
	data := noise(64 << 10)
	packed, dst := pack(b, data), []byte(nil)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if dst, err = mt.Gunzip(dst[:0], packed, mt.MaxUnpacked); err != nil {
			b.Fatal(err)
		}
	}
}
