package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/natsgram/natsgram/bridge/embedded"
	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/mtproto/mttest/world"
)

// natsgram download goes on by itself where the daemon is killed in the middle and another comes; and where it is interrupted itself, the same command
// again goes on where it was. What was there is not fetched again, and the file is what it was.
func TestDownloadSurvivesKill(t *testing.T) {
	s := mttest.NewServer(t, func(c *mttest.Config) { c.Code, c.TrackQueries = "54321", false })
	me := s.AddUser(mttest.User{First: "Me", Phone: "+491701234567"})
	friend := s.AddUser(mttest.User{First: "Friend", Phone: "+491701234568"})
	channel := s.AddChannel(mttest.ChannelConfig{Title: "News", Creator: friend, Members: []*mttest.Account{me}})
	size := int64(*filesMiB) << 20
	data := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{}).Read(data) // never fails
	film := s.World().AddFile(world.File{DC: 2, Name: "film.mp4", MimeType: "video/mp4", Data: data})
	link := fmt.Sprintf("https://t.me/c/%d/%d", channel.Peer().ID, friend.SendDraft(channel, world.Draft{Media: film}).ID)
	srv, err := embedded.Start(embedded.Config{Dir: t.TempDir(), NoSync: true, MaxPayload: 1 << 20})
	must(t, err)
	defer srv.Close()
	o := newOperator(t, s)
	o.env = append(o.env, "NATS_URL="+srv.ClientURL(), "NATSGRAM_SECRET=sixteen characters")
	o.run(t, "natsgram login main --phone "+me.Phone()+" --code 54321")
	kill := o.daemon(t)

	var fetched, most atomic.Int64
	most.Store(size / 2)
	s.InterceptMethod("upload.getFile", func(r *mttest.Request) mttest.Action {
		if r.Args.Int("offset") >= most.Load() {
			return mttest.Drop()
		}
		fetched.Add(r.Args.Int("limit"))
		return mttest.Pass()
	})
	target := filepath.Join(t.TempDir(), "film.mp4")
	begin := func() (c *exec.Cmd, out *lockedBuffer) {
		out = new(lockedBuffer)
		c = exec.Command(filepath.Join(bin, "natsgram"), "download", "main", link, "-o", target, "--json")
		c.Env, c.Stdout, c.Stderr = o.demo.env(o.env...), out, out
		must(t, c.Start())
		return c, out
	}
	reached := func(n int64) {
		t.Helper()
		for end := time.Now().Add(2 * time.Minute); ; time.Sleep(10 * time.Millisecond) {
			if info, err := os.Stat(target + ".part"); err == nil && info.Size() >= n {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("%d bytes did not come", n)
			}
		}
	}
	// Interrupted by who began it.
	c, out := begin()
	reached(size / 4)
	must(t, c.Process.Signal(os.Interrupt))
	if err := c.Wait(); err == nil {
		t.Errorf("an interrupted download says that it went well:\n%s", out)
	}
	// Again; and the daemon is killed.
	c, out = begin()
	reached(size/2 - 8<<20)
	kill()
	most.Store(size)
	o.daemon(t)
	must(t, c.Wait())
	var told struct {
		File string
		Size int64
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &told); err != nil || told.Size != size || told.File != target {
		t.Errorf("%v: %s", err, out)
	}
	got, err := os.Open(target)
	must(t, err)
	defer got.Close()
	sum, want := sha256.New(), sha256.Sum256(data)
	if _, err := io.Copy(sum, got); err != nil || !bytes.Equal(sum.Sum(nil), want[:]) {
		t.Errorf("the file is another one: %v", err)
	}
	// The beginning, by which a file is known, and what was on its way when somebody was interrupted.
	if again := fetched.Load() - size; again > 4*8<<20 {
		t.Errorf("%d MiB were fetched, of %d", fetched.Load()>>20, size>>20)
	} else {
		t.Logf("%d MiB, %d of them twice", size>>20, again>>20)
	}
}
