package rpc

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/embedded"
	"github.com/natsgram/natsgram/bridge/methods"
	"github.com/natsgram/natsgram/bridge/once"
	"github.com/natsgram/natsgram/bridge/storage"
	"github.com/natsgram/natsgram/bridge/vault"
	"github.com/natsgram/natsgram/tl/codec"
)

// What an id costs: the same call to a Telegram that answers at once, from 64 callers, without an id and with a new one each time,
// on a server that syncs every write, as the embedded one does, and on one that does not.
func BenchmarkOnce(b *testing.B) {
	for _, c := range []struct {
		name       string
		sync, once bool
	}{{"without ids", true, false}, {"with ids, synced", true, true}, {"with ids, not synced", false, true}} {
		b.Run(c.name, func(b *testing.B) {
			nc := benchOnce(b, c.sync)
			const callers = 64
			var next, failed atomic.Int64
			var slowest sync.Mutex
			var took []time.Duration
			var work sync.WaitGroup
			b.ResetTimer()
			for range callers {
				work.Go(func() {
					for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
						m := &nats.Msg{Subject: "tg.rpc.main.messages.sendMessage", Data: []byte(`{"peer":{"_":"inputPeerSelf"},"message":"hello"}`)}
						if c.once {
							m.Header = nats.Header{"Nats-Msg-Id": {strconv.FormatInt(i, 10)}}
						}
						begun := time.Now()
						reply, err := nc.RequestMsg(m, 30*time.Second)
						if err != nil || reply.Header.Get("Nats-Service-Error") != "" {
							failed.Add(1)
						}
						slowest.Lock()
						took = append(took, time.Since(begun))
						slowest.Unlock()
					}
				})
			}
			work.Wait()
			b.StopTimer()
			if n := failed.Load(); n > 0 {
				b.Fatalf("%d failed", n)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
			b.ReportMetric(float64(median(took).Microseconds())/1000, "ms-median")
		})
	}
}

func median(all []time.Duration) time.Duration {
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// benchOnce serves an account and gives a connection.
func benchOnce(b *testing.B, sync bool) *nats.Conn {
	b.Helper()
	srv, err := embedded.Start(embedded.Config{Dir: b.TempDir(), NoSync: !sync, MaxPayload: 1 << 20})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(srv.Close)
	connect := func() *nats.Conn {
		nc, err := nats.Connect(srv.ClientURL())
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(nc.Close)
		return nc
	}
	daemon := connect()
	js, err := jetstream.New(daemon)
	if err != nil {
		b.Fatal(err)
	}
	store, err := once.NewStore(context.Background(), storage.Daemon(js, storage.Options{}, nil))
	if err != nil {
		b.Fatal(err)
	}
	key, err := vault.KeyFromSecret(strings.Repeat("s", 16))
	if err != nil {
		b.Fatal(err)
	}
	box, err := vault.NewBox("once", key)
	if err != nil {
		b.Fatal(err)
	}
	s, decl := layer()
	result, err := s.Encode(nil, codec.M{"_": "updateShortSentMessage", "id": 1, "pts": 1, "pts_count": 1, "date": 1})
	if err != nil {
		b.Fatal(err)
	}
	service, err := Serve(Config{
		Answers: answersOf(b, daemon), Account: "main", Methods: methods.New(s, decl, nil), Hooks: Hooks{Explain: explain},
		Invoke: fake(func(context.Context, codec.View) ([]byte, error) { return result, nil }),
		Once:   once.New(once.Config{Account: "main", Store: store, Box: box, Layer: s.Layer()}),
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { service.Stop(context.Background()) })
	nc := connect()
	for { // until its subscriptions are there
		if _, err := nc.Request("tg.rpc.main.help.getConfig", nil, time.Second); err == nil {
			return nc
		} else if err != nats.ErrNoResponders { //nolint:errorlint // as it comes
			b.Fatal(fmt.Errorf("not served: %w", err))
		}
	}
}
