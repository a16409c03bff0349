package files_test

import (
	"bytes"
	"flag"
	"testing"
	"testing/synctest"
	"time"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/files"
	"github.com/natsgram/natsgram/mtproto/mttest"
)

// 1024 takes a minute of CPU.
var speedMiB = flag.Int("files.mib", 64, "how large the files of TestSpeedLimit are, in MiB")

// D17: FLOOD_PREMIUM_WAIT is how Telegram limits the speed of accounts without Premium. It ends no transfer, however often it
// comes, and costs no more time than the limit does.
func TestSpeedLimit(t *testing.T) {
	const speed = 1 << 20
	size := *speedMiB << 20
	data := content(size)
	for _, tc := range []struct {
		name string
		move func(r *rig, from files.Source) ([]byte, error)
	}{
		{"download in any order", func(r *rig, from files.Source) ([]byte, error) {
			w := &buffer{make([]byte, size)}
			_, err := r.Download(r.ctx, from, w)
			return w.b, err
		}},
		{"download from the beginning to the end", func(r *rig, from files.Source) ([]byte, error) {
			var w bytes.Buffer
			_, err := r.Copy(r.ctx, from, &w)
			return w.Bytes(), err
		}},
		{"upload", func(r *rig, _ files.Source) ([]byte, error) {
			u, err := r.Upload(r.ctx, "a.bin", bytes.NewReader(data), int64(size))
			if err == nil {
				err = u.Use(r.ctx, r.send)
			}
			return r.arrived, err
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := start(t, inMemory, func(c *mttest.Config) { c.Files.Speed, c.TrackQueries = speed, false })
				f := r.s.AddFile(2, "a.bin", data)
				began := time.Now()
				got, err := tc.move(r, files.Source{Location: r.alice.Location(f), DC: 2, Size: int64(size)})
				if err != nil {
					t.Fatal(err)
				}
				same(t, "moved", got, data)
				allowed := time.Duration(size/speed)*time.Second - 15*time.Second // those that may go at once
				if took := time.Since(began); took < allowed || took > allowed+allowed/20+10*time.Second {
					t.Errorf("%d MiB took %v, allowed in %v", *speedMiB, took, allowed)
				} else {
					t.Logf("%d MiB took %v, allowed in %v", *speedMiB, took, allowed)
				}
			})
		})
	}
}

// The owner of an account is told that its files go slowly, and not at every part.
func TestSpeedIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, inMemory, func(c *mttest.Config) { c.Files.Speed = 512 << 10 })
		data := content(40 << 20)
		f := r.s.AddFile(2, "a.bin", data)
		began := time.Now()
		r.get(files.Source{Location: r.alice.Location(f), DC: 2, Size: int64(len(data))}, data)
		told := seen[mtproto.SpeedLimited](r)
		if most := int(time.Since(began)/time.Minute) + 1; len(told) == 0 || len(told) > most {
			t.Errorf("told %d times in %v", len(told), time.Since(began))
		}
		for _, e := range told {
			if e.Upload || e.Wait < time.Second {
				t.Errorf("told %+v", e)
			}
		}
	})
}

// A caller who cannot wait says so.
func TestSpeedLimitOfCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, inMemory, func(c *mttest.Config) { c.Files.Speed = 512 << 10 })
		data := content(20 << 20)
		f := r.s.AddFile(2, "a.bin", data)
		_, err := r.Copy(mtproto.WithFloodWait(r.ctx, 0), files.Source{Location: r.alice.Location(f), DC: 2, Size: int64(len(data))}, new(bytes.Buffer))
		if !mtproto.IsKind(err, "FLOOD_PREMIUM_WAIT") {
			t.Errorf("%v", err)
		}
	})
}
