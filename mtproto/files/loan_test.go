package files

import (
	"bytes"
	"context"
	"crypto/sha256"
	"testing"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/tl/codec"
)

// lender has one file, and lends what it answers: whatever comes back is spoiled, as by the next user of the buffer.
type lender struct {
	babble
	data     []byte
	lent     int
	returned int
}

func (l *lender) InvokeFile(ctx context.Context, _ int, _ mtproto.Traffic, query []byte) ([]byte, error) {
	v, err := schema().View(query)
	if err != nil {
		return nil, err
	}
	at := v.Int("offset")
	if v.Name() == "upload.getFileHashes" {
		return l.hashes(at)
	}
	end := min(at+v.Int("limit"), int64(len(l.data)))
	body, err := schema().Encode(nil, codec.M{"_": "upload.file", "type": codec.M{"_": "storage.fileUnknown"}, "mtime": 0, "bytes": l.data[min(at, end):end]})
	l.mu.Lock()
	defer l.mu.Unlock()
	if loan := mtproto.LoanOf(ctx); loan != nil {
		l.lent++
		loan.Lend(body, func(b []byte) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.returned++
			for i := range b {
				b[i] = 0xdb
			}
		})
	}
	return body, err
}

// hashes are of ranges that are no windows, so that some have to be read again together.
func (l *lender) hashes(at int64) ([]byte, error) {
	const size = 120_000
	var body []byte
	n := int64(0)
	for from := at - at%size; from < int64(len(l.data)) && n < 8; from += size {
		sum := sha256.Sum256(l.data[from:min(from+size, int64(len(l.data)))])
		one, err := schema().Encode(nil, codec.M{"_": "fileHash", "offset": from, "limit": min(size, int64(len(l.data))-from), "hash": sum[:]})
		if err != nil {
			return nil, err
		}
		body = append(body, one...)
		n++
	}
	return append([]byte{0x15, 0xc4, 0xb5, 0x1c, byte(n), 0, 0, 0}, body...), nil
}

// Every loan is returned, and not before its bytes were used.
func TestLoansAreReturned(t *testing.T) {
	data := make([]byte, 3<<20+4321)
	for i := range data {
		data[i] = byte(i*7 ^ i>>8)
	}
	for _, tc := range []struct {
		name          string
		verify        bool
		offset, limit int64
	}{{"all", false, 0, 0}, {"a range", false, 100_001, 1_500_003}, {"with hashes", true, 0, 0}, {"a range with hashes", true, 777_777, 999_999}} {
		t.Run(tc.name, func(t *testing.T) {
			l := &lender{data: data}
			f := New(l)
			f.NoVerify = !tc.verify
			from := Source{Location: codec.M{"_": "inputTakeoutFileLocation"}, Size: int64(len(data)), Offset: tc.offset, Limit: tc.limit}
			want := data[tc.offset:from.stop()]
			w := &at{make([]byte, len(data))}
			if n, err := f.Download(t.Context(), from, w); err != nil || !bytes.Equal(w.b[tc.offset:from.stop()], want) {
				t.Errorf("downloaded %d bytes: %v, as they should be %v", n, err, bytes.Equal(w.b[tc.offset:from.stop()], want))
			}
			var in bytes.Buffer
			if n, err := f.Copy(t.Context(), from, &in); err != nil || !bytes.Equal(in.Bytes(), want) {
				t.Errorf("copied %d bytes: %v, as they should be %v", n, err, bytes.Equal(in.Bytes(), want))
			}
			if l.lent == 0 || l.lent != l.returned {
				t.Errorf("%d lent, %d returned", l.lent, l.returned)
			}
		})
	}
}

type at struct{ b []byte }

func (a *at) WriteAt(p []byte, off int64) (int, error) { return copy(a.b[off:], p), nil }
