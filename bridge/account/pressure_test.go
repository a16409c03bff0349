package account

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/tl/codec"
)

// frail is a NATS server that can be stopped and begun again on the same folder, and whose answers can be delayed. It is
// what the runner is connected to.
type frail struct {
	t     testing.TB
	dir   string
	srv   atomic.Pointer[server.Server]
	delay atomic.Int64 // of what it sends, in nanoseconds

	payload int32 // the most of one message; 0: as usual
}

// mostStored is what the server stores at most.
const mostStored = 64 << 20

func newFrail(t testing.TB) *frail {
	f := &frail{t: t, dir: filepath.Join(t.TempDir(), "js")}
	f.start()
	t.Cleanup(f.stop)
	return f
}

func (f *frail) start() {
	f.t.Helper()
	srv, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: f.dir, NoSigs: true, NoLog: true, JetStreamMaxStore: mostStored,
		MaxPayload: f.payload,
	})
	if err != nil {
		f.t.Fatal(err)
	}
	srv.Start()
	if !srv.ReadyForConnections(10 * time.Second) {
		f.t.Fatal("the server did not start")
	}
	f.srv.Store(srv)
}

func (f *frail) stop() {
	if srv := f.srv.Swap(nil); srv != nil {
		srv.Shutdown()
		srv.WaitForShutdown()
	}
}

// InProcessConn is for nats.InProcessServer.
func (f *frail) InProcessConn() (net.Conn, error) {
	srv := f.srv.Load()
	if srv == nil {
		return nil, errors.New("the server is away")
	}
	conn, err := srv.InProcessConn()
	return late{conn, f}, err
}

type late struct {
	net.Conn
	f *frail
}

func (c late) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if d := time.Duration(c.f.delay.Load()); d > 0 {
		<-time.After(d)
	}
	return n, err
}

// troubles are ways in which JetStream does not take what is published.
var troubles = map[string]func(*rig, *frail) (over func()){
	"the stream is full": func(x *rig, _ *frail) func() {
		x.pauseStream(true)
		return func() { x.pauseStream(false) }
	},
	"no storage is left": func(x *rig, _ *frail) func() {
		ctx := context.Background()
		filler, err := x.js.CreateStream(ctx, jetstream.StreamConfig{Name: "FILLER", Subjects: []string{"filler"}})
		for full := make([]byte, 512<<10); err == nil; {
			_, err = x.js.Publish(ctx, "filler", full)
		}
		for err = nil; err == nil; {
			_, err = x.js.Publish(ctx, "filler", make([]byte, 64))
		}
		return func() {
			if err := x.js.DeleteStream(ctx, filler.CachedInfo().Config.Name); err != nil {
				x.t.Error(err)
			}
		}
	},
	"slow": func(_ *rig, f *frail) func() {
		f.delay.Store(int64(150 * time.Millisecond))
		return func() { f.delay.Store(0) }
	},
	"away": func(_ *rig, f *frail) func() {
		f.stop()
		return f.start
	},
}

// Back-pressure: while JetStream does not take anything, memory stays bounded, calls are answered, updates are left with
// Telegram, those that no difference brings are not acknowledged (E27), all of it is said, and all come in the end, once.
func TestBackPressure(t *testing.T) {
	for name, trouble := range troubles {
		t.Run(name, func(t *testing.T) {
			f := newFrail(t)
			x := newRigOn(t, f, nats.ReconnectWait(10*time.Millisecond), nats.MaxReconnects(-1))
			x.set.Pending = 128 << 10
			g := newTelegram(t)
			var done atomic.Int64
			x.run(g)
			over := trouble(x, f)
			const n, only = 500, 300
			for i := range n {
				g.say(&done)
				if i >= n-only {
					g.sayOnly(i)
				}
			}
			x.until("held", func(st Status) bool {
				return st.Held != nil && st.Held.Left > 0 && st.Held.Parked > 0 && st.Held.Declined > 0
			})
			x.bounded(g)
			if name != "away" {
				x.answers()
			}
			over()
			x.until("resumed", func(st Status) bool { return st.Held == nil })
			texts, names := x.stored(n, only)
			for i, text := range texts {
				if text != fmt.Sprint(i+1) {
					t.Fatalf("at %d: %s", i, text)
				}
			}
			slices.Sort(names)
			if names = slices.Compact(names); len(names) != only {
				t.Errorf("%d of %d updates that nobody brings again", len(names), only)
			}
			x.until("acknowledged", func(Status) bool { return g.unacknowledged() == 0 })
			x.said(eventHeld)
			x.said(eventResumed)
		})
	}
}

// bounded: what is kept does not grow with what Telegram sends.
func (x *rig) bounded(g *telegram) {
	x.t.Helper()
	st := x.r.Status()
	d := x.r.ownership().driver
	inbox := d.loop.Waiting()
	d.pressure.mu.Lock()
	parked := d.pressure.bytes
	d.pressure.mu.Unlock()
	if most := x.set.Pending; st.Waiting > 2*most || inbox > 2*most || parked > most/parkedShare {
		x.t.Errorf("%d bytes wait, %d in the inbox, %d are parked; at most %d may", st.Waiting, inbox, parked, most)
	}
	if n := g.unacknowledged(); n < st.Held.Parked+st.Held.Declined {
		x.t.Errorf("%d are not acknowledged, but %+v", n, st.Held)
	}
}

// answers: calls go on. The server cuts a connection that reads as slowly as the one in trouble, and what was on its way is
// lost then, as NATS has it: the call is made again, as callers do.
func (x *rig) answers() {
	x.t.Helper()
	var reply *nats.Msg
	err := errors.New("not asked")
	for until := time.Now().Add(2 * time.Minute); err != nil && time.Now().Before(until); {
		reply, err = x.nc.Request("tg.rpc.main.help.getNearestDc", []byte("{}"), 20*time.Second)
	}
	if err != nil || reply.Header.Get("Nats-Service-Error") != "METHOD_INVALID" {
		x.t.Errorf("%v %v", err, reply)
	}
}

// said: the last of an event is in its stream.
func (x *rig) said(event string) {
	x.t.Helper()
	x.until(event, func(Status) bool {
		st, err := x.js.Stream(context.Background(), "TG_EVENTS")
		if err != nil {
			return false
		}
		_, err = st.GetLastMsgForSubject(context.Background(), "tg.evt.main."+event)
		return err == nil
	})
}

// until looks again and again: not everything tells when it changes.
func (x *rig) until(what string, is func(Status) bool) {
	x.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(30 * time.Second)
	for !is(x.r.Status()) {
		select {
		case <-tick.C:
		case <-limit:
			st, _ := json.Marshal(x.r.Status())
			x.t.Fatalf("not %s: %s", what, st)
		}
	}
}

// stored waits for so many messages and names in the stream, and gives them in their order.
func (x *rig) stored(messages, others int) (texts, names []string) {
	x.t.Helper()
	c, err := x.js.OrderedConsumer(context.Background(), "TG_UPDATES", jetstream.OrderedConsumerConfig{FilterSubjects: []string{"tg.upd.main.>"}})
	if err != nil {
		x.t.Fatal(err)
	}
	for len(texts)+len(names) < messages+others {
		m, err := c.Next(jetstream.FetchMaxWait(8 * time.Second))
		if err != nil {
			x.t.Fatalf("after %d messages and %d names: %v; %+v", len(texts), len(names), err, x.r.Status())
		}
		if begins(m.Headers()) {
			continue
		}
		var body struct {
			Update struct {
				Message   struct{ Message string }
				FirstName string `json:"first_name"`
			}
		}
		if err := json.Unmarshal(m.Data(), &body); err != nil {
			x.t.Fatal(err)
		}
		if name := body.Update.FirstName; name != "" {
			names = append(names, name)
		} else {
			texts = append(texts, body.Update.Message.Message)
		}
	}
	if info, err := c.Info(context.Background()); err != nil || info.NumPending != 0 {
		x.t.Errorf("%d more in the stream %v", info.NumPending, err)
	}
	return texts, names
}

// sayOnly pushes an update that nothing brings again but its push (E27).
func (g *telegram) sayOnly(i int) {
	g.push(encode(g.t, codec.M{"_": "updateShort", "date": 1700000000, "update": codec.M{
		"_": "updateUserName", "user_id": 5, "first_name": fmt.Sprint("name ", i), "last_name": "", "usernames": []codec.M{},
	}}))
}

// push sends a body until it is acknowledged: once, and again on every new connection that follows Again.
func (g *telegram) push(body []byte) {
	g.mu.Lock()
	if g.open == nil {
		g.open = map[int]*pushed{}
	}
	id := len(g.open)
	for g.open[id] != nil {
		id++
	}
	g.open[id] = &pushed{body: body}
	g.mu.Unlock()
	g.deliver(id, body)
}

// pushed is a push that was not acknowledged.
type pushed struct {
	body     []byte
	declined bool
}

func (g *telegram) deliver(id int, body []byte) {
	g.o.Updates(mtproto.Update{
		Body: slices.Clone(body), Received: time.Now(),
		Ack:     func() { g.mu.Lock(); delete(g.open, id); g.mu.Unlock() },
		Decline: func() { g.mu.Lock(); g.open[id].declined = true; g.mu.Unlock() },
	})
}

// Reinit is a new connection: what was declined comes again.
func (g *telegram) Reinit() {
	g.mu.Lock()
	again := map[int][]byte{}
	for id, p := range g.open {
		if p.declined {
			p.declined, again[id] = false, p.body
		}
	}
	g.mu.Unlock()
	for id, body := range again {
		g.deliver(id, body)
	}
}

func (g *telegram) unacknowledged() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.open)
}

// E27, C17: at whatever instant the daemon dies while there is no room, Telegram has been told of no update that it will not
// bring again and that is not in the stream.
func TestCrashWithoutRoom(t *testing.T) {
	for _, after := range []int{1, 40, 60, 90} {
		t.Run(fmt.Sprint("after ", after), func(t *testing.T) {
			x := newRig(t)
			x.set.Pending = 64 << 10
			lost := make(chan struct{})
			x.lost = lost
			g := newTelegram(t)
			x.run(g)
			x.pauseStream(true)
			const n = 300
			for i := range n {
				if i == after {
					x.pauseStream(false) // some get through
					x.until("one stored", func(st Status) bool { return st.Stored > 0 })
					x.pauseStream(true)
				}
				g.sayOnly(i)
			}
			x.until("held", func(st Status) bool { return st.Held != nil && st.Held.Parked > 0 && st.Held.Declined > 0 })
			close(lost)
			if err := x.end(); !errors.Is(err, ErrLost) {
				t.Error(err)
			}
			stream := x.all()
			there := strings.Count(stream, "updateUserName")
			for i := range n {
				if !g.owes(i) && !strings.Contains(stream, fmt.Sprintf(`"name %d"`, i)) {
					t.Errorf("%d is acknowledged, and not in the stream", i)
				}
			}
			if acknowledged := n - g.unacknowledged(); acknowledged > there || there == n {
				t.Errorf("%d acknowledged, %d in the stream", acknowledged, there)
			}
		})
	}
}

// owes reports whether the nth push of sayOnly is not acknowledged.
func (g *telegram) owes(n int) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.ContainsFunc(slices.Collect(maps.Values(g.open)), func(p *pushed) bool {
		name := fmt.Sprint("name ", n)
		return bytes.Contains(p.body, append([]byte{byte(len(name))}, name...)) // with its length, as TL writes it
	})
}

// E27, design §5: what only this owner has goes into the log before it lets go.
func TestParkedGoesIntoTheLogAtTheEnd(t *testing.T) {
	x := newRig(t)
	x.set.Pending = 64 << 10
	g := newTelegram(t)
	x.run(g)
	x.pauseStream(true)
	var done atomic.Int64
	for range 100 {
		g.say(&done)
	}
	x.until("held", func(st Status) bool { return st.Held != nil })
	g.sayOnly(1)
	x.until("parked", func(st Status) bool { return st.Held != nil && st.Held.Parked == 1 })
	ended := make(chan error, 1)
	go func() { ended <- x.end() }()
	x.await(func(st Status) bool { return st.State == Stopping })
	x.until("in the log", func(st Status) bool { return st.Held == nil || st.Held.Parked == 0 })
	x.pauseStream(false)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if all := x.all(); !strings.Contains(all, "name 1") {
		t.Error(all)
	}
}

// all is every payload in the stream.
func (x *rig) all() string {
	st, err := x.js.Stream(context.Background(), "TG_UPDATES")
	if err != nil {
		x.t.Fatal(err)
	}
	var all strings.Builder
	info, _ := st.Info(context.Background())
	for seq := info.State.FirstSeq; seq <= info.State.LastSeq; seq++ {
		if m, err := st.GetMsg(context.Background(), seq); err == nil {
			all.Write(m.Data)
		}
	}
	return all.String()
}

// D19: a result for which there is no room is left for the difference, and nothing of it is lost.
func TestResultsWithoutRoom(t *testing.T) {
	x := newRig(t)
	x.set.Pending = 64 << 10
	g := newTelegram(t)
	x.run(g)
	x.pauseStream(true)
	d := x.r.ownership().driver
	const n = 300
	for range n {
		pts := int(g.pts.Add(1))
		d.observe(nil, encode(t, codec.M{"_": "updates", "users": []codec.M{}, "chats": []codec.M{}, "date": 1700000000, "seq": 0, "updates": []codec.M{
			{"_": "updateMessageID", "id": pts, "random_id": 1}, {"_": "updateNewMessage", "message": textMessage(pts), "pts": pts, "pts_count": 1},
		}}), "request")
	}
	x.until("held", func(st Status) bool { return st.Held != nil && st.Held.Left > 0 && st.Held.Parked > 0 })
	x.pauseStream(false)
	var want []string
	for i := 1; i <= n; i++ {
		want = append(want, fmt.Sprint(i))
	}
	got := []string{}
	x.until("stored", func(Status) bool {
		got = got[:0]
		for _, part := range strings.Split(x.all(), `"message":"`)[1:] {
			text, _, _ := strings.Cut(part, `"`)
			got = append(got, text)
		}
		return len(got) >= n
	})
	if !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}

// E27: which updates only their push brings.
func TestOnly(t *testing.T) {
	s, decl := layer()
	rules, err := updates.Compile(s, decl)
	if err != nil {
		t.Fatal(err)
	}
	name := codec.M{"_": "updateUserName", "user_id": 5, "first_name": "", "last_name": "", "usernames": []codec.M{}}
	message := codec.M{"_": "updateNewMessage", "message": textMessage(1), "pts": 1, "pts_count": 1}
	many := func(seq int, all ...codec.M) codec.M {
		return codec.M{"_": "updates", "updates": all, "users": []codec.M{}, "chats": []codec.M{}, "date": 1, "seq": seq}
	}
	for _, c := range []struct {
		about string
		body  codec.M
		want  bool
	}{
		{"no sequence", many(0, name), true},
		{"in a numbered container the difference brings it", many(7, name), false},
		{"pts", many(0, message), false},
		{"one of two", many(0, message, name), true},
		{"short", codec.M{"_": "updateShort", "date": 1, "update": name}, true},
		{"counted by nothing", many(0, codec.M{"_": "updateDeleteMessages", "messages": []int{1}, "pts": 1, "pts_count": 0}), true},
		{"of no use later", many(0, codec.M{"_": "updateUserStatus", "user_id": 5, "status": codec.M{"_": "userStatusEmpty"}}), false},
		{"talk", many(0, codec.M{"_": "updateChannelTooLong", "channel_id": 5}), false},
		{"qts", many(0, codec.M{"_": "updateNewEncryptedMessage", "qts": 1, "message": codec.M{
			"_": "encryptedMessageService", "random_id": 1, "chat_id": 1, "date": 1, "bytes": []byte{}}}), false},
		{"too long", codec.M{"_": "updatesTooLong"}, false},
	} {
		if got := rules.Unrecoverable(encode(t, c.body)); got != c.want {
			t.Errorf("%s: %v", c.about, got)
		}
	}
	if rules.Unrecoverable([]byte("what is this?")) {
		t.Error("what cannot be read")
	}
}
