package torture

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/mtproto/mttest/world"
)

var filesMiB = flag.Int("files.mib", 64, "MiB of the file that TestFilesKilled downloads; it is in memory here. At night: 4096")

// fileMemory is what a download may take above what the daemon has without one, whatever the file's size.
const fileMemory = 64 << 20

// TestFilesKilled: the daemon is killed by SIGKILL in the middle of a large file. It goes on where it was, the object is whole, nothing else is
// left, and the daemon's memory does not depend on the file's size.
func TestFilesKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("-short")
	}
	o := flags
	o.daemons, o.servers, o.accounts, o.strict = 1, 1, 1, false
	g := newRig(t, o)
	t.Cleanup(func() {
		if t.Failed() {
			g.logs()
		}
	})
	g.follows("acc1")
	d, size := g.daemons[0], int64(*filesMiB)<<20
	data := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(data) // never fails
	file := g.telegram.World().AddFile(world.File{DC: 2, Name: "film.mp4", MimeType: "video/mp4", Data: data})
	channel := g.traffic.channels[0]
	post := g.traffic.friend.SendDraft(channel, world.Draft{Media: file})
	body := fmt.Sprintf(`{"link":"https://t.me/c/%d/%d","to":"object"`, channel.ID(), post.ID)

	var fetched atomic.Int64
	var held atomic.Bool
	held.Store(true)
	g.telegram.InterceptMethod("upload.getFile", func(r *mttest.Request) mttest.Action {
		if held.Load() && r.Args.Int("offset") >= size/2 {
			return mttest.Drop()
		}
		fetched.Add(r.Args.Int("limit"))
		return mttest.Pass()
	})
	pause(t.Context(), time.Second)
	idle := int64(d.resident(t))
	peak := d.sample(t)
	g.fileAnswer(body + `,"job":true}`)
	var done int64
	g.wait("a third of the file", 10*time.Minute, func(ctx context.Context) error {
		m, err := g.nc.RequestWithContext(ctx, "tg.file.acc1.list", nil)
		if err != nil {
			return err
		}
		var l struct{ Jobs []struct{ Done int64 } }
		if err := json.Unmarshal(m.Data, &l); err != nil || len(l.Jobs) != 1 || l.Jobs[0].Done < size/3 {
			return fmt.Errorf("%s %w", m.Data, errNotYet)
		}
		done = l.Jobs[0].Done
		return nil
	})
	d.kill()
	held.Store(false)
	fetched.Store(0)
	must(t, d.start())
	var at struct{ Bucket, Object string }
	g.wait("the file", 20*time.Minute, func(context.Context) error {
		at = g.fileAnswer(body + "}")
		if at.Object == "" {
			return errNotYet
		}
		return nil
	})
	again := fetched.Load()
	st, err := g.js.ObjectStore(t.Context(), at.Bucket)
	must(t, err)
	reading, cancel := context.WithTimeout(t.Context(), 20*time.Minute) // without a deadline nats.go waits five seconds for each piece
	defer cancel()
	object, err := st.Get(reading, at.Object) // it compares the digest as well
	must(t, err)
	sum := sha256.New()
	n, err := io.Copy(sum, object)
	must(t, err)
	if want := sha256.Sum256(data); n != size || string(sum.Sum(nil)) != string(want[:]) {
		t.Errorf("the object has %d bytes of %d, or others", n, size)
	}
	const onTheirWay = 12 << 20
	if again > size-done+onTheirWay {
		t.Errorf("%d bytes were in JetStream when the daemon was killed, and %d of %d were fetched after that", done, again, size)
	}
	stream, err := g.js.Stream(t.Context(), "OBJ_"+at.Bucket)
	must(t, err)
	info, err := stream.Info(t.Context(), jetstream.WithSubjectFilter("$O."+at.Bucket+".C.>"))
	must(t, err)
	if len(info.State.Subjects) != 1 {
		t.Errorf("there are chunks of %d objects", len(info.State.Subjects))
	}
	most := peak()
	t.Logf("%d MiB: killed with %d MiB in JetStream, %d MiB fetched after that; memory %d MiB idle, %d MiB at most", size>>20, done>>20, again>>20, idle>>20, most>>20)
	if most-idle > fileMemory {
		t.Errorf("the daemon has %d bytes more than before at its most", most-idle)
	}
}

var errNotYet = errors.New("not yet")

// fileAnswer asks for a file, and says where it is; nowhere: it is on its way.
func (g *rig) fileAnswer(body string) (at struct{ Bucket, Object string }) {
	m := &nats.Msg{Subject: "tg.file.acc1.get", Data: []byte(body), Header: nats.Header{"Tg-Timeout": {"2"}}}
	reply, err := g.nc.RequestMsg(m, 3*time.Second)
	if err != nil || reply.Header.Get("Nats-Service-Error") != "" {
		return at // the daemon is not back yet
	}
	var a struct {
		File struct{ Bucket, Object string }
	}
	must(g.t, json.Unmarshal(reply.Data, &a))
	return a.File
}

// sample looks at a process's memory again and again; peak ends that, and tells the most that it saw.
func (p *process) sample(t *testing.T) (peak func() int64) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var most atomic.Int64
	var work sync.WaitGroup
	work.Go(func() {
		for ctx.Err() == nil {
			most.Store(max(most.Load(), p.memory()))
			pause(ctx, 20*time.Millisecond)
		}
	})
	return func() int64 { cancel(); work.Wait(); return most.Load() }
}

// memory is the memory of a process, in bytes; 0: it does not run.
func (p *process) memory() int64 {
	p.mu.Lock()
	cmd := p.cmd
	p.mu.Unlock()
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(cmd.Process.Pid), "statm"))
	fields := strings.Fields(string(text))
	if err != nil || len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseInt(fields[1], 10, 64)
	return pages * int64(os.Getpagesize())
}
