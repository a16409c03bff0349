package bridge

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/embedded/embeddedtest"
	"github.com/natsgram/natsgram/mtproto/mttest"
)

// cluster is settings for daemons that share one NATS server.
func cluster(t *testing.T) func(*Settings) {
	t.Helper()
	srv := embeddedtest.Start(t)
	return func(s *Settings) { s.URL, s.Secret = srv.ClientURL(), "sixteen characters" }
}

func oneConnection(c *mttest.Config) { c.Wire.OneConnection = true }

// crowd signs bots in.
func (d *daemon) crowd(n int) (names []string) {
	d.t.Helper()
	for i := range n {
		bot := d.w.AddBot("Bot", fmt.Sprintf("bot%d_bot", i))
		name := fmt.Sprintf("bot%d", i)
		if _, err := Login(soon(d.t), d.s, d.o, SignIn{Account: name, BotToken: bot.Token()}); err != nil {
			d.t.Fatal(err)
		}
		names = append(names, name)
	}
	return names
}

// serving waits until daemons run as many accounts as wanted, connected, and gives who runs what.
func serving(t *testing.T, want []int, all ...*daemon) map[string]*daemon {
	t.Helper()
	ctx := soon(t)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		owners, counts := map[string]*daemon{}, make([]int, len(all))
		for i, d := range all {
			for _, st := range d.b.Statuses() {
				if st.State == "connected" {
					owners[st.Account] = d
					counts[i]++
				}
			}
		}
		if fmt.Sprint(counts) == fmt.Sprint(want) {
			return owners
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%v accounts a daemon, want %v", counts, want)
		}
	}
}

func (b *Bridge) memberID() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.supervisor.Table().Self()
}

// Design §5: daemons share accounts evenly; one that comes or goes moves no more than its share.
func TestLoadEvensOut(t *testing.T) {
	w := newTown(t, oneConnection)
	shared := cluster(t)
	one := newDaemon(t, w, shared)
	one.crowd(6)
	serving(t, []int{6}, one)
	two := newDaemon(t, w, shared)
	before := serving(t, []int{3, 3}, one, two)
	three := newDaemon(t, w, shared, func(s *Settings) { s.Capacity = 1 })
	want := []int{3, 2, 1}
	if one.b.memberID() < two.b.memberID() { // of two with as much to do the first gives
		want = []int{2, 3, 1}
	}
	after := serving(t, want, one, two, three)
	moved := 0
	for name, d := range after {
		if before[name] != d {
			moved++
		}
	}
	if moved != 1 {
		t.Errorf("%d accounts moved", moved)
	}
	if err := three.stop(); err != nil {
		t.Fatal(err)
	}
	serving(t, []int{3, 3}, one, two)
	if n := w.DuplicatedKeys(); n != 0 {
		t.Errorf("%d keys were used from two places", n)
	}
}

// calls asks again and again until stop, and counts what failed.
type calls struct {
	done, failed atomic.Int64
	longest      atomic.Int64
	work         sync.WaitGroup
	stop         context.CancelFunc
}

func load(t *testing.T, nc *nats.Conn, workers int, subject, body string) *calls {
	ctx, stop := context.WithCancel(context.Background())
	c := &calls{stop: stop}
	for range workers {
		c.work.Go(func() {
			pace := time.NewTicker(time.Duration(workers) * time.Second / 500)
			defer pace.Stop()
			for ctx.Err() == nil {
				begun := time.Now()
				reply, err := nc.Request(subject, []byte(body), 20*time.Second)
				if err != nil || reply.Header.Get("Nats-Service-Error") != "" {
					c.failed.Add(1)
					t.Errorf("after %v: %v %v", time.Since(begun), err, reply)
				}
				c.done.Add(1)
				if took := int64(time.Since(begun)); took > c.longest.Load() {
					c.longest.Store(took)
				}
				<-pace.C
			}
		})
	}
	return c
}

// until waits for so many more calls.
func (c *calls) more(t *testing.T, n int64) {
	t.Helper()
	ctx := soon(t)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for to := c.done.Load() + n; c.done.Load() < to; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("calls stand still")
		}
	}
}

// Design §5: a planned hand-over under 500 calls a second loses no call and no update, doubles none, and never has two
// connections with one key (D8).
func TestHandOverUnderLoad(t *testing.T) {
	w := newTown(t, oneConnection)
	shared := cluster(t)
	one := newDaemon(t, w, shared)
	one.login("main", w.dora)
	two := newDaemon(t, w, shared)
	nc, err := nats.Connect(two.b.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	c := load(t, nc, 16, "tg.rpc.main.messages.sendMessage", `{"peer":`+one.peer(w.alice)+`,"message":"x"}`)
	c.more(t, 200)
	for _, d := range []*daemon{one, two} {
		if err := d.stop(); err != nil {
			t.Fatal(err)
		}
		c.more(t, 200)
		if d == one {
			d.start()
			c.more(t, 100)
		}
	}
	c.stop()
	c.work.Wait()
	total := int(c.done.Load())
	t.Logf("%d calls, %d failed, longest pause %v", total, c.failed.Load(), time.Duration(c.longest.Load()))
	if got := w.Executed("messages.sendMessage"); got != total {
		t.Errorf("%d executed of %d", got, total)
	}
	if twice := w.Repeated("messages.sendMessage"); len(twice) != 0 {
		t.Errorf("%d executed twice", len(twice))
	}
	filter := "tg.upd.main.updateNewMessage.user." + strconv.FormatInt(w.alice.ID(), 10)
	one.updates(filter, total)
	if got := one.held(filter); got != total {
		t.Errorf("%d updates of %d", got, total)
	}
	if !strings.Contains(string(one.ask("tg.ctl.main.status", "").Data), `"connected"`) {
		t.Error("not connected in the end")
	}
	if n := w.DuplicatedKeys(); n != 0 {
		t.Errorf("%d keys were used from two places", n)
	}
}

// A daemon that died is known to the others until its lease has ended; but nothing is given to it, and no request waits for it.
func TestDeadDaemonIsNoHeir(t *testing.T) {
	w := newTown(t)
	one := newDaemon(t, w, cluster(t))
	one.login("main", w.dora)
	leases, err := one.js.KeyValue(soon(t), "TG_LEASES")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := leases.Put(soon(t), "member.dead", []byte(`{"owner":"dead","host":"dead","instance":"dead"}`)); err != nil {
		t.Fatal(err)
	}
	s := one.b.supervisor
	changed := s.Table().Changed()
	for ctx := soon(t); s.Fleet(time.Now()).Target("main", "") != "dead"; changed = s.Table().Changed() {
		select {
		case <-changed:
		case <-ctx.Done():
			t.Fatal("not known")
		}
	}
	if s.Successor("main") {
		t.Error("a daemon that does not answer is to go on with the account")
	}
	if refused := one.verb("move", `{"account":"main"}`, nil); !strings.Contains(refused, "409 no other daemon can take main: there is none, or it does not answer") {
		t.Error(refused)
	}
	if refused := one.verb("move", `{"account":"main","to":"dead"}`, nil); !strings.Contains(refused, "409 dead does not answer") {
		t.Error(refused)
	}
	begun := time.Now()
	if err := one.stop(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begun); took > 8*time.Second {
		t.Errorf("the end took %v: it waited for the dead", took)
	}
}
