package mtproto_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/dc"
	"github.com/natsgram/natsgram/mtproto/mttest"
)

// What an account costs that is signed in, connected and idle: memory and goroutines of this side alone, as the server is
// another process.
func BenchmarkIdle(b *testing.B) {
	const clients = 1000
	env, states, end := serverProcess(b, clients)
	defer end()
	s := mttest.NewServer(b) // for its schema and key
	for b.Loop() {
		before, memory := runtime.NumGoroutine(), inUse()
		rigs := make([]*rig, clients)
		for i := range rigs {
			rigs[i] = start(b, s, func(o *mtproto.Options) {
				o.Updates, o.Events, o.Save = nil, nil, nil
				o.Env.Options, o.Dial, o.State, o.Limits.Session.PingAfter = env, nil, states[i], 50*time.Millisecond
			})
		}
		for _, r := range rigs {
			r.ready()
		}
		time.Sleep(12 * time.Second) // as many pings as else in a quarter of an hour
		b.ReportMetric(float64(runtime.NumGoroutine()-before)/clients, "goroutines/account")
		b.ReportMetric(float64(inUse()-memory)/clients, "B/account")
		for _, r := range rigs {
			_ = r.end()
		}
	}
}

// inUse is the memory in use, heap and stacks.
func inUse() uint64 {
	var m runtime.MemStats
	for range 3 { // pools are emptied by the second
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}

// asServer has this program be a Telegram in a box with so many accounts.
const asServer = "NATSGRAM_TEST_AS_SERVER"

// premises is what such a server says of itself.
type premises struct {
	Addr   string
	States []mtproto.State
}

// serve says where it listens and lives until its input ends.
func serve() {
	s, err := mttest.Start(mttest.Config{})
	if err != nil {
		panic(err)
	}
	n, _ := strconv.Atoi(os.Getenv(asServer))
	p := premises{Addr: s.Env().Options[0].Addr}
	for range n {
		p.States = append(p.States, stateOf(s, s.AddUser(mttest.User{First: "Alice"})))
	}
	if err := json.NewEncoder(os.Stdout).Encode(p); err != nil {
		panic(err)
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	s.Close()
}

func serverProcess(b *testing.B, accounts int) (options []dc.Option, states []mtproto.State, end func()) {
	cmd := exec.CommandContext(b.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), asServer+"="+strconv.Itoa(accounts))
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		b.Fatal(err)
	}
	var p premises
	if err := json.NewDecoder(out).Decode(&p); err != nil {
		b.Fatal(err)
	}
	return []dc.Option{{ID: 2, Addr: p.Addr}}, p.States, func() {
		in.Close()
		_ = cmd.Wait()
	}
}

// meter counts what goes over connections.
type meter struct {
	dial                   mtproto.DialFunc
	out, in, writes, reads atomic.Int64
}

type metered struct {
	net.Conn
	m *meter
}

func (m *meter) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	c, err := m.dial(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return &metered{c, m}, nil
}

func (c *metered) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.m.out.Add(int64(n))
	c.m.writes.Add(1)
	return n, err
}

func (c *metered) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.m.in.Add(int64(n))
	c.m.reads.Add(1)
	return n, err
}

// C33, C34: what an idle account costs on the wire, in an hour of the second day, by how long the line may be silent before
// somebody pings.
func TestIdleTraffic(t *testing.T) {
	for _, tc := range []struct {
		ping time.Duration
		most int64 // bytes an hour
	}{
		{0, 130 << 10}, // the default, 5 s
		{10 * time.Second, 66 << 10},
		{25 * time.Second, 27 << 10},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := mttest.NewServer(t, inMemory)
			m := &meter{dial: s.Dial}
			r := start(t, s, as(s, s.AddUser(mttest.User{First: "Alice"})), func(o *mtproto.Options) {
				o.Dial, o.Limits.Session.PingAfter = m.Dial, tc.ping
			})
			r.ready()
			time.Sleep(10 * time.Minute)
			out, in, writes, reads := m.out.Load(), m.in.Load(), m.writes.Load(), m.reads.Load()
			time.Sleep(time.Hour)
			out, in, writes, reads = m.out.Load()-out, m.in.Load()-in, m.writes.Load()-writes, m.reads.Load()-reads
			t.Logf("ping after %v: %d bytes out in %d writes, %d in by %d reads, an hour", tc.ping, out, writes, in, reads)
			if out+in > tc.most {
				t.Errorf("%d bytes an hour, want at most %d", out+in, tc.most)
			}
		})
	}
}
