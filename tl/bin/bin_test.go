package bin_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/natsgram/natsgram/tl/bin"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// H1: everything is little-endian, int128 and int256 are as they come.
func TestNumbersOnTheWire(t *testing.T) {
	var w bin.Writer
	w.Int32(-2)
	w.Int64(0x0102030405060708)
	w.Double(1.5)
	w.Uint32(0x1cb5c415)
	w.Bool(true)
	w.Bool(false)
	w.Vector(3)
	w.Raw([]byte("0123456789abcdef"))
	wire := unhex(t, `feffffff 0807060504030201 000000000000f83f 15c4b51c b5757299 379779bc
		15c4b51c 03000000 30313233343536373839616263646566`)
	if !bytes.Equal(w.Buf, wire) {
		t.Fatalf("wrote %x", w.Buf)
	}
	r := bin.NewReader(wire)
	if r.Int32() != -2 || r.Int64() != 0x0102030405060708 || r.Double() != 1.5 || r.Peek() != bin.IDVector ||
		r.Uint32() != bin.IDVector || !r.Bool() || r.Bool() || r.Vector(4) != 3 || r.Int128() != [16]byte([]byte("0123456789abcdef")) {
		t.Error("read something else")
	}
	if err := r.Close(); err != nil || r.Offset() != len(wire) {
		t.Errorf("%v at byte %d", err, r.Offset())
	}
}

// H1: prefix, padding and where the long form begins.
func TestStringsOnTheWire(t *testing.T) {
	for _, c := range []struct {
		n    int
		head string
		size int
	}{
		{0, "00", 4}, {1, "01", 4}, {3, "03", 4}, {4, "04", 8}, {253, "fd", 256},
		{254, "fefe0000", 260}, {255, "feff0000", 260}, {256, "fe000100", 260}, {bin.MaxBytes, "feffffff", 1<<24 + 4},
	} {
		v := bytes.Repeat([]byte{7}, c.n)
		var w, s bin.Writer
		w.Bytes(v)
		s.Str(string(v))
		head := unhex(t, c.head)
		if len(w.Buf) != c.size || !bytes.HasPrefix(w.Buf, head) || !bytes.Equal(w.Buf, s.Buf) || !bytes.Equal(bytes.TrimRight(w.Buf[len(head):], "\x00"), v) {
			t.Errorf("%d bytes: wrote %d, head %x", c.n, len(w.Buf), w.Buf[:4])
		}
		r := bin.NewReader(w.Buf)
		if got := r.Bytes(); !bytes.Equal(got, v) || r.Close() != nil {
			t.Errorf("%d bytes: read %d, %v", c.n, len(got), r.Err())
		}
	}
}

// H1: what we never write but must read.
func TestLenientStrings(t *testing.T) {
	for wire, want := range map[string]string{
		"03 616263":             "abc",
		"02 6162 ff":            "ab", // padding of any value
		"fe 030000 616263 55":   "abc",
		"fe 000000":             "",
		"00 aabbcc":             "",
		"05 6162636465 1122":    "abcde",
		"fe 040000 61626364":    "abcd",
		"fe 010000 61 ff ff ff": "a",
	} {
		r := bin.NewReader(unhex(t, wire))
		if got := r.Str(); got != want || r.Close() != nil {
			t.Errorf("%s: got %q, %v", wire, got, r.Err())
		}
	}
}

func TestBrokenStrings(t *testing.T) {
	for _, wire := range []string{"", "04 616263", "02 6162", "fe", "fe 0300", "fe ffffff 00", "ff 000000", "ff 0000000000000000"} {
		r := bin.NewReader(unhex(t, wire))
		if got := r.Bytes(); got != nil || r.Err() == nil {
			t.Errorf("%s: got %x", wire, got)
		}
	}
}

func TestTooLongToWrite(t *testing.T) {
	for _, write := range []func(*bin.Writer){
		func(w *bin.Writer) { w.Bytes(make([]byte, bin.MaxBytes+1)) },
		func(w *bin.Writer) { w.Str(string(make([]byte, bin.MaxBytes+1))) },
	} {
		var w bin.Writer
		write(&w)
		var long *bin.TooLongError
		if !errors.As(w.Err(), &long) || long.Len != bin.MaxBytes+1 || len(w.Buf) > 0 {
			t.Errorf("%v, %d bytes written", w.Err(), len(w.Buf))
		}
	}
}

// H2: no count makes anybody allocate more than the input could fill.
func TestVectorCounts(t *testing.T) {
	for _, c := range []struct {
		wire    string
		minItem int
		want    int
	}{
		{"15c4b51c 00000000", 8, 0},
		{"15c4b51c 01000000 0000000000000000", 8, 1},
		{"15c4b51c 02000000 0000000000000000", 8, -1},
		{"15c4b51c 02000000 0000000000000000", 0, 2}, // 0 counts as 4
		{"15c4b51c ffffffff 0000000000000000", 4, -1},
		{"15c4b51c ffffff7f 0000000000000000", 4, -1},
		{"15c4b51d 00000000", 4, -1},
		{"15c4b51c 0000", 4, -1},
	} {
		r := bin.NewReader(unhex(t, c.wire))
		got := r.Vector(c.minItem)
		if (r.Err() != nil) != (c.want < 0) || got != max(c.want, 0) {
			t.Errorf("%s by %d: got %d, %v", c.wire, c.minItem, got, r.Err())
		}
	}
}

// The first failure stays, and nothing is read after it.
func TestReaderIsSticky(t *testing.T) {
	r := bin.NewReader(unhex(t, "01000000 02000000"))
	r.Expect(5, "five")
	first := r.Err()
	var id *bin.UnexpectedIDError
	if !errors.As(first, &id) || id.ID != 1 || id.Offset != 0 || first.Error() != "tl: at byte 0: constructor 00000001, want five" {
		t.Errorf("got %v", first)
	}
	r.Fail(errors.New("second"))
	if r.Uint32() != 0 || r.Int64() != 0 || len(r.Rest()) > 0 || r.Bytes() != nil || r.Bool() || r.Peek() != 0 ||
		r.Int256() != [32]byte{} || math.Float64bits(r.Double()) != 0 || r.Count(4) != 0 {
		t.Error("something was read after the failure")
	}
	if last := r.Close(); !errors.Is(last, first) || r.Remaining() != 0 {
		t.Errorf("the failure became %v", r.Err())
	}
	r.Reset(unhex(t, "07000000"))
	if r.Int32() != 7 || r.Close() != nil {
		t.Errorf("after Reset: %v", r.Err())
	}
}

// H9
func TestTrailingBytes(t *testing.T) {
	r := bin.NewReader(unhex(t, "01000000 02"))
	r.Int32()
	var trailing *bin.TrailingError
	if !errors.As(r.Close(), &trailing) || trailing.Offset != 4 || trailing.Left != 1 {
		t.Errorf("got %v", r.Err())
	}
}

func TestRawAliasesWithoutSpareCapacity(t *testing.T) {
	buf := []byte{1, 2, 3, 4, 5, 6, 7, 8}
	b := append(bin.NewReader(buf).Raw(4), 9)
	if len(b) != 5 || buf[4] != 5 {
		t.Error("appending to what was read changed the input")
	}
}

// FuzzReader: a script of reads over any bytes stays inside them.
func FuzzReader(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7}, unhex(f, "fe 030000 616263 55 15c4b51c 01000000"))
	f.Fuzz(func(t *testing.T, script, src []byte) {
		r := bin.NewReader(src)
		for _, op := range script {
			before, n := r.Offset(), 0
			switch op % 8 {
			case 0:
				n = len(r.Bytes())
			case 1:
				n = len(r.Str())
			case 2:
				n = 4 * r.Vector(4)
			case 3:
				n = len(r.Raw(int(int8(op))))
			case 4:
				r.Bool()
			case 5:
				r.Int256()
			case 6:
				n = 4 * r.Count(0)
			case 7:
				r.Expect(r.Peek(), "itself")
			}
			if n > len(src) || r.Offset() < before || r.Offset() > len(src) {
				t.Fatalf("op %d: %d bytes, at %d of %d", op%8, n, r.Offset(), len(src))
			}
		}
		r.Close()
	})
}

// FuzzBytes: what is written is read back.
func FuzzBytes(f *testing.F) {
	f.Add([]byte("abc"), int64(-1))
	f.Fuzz(func(t *testing.T, v []byte, n int64) {
		var w bin.Writer
		w.Bytes(v)
		w.Int64(n)
		r := bin.NewReader(w.Buf)
		if got, m := r.Bytes(), r.Int64(); !bytes.Equal(got, v) || m != n || r.Close() != nil || len(w.Buf)%4 != 0 {
			t.Errorf("%x, %d, %v", got, m, r.Err())
		}
	})
}

func BenchmarkReader(b *testing.B) {
	var w bin.Writer
	w.Vector(100)
	for i := range 100 {
		w.Int64(int64(i))
		w.Str("a string of some length")
	}
	b.SetBytes(int64(len(w.Buf)))
	b.ReportAllocs()
	var r bin.Reader
	for b.Loop() {
		r.Reset(w.Buf)
		for range r.Vector(12) {
			r.Int64()
			r.Bytes()
		}
	}
	if r.Close() != nil {
		b.Fatal(r.Err())
	}
}

func BenchmarkWriter(b *testing.B) {
	var w bin.Writer
	b.ReportAllocs()
	for b.Loop() {
		w.Buf = w.Buf[:0]
		w.Vector(100)
		for i := range 100 {
			w.Int64(int64(i))
			w.Str("a string of some length")
		}
	}
	b.SetBytes(int64(len(w.Buf)))
}
