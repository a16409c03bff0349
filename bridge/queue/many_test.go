package queue

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/queue/plan"
)

var many = flag.Int("many", 6000, "jobs of TestMany, in a hundredth as many chats")

// fill stores many jobs, chat by chat in turn, each with its number in front.
func (g *rig) fill(jobs, chats, size int) {
	g.t.Helper()
	pad := strings.Repeat("x", size)
	for i := range jobs {
		subject, body := fmt.Sprintf("tg.queue.main.channel.%d.%s", i%chats+1, send), fmt.Appendf(nil, "%d %s", i+1, pad)
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

// ledger is a Telegram that only counts what it executes. Now and then it wants a chat to wait, and more seldom a method.
type ledger struct {
	mu       sync.Mutex
	r        *rand.Rand
	shut     bool           // everything is to wait for an hour
	asked    map[string]int // while it was shut, by chat
	last     map[string]int // number of the job that was executed last, by chat
	executed int
	floods   int
	wrong    []string
}

func (l *ledger) Method(string) (reads, once bool) { return false, true }

func (l *ledger) Do(ctx context.Context, c Call) (Answer, *answer.Fault) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if ctx.Err() != nil {
		return Answer{}, &answer.Fault{Code: 503, Text: "stopped", Sent: answer.No}
	}
	wait := func(text string, d time.Duration) *answer.Fault {
		return &answer.Fault{Code: 420, Text: text, Telegram: text, RetryAfter: d, Sent: answer.No}
	}
	chat := c.Chat.String()
	number, _, _ := strings.Cut(string(c.Body), " ")
	n, err := strconv.Atoi(number)
	switch {
	case l.shut:
		l.asked[chat]++
		return Answer{}, wait("SLOWMODE_WAIT_3600", time.Hour)
	case err == nil && n == l.last[chat]: // the daemon was killed before it had the answer
		return Answer{}, &answer.Fault{Code: 500, Text: "RANDOM_ID_DUPLICATE", Telegram: "RANDOM_ID_DUPLICATE", Sent: answer.Yes}
	case err != nil || n < l.last[chat]:
		l.wrong = append(l.wrong, fmt.Sprintf("%s: %q after %d", chat, number, l.last[chat]))
	case l.r.IntN(200) == 0:
		l.floods++
		text := "SLOWMODE_WAIT_1"
		if l.r.IntN(20) == 0 {
			text = "FLOOD_WAIT_1"
		}
		return Answer{}, wait(text, time.Duration(50+l.r.IntN(400))*time.Millisecond)
	}
	l.last[chat] = n
	l.executed++
	return Answer{Body: []byte(`{}`)}, nil
}

func (l *ledger) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.executed
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc) //nolint:gosec // less than there is
}

// A daemon that comes to many jobs begins at once, in every chat, and knows little of those that cannot run. All are run, in the order of
// their chats, through waits and though daemons are killed.
func TestMany(t *testing.T) {
	g := newRig(t)
	l := &ledger{r: rand.New(rand.NewPCG(1, 1)), shut: true, asked: map[string]int{}, last: map[string]int{}}
	counted := func(c *Config, _ *Runner) { c.Caller, c.Log = l, nil }
	g.daemon(counted).stop()
	jobs, chats := *many, *many/100
	g.fill(jobs, chats, 2000)
	began := time.Now()
	d := g.daemon(counted)
	awaitFor(t, 5*time.Minute, "every chat was tried", func() bool { l.mu.Lock(); defer l.mu.Unlock(); return len(l.asked) == chats })
	t.Logf("%d jobs, %d chats: every chat tried after %s", jobs, chats, time.Since(began))
	awaitFor(t, 5*time.Minute, "all were looked through", func() bool { d.r.mu.Lock(); defer d.r.mu.Unlock(); return !d.r.scanning })
	d.r.mu.Lock()
	known := len(d.r.plan.List(time.Now(), ""))
	for i := range chats {
		d.r.plan.Release(time.Now(), plan.Job{Chat: fmt.Sprint("channel.", i+1), Method: send})
	}
	d.r.mu.Unlock()
	if known > 8192+chats*8 {
		t.Errorf("%d jobs are known", known)
	}
	l.mu.Lock()
	l.shut = false
	l.mu.Unlock()
	d.r.changed()
	began = time.Now()
	for _, share := range []int{10, 50, 90} {
		awaitFor(t, 10*time.Minute, "jobs are run", func() bool { return l.count() >= jobs*share/100 })
		with := heap()
		d.kill()
		without, before, again := heap(), l.count(), time.Now()
		d = g.daemon(counted)
		awaitFor(t, time.Minute, "the next daemon goes on", func() bool { return l.count() > before })
		t.Logf("%d%% run: the daemon had %d KB; killed, the next one went on after %s", share, (with-without)>>10, time.Since(again))
		if with-without > 32<<20 {
			t.Errorf("with %d %% of the jobs run the daemon has %d bytes", share, with-without)
		}
	}
	awaitFor(t, 10*time.Minute, "an empty queue", func() bool { return g.left() == 0 })
	took := time.Since(began)
	t.Logf("run in %s, %d of them told to wait: %.0f a second", took, l.floods, float64(jobs)/took.Seconds())
	if l.executed != jobs || len(l.wrong) > 0 {
		t.Errorf("%d executed; in no order: %v", l.executed, l.wrong[:min(len(l.wrong), 10)])
	}
}
