package files_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/files"
	"github.com/natsgram/natsgram/mtproto/mttest"
)

// get downloads a file both ways, and compares.
func (r *rig) get(from files.Source, want []byte) {
	r.Helper()
	var b bytes.Buffer
	n, err := r.Copy(r.ctx, from, &b)
	if err != nil || n != int64(len(want)) {
		r.Errorf("copied %d bytes of %d: %v", n, len(want), err)
	}
	same(r, "in order", b.Bytes(), want)
	w := buffer{make([]byte, len(want))}
	n, err = r.Download(r.ctx, from, &w)
	if err != nil || n != int64(len(want)) {
		r.Errorf("downloaded %d bytes of %d: %v", n, len(want), err)
	}
	same(r, "anyhow", w.b, want)
}

// D12: windows within the rules, in parallel, to the last byte, whether or not the size is known.
func TestDownload(t *testing.T) {
	for _, size := range []int{0, 1, 4096, 300_001, 512 << 10, 512<<10 + 1, 3 << 20, 3<<20 + 777} {
		synctest.Test(t, func(t *testing.T) {
			r := start(t, inMemory)
			data := content(size)
			f := r.s.AddFile(2, "a.bin", data)
			r.get(files.Source{Location: r.alice.Location(f), DC: 2, Size: int64(size)}, data)
			r.get(files.Source{Location: r.alice.Location(f), Size: -1}, data)
			if size > 1 {
				_, err := r.Download(r.ctx, files.Source{Location: r.alice.Location(f), Size: int64(size) + 1}, &buffer{make([]byte, size)})
				if !errors.Is(err, files.ErrSize) {
					t.Errorf("shorter than said: %v", err)
				}
			}
		})
	}
}

// D12: any part of a file, in windows that begin where Telegram allows, whether or not the size is known.
func TestDownloadRange(t *testing.T) {
	const size = 2<<20 + 777
	data := content(size)
	synctest.Test(t, func(t *testing.T) {
		r := start(t, inMemory)
		f := r.s.AddFile(2, "a.bin", data)
		for _, c := range []struct{ offset, limit, from, to int64 }{
			{0, 0, 0, size}, {0, 1, 0, 1}, {1, 1, 1, 2}, {131_072, 524_288, 131_072, 655_360}, {524_287, 2, 524_287, 524_289},
			{1_000_000, 0, 1_000_000, size}, {size - 1, 0, size - 1, size}, {size - 1, 100, size - 1, size}, {size, 0, size, size}, {size + 5<<20, 7, size, size},
			{5, math.MaxInt64, 5, size},
		} {
			for _, known := range []int64{size, -1} {
				from := files.Source{Location: r.alice.Location(f), DC: 2, Size: known, Offset: c.offset, Limit: c.limit}
				name := fmt.Sprintf("%d bytes from %d on, size %d", c.limit, c.offset, known)
				want := data[c.from:c.to]
				var b bytes.Buffer
				if n, err := r.Copy(r.ctx, from, &b); err != nil || n != int64(len(want)) {
					t.Errorf("%s: copied %d, want %d: %v", name, n, len(want), err)
				}
				same(t, name, b.Bytes(), want)
				w := buffer{make([]byte, size)}
				if n, err := r.Download(r.ctx, from, &w); err != nil || n != int64(len(want)) {
					t.Errorf("%s: downloaded %d, want %d: %v", name, n, len(want), err)
				}
				same(t, name+" in its place", w.b[c.from:c.to], want)
				if bytes.ContainsFunc(w.b[:c.from], func(b rune) bool { return b != 0 }) || bytes.ContainsFunc(w.b[c.to:], func(b rune) bool { return b != 0 }) {
					t.Errorf("%s: something stands beside it", name)
				}
			}
		}
		if _, err := r.Copy(r.ctx, files.Source{Location: r.alice.Location(f), DC: 2, Size: size, Offset: -1}, io.Discard); !errors.Is(err, files.ErrRange) {
			t.Errorf("from before the beginning: %v", err)
		}
	})
}

// D6, D7, D12: FILE_MIGRATE leads to the file's data centre, with the account's authorization, once; the home stays. D9, D10:
// there are two sessions, at the address for media.
func TestDownloadElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, inMemory)
		data := content(6 << 20)
		f := r.s.AddFile(4, "a.bin", data)
		sessions, turn := map[int64]bool{}, make(chan struct{}, 1)
		r.s.Intercept(func(q *mttest.Request) mttest.Action {
			if q.DC != 4 || !strings.HasPrefix(q.Method, "upload.") {
				return mttest.Pass()
			}
			turn <- struct{}{}
			defer func() { <-turn }()
			sessions[q.SessionID] = true
			return mttest.Delay(time.Second, mttest.Pass())
		})
		r.get(files.Source{Location: r.alice.Location(f), Size: int64(len(data))}, data)
		if n := r.s.Executed("auth.importAuthorization"); n != 1 || r.c.Home() != 2 {
			t.Errorf("%d imports, home %d", n, r.c.Home())
		}
		if len(sessions) != 2 {
			t.Errorf("%d sessions, want 2", len(sessions))
		}
	})
}

// D12: what does not have the hash that upload.getFileHashes says is refused; a file without hashes is not.
func TestDownloadHashes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, inMemory)
		data := content(1 << 20)
		f := r.s.AddFile(2, "a.bin", data)
		source := files.Source{Location: r.alice.Location(f), DC: 2, Size: int64(len(data))}
		wrong := bytes.Repeat([]byte{1}, 512<<10)
		remove := r.s.InterceptMethod("upload.getFile", func(*mttest.Request) mttest.Action {
			return mttest.Answer(M{"_": "upload.file", "type": M{"_": "storage.fileUnknown"}, "bytes": wrong})
		})
		w := buffer{make([]byte, len(data))}
		if _, err := r.Download(r.ctx, source, &w); !errors.Is(err, files.ErrHash) {
			t.Errorf("wrong bytes: %v", err)
		}
		same(t, "nothing written", w.b, make([]byte, len(data)))
		remove()
		r.s.FailNext("upload.getFileHashes", 9, 400, "LOCATION_INVALID")
		r.get(source, data)
	})
}

// D15: an expired file reference is asked for anew, once for all windows; the same again is of no use.
func TestDownloadReference(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, inMemory)
		data := content(3 << 20)
		f := r.s.AddFile(4, "a.bin", data)
		old := r.alice.Location(f)
		r.s.ExpireFileReferences()
		asked := 0
		source := files.Source{Location: old, DC: 4, Size: int64(len(data)), Refresh: func(context.Context) (M, error) {
			asked++
			return r.alice.Location(f), nil
		}}
		r.get(source, data)
		if asked != 2 {
			t.Errorf("asked %d times in two downloads", asked)
		}
		source.Refresh = func(context.Context) (M, error) { return old, nil }
		if _, err := r.Copy(r.ctx, source, new(bytes.Buffer)); !mtproto.IsKind(err, "FILE_REFERENCE_EXPIRED") {
			t.Errorf("the same reference: %v", err)
		}
		source.Refresh = nil
		if _, err := r.Copy(r.ctx, source, new(bytes.Buffer)); !mtproto.IsKind(err, "FILE_REFERENCE_EXPIRED") {
			t.Errorf("nobody to ask: %v", err)
		}
		gone := errors.New("gone")
		source.Refresh = func(context.Context) (M, error) { return nil, gone }
		if _, err := r.Copy(r.ctx, source, new(bytes.Buffer)); !errors.Is(err, gone) {
			t.Errorf("not found any more: %v", err)
		}
	})
}

// D15: with a new reference a file is found in what it came from, wherever in the answer it stands.
func TestRefetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, inMemory)
		data := content(1000)
		u, err := r.Upload(r.ctx, "a.bin", bytes.NewReader(data), int64(len(data)))
		if err == nil {
			err = u.Use(r.ctx, r.send)
		}
		if err != nil {
			t.Fatal(err)
		}
		old := r.alice.Location(r.sent)
		r.s.ExpireFileReferences()
		message := M{"_": "messages.getMessages", "id": []M{{"_": "inputMessageID", "id": 1}}}
		nothing := M{"_": "messages.getMessages", "id": []M{{"_": "inputMessageID", "id": 77}}}
		source := files.Source{Location: old, DC: 2, Size: int64(len(data)), Refresh: r.Refetch(old, nothing, message)}
		r.get(source, data)
		if got, err := source.Refresh(r.ctx); err != nil || reflect.DeepEqual(got, old) || got["id"] != old["id"] {
			t.Errorf("%v, %v", got, err)
		}
		for _, tc := range []struct {
			refresh func(context.Context) (M, error)
			want    error
		}{
			{r.Refetch(old, nothing), files.ErrGone},
			{r.Refetch(r.alice.Location(r.sent), message), files.ErrGone}, // there is no newer one
			{r.Refetch(old), files.ErrGone},
		} {
			if got, err := tc.refresh(r.ctx); !errors.Is(err, tc.want) {
				t.Errorf("%v, %v", got, err)
			}
		}
		r.s.FailNext("messages.getMessages", 1, 400, "MESSAGE_IDS_EMPTY")
		if _, err := r.Refetch(old, message)(r.ctx); !mtproto.IsKind(err, "MESSAGE_IDS_EMPTY") {
			t.Errorf("%v", err)
		}
	})
}

// D12: connections that are cut lose nothing.
func TestDownloadCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, inMemory)
		data := content(10 << 20)
		f := r.s.AddFile(4, "a.bin", data)
		r.s.Faults.CutEvery(2 << 20)
		r.get(files.Source{Location: r.alice.Location(f), DC: 4, Size: int64(len(data))}, data)
	})
}

// A writer that fails ends the download.
func TestDownloadInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, inMemory)
		f := r.s.AddFile(2, "a.bin", content(3<<20))
		source := files.Source{Location: r.alice.Location(f), DC: 2, Size: 3 << 20}
		if _, err := r.Copy(r.ctx, source, full{}); !errors.Is(err, errFull) {
			t.Errorf("full: %v", err)
		}
		ctx, cancel := context.WithCancel(r.ctx)
		r.s.InterceptMethod("upload.getFile", func(*mttest.Request) mttest.Action {
			cancel()
			return mttest.Drop()
		})
		if _, err := r.Copy(ctx, source, new(bytes.Buffer)); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
	})
}

var errFull = errors.New("full")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }
