package client_test

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/client"
)

// each does something with what a subscription gives, until ctx ends.
func each(ctx context.Context, s *client.Subscription, do func(*client.Update)) {
	for {
		u, err := s.Next(ctx)
		if err != nil {
			return
		}
		do(u)
	}
}

// Instances of one durable: each update goes to one of them, what is not acknowledged comes again, and the place stays.
func TestWorkSharing(t *testing.T) {
	a := newArchive(t)
	const n = 60
	for range n {
		a.add("main.updateNewMessage.user.5", "common", typing)
	}
	cfg := client.UpdatesConfig{Durable: "workers", Start: client.StartAll()}
	one, two := subscribe(t, client.New(a.nc, "main"), cfg), subscribe(t, client.New(connect(t, a.nc.ConnectedUrl()), "main"), cfg)
	first, err := one.Next(soon(t))
	if err != nil {
		t.Fatal(err)
	}
	seen := []int{first.Pts}
	for range n / 2 { // although the first is not done, and one has fetched nothing beside it
		u, err := two.Next(soon(t))
		if err != nil || u.Pts != len(seen)+1 {
			t.Fatal(u, err)
		}
		if err := u.DoubleAck(soon(t)); err != nil {
			t.Fatal(err)
		}
		seen = append(seen, u.Pts)
	}
	if err := first.DoubleAck(soon(t)); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	ctx, enough := context.WithCancel(soon(t))
	defer enough()
	var work sync.WaitGroup
	for _, s := range []*client.Subscription{one, two} {
		work.Go(func() {
			each(ctx, s, func(u *client.Update) {
				if err := u.Ack(); err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				if seen = append(seen, u.Pts); len(seen) == n {
					enough()
				}
			})
		})
	}
	work.Wait()
	slices.Sort(seen)
	for i, pts := range seen {
		if pts != i+1 {
			t.Fatalf("handed out %v", seen)
		}
	}
	one.Stop()
	two.Stop()
	a.add("main.updateNewMessage.user.5", "common", typing)
	cfg.Start = client.StartNew() // counts no more: the durable has its place
	if got := rest(t, subscribe(t, client.New(a.nc, "main"), cfg), n+1); got != "" {
		t.Errorf("%s came again", got)
	}
}

// What becomes of an update that is not acknowledged, by each way not to.
func TestRedelivery(t *testing.T) {
	a := newArchive(t)
	a.add("main.updateNewMessage.user.5", "common", typing)
	cfg := client.UpdatesConfig{Durable: "d", Start: client.StartAll(), MaxInFlight: 1, AckWait: 300 * time.Millisecond}
	s := subscribe(t, client.New(a.nc, "main"), cfg)
	read := func(times int) *client.Update {
		t.Helper()
		u, err := s.Next(soon(t))
		if err != nil || u.Pts != 1 || u.Delivered != times {
			t.Fatalf("%+v %v, want it for the %d. time", u, err, times)
		}
		return u
	}
	if err := read(1).Nak(); err != nil {
		t.Error(err)
	}
	start := time.Now()
	if err := read(2).NakWithDelay(200 * time.Millisecond); err != nil {
		t.Error(err)
	}
	u := read(3)
	if took := time.Since(start); took < 200*time.Millisecond {
		t.Errorf("came again after %v", took)
	}
	start = time.Now()
	if err := u.InProgress(); err != nil {
		t.Error(err)
	}
	u = read(4) // nobody acknowledged the third
	if took := time.Since(start); took < 250*time.Millisecond {
		t.Errorf("came again after %v, AckWait is 300 ms", took)
	}
	if err := u.TermWithReason("cannot be worked on"); err != nil {
		t.Error(err)
	}
	a.add("main.updateNewMessage.user.5", "common", typing)
	last, err := s.Next(soon(t))
	if err != nil || last.Pts != 2 {
		t.Errorf("%+v %v", last, err)
	}
	if err := last.Term(); err != nil {
		t.Error(err)
	}
}

// With partitions each chat is worked on in order, one update after the other, whoever takes them; each once.
func TestPartitions(t *testing.T) {
	a := newArchive(t)
	const chats, every = 7, 12
	a.add("main.updateOther.user.100", "common", typing) // so that the sequences of the two streams differ
	for i := range every {
		for chat := range chats {
			a.add(fmt.Sprintf("main.updateNewMessage.user.%d", 100+chat), "common", typing, "I", fmt.Sprint(i))
		}
	}
	cfg := client.UpdatesConfig{Durable: "workers", Start: client.StartAll(), Partitions: 3, NoGaps: true, Filters: []client.Filter{{Update: "updateNewMessage"}}}
	var mu sync.Mutex
	next, working, total := map[int64]int{}, map[int64]bool{}, 0
	took := map[string]int{}
	ctx, enough := context.WithCancel(soon(t))
	defer enough()
	begin := func(who string, u *client.Update) {
		if u.Sequence != uint64(u.Pts) {
			t.Errorf("sequence %d, want %d, as in the stream of updates", u.Sequence, u.Pts)
		}
		mu.Lock()
		defer mu.Unlock()
		if i := u.Headers().Get("I"); i != fmt.Sprint(next[u.ChatID]) || working[u.ChatID] {
			t.Errorf("chat %d: %s, want %d; being worked on: %v", u.ChatID, i, next[u.ChatID], working[u.ChatID])
		}
		next[u.ChatID]++
		working[u.ChatID] = true
		took[who]++
	}
	end := func(u *client.Update) {
		mu.Lock()
		working[u.ChatID] = false
		if total++; total == chats*every {
			enough()
		}
		mu.Unlock()
		if err := u.Ack(); err != nil {
			t.Error(err)
		}
	}
	var work sync.WaitGroup
	for _, who := range []string{"one", "two"} {
		s := subscribe(t, client.New(connect(t, a.nc.ConnectedUrl()), "main"), cfg)
		for range 2 {
			work.Go(func() { each(ctx, s, func(u *client.Update) { begin(who, u); end(u) }) })
		}
	}
	work.Wait()
	if total != chats*every || took["one"] == 0 || took["two"] == 0 {
		t.Errorf("%d of %d, %v", total, chats*every, took)
	}
	cfg.Partitions = 4
	if _, err := client.New(a.nc, "main").Subscribe(soon(t), cfg); err == nil || !strings.Contains(err.Error(), "3 partitions") {
		t.Error(err)
	}
}

// A program that takes its time over one update keeps back the chats of that partition and no others: what it looked for in
// the other partitions, and was given when it no longer waited, goes to who does wait.
func TestASlowProgramKeepsNoPartitionBack(t *testing.T) {
	const chats, partitions = 20, 8
	for name, deliver := range map[string]int{"for ever": 0, "three times": 3} {
		t.Run(name, func(t *testing.T) {
			a := newArchive(t)
			cfg := client.UpdatesConfig{Durable: "workers", Start: client.StartAll(), Partitions: partitions, NoGaps: true, MaxDeliver: deliver}
			slow := subscribe(t, client.New(connect(t, a.nc.ConnectedUrl()), "main"), cfg)
			held := make(chan *client.Update)
			go func() { // waits at all partitions when the updates come
				u, err := slow.Next(soon(t))
				if err != nil {
					t.Error(err)
				}
				held <- u
			}()
			for chat := range chats {
				a.add(fmt.Sprintf("main.updateNewMessage.user.%d", 100+chat), "common", typing)
			}
			u := <-held
			if u == nil {
				return
			}
			want := map[int64]bool{}
			for chat := int64(100); chat < 100+chats; chat++ {
				if partition(chat, partitions) != partition(u.ChatID, partitions) {
					want[chat] = true
				}
			}
			quick := subscribe(t, client.New(connect(t, a.nc.ConnectedUrl()), "main"), cfg)
			for ctx := soon(t); len(want) > 0; {
				got, err := quick.Next(ctx)
				if err != nil {
					t.Fatalf("%v: the slow program keeps back %v", err, want)
				}
				delete(want, got.ChatID)
				if err := got.Ack(); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// partition is the server's own way.
func partition(chat int64, n uint32) uint32 {
	h := fnv.New32a()
	fmt.Fprint(h, chat)
	return h.Sum32() % n
}

// A filter that names a chat puts it into the partition that the server chooses where the filter does not.
func TestPartitionsOfNamedChats(t *testing.T) {
	a := newArchive(t)
	for chat := range 9 {
		a.add(fmt.Sprintf("main.updateNewMessage.user.%d", 100+chat), "common", typing)
		a.add(fmt.Sprintf("main.updateOther.user.%d", 100+chat), "common", typing)
	}
	filters := []client.Filter{{Update: "updateNewMessage"}}
	for chat := range 9 {
		filters = append(filters, client.Filter{Update: "updateOther", Kind: client.User, ChatID: int64(100 + chat)})
	}
	cfg := client.UpdatesConfig{Durable: "d", Start: client.StartAll(), Partitions: 5, NoGaps: true, Filters: filters}
	subscribe(t, client.New(a.nc, "main"), cfg)
	st, err := a.js.Stream(soon(t), "TG_UPDATES=main=d")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{} // partition, by chat
	for seq := uint64(1); seq <= 18; seq++ {
		var msg *jetstream.RawStreamMsg
		for ctx := soon(t); msg == nil; { // the stream fills by itself
			if msg, err = st.GetMsg(ctx, seq); err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) {
				t.Fatal(err)
			}
		}
		tokens := strings.Split(msg.Subject, ".")
		partition, chat := tokens[4], tokens[7]
		if was := found[chat]; was != "" && was != partition {
			t.Errorf("chat %s is in partitions %s and %s", chat, was, partition)
		}
		found[chat] = partition
	}
	if len(found) != 9 {
		t.Errorf("%v", found)
	}
}

// What a stopped subscription had taken and handed to nobody goes to another at once, not when AckWait is over.
func TestStopGivesBack(t *testing.T) {
	a := newArchive(t)
	const chats = 8
	for chat := range chats {
		a.add(fmt.Sprintf("main.updateNewMessage.user.%d", 100+chat), "common", typing)
	}
	cfg := client.UpdatesConfig{Durable: "d", Start: client.StartAll(), Partitions: 4, AckWait: time.Hour}
	c := client.New(a.nc, "main")
	one := subscribe(t, c, cfg)
	u, err := one.Next(soon(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := u.DoubleAck(soon(t)); err != nil {
		t.Fatal(err)
	}
	one.Stop()
	seen := map[int64]bool{u.ChatID: true}
	two := subscribe(t, c, cfg)
	for len(seen) < chats {
		u, err := two.Next(soon(t))
		if err != nil {
			t.Fatalf("%v after %v", err, seen)
		}
		seen[u.ChatID] = true
		if err := u.Ack(); err != nil {
			t.Error(err)
		}
	}
}
