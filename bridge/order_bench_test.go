package bridge_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/mtproto/mttest"
)

// BenchmarkOrder is how fast messages are sent in the order of their chats, beside the same ones in no order (Tg-Order: free): to one
// chat, and to a hundred. The rounds of both take turns; the ratio is that of their medians.
//
//	go test ./bridge -run '^$' -bench Order -benchtime 20x
func BenchmarkOrder(b *testing.B) {
	for _, chats := range []int{1, 100} {
		b.Run(fmt.Sprintf("chats=%d", chats), func(b *testing.B) {
			a := newAbsence(b)
			a.o.NoSync = true
			var bodies [][]byte
			for i := range chats {
				to := a.s.AddUser(mttest.User{First: fmt.Sprint("User ", i)})
				bodies = append(bodies, fmt.Appendf(nil, `{"peer":{"_":"inputPeerUser","user_id":%d,"access_hash":"%d"},"message":"x"}`, to.ID(), a.dora.AccessHash(to)))
			}
			a.run(func(nc *nats.Conn, _ time.Time) {
				sendAll(b, nc, bodies, nil)
				var ordered, free []time.Duration
				for b.Loop() {
					ordered = append(ordered, sendAll(b, nc, bodies, nil))
					free = append(free, sendAll(b, nc, bodies, nats.Header{"Tg-Order": {"free"}}))
				}
				slices.Sort(ordered)
				slices.Sort(free)
				o, f := ordered[len(ordered)/2], free[len(free)/2]
				b.ReportMetric(sentAtOnce/o.Seconds(), "ordered/s")
				b.ReportMetric(sentAtOnce/f.Seconds(), "free/s")
				b.ReportMetric(f.Seconds()/o.Seconds(), "ratio")
			})
		})
	}
}

const sentAtOnce = 1000

// sendAll makes that many requests at once, and waits for the answers.
func sendAll(b *testing.B, nc *nats.Conn, bodies [][]byte, h nats.Header) time.Duration {
	b.Helper()
	inbox := nc.NewInbox()
	sub, err := nc.SubscribeSync(inbox)
	if err != nil {
		b.Fatal(err)
	}
	defer sub.Unsubscribe() //nolint:errcheck // the connection may be closed
	begun := time.Now()
	for i := range sentAtOnce {
		if err := nc.PublishMsg(&nats.Msg{Subject: "tg.rpc.main.messages.sendMessage", Reply: inbox, Header: h, Data: bodies[i%len(bodies)]}); err != nil {
			b.Fatal(err)
		}
	}
	for range sentAtOnce {
		m, err := sub.NextMsg(30 * time.Second)
		if err != nil {
			b.Fatal(err)
		}
		if why := m.Header.Get("Nats-Service-Error"); why != "" {
			b.Fatal(why)
		}
	}
	return time.Since(begun)
}
