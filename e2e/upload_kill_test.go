package e2e

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	onbus "github.com/natsgram/natsgram/bridge/client"
	"github.com/natsgram/natsgram/bridge/embedded"
	"github.com/natsgram/natsgram/mtproto/mttest"
)

// filesMost is the largest file that Telegram takes, in MiB: 8000 parts of 512 KiB. It takes some minutes, and three times as much memory for the
// Telegram in a box.
const filesMost = 4000

var filesMiB = flag.Int("files.mib", 64, "how large the files are that are moved while the daemon is killed, in MiB, 4000 at most")

// memoryMost is how much a daemon may grow while it moves a file, whatever its size, in KiB.
const memoryMost = 64 << 10

// A daemon is killed in the middle of an upload. The next one goes on where it was: what was up is not sent again, but for what came up since
// it was last written down, and the file is what it was. The memory that this takes does not depend on the file.
func TestUploadSurvivesKill(t *testing.T) {
	const part = 512 << 10
	parts := min(*filesMiB, filesMost) << 20 / part
	s := mttest.NewServer(t, func(c *mttest.Config) { c.Media, c.Code, c.TrackQueries = true, "54321", false })
	me := s.AddUser(mttest.User{First: "Me", Phone: "+491701234567", Premium: true})
	srv, err := embedded.Start(embedded.Config{Dir: t.TempDir(), NoSync: true, MaxPayload: 1 << 20})
	must(t, err)
	defer srv.Close()
	o := newOperator(t, s)
	o.env = append(o.env, "NATS_URL="+srv.ClientURL(), "NATSGRAM_SECRET=sixteen characters")
	o.run(t, "natsgram login main --phone "+me.Phone()+" --code 54321")
	nc, err := nats.Connect(srv.ClientURL())
	must(t, err)
	defer nc.Close()

	kill := o.daemon(t)
	size := int64(parts) * part
	want := sha256.New()
	object, err := onbus.New(nc, "main").Upload(t.Context(), "big.bin", io.TeeReader(io.LimitReader(rand.NewChaCha8([32]byte{}), size), want))
	must(t, err)
	send := fmt.Appendf(nil, `{"peer":"me","message":"","media":{"_":"inputMediaUploadedDocument","file":%q}}`, object)

	var mu sync.Mutex
	sent, killed, half := 0, false, make(chan struct{})
	s.InterceptMethod("upload.saveBigFilePart", func(*mttest.Request) mttest.Action {
		mu.Lock()
		defer mu.Unlock()
		if sent == parts/2 && !killed {
			return mttest.Drop() // so that it is in the middle
		}
		if sent++; sent == parts/2 {
			close(half)
		}
		return mttest.Pass()
	})
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
		defer cancel()
		_, _ = nc.RequestWithContext(ctx, "tg.rpc.main.messages.sendMedia", send) // the daemon dies over it
	}()
	select {
	case <-half:
	case <-time.After(5 * time.Minute):
		t.Fatal("half of the file did not come up")
	}
	kill()
	mu.Lock()
	killed = true
	mu.Unlock()

	pid := o.daemonPID(t)
	idle := peak(t, pid, true)
	var reply *nats.Msg
	for end := time.Now().Add(10 * time.Minute); ; {
		m := nats.NewMsg("tg.rpc.main.messages.sendMedia")
		m.Data = send
		m.Header.Set("Tg-Timeout", "60")
		reply, err = nc.RequestMsg(m, 65*time.Second)
		must(t, err)
		if code := reply.Header.Get("Nats-Service-Error-Code"); code != "504" || time.Now().After(end) {
			break
		}
	}
	var got struct {
		Updates []struct {
			Message struct {
				Media struct {
					Document struct {
						ID int64 `json:"id,string"`
					}
				}
			}
		}
	}
	if err := json.Unmarshal(reply.Data, &got); err != nil || len(got.Updates) == 0 {
		t.Fatalf("%v %v %s", err, reply.Header, reply.Data)
	}
	arrived := false
	for _, u := range got.Updates {
		if f, ok := s.World().File(u.Message.Media.Document.ID); ok {
			sum := sha256.Sum256(f.Data)
			arrived = bytes.Equal(sum[:], want.Sum(nil))
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if again := sent - parts; !arrived || again < 0 || again > 32 { // none, where it was killed right after they were noted
		t.Errorf("arrived as it was: %v; %d of %d parts were sent twice", arrived, again, parts)
	} else {
		t.Logf("%d parts, %d of them sent twice", parts, again)
	}
	if grown := peak(t, pid, false) - idle; grown > memoryMost {
		t.Errorf("the daemon grew by %d KiB over the %d it has when idle", grown, idle)
	} else {
		t.Logf("the daemon grew by %d KiB over the %d it has when idle", grown, idle)
	}
}

// daemon runs natsgram serve, and returns once main answers. It ends with the test, or killed.
func (o *operator) daemon(t *testing.T) (kill func()) {
	t.Helper()
	c := exec.Command(filepath.Join(bin, "natsgram"), "serve")
	c.Env = o.demo.env(o.env...)
	var logged lockedBuffer
	c.Stderr, c.Stdout = &logged, &logged
	must(t, c.Start())
	o.pid = c.Process.Pid
	kill = sync.OnceFunc(func() {
		_ = c.Process.Kill()
		_ = c.Wait() // killed
	})
	t.Cleanup(kill)
	if out, err := o.answers(t, "main"); err != nil {
		t.Fatalf("main does not answer: %v\n%s\nThe daemon says:\n%s", err, out, &logged)
	}
	return kill
}

// daemonPID starts another one, and gives its process.
func (o *operator) daemonPID(t *testing.T) int {
	t.Helper()
	o.daemon(t)
	return o.pid
}

// peak is the most memory that a process had, in KiB; with reset, what it has now, from where it is counted anew.
func peak(t *testing.T, pid int, reset bool) int {
	t.Helper()
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	if reset {
		if err := os.WriteFile(filepath.Join(dir, "clear_refs"), []byte("5"), 0o200); err != nil {
			t.Skipf("memory cannot be told here: %v", err)
		}
	}
	status, err := os.ReadFile(filepath.Join(dir, "status"))
	must(t, err)
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, err := strconv.Atoi(strings.Fields(rest)[0])
			must(t, err)
			return n
		}
	}
	t.Fatal("no VmHWM")
	return 0
}
