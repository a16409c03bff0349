package files_test

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/files"
	"github.com/natsgram/natsgram/mtproto/mttest"
)

// D8, E37: where a data centre has no address for media, files go over the connection that there is: a second one would cost
// the account.
func TestOneConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, inMemory, func(c *mttest.Config) { c.Media = false })
		most := 0
		r.s.Intercept(func(*mttest.Request) mttest.Action {
			most = max(most, r.s.Connections())
			return mttest.Pass()
		})
		data := content(4 << 20)
		u, err := r.Upload(r.ctx, "a.bin", bytes.NewReader(data), int64(len(data)))
		if err == nil {
			err = u.Use(r.ctx, r.send)
		}
		if err != nil {
			t.Fatal(err)
		}
		same(t, "arrived", r.arrived, data)
		f := r.s.AddFile(2, "a.bin", data)
		r.get(files.Source{Location: r.alice.Location(f), Size: int64(len(data))}, data)
		if most != 1 {
			t.Errorf("%d connections at once", most)
		}
	})
}

// D8: there no more than two parts are under way at once, and these are small, so that calls and updates get through.
func TestNarrow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, inMemory, func(c *mttest.Config) { c.Media = false })
		begun, largest := 0, 0
		turn := make(chan struct{}, 1)
		slowly := func(q *mttest.Request) mttest.Action {
			turn <- struct{}{}
			defer func() { <-turn }()
			begun++
			largest = max(largest, len(q.Args.Bytes("bytes")), int(q.Args.Int("limit")))
			return mttest.Delay(10*time.Second, mttest.Pass())
		}
		r.s.InterceptMethod("upload.saveBigFilePart", slowly)
		r.s.InterceptMethod("upload.getFile", slowly)
		data := content(12 << 20)
		f := r.s.AddFile(2, "a.bin", data)
		for _, move := range []func(){
			func() { _, _ = r.Upload(r.ctx, "a.bin", bytes.NewReader(data), int64(len(data))) },
			func() {
				_, _ = r.Copy(r.ctx, files.Source{Location: r.alice.Location(f), Size: int64(len(data))}, new(bytes.Buffer))
			},
		} {
			begun, largest = 0, 0
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				move()
			}()
			time.Sleep(35 * time.Second)
			turn <- struct{}{}
			if begun < 6 || begun > 8 || largest > 128<<10 {
				t.Errorf("%d parts in 35 s of which each takes 10, the largest of %d bytes", begun, largest)
			}
			<-turn
			<-ended
		}
	})
}

// D9: on connections for files nothing but methods of files is called, the binding of their temporary key aside.
func TestQuietSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, inMemory)
		time.Sleep(time.Second)
		methods := map[int64]map[string]bool{}
		turn := make(chan struct{}, 1)
		r.s.Intercept(func(q *mttest.Request) mttest.Action {
			turn <- struct{}{}
			defer func() { <-turn }()
			if methods[q.SessionID] == nil {
				methods[q.SessionID] = map[string]bool{}
			}
			methods[q.SessionID][q.Method] = true
			return mttest.Pass()
		})
		data := content(2 << 20)
		f := r.s.AddFile(4, "a.bin", data)
		r.get(files.Source{Location: r.alice.Location(f), DC: 4, Size: int64(len(data))}, data)
		for id, m := range methods {
			if !m["upload.getFile"] {
				continue
			}
			delete(m, "upload.getFile")
			delete(m, "upload.getFileHashes")
			delete(m, "auth.bindTempAuthKey")
			if len(m) > 0 {
				t.Errorf("session %x: also %v", id, m)
			}
		}
	})
}

// B25, D17: temporary keys that are forgotten, parts that come too fast, and servers that fail for a moment cost time alone.
func TestTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, inMemory)
		data := content(12 << 20)
		r.s.FailNext("upload.saveBigFilePart", 2, 420, "FLOOD_PREMIUM_WAIT_2")
		r.s.FailNext("upload.saveBigFilePart", 2, 500, "WORKER_BUSY_TOO_LONG_RETRY")
		n := 0
		turn := make(chan struct{}, 1)
		r.s.InterceptMethod("upload.saveBigFilePart", func(*mttest.Request) mttest.Action {
			turn <- struct{}{}
			defer func() { <-turn }()
			if n++; n == 5 {
				r.s.ForgetTempKeys()
				r.s.Cut()
			}
			return mttest.Pass()
		})
		u, err := r.Upload(r.ctx, "a.bin", bytes.NewReader(data), int64(len(data)))
		if err == nil {
			err = u.Use(r.ctx, r.send)
		}
		if err != nil {
			t.Fatal(err)
		}
		same(t, "arrived", r.arrived, data)
	})
}

// D6: without a data centre of that number the caller is told; in circles too.
func TestMigrateNowhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, inMemory)
		f := r.s.AddFile(2, "a.bin", content(5))
		r.s.FailNext("upload.getFile", 9, 303, "FILE_MIGRATE_4")
		if _, err := r.Copy(r.ctx, files.Source{Location: r.alice.Location(f), Size: 5}, new(bytes.Buffer)); !mtproto.IsKind(err, "FILE_MIGRATE") {
			t.Errorf("in circles: %v", err)
		}
	})
}
