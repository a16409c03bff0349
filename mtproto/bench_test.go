package mtproto_test

import (
	"runtime"
	"testing"

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
