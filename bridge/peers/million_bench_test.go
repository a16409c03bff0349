package peers

import (
	"fmt"
	"runtime"
	"testing"
	"time"
	"unsafe"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/embedded"
	"github.com/natsgram/natsgram/bridge/storage"
)

// BenchmarkMillion is what a million people cost whom an account has met, each with a username: memory of the daemon, memory of the NATS server
// that is inside of it, and room in the bucket.
//
//	go test ./bridge/peers -run '^$' -bench Million -benchtime 1x -timeout 30m
func BenchmarkMillion(b *testing.B) {
	const many = 1_000_000
	for range b.N {
		srv, err := embedded.Start(embedded.Config{Dir: b.TempDir(), NoSync: true})
		if err != nil {
			b.Fatal(err)
		}
		nc, err := nats.Connect("", nats.InProcessServer(srv))
		if err != nil {
			b.Fatal(err)
		}
		js, _ := jetstream.New(nc)
		kept := storage.Daemon(js, storage.Options{Limits: map[string]int64{storage.Peers: 2 << 30}}, nil)
		store, err := NewStore(b.Context(), kept)
		if err != nil {
			b.Fatal(err)
		}
		g := &telegram{t: b, s: schema(b)}
		before := heap()
		d := New(Config{Schema: g.s, People: people(g.s), Account: "main", User: 1, Store: store, Box: testBox()})
		for id := int64(2); id < many+2; id++ {
			m := user(id, 7*id)
			m["last_name"], m["username"] = "Surname", fmt.Sprintf("user_name_%d", id)
			d.Learn(g.encode(m))
			for id%(pendingMost/2) == 0 && !d.keeper.flushAll(b.Context()) {
				b.Log("something could not be written in time: again")
			}
		}
		d.Close(b.Context())
		all := heap()
		info, err := js.Stream(b.Context(), "KV_TG_PEERS")
		if err != nil || info.CachedInfo().State.Msgs != many {
			b.Fatalf("%d peers are in the bucket: %v", info.CachedInfo().State.Msgs, err)
		}
		b.ReportMetric(float64(d.Figures().InMemory), "in-memory")
		d = nil
		server := heap()
		d = New(Config{Schema: g.s, People: people(g.s), Account: "main", User: 1, Store: store, Box: testBox()})
		for _, what := range []string{"first-name-s", "next-name-s"} {
			begun := time.Now()
			if got := d.get(b.Context(), "@user_name_5"); got != "user.5" {
				b.Fatal(got)
			}
			b.ReportMetric(time.Since(begun).Seconds(), what)
		}
		b.ReportMetric(float64(cap(d.keeper.index.sorted))*float64(unsafe.Sizeof(held{}))/1e6, "names-MB")
		d.Close(b.Context())
		b.ReportMetric(float64(all-server)/1e6, "daemon-MB")
		b.ReportMetric(float64(server-before)/1e6, "server-MB")
		b.ReportMetric(float64(info.CachedInfo().State.Bytes)/many, "bucket-B/peer")
		nc.Close()
		srv.Close()
	}
}

// heap is what is in use behind a collection.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc) //nolint:gosec // of a machine
}
