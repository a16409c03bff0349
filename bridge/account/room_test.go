package account

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/methods"
	"github.com/natsgram/natsgram/bridge/room"
	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/updates"
)

// crowd is many accounts of one daemon.
type crowd struct {
	*rig
	budget *room.Budget
	all    []*telegram
	run    []*Runner
}

func (x *rig) crowd(n int, total int64) *crowd {
	x.t.Helper()
	c := &crowd{rig: x, budget: room.NewBudget(total)}
	s, decl := layer()
	rules, err := updates.Compile(s, decl)
	if err != nil {
		x.t.Fatal(err)
	}
	all := methods.New(s, decl, nil)
	ctx, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	x.t.Cleanup(func() { cancel(); work.Wait() })
	for i := range n {
		name, g := fmt.Sprintf("a%d", i), newTelegram(x.t)
		state, _ := json.Marshal(mtproto.State{Version: 1, Home: 2, UserID: int64(i + 1)})
		if _, err := x.vault.Replace(ctx, name, state); err != nil {
			x.t.Fatal(err)
		}
		r := New(Config{
			Name: name, Settings: x.set, Conn: x.nc, Answers: answersOf(x.t, x.nc), Stores: Stores{Store: x.store, Records: x.records, Vault: x.vault}, Methods: all, Rules: rules,
			Room: c.budget, NewClient: func(o mtproto.Options) (Client, error) { g.o = o; return g, nil },
		})
		r.heldAfter = 100 * time.Millisecond
		work.Go(func() { _ = r.Run(ctx) })
		c.all, c.run = append(c.all, g), append(c.run, r)
	}
	for i, r := range c.run {
		<-c.all[i].started
		limit := time.After(30 * time.Second)
		for changed := r.Changed(); !r.Status().Follows; changed = r.Changed() {
			select {
			case <-changed:
			case <-limit:
				x.t.Fatalf("%+v", r.Status())
			}
		}
	}
	return c
}

// However many accounts a daemon runs, and however long JetStream takes nothing, what waits stays within the budget; no account is
// kept from its part by the others; and all of it is stored in the end, once.
func TestMemoryOfManyAccounts(t *testing.T) {
	x := newRig(t)
	const accounts, messages, total = 40, 100, 2 << 20
	x.set.Pending = 1 << 20 // of all together 20 times what they may have
	c := x.crowd(accounts, total)
	x.pauseStream(true)
	var done atomic.Int64
	for range messages {
		for _, g := range c.all {
			g.say(&done)
		}
	}
	for i, r := range c.run {
		for limit := time.Now().Add(30 * time.Second); ; <-time.After(5 * time.Millisecond) {
			st := r.Status()
			if st.Held != nil {
				break
			}
			if time.Now().After(limit) {
				t.Fatalf("%d: %+v %+v", i, st, st.Held)
			}
		}
	}
	const slack = accounts * 4096 // an update more than there was room for, each
	if used := c.budget.Used(); used > total+slack || used < total/4 {
		t.Errorf("%d bytes wait, of %d", used, int64(total))
	}
	x.pauseStream(false)
	seen := map[string]int{}
	consumer, err := x.js.OrderedConsumer(context.Background(), "TG_UPDATES", jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{"tg.upd.*.updateNewMessage.>"}, HeadersOnly: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	all, err := consumer.Messages()
	if err != nil {
		t.Fatal(err)
	}
	defer all.Stop()
	for range accounts * messages {
		m, err := all.Next(jetstream.NextMaxWait(30 * time.Second))
		if err != nil {
			t.Fatalf("after %d: %v; %d bytes wait", len(seen), err, c.budget.Used())
		}
		if seen[m.Headers().Get("Nats-Msg-Id")]++; seen[m.Headers().Get("Nats-Msg-Id")] > 1 {
			t.Fatalf("%s stands twice", m.Headers().Get("Nats-Msg-Id"))
		}
	}
	for limit := time.Now().Add(20 * time.Second); c.budget.Used() != 0; <-time.After(5 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("%d bytes are not given back", c.budget.Used())
		}
	}
}
