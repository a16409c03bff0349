package bridge_test

import (
	"context"
	"flag"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"github.com/natsgram/natsgram/bridge"
	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/mttest"
)

var missed = flag.Int("missed", 100_000, "updates that BenchmarkCatchUp catches up with")

// BenchmarkCatchUp is how fast an account catches up that was away for long: half of what it missed in its common box, half in
// ten channels. Beside it stands the rate at which the same messages go into a stream of the same server in atomic batches of
// 1000, made ready before. Every write is synced, as in a daemon; Telegram in a box runs in the same process.
//
//	go test ./bridge -run '^$' -bench CatchUp -benchtime 1x
func BenchmarkCatchUp(b *testing.B) {
	for b.Loop() {
		a := newAbsence(b)
		a.run(func(*nats.Conn, time.Time) {}) // where the account begins is written down
		a.miss(*missed)
		a.run(func(nc *nats.Conn, begun time.Time) {
			took := a.caughtUp(nc).Sub(begun)
			raw := rawBatches(b, nc, a.read(nc))
			b.ReportMetric(float64(*missed)/took.Seconds(), "missed/s")
			b.ReportMetric(float64(*missed)/raw.Seconds(), "raw/s")
			b.ReportMetric(raw.Seconds()/took.Seconds(), "of-raw")
		})
	}
}

// absence is an account and the daemon that runs it at times.
type absence struct {
	b           *testing.B
	s           *mttest.Server
	dora, alice *mttest.Account
	set         bridge.Settings
	o           bridge.Options
}

func newAbsence(b *testing.B) *absence {
	b.Helper()
	a := &absence{b: b, s: mttest.NewServer(b), set: bridge.DefaultSettings()}
	a.dora = a.s.AddUser(mttest.User{First: "Dora", Phone: "+99966 2 0001"})
	a.alice = a.s.AddUser(mttest.User{First: "Alice", Phone: "+99966 2 0002"})
	a.set.StateDir, a.set.Port, a.set.APIID, a.set.APIHash = b.TempDir(), -1, 1, "hash"
	env := a.s.Env()
	a.o = bridge.Options{Env: &env, Open: true}
	_, err := bridge.Login(context.Background(), a.set, a.o, bridge.SignIn{
		Account: "main", Phone: a.dora.Phone(),
		Prompt: func(context.Context, mtproto.LoginState, error) (string, error) { return a.s.Code(a.dora.Phone()), nil },
	})
	if err != nil {
		b.Fatal(err)
	}
	return a
}

// run has a daemon run while f does something; begun is when it began to connect to Telegram.
func (a *absence) run(f func(nc *nats.Conn, begun time.Time)) {
	a.b.Helper()
	d, err := bridge.New(a.set, a.o)
	if err != nil {
		a.b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	<-d.Ready()
	begun := time.Now()
	nc, err := nats.Connect(d.ClientURL())
	if err == nil {
		err = d.WaitServing(ctx, "main")
	}
	if err != nil {
		a.b.Fatal(err)
	}
	f(nc, begun)
	nc.Close()
	cancel()
	if err := <-ended; err != nil {
		a.b.Fatal(err)
	}
}

// miss is what alice writes while nobody runs dora's account.
func (a *absence) miss(n int) {
	var to []mttest.Peer
	for i := range 10 {
		to = append(to, a.dora, a.s.AddChannel(mttest.ChannelConfig{
			Title: fmt.Sprint("Channel ", i), Creator: a.alice, Members: []*mttest.Account{a.dora},
		}))
	}
	for i := range n {
		a.alice.Send(to[i%len(to)], "a message of usual length, as people write them in groups: "+strconv.Itoa(i))
	}
}

// caughtUp is when all that was missed is in the stream. Nobody reads it meanwhile: that would cost as well.
func (a *absence) caughtUp(nc *nats.Conn) time.Time {
	a.b.Helper()
	js, _ := jetstream.New(nc)
	st, err := js.Stream(context.Background(), "TG_UPDATES")
	if err != nil {
		a.b.Fatal(err)
	}
	for limit := time.Now().Add(5 * time.Minute); time.Now().Before(limit); time.Sleep(5 * time.Millisecond) {
		if info, err := st.Info(context.Background()); err == nil && int(info.State.Msgs) > *missed {
			return time.Now()
		}
	}
	a.b.Fatal("not in time")
	return time.Time{}
}

// read is all that was missed, as it stands in the stream.
func (a *absence) read(nc *nats.Conn) (all []*nats.Msg) {
	a.b.Helper()
	js, _ := jetstream.New(nc)
	c, err := js.OrderedConsumer(context.Background(), "TG_UPDATES", jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{"tg.upd.main.updateNewMessage.>", "tg.upd.main.updateNewChannelMessage.>"},
	})
	if err != nil {
		a.b.Fatal(err)
	}
	messages, err := c.Messages()
	if err != nil {
		a.b.Fatal(err)
	}
	defer messages.Stop()
	for len(all) < *missed {
		m, err := messages.Next(jetstream.NextMaxWait(time.Minute))
		if err != nil {
			a.b.Fatalf("%d came: %v", len(all), err)
		}
		all = append(all, &nats.Msg{Header: m.Headers(), Data: m.Data()})
	}
	return all
}

// rawBatches is how long the messages take into another stream, in atomic batches of 1000.
func rawBatches(b *testing.B, nc *nats.Conn, all []*nats.Msg) time.Duration {
	b.Helper()
	js, _ := jetstream.New(nc)
	if _, err := js.CreateStream(context.Background(), jetstream.StreamConfig{
		Name: "RAW", Subjects: []string{"raw"}, Storage: jetstream.FileStorage, AllowAtomicPublish: true,
	}); err != nil {
		b.Fatal(err)
	}
	for _, m := range all {
		m.Subject = "raw"
		m.Header.Del("Nats-Expected-Last-Subject-Sequence")
		m.Header.Del("Nats-Expected-Last-Subject-Sequence-Subject")
	}
	begun := time.Now()
	for len(all) > 0 {
		batch := all[:min(1000, len(all))]
		all = all[len(batch):]
		id := nuid.Next()
		for i, m := range batch {
			m.Header.Set("Nats-Batch-Id", id)
			m.Header.Set("Nats-Batch-Sequence", strconv.Itoa(i+1))
			m.Header.Del("Nats-Batch-Commit")
			if i < len(batch)-1 {
				if err := nc.PublishMsg(m); err != nil {
					b.Fatal(err)
				}
				continue
			}
			m.Header.Set("Nats-Batch-Commit", "1")
			if _, err := js.PublishMsg(context.Background(), m); err != nil {
				b.Fatal(err)
			}
		}
	}
	return time.Since(begun)
}
