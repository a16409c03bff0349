package files_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/files"
	"github.com/natsgram/natsgram/mtproto/mttest"
)

// D11: small files have a checksum, those over 10 MiB none; parts come in any order; what is sent is what arrives.
func TestUpload(t *testing.T) {
	for _, size := range []int{1, 128 << 10, 300_001, 10 << 20, 10<<20 + 1} {
		synctest.Test(t, func(t *testing.T) {
			r := start(t, inMemory)
			data := content(size)
			u, err := r.Upload(r.ctx, "a.bin", bytes.NewReader(data), int64(size))
			if err != nil {
				t.Fatal(err)
			}
			if u.Big() != (size > 10<<20) || u.Size != int64(size) {
				t.Errorf("%d bytes: big %v, size %d", size, u.Big(), u.Size)
			}
			if err := u.Use(r.ctx, r.send); err != nil {
				t.Fatal(err)
			}
			same(t, "arrived", r.arrived, data)
		})
	}
}

// D11: an upload goes on after a crash where it was: what is up is not sent again, and what Telegram has lost since is.
func TestResume(t *testing.T) {
	const size = 12<<20 + 9
	data := content(size)
	for _, lost := range []int{-1, 3} {
		synctest.Test(t, func(t *testing.T) {
			r := start(t, inMemory)
			ctx, crash := context.WithCancel(r.ctx)
			var mu sync.Mutex
			up, begun, sent := map[int]bool{}, 0, 0
			p := files.Progress{
				Begun: func() error { begun++; return nil },
				Has:   func(n int) bool { mu.Lock(); defer mu.Unlock(); return up[n] },
				Saved: func(n int) {
					mu.Lock()
					defer mu.Unlock()
					if up[n] = true; len(up) == 9 {
						crash()
					}
				},
			}
			if _, err := r.Resume(ctx, "a.bin", bytes.NewReader(data), size, &p); err == nil || begun != 1 || p.ID == 0 || p.PartSize == 0 {
				t.Fatalf("cut off: %v; %+v, begun %d", err, p, begun)
			}
			delete(up, lost) // it is sent once more than it needs be
			before := len(up)
			synctest.Wait() // what was on its way has arrived
			r.s.InterceptMethod("upload.saveBigFilePart", func(*mttest.Request) mttest.Action {
				mu.Lock()
				defer mu.Unlock()
				sent++
				return mttest.Pass()
			})
			u, err := r.Resume(r.ctx, "a.bin", bytes.NewReader(data), size, &p)
			if err != nil {
				t.Fatal(err)
			}
			if err := u.Use(r.ctx, r.send); err != nil {
				t.Fatal(err)
			}
			same(t, "arrived", r.arrived, data)
			if u.ID != p.ID || u.Size != size || sent != u.Parts-before {
				t.Errorf("file %d, want %d; %d of %d parts sent after %d were up", u.ID, p.ID, sent, u.Parts, before)
			}
			if u, err = r.Resume(r.ctx, "a.bin", bytes.NewReader(data), size, &p); err != nil || u.Parts == 0 || sent != u.Parts-before {
				t.Errorf("all of it is up: %v, %d parts sent", err, sent)
			}
		})
	}
}

// D11: a file whose length is not known: -1 parts in all, until the last one is there.
func TestUploadStream(t *testing.T) {
	for _, size := range []int{5, 12 << 20, 12<<20 + 9} {
		synctest.Test(t, func(t *testing.T) {
			r := start(t, inMemory)
			var totals []int64
			turn := make(chan struct{}, 1)
			data := content(size)
			r.s.InterceptMethod("upload.saveBigFilePart", func(q *mttest.Request) mttest.Action {
				turn <- struct{}{}
				defer func() { <-turn }()
				if q.Args.Int("file_total_parts") > 0 {
					totals = append(totals, q.Args.Int("file_total_parts"))
				}
				return mttest.Pass()
			})
			u, err := r.UploadStream(r.ctx, "a.bin", io.MultiReader(bytes.NewReader(data)))
			if err != nil {
				t.Fatal(err)
			}
			if err := u.Use(r.ctx, r.send); err != nil {
				t.Fatal(err)
			}
			same(t, "arrived", r.arrived, data)
			if size > 10<<20 && (len(totals) != 1 || totals[0] != int64(u.Parts)) {
				t.Errorf("%d bytes: told %v parts, want %d once", size, totals, u.Parts)
			}
		})
	}
}

// D11: parts that Telegram has lost are sent again; parts that do not fit, the whole file.
func TestUploadAgain(t *testing.T) {
	for _, c := range []struct {
		text  string
		parts int
	}{{"FILE_PART_1_MISSING", 4}, {"MD5_CHECKSUM_INVALID", 6}, {"FILE_PART_SIZE_CHANGED", 6}} {
		synctest.Test(t, func(t *testing.T) {
			r := start(t, inMemory)
			data := content(300_000)
			u, err := r.Upload(r.ctx, "a.bin", bytes.NewReader(data), int64(len(data)))
			if err != nil {
				t.Fatal(err)
			}
			r.s.FailNext("messages.sendMedia", 1, 400, c.text)
			if err := u.Use(r.ctx, r.send); err != nil {
				t.Fatal(c.text, err)
			}
			same(t, c.text, r.arrived, data)
			if n := r.s.Executed("upload.saveFilePart"); n != c.parts {
				t.Errorf("%s: %d parts sent, want %d", c.text, n, c.parts)
			}
			r.s.FailNext("messages.sendMedia", 9, 400, "MD5_CHECKSUM_INVALID")
			if err := u.Use(r.ctx, r.send); !mtproto.IsKind(err, "MD5_CHECKSUM_INVALID") {
				t.Errorf("for ever refused: %v", err)
			}
		})
	}
}

// D11: what cannot be uploaded is not begun.
func TestUploadRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, inMemory)
		if _, err := r.Upload(r.ctx, "big", bytes.NewReader(nil), 4001*512<<10); !errors.Is(err, files.ErrTooLarge) {
			t.Errorf("too large: %v", err)
		}
		if _, err := r.Upload(r.ctx, "empty", bytes.NewReader(nil), 0); !errors.Is(err, files.ErrSize) {
			t.Errorf("empty: %v", err)
		}
		if _, err := r.Upload(r.ctx, "short", bytes.NewReader(make([]byte, 5)), 6); !errors.Is(err, files.ErrSize) {
			t.Errorf("shorter than said: %v", err)
		}
	})
}

// D9, D10: files go over at most four sessions of their own, at addresses for media, without updates; they end when nobody
// needs them.
func TestUploadSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, inMemory)
		sessions := map[int64]int{}
		turn := make(chan struct{}, 1)
		r.s.Intercept(func(q *mttest.Request) mttest.Action {
			if !strings.HasPrefix(q.Method, "upload.") {
				return mttest.Pass()
			}
			turn <- struct{}{}
			defer func() { <-turn }()
			sessions[q.SessionID]++
			return mttest.Delay(time.Second, mttest.Pass())
		})
		data := content(13 << 20)
		if _, err := r.Upload(r.ctx, "a.bin", bytes.NewReader(data), int64(len(data))); err != nil {
			t.Fatal(err)
		}
		if len(sessions) != 4 || r.s.Connections() != 5 {
			t.Errorf("%d sessions, %d connections", len(sessions), r.s.Connections())
		}
		time.Sleep(2 * time.Minute)
		if n := r.s.Connections(); n != 1 {
			t.Errorf("%d connections when idle", n)
		}
		if _, err := r.c.InvokeFile(r.ctx, 0, mtproto.Upload, r.encode(M{"_": "help.getConfig"})); !errors.Is(err, mtproto.ErrNotFile) {
			t.Errorf("another method: %v", err)
		}
	})
}

// D11: connections that are cut lose nothing.
func TestUploadCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, inMemory)
		r.s.Faults.CutEvery(2 << 20)
		data := content(14 << 20)
		u, err := r.Upload(r.ctx, "a.bin", bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		r.s.Faults.CutEvery(0)
		if err := u.Use(r.ctx, r.send); err != nil {
			t.Fatal(err)
		}
		same(t, "arrived", r.arrived, data)
	})
}
