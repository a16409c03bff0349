package mtproto_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/dc"
	"github.com/natsgram/natsgram/mtproto/mttest"
)

// benchRig is a client over a loopback socket, and a query that costs the server next to nothing.
func benchRig(b *testing.B) (*rig, []byte) {
	s := mttest.NewServer(b, func(c *mttest.Config) { c.TrackQueries = false })
	answer := []byte{0x75, 0x1a, 0x8e, 0x8e, 2, 'D', 'E', 0, 2, 0, 0, 0, 2, 0, 0, 0}
	s.InterceptMethod("help.getNearestDc", func(*mttest.Request) mttest.Action { return mttest.AnswerRaw(answer) })
	r := start(b, s, as(s, s.AddUser(mttest.User{First: "Alice"})))
	r.ready()
	query := r.encode(getNearest)
	if _, err := r.Invoke(b.Context(), query); err != nil {
		b.Fatal(err)
	}
	return r, query
}

// The server's share is in the figures: it runs in the same process.
func BenchmarkInvoke(b *testing.B) {
	r, query := benchRig(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Invoke(r.ctx, query); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkInvoke64(b *testing.B) {
	r, query := benchRig(b)
	b.ReportAllocs()
	b.SetParallelism(64 / runtime.GOMAXPROCS(0))
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if _, err := r.Invoke(r.ctx, query); err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
}

// From nothing to ready: key exchange, initConnection, help.getConfig. Both sides' work is in the figure.
func BenchmarkFirstConnection(b *testing.B) {
	s := mttest.NewServer(b)
	for b.Loop() {
		r := start(b, s)
		r.ready()
		_ = r.end()
	}
}

// What an account costs that is connected and idle, this side alone: the server is another process.
func BenchmarkIdle(b *testing.B) {
	const clients = 200
	env, end := serverProcess(b)
	defer end()
	s := mttest.NewServer(b) // for its schema and key
	for b.Loop() {
		before, heap := runtime.NumGoroutine(), inUse()
		rigs := make([]*rig, clients)
		for i := range rigs {
			rigs[i] = start(b, s, func(o *mtproto.Options) {
				o.Updates, o.Events, o.Save = nil, nil, nil
				o.Env.Options, o.Dial = env, nil
			})
		}
		for _, r := range rigs {
			r.ready()
		}
		time.Sleep(6 * time.Second) // a ping or two
		b.ReportMetric(float64(runtime.NumGoroutine()-before)/clients, "goroutines/account")
		b.ReportMetric(float64(inUse()-heap)/clients, "B/account")
		for _, r := range rigs {
			_ = r.end()
		}
	}
}

func inUse() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}

// asServer has this program be a Telegram in a box.
const asServer = "NATSGRAM_TEST_AS_SERVER"

// serve prints where it listens and lives until its input ends.
func serve() {
	s, err := mttest.Start(mttest.Config{})
	if err != nil {
		panic(err)
	}
	fmt.Println(s.Env().Options[0].Addr)
	_, _ = io.Copy(io.Discard, os.Stdin)
	s.Close()
}

func serverProcess(b *testing.B) (options []dc.Option, end func()) {
	cmd := exec.CommandContext(b.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), asServer+"=1")
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		b.Fatal(err)
	}
	addr, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	return []dc.Option{{ID: 2, Addr: strings.TrimSpace(addr)}}, func() {
		in.Close()
		_ = cmd.Wait()
	}
}
