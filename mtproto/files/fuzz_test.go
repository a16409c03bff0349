package files

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"testing"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/schemas"
	"github.com/natsgram/natsgram/tl"
	"github.com/natsgram/natsgram/tl/codec"
)

var schema = sync.OnceValue(func() *codec.Schema {
	s, err := tl.Parse("api.tl", schemas.API())
	if err != nil {
		panic(err)
	}
	c, err := codec.Compile(s)
	if err != nil {
		panic(err)
	}
	return c
})

// babble answers every call with the next of some answers.
type babble struct {
	mu      sync.Mutex
	answers [][]byte
}

func (b *babble) Schema() *codec.Schema { return schema() }

func (b *babble) Invoke(context.Context, []byte) ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.answers) == 0 {
		return nil, &mtproto.Error{Code: 400, Type: "ENOUGH"}
	}
	next := b.answers[0]
	b.answers = b.answers[1:]
	return bytes.Clone(next), nil
}

func (b *babble) InvokeFile(ctx context.Context, _ int, _ mtproto.Traffic, q []byte) ([]byte, error) {
	return b.Invoke(ctx, q)
}

func (b *babble) InvokeCDN(ctx context.Context, _ int, q []byte) ([]byte, error) {
	return b.Invoke(ctx, q)
}

// D12, D14: whatever the other side answers, nothing panics, and nobody gets more bytes than the file has.
func FuzzAnswers(f *testing.F) {
	encode := func(m codec.M) []byte {
		b, err := schema().Encode(nil, m)
		if err != nil {
			f.Fatal(err)
		}
		return b
	}
	file := encode(codec.M{"_": "upload.file", "type": codec.M{"_": "storage.fileUnknown"}, "mtime": 0, "bytes": []byte("0123456789")})
	f.Add(file, []byte{}, []byte{}, int64(10))
	f.Add(encode(codec.M{
		"_": "upload.fileCdnRedirect", "dc_id": 203, "file_token": []byte("t"), "encryption_key": make([]byte, 32), "encryption_iv": make([]byte, 16),
		"file_hashes": []codec.M{{"_": "fileHash", "offset": 0, "limit": 10, "hash": make([]byte, 32)}},
	}), encode(codec.M{"_": "upload.cdnFile", "bytes": []byte("0123456789")}), file, int64(-1))
	f.Add(encode(codec.M{
		"_": "upload.fileCdnRedirect", "dc_id": 203, "file_token": []byte("t"), "encryption_key": make([]byte, 32), "encryption_iv": make([]byte, 16),
		"file_hashes": []codec.M{},
	}), encode(codec.M{"_": "upload.cdnFileReuploadNeeded", "request_token": []byte("r")}), []byte{}, int64(3))
	f.Fuzz(func(t *testing.T, a, b, c []byte, size int64) {
		if size > 1<<20 {
			return
		}
		files := New(&babble{answers: [][]byte{a, b, c, a, b, c, a}})
		var got bytes.Buffer
		n, err := files.Copy(t.Context(), Source{Location: codec.M{"_": "inputTakeoutFileLocation"}, Size: size}, &got)
		if int64(got.Len()) != n || size >= 0 && (n > size || err == nil && n != size) {
			t.Errorf("%d bytes of %d, said to be %d: %v", got.Len(), size, n, err)
		}
		if err != nil && errors.Is(err, io.EOF) {
			t.Errorf("a bare EOF: %v", err)
		}
	})
}

// D15: whatever Telegram answers, looking for a file in it ends.
func FuzzFind(f *testing.F) {
	files := New(&babble{})
	old, err := files.encoded(codec.M{"_": "inputDocumentFileLocation", "id": 7, "access_hash": 8, "file_reference": []byte("old"), "thumb_size": ""})
	if err != nil {
		f.Fatal(err)
	}
	doc, err := schema().Encode(nil, codec.M{
		"_": "document", "id": 7, "access_hash": 8, "file_reference": []byte("new"), "date": 1, "mime_type": "", "size": 1, "dc_id": 2,
		"attributes": []codec.M{},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(doc)
	f.Add(append([]byte{1, 2, 3, 4, 5}, doc...))
	f.Add(append(bytes.Clone(doc[8:]), doc...))
	f.Add(doc[4:])
	f.Fuzz(func(t *testing.T, body []byte) {
		got := files.find(body, old)
		if !bytes.Contains(body, got) {
			t.Errorf("%x is not in it", got)
		}
		if whole := bytes.Contains(body, doc); whole && got == nil {
			t.Error("not found")
		}
	})
}
