package queue

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/queue/plan"
)

var many = flag.Int("many", 6000, "jobs of TestMany, in a hundredth as many chats")

// fill stores many jobs, chat by chat in turn.
func (g *rig) fill(jobs, chats, size int) {
	g.t.Helper()
	body := []byte(strings.Repeat("x", size))
	for i := range jobs {
		subject := fmt.Sprintf("tg.queue.main.channel.%d.%s", i%chats+1, edit)
		for _, err := g.js.PublishAsync(subject, body); err != nil; _, err = g.js.PublishAsync(subject, body) {
			if !errors.Is(err, jetstream.ErrTooManyStalledMsgs) {
				g.t.Fatal(err)
			}
		}
	}
	select {
	case <-g.js.PublishAsyncComplete():
	case <-time.After(5 * time.Minute):
		g.t.Fatal("not stored")
	}
	if st, err := g.js.Stream(context.Background(), "TG_QUEUE"); err != nil || st.CachedInfo().State.Msgs != uint64(jobs) { //nolint:gosec // a number of jobs
		g.t.Fatal(err)
	}
}

// A daemon that comes to many jobs begins at once, in every chat, and knows little of those that cannot run.
func TestMany(t *testing.T) {
	g := newRig(t)
	g.daemon().stop()
	jobs, chats := *many, *many/100
	g.fill(jobs, chats, 2000)
	var shut atomic.Bool
	shut.Store(true)
	var asked atomic.Int64
	g.tg.answer = func(c Call, body string) *answer.Fault {
		if shut.Load() {
			asked.Add(1)
			return &answer.Fault{Code: 420, Text: "SLOWMODE_WAIT_2", Telegram: "SLOWMODE_WAIT_2", RetryAfter: time.Hour, Sent: answer.No}
		}
		return nil
	}
	began := time.Now()
	d := g.daemon()
	await(t, "every chat was tried", func() bool { return int(asked.Load()) == chats })
	all := time.Since(began)
	await(t, "all were looked through", func() bool { d.r.mu.Lock(); defer d.r.mu.Unlock(); return !d.r.scanning })
	t.Logf("%d jobs, %d chats: every chat tried after %s", jobs, chats, all)
	d.r.mu.Lock()
	known := len(d.r.plan.List(time.Now(), ""))
	d.r.mu.Unlock()
	if known > 8192+chats*8 {
		t.Errorf("%d jobs are known", known)
	}
	shut.Store(false)
	d.r.mu.Lock()
	for i := range chats {
		d.r.plan.Release(time.Now(), plan.Job{Chat: fmt.Sprint("channel.", i+1), Method: edit})
	}
	d.r.mu.Unlock()
	d.r.changed()
	began = time.Now()
	for end := time.Now().Add(10 * time.Minute); g.left() > 0 && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	took := time.Since(began)
	t.Logf("run in %s: %.0f a second", took, float64(jobs)/took.Seconds())
	if n := len(g.tg.did()); n != jobs {
		t.Errorf("%d executed", n)
	}
}
