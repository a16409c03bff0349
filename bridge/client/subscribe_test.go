package client_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/client"
)

// archive is a stream as a daemon leaves it, without a daemon: what each message holds and where it stands is the test's.
type archive struct {
	t  *testing.T
	nc *nats.Conn
	js jetstream.JetStream
	at int
}

func newArchive(t *testing.T) *archive {
	t.Helper()
	return archiveAt(t, busOnly(t))
}

func archiveAt(t *testing.T, nc *nats.Conn) *archive {
	t.Helper()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateStream(soon(t), jetstream.StreamConfig{Name: "TG_UPDATES", Subjects: []string{"tg.upd.>", "tg.own.*"}}); err != nil {
		t.Fatal(err)
	}
	return &archive{t: t, nc: nc, js: js}
}

// add stores a message; headers are name and value in turn.
func (a *archive) add(subject, box, payload string, headers ...string) {
	a.t.Helper()
	msg := nats.NewMsg("tg.upd." + subject)
	a.at++
	msg.Data = []byte(payload)
	for i, h := range append([]string{"Tg-Type", strings.Split(subject, ".")[1], "Tg-Box", box, "Tg-Pts", fmt.Sprint(a.at), "Tg-Layer", "223"}, headers...) {
		if i%2 == 1 {
			msg.Header[append([]string{"Tg-Type", "Tg-Box", "Tg-Pts", "Tg-Layer"}, evens(headers)...)[i/2]] = []string{h}
		}
	}
	if _, err := a.js.PublishMsg(soon(a.t), msg); err != nil {
		a.t.Fatal(err)
	}
}

func evens(all []string) (e []string) {
	for i := 0; i < len(all); i += 2 {
		e = append(e, all[i])
	}
	return e
}

// typing is a payload that is short.
const typing = `{"update":{"_":"updateUserTyping","user_id":"5","action":{"_":"sendMessageTypingAction"}},"users":[],"chats":[]}`

// fill stores what the tests of choosing choose from.
func (a *archive) fill() {
	for _, m := range [][2]string{
		{"main.updateNewMessage.user.5", "common"},
		{"main.updateNewMessage.chat.6", "common"},
		{"main.updateNewChannelMessage.channel.7", "channel.7"},
		{"other.updateNewMessage.user.5", "common"},
		{"main.updateDeleteMessages.none.0", "common"},
		{"main.gap.channel.7", "channel.7"},
		{"main.updateNewMessage.user.5", "common"},
		{"main.gap.none.0", "common"},
	} {
		payload := typing
		if strings.Contains(m[0], "gap") {
			payload = `{"gap":{"box":"` + m[1] + `","from":3,"to":9,"reason":"too long","filled":true}}`
		}
		a.add(m[0], m[1], payload)
	}
}

// rest are the pts of all that a subscription still gives, as they come. It waits for last, which is stored when it is set up.
func rest(t *testing.T, s *client.Subscription, last int) string {
	t.Helper()
	var all []string
	for {
		u, err := s.Next(soon(t))
		if err != nil {
			t.Fatalf("after %v: %v", all, err)
		}
		if err := u.Ack(); err != nil {
			t.Error(err)
		}
		if u.Pts == last {
			return strings.Join(all, " ")
		}
		all = append(all, fmt.Sprint(u.Pts))
	}
}

// Where a subscription begins, and what it takes; each as durable and without.
func TestStartsAndFilters(t *testing.T) {
	a := newArchive(t)
	a.fill()
	st, _ := a.js.Stream(soon(t), "TG_UPDATES")
	fifth, err := st.GetMsg(soon(t), 5)
	if err != nil {
		t.Fatal(err)
	}
	all := client.StartAll()
	end := client.Filter{Update: "updateEnd"} // the message that says that nothing more comes
	c := client.New(a.nc, "main")
	for i, row := range []struct {
		name string
		cfg  client.UpdatesConfig
		want string
	}{
		{"new", client.UpdatesConfig{}, ""},
		{"all", client.UpdatesConfig{Start: all}, "1 2 3 5 6 7 8"},
		{"last", client.UpdatesConfig{Start: client.StartLast()}, "8"},
		{"last per chat", client.UpdatesConfig{Start: client.StartLastPerChat()}, "2 3 5 6 7 8"},
		{"sequence", client.UpdatesConfig{Start: client.StartSequence(6)}, "6 7 8"},
		{"sequence of another account", client.UpdatesConfig{Start: client.StartSequence(4)}, "5 6 7 8"},
		{"time", client.UpdatesConfig{Start: client.StartTime(fifth.Time)}, "5 6 7 8"},
		{"constructor", client.UpdatesConfig{Start: all, Filters: []client.Filter{{Update: "updateNewMessage"}, end}}, "1 2 6 7 8"},
		{"constructor, no gaps", client.UpdatesConfig{Start: all, Filters: []client.Filter{{Update: "updateNewMessage"}, end}, NoGaps: true}, "1 2 7"},
		{"kind", client.UpdatesConfig{Start: all, Filters: []client.Filter{{Kind: client.Channel}, end}, NoGaps: true}, "3 6"},
		{"chat", client.UpdatesConfig{Start: all, Filters: []client.Filter{{Kind: client.User, ChatID: 5}, end}, NoGaps: true}, "1 7"},
		{"one within the other", client.UpdatesConfig{Start: all, Filters: []client.Filter{{Update: "updateNewMessage", ChatID: 6}, {ChatID: 6}, {ChatID: 6}, end}, NoGaps: true}, "2"},
		{"across each other", client.UpdatesConfig{Start: all, Filters: []client.Filter{{Update: "updateNewMessage"}, {ChatID: 7}, end}, NoGaps: true}, "1 2 3 6 7"},
		{"box", client.UpdatesConfig{Start: all, Boxes: []string{"channel.7", "end"}}, "3 6"},
		{"filter and box", client.UpdatesConfig{Start: all, Filters: []client.Filter{{Update: "updateNewMessage"}, end}, Boxes: []string{"common", "end"}}, "1 2 7 8"},
		{"filtered here", client.UpdatesConfig{Start: all, Filters: []client.Filter{{Kind: client.Channel}, end}, FilterHere: true}, "3 6 8"},
	} {
		alone := subscribe(t, c, row.cfg)
		row.cfg.Durable = fmt.Sprint("d", i)
		durable := subscribe(t, c, row.cfg)
		a.add("main.updateEnd.none.0", "end", typing)
		if got := rest(t, alone, a.at); got != row.want {
			t.Errorf("%s: %s, want %s", row.name, got, row.want)
		}
		if got := rest(t, durable, a.at); got != row.want {
			t.Errorf("%s, durable: %s, want %s", row.name, got, row.want)
		}
		alone.Stop()
		durable.Stop()
		if err := st.Purge(soon(t), jetstream.WithPurgeSubject("tg.upd.main.updateEnd.none.0")); err != nil {
			t.Fatal(err)
		}
	}
}

// A message of each sort, and what a program sees of it.
func TestWhatUpdatesHold(t *testing.T) {
	a := newArchive(t)
	a.add("main.updateUserTyping.user.5", "none", typing, "Tg-Date", "1700000000", "Tg-Delay", "1500", "Tg-Backfill", "true", "Tg-Request-Id", "r")
	a.add("main.updateUserTyping.user.5", "none", "\x83\xa6update\x82\xa1_\xadupdateUserName\xa1x\x01\xa5users\x90\xa5chats\x90", "Content-Type", "application/msgpack")
	a.add("main.gap.channel.7", "channel.7", `{"gap":{"box":"channel.7","from":3,"to":9,"reason":"too long","filled":true}}`)
	a.add("main.gap.channel.7", "channel.7", "\x81\xa3gap\x85\xa3box\xa6common\xa4from\xd3\x00\x00\x00\x00\x00\x00\x00\x03\xa2to\x09\xa6reason\xa1x\xa6filled\xc2", "Content-Type", "application/msgpack")
	a.add("main.updateNewThing.user.5", "common", `{"update":{"_":"updateNewThing","what":1},"users":[],"chats":[]}`, "Tg-Layer", "999")
	a.add("main.updateNewMessage.user.777000", "common", `{"update":{"_":"updateNewMessage"},"users":[],"chats":[]}`, "Tg-Redacted", "service message")
	a.add("main.updateUserTyping.user.5", "none", "garbage", "Content-Type", "text/plain")
	s := subscribe(t, client.New(a.nc, "main"), client.UpdatesConfig{Start: client.StartAll()})
	read := func() *client.Update {
		u, err := s.Next(soon(t))
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	u := read()
	want := client.Meta{Type: "updateUserTyping", Kind: client.User, ChatID: 5, Box: "none", Pts: 1, Layer: 223, RequestID: "r",
		Date: time.Unix(1700000000, 0), Delay: 1500 * time.Millisecond, Backfill: true}
	if u.Meta != want || u.Value == nil || u.Err != nil || u.Sequence != 1 || u.Delivered != 1 || time.Since(u.Stored) > time.Minute {
		t.Errorf("%+v", u)
	}
	if u = read(); u.Err == nil || u.Value != nil || !strings.Contains(u.Err.Error(), "updateUserName") {
		t.Errorf("MessagePack with a field that is not known: %+v", u)
	}
	if u = read(); u.Gap == nil || *u.Gap != (client.Gap{Box: "channel.7", From: 3, To: 9, Reason: "too long", Filled: true}) || u.Value != nil || u.Err != nil {
		t.Errorf("a gap: %+v", u)
	}
	if u = read(); u.Gap == nil || *u.Gap != (client.Gap{Box: "common", From: 3, To: 9, Reason: "x"}) || u.Err != nil {
		t.Errorf("a gap in MessagePack: %+v %v", u.Gap, u.Err)
	}
	if u = read(); u.Err == nil || u.Value != nil || !strings.Contains(u.Err.Error(), "layer 999") || !strings.Contains(string(u.Data()), `"what":1`) {
		t.Errorf("of a newer layer: %+v", u)
	}
	if u = read(); !errors.Is(u.Err, client.ErrRedacted) || u.Redacted != "service message" {
		t.Errorf("redacted: %+v", u)
	}
	if u = read(); u.Err == nil || u.Headers().Get("Content-Type") != "text/plain" {
		t.Errorf("garbage: %+v", u)
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
			for {
				u, err := s.Next(ctx)
				if err != nil {
					return
				}
				if err := u.Ack(); err != nil {
					t.Error(err)
				}
				mu.Lock()
				if seen = append(seen, u.Pts); len(seen) == n {
					enough()
				}
				mu.Unlock()
			}
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
	const chats, each = 7, 12
	for i := range each {
		for chat := range chats {
			a.add(fmt.Sprintf("main.updateNewMessage.user.%d", 100+chat), "common", typing, "I", fmt.Sprint(i))
		}
	}
	a.add("main.updateOther.user.100", "common", typing)
	cfg := client.UpdatesConfig{Durable: "workers", Start: client.StartAll(), Partitions: 3, NoGaps: true, Filters: []client.Filter{{Update: "updateNewMessage"}}}
	var mu sync.Mutex
	next, working, total := map[int64]int{}, map[int64]bool{}, 0
	took := map[string]int{}
	ctx, enough := context.WithCancel(soon(t))
	defer enough()
	begin := func(who string, u *client.Update) {
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
		if total++; total == chats*each {
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
			work.Go(func() {
				for {
					u, err := s.Next(ctx)
					if err != nil {
						return
					}
					begin(who, u)
					if u.Sequence != uint64(u.Pts) {
						t.Errorf("sequence %d, want %d, as in the stream of updates", u.Sequence, u.Pts)
					}
					end(u)
				}
			})
		}
	}
	work.Wait()
	if total != chats*each || took["one"] == 0 || took["two"] == 0 {
		t.Errorf("%d of %d, %v", total, chats*each, took)
	}
	cfg.Partitions = 4
	if _, err := client.New(a.nc, "main").Subscribe(soon(t), cfg); err == nil || !strings.Contains(err.Error(), "3 partitions") {
		t.Error(err)
	}
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

// Several goroutines may wait at the same subscription, each for as long as it likes; Stop ends them all.
func TestManyWait(t *testing.T) {
	a := newArchive(t)
	for _, cfg := range []client.UpdatesConfig{{}, {Durable: "d"}, {Durable: "p", Partitions: 2}} {
		s := subscribe(t, client.New(a.nc, "main"), cfg)
		var waiting sync.WaitGroup
		for range 3 {
			waiting.Go(func() {
				if u, err := s.Next(soon(t)); !errors.Is(err, jetstream.ErrMsgIteratorClosed) {
					t.Errorf("%+v: %v %v", cfg, u, err)
				}
			})
		}
		for range 2 {
			over, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			if _, err := s.Next(over); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%+v: %v", cfg, err)
			}
			cancel()
		}
		s.Stop()
		waiting.Wait()
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

func TestSubscribeErrors(t *testing.T) {
	nc := busOnly(t)
	c := client.New(nc, "main")
	if _, err := c.Subscribe(soon(t), client.UpdatesConfig{}); !errors.Is(err, jetstream.ErrStreamNotFound) || !strings.Contains(err.Error(), "main") {
		t.Error(err)
	}
	archiveAt(t, nc)
	for _, row := range []struct {
		cfg  client.UpdatesConfig
		want string
	}{
		{client.UpdatesConfig{Durable: "a.b"}, "Durable"},
		{client.UpdatesConfig{Partitions: 4}, "Partitions"},
		{client.UpdatesConfig{Durable: "d", Partitions: 65}, "Partitions"},
		{client.UpdatesConfig{Durable: "d", Partitions: 2, Start: client.StartLast()}, "last"},
		{client.UpdatesConfig{Prefetch: -1}, "Prefetch"},
		{client.UpdatesConfig{MaxInFlight: -1}, "MaxInFlight"},
		{client.UpdatesConfig{Filters: []client.Filter{{Kind: "group"}}}, "group"},
	} {
		if _, err := c.Subscribe(soon(t), row.cfg); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%+v: %v", row.cfg, err)
		}
	}
	if _, err := client.New(nc, "").Subscribe(soon(t), client.UpdatesConfig{}); err == nil {
		t.Error("an account without a name")
	}
	for _, cfg := range []client.UpdatesConfig{{}, {Durable: "d"}, {Durable: "p", Partitions: 2}} {
		s := subscribe(t, c, cfg)
		over, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		if _, err := s.Next(over); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%+v: %v", cfg, err)
		}
		cancel()
		s.Stop()
		if _, err := s.Next(soon(t)); !errors.Is(err, jetstream.ErrMsgIteratorClosed) {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
	for _, err := range client.New(nc, "X").Updates(soon(t), client.UpdatesConfig{}) {
		if err == nil {
			t.Error("an account that cannot be")
		}
	}
}
