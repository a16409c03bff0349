package rpc

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/vmihailenco/msgpack/v5"

	"github.com/natsgram/natsgram/bridge/client"
	"github.com/natsgram/natsgram/bridge/once"
	"github.com/natsgram/natsgram/bridge/storage"
	"github.com/natsgram/natsgram/bridge/vault"
	"github.com/natsgram/natsgram/tl/codec"
)

// telegram is a chat that knows random_ids, as Telegram does.
type telegram struct {
	mu       sync.Mutex
	messages []codec.M // of the chat, oldest first
	sent     map[int64]bool
	calls    []string
	lose     string // the method whose next answer is lost
	hold     chan struct{}
	held     chan struct{} // nil, or told of every call that is held
}

func (g *telegram) call(ctx context.Context, call codec.View) ([]byte, error) {
	g.mu.Lock()
	hold, held := g.hold, g.held
	g.mu.Unlock()
	if hold != nil && call.Name() != "messages.getHistory" {
		if held != nil {
			held <- struct{}{}
		}
		select {
		case <-hold:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.calls = append(g.calls, call.Name())
	lost := g.lose == call.Name()
	if lost {
		g.lose = ""
	}
	result, err := g.execute(call)
	if lost && err == nil {
		return nil, context.DeadlineExceeded
	}
	return result, err
}

func (g *telegram) execute(call codec.View) ([]byte, error) {
	switch call.Name() {
	case "messages.sendMessage":
		if g.sent[call.Int("random_id")] {
			return nil, refusedBy{Fault{Code: 500, Text: "RANDOM_ID_DUPLICATE", Telegram: "RANDOM_ID_DUPLICATE", Sent: "yes"}}
		}
		if call.Str("message") == "flood" && !g.sent[1] {
			g.sent[1] = true
			return nil, refusedBy{Fault{Code: 420, Text: "FLOOD_WAIT_5", Telegram: "FLOOD_WAIT_5", Sent: "yes", RetryAfter: 5 * time.Second}}
		}
		g.sent[call.Int("random_id")] = true
		id := len(g.messages) + 1
		m := codec.M{"_": "message", "id": id, "out": true, "peer_id": codec.M{"_": "peerUser", "user_id": 5}, "date": int(time.Now().Unix()), "message": call.Str("message")}
		g.messages = append(g.messages, m)
		users := []codec.M{}
		if n := map[string]int{"large": 2000, "huge": 12_000}[call.Str("message")]; n > 0 {
			for i := range n {
				users = append(users, codec.M{"_": "user", "id": i, "first_name": strings.Repeat("x", 100)})
			}
		}
		return tlOf(codec.M{"_": "updates", "updates": []codec.M{
			{"_": "updateMessageID", "id": id, "random_id": call.Int("random_id")}, {"_": "updateNewMessage", "message": m, "pts": id, "pts_count": 1},
		}, "users": users, "chats": []codec.M{}, "date": 1, "seq": 0})
	case "messages.getHistory":
		newest := slices.Clone(g.messages)
		slices.Reverse(newest)
		return tlOf(codec.M{"_": "messages.messages", "messages": newest, "topics": []codec.M{}, "users": []codec.M{}, "chats": []codec.M{}})
	case "account.updateStatus":
		return tlOf(codec.M{"_": "boolTrue"})
	}
	return tlOf(codec.M{"_": "nearestDc", "country": "NL", "this_dc": 2, "nearest_dc": len(g.calls)})
}

func (g *telegram) executed(method string) (n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, c := range g.calls {
		if c == method {
			n++
		}
	}
	return n
}

// onceRig is an account that daemons own one after the other, with a journal in JetStream.
type onceRig struct {
	*rig
	*telegram
	store once.Store
	box   vault.Box
	js    jetstream.JetStream
	c     Config
}

func newOnce(t testing.TB) *onceRig {
	t.Helper()
	g := &onceRig{telegram: &telegram{sent: map[int64]bool{}}}
	key, err := vault.KeyFromSecret(strings.Repeat("s", 16))
	if err != nil {
		t.Fatal(err)
	}
	if g.box, err = vault.NewBox("once", key); err != nil {
		t.Fatal(err)
	}
	g.rig = newRig(t, g.call, func(c *Config) {
		if g.js, err = jetstream.New(c.Answers.Conn()); err != nil {
			t.Fatal(err)
		}
		if g.store, err = once.NewStore(context.Background(), storage.Daemon(g.js, storage.Options{}, nil)); err != nil {
			t.Fatal(err)
		}
		c.Once = g.journal()
		g.c = *c
	})
	return g
}

func (g *onceRig) journal() *once.Journal {
	return once.New(once.Config{Account: "main", Store: g.store, Box: g.box, Layer: 223})
}

// heir is the next owner: of the one before nothing is left but what was stored.
func (g *onceRig) heir() {
	g.t.Helper()
	g.s.Stop(context.Background())
	g.c.Once = g.journal()
	s, err := Serve(g.c)
	if err != nil {
		g.t.Fatal(err)
	}
	g.s = s
	g.t.Cleanup(func() { s.Stop(context.Background()) })
}

func (g *onceRig) send(id, text string, headers ...string) *nats.Msg {
	g.t.Helper()
	return g.ask("tg.rpc.main.messages.sendMessage", fmt.Sprintf(`{"peer":{"_":"inputPeerSelf"},"message":%q}`, text), append(headers, "Nats-Msg-Id", id)...)
}

// messageID is that which an answer tells.
func messageID(t testing.TB, m *nats.Msg) int {
	t.Helper()
	var updates struct {
		Updates []struct {
			Kind string `json:"_"`
			ID   int
		}
	}
	if err := json.Unmarshal(m.Data, &updates); err != nil || len(updates.Updates) == 0 || updates.Updates[0].Kind != "updateMessageID" {
		t.Errorf("%v %s %v", m.Header, m.Data, err)
		return 0
	}
	return updates.Updates[0].ID
}

func TestOnce(t *testing.T) {
	g := newOnce(t)
	first := g.send("1", "a")
	if first.Header.Get("Tg-Replayed") != "" || messageID(t, first) != 1 {
		t.Fatal(first.Header)
	}
	for _, owner := range []string{"the same", "another"} {
		second := g.send("1", "a")
		if string(second.Data) != string(first.Data) || second.Header.Get("Tg-Replayed") == "" || second.Header.Get("Nats-Service-Error") != "" {
			t.Errorf("%s: %v %s", owner, second.Header, second.Data)
		}
		if at, err := time.Parse(time.RFC3339, second.Header.Get("Tg-Replayed")); err != nil || time.Since(at).Abs() > time.Minute {
			t.Error(at, err)
		}
		packed := g.send("1", "a", "Accept", "application/msgpack")
		var m map[string]any
		if err := msgpack.Unmarshal(packed.Data, &m); err != nil || m["_"] != "updates" || packed.Header.Get("Content-Type") != "application/msgpack" {
			t.Errorf("%v %v", m, err)
		}
		if other := g.send("1", "b"); other.Header.Get("Nats-Service-Error-Code") != "409" || !strings.Contains(other.Header.Get("Nats-Service-Error"), "Nats-Msg-Id") {
			t.Error(other.Header)
		}
		g.heir()
	}
	if other := g.ask("tg.rpc.main.account.updateStatus", `{"offline":true}`, "Nats-Msg-Id", "1"); other.Header.Get("Nats-Service-Error-Code") != "409" {
		t.Errorf("another method: %v", other.Header)
	}
	if n := g.executed("messages.sendMessage"); n != 1 {
		t.Errorf("executed %d times", n)
	}
}

// The same request may be written in other ways: the order of its fields, spaces, another encoding.
func TestSameRequest(t *testing.T) {
	g := newOnce(t)
	packed, err := msgpack.Marshal(map[string]any{"message": "a", "peer": map[string]any{"_": "inputPeerSelf"}})
	if err != nil {
		t.Fatal(err)
	}
	s, _ := layer()
	raw, err := s.Encode(nil, codec.M{"_": "messages.sendMessage", "peer": codec.M{"_": "inputPeerSelf"}, "message": "a", "random_id": 0})
	if err != nil {
		t.Fatal(err)
	}
	g.send("1", "a")
	for _, c := range []struct{ body, kind string }{
		{`{ "message": "a", "peer": {"_":"inputPeerSelf"} }`, "application/json"}, {string(packed), "application/msgpack"}, {string(raw), "application/x-tl"},
	} {
		reply := g.ask("tg.rpc.main.messages.sendMessage", c.body, "Content-Type", c.kind, "Nats-Msg-Id", "1", "Accept", "application/json", "Tg-Layer", fmt.Sprint(s.Layer()))
		if reply.Header.Get("Tg-Replayed") == "" || messageID(t, reply) != 1 {
			t.Errorf("%s: %v", c.kind, reply.Header)
		}
	}
	if n := g.executed("messages.sendMessage"); n != 1 {
		t.Errorf("executed %d times", n)
	}
}

// A peer that is named by text is part of the request as that text: no answer of Telegram's makes the second another request.
func TestSameRequestWithNames(t *testing.T) {
	g := newOnce(t)
	asked := 0
	g.c.Resolve = func(_ context.Context, _, text string) ([]byte, bool, *Fault) {
		asked++
		tl, _ := tlOf(codec.M{"_": "inputPeerUser", "user_id": asked, "access_hash": 1})
		return tl, true, nil
	}
	g.heir()
	ask := func(name string) *nats.Msg {
		return g.ask("tg.rpc.main.messages.sendMessage", `{"peer":"`+name+`","message":"x"}`, "Nats-Msg-Id", "1")
	}
	ask("@alice")
	if again := ask("@alice"); again.Header.Get("Tg-Replayed") == "" || asked != 1 {
		t.Errorf("%v, asked %d times", again.Header, asked)
	}
	if other := ask("@bob"); other.Header.Get("Nats-Service-Error-Code") != "409" {
		t.Error(other.Header)
	}
}

// The answer of the first is lost, with its daemon: Telegram is asked with the same random_id, and the message is found in the chat.
func TestMessageIsFound(t *testing.T) {
	g := newOnce(t)
	g.messages = []codec.M{{"_": "message", "id": 1, "peer_id": codec.M{"_": "peerUser", "user_id": 5}, "date": int(time.Now().Unix()), "message": "a"}} // of somebody else
	g.lose = "messages.sendMessage"
	if lost := g.send("1", "a"); lost.Header.Get("Tg-Sent") != "unknown" || lost.Header.Get("Nats-Service-Error-Code") != "504" {
		t.Fatal(lost.Header)
	}
	g.heir()
	for range 2 {
		again := g.send("1", "a")
		if id := messageID(t, again); id != 2 || again.Header.Get("Tg-Replayed") == "" {
			t.Errorf("message %d: %v", id, again.Header)
		}
	}
	if n, sends := len(g.messages), g.executed("messages.sendMessage"); n != 2 || sends != 2 {
		t.Errorf("%d messages, %d sent", n, sends)
	}
}

// Of two messages with the same text nobody can say which it is, and that is said.
func TestMessageIsNotFound(t *testing.T) {
	g := newOnce(t)
	g.send("1", "a")
	g.lose = "messages.sendMessage"
	g.send("2", "a")
	g.heir()
	again := g.send("2", "a")
	h := again.Header
	if h.Get("Nats-Service-Error-Code") != "409" || h.Get("Tg-Sent") != "yes" || h.Get("Tg-Error") != "RANDOM_ID_DUPLICATE" || !strings.Contains(h.Get("Nats-Service-Error"), "Nats-Msg-Id") {
		t.Error(h)
	}
	if len(g.messages) != 2 {
		t.Errorf("%d messages", len(g.messages))
	}
}

// A call that Telegram would execute a second time is not made again when nobody knows what became of the first.
func TestUnknownIsNotRepeated(t *testing.T) {
	g := newOnce(t)
	status := func() nats.Header {
		return g.ask("tg.rpc.main.account.updateStatus", `{"offline":true}`, "Nats-Msg-Id", "1").Header
	}
	g.lose = "account.updateStatus"
	if h := status(); h.Get("Tg-Sent") != "unknown" {
		t.Fatal(h)
	}
	for range 2 {
		if h := status(); h.Get("Nats-Service-Error-Code") != "409" || h.Get("Tg-Sent") != "unknown" {
			t.Error(h)
		}
		g.heir()
	}
	if n := g.executed("account.updateStatus"); n != 1 {
		t.Errorf("executed %d times", n)
	}
}

// What Telegram refused may be asked again with the same id.
func TestRefusedIsRepeated(t *testing.T) {
	g := newOnce(t)
	if h := g.send("1", "flood").Header; h.Get("Tg-Error") != "FLOOD_WAIT_5" {
		t.Fatal(h)
	}
	if again := g.send("1", "flood"); messageID(t, again) != 1 || again.Header.Get("Tg-Replayed") != "" {
		t.Error(again.Header)
	}
}

// Of many at the same time one is executed, reading or writing.
func TestAtTheSameTime(t *testing.T) {
	g := newOnce(t)
	for _, c := range []struct{ subject, body string }{
		{"messages.sendMessage", `{"peer":{"_":"inputPeerSelf"},"message":"x"}`}, {"account.updateStatus", `{"offline":true}`}, {"help.getNearestDc", `{}`},
	} {
		g.telegram.mu.Lock()
		g.hold = make(chan struct{})
		g.telegram.mu.Unlock()
		inbox := g.nc.NewInbox()
		sub, err := g.nc.SubscribeSync(inbox)
		if err != nil {
			t.Fatal(err)
		}
		const all = 20
		for range all {
			m := &nats.Msg{Subject: "tg.rpc.main." + c.subject, Reply: inbox, Data: []byte(c.body), Header: nats.Header{"Nats-Msg-Id": {c.subject}}}
			if err := g.nc.PublishMsg(m); err != nil {
				t.Fatal(err)
			}
		}
		_ = g.nc.Flush()
		for g.s.InFlight() < all {
			time.Sleep(time.Millisecond)
		}
		close(g.hold)
		replayed := 0
		for range all {
			m, err := sub.NextMsg(10 * time.Second)
			if err != nil || m.Header.Get("Nats-Service-Error") != "" {
				t.Fatal(err, m.Header)
			}
			if m.Header.Get("Tg-Replayed") != "" {
				replayed++
			}
		}
		reads := c.subject == "help.getNearestDc" // those that come after it has its answer are made
		if n := g.executed(c.subject); n+replayed != all || n != 1 && !reads {
			t.Errorf("%s: executed %d times, %d answered again", c.subject, n, replayed)
		}
	}
	// A reading is not kept.
	if h := g.ask("tg.rpc.main.help.getNearestDc", "", "Nats-Msg-Id", "help.getNearestDc").Header; h.Get("Tg-Replayed") != "" {
		t.Error(h)
	}
}

func TestLargeAnswerAgain(t *testing.T) {
	g := newOnce(t)
	if first := g.send("1", "large"); messageID(t, first) != 1 || len(first.Data) < 200_000 {
		t.Fatal(len(first.Data))
	}
	if again := g.send("1", "large"); messageID(t, again) != 1 || len(again.Data) < 200_000 || again.Header.Get("Tg-Redacted") != "" || again.Header.Get("Tg-Replayed") == "" {
		t.Error(again.Header)
	}
}

// What a call without an id was answered, and no message holds, is kept: it cannot be made again to see it.
func TestHugeAnswerIsKept(t *testing.T) {
	g := newOnce(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for i, in := range []string{"application/json", "application/msgpack"} {
		id := i + 1
		h := g.ask("tg.rpc.main.messages.sendMessage", `{"peer":{"_":"inputPeerSelf"},"message":"huge"}`, "Accept", in).Header
		kept := h.Get("Nats-Msg-Id")
		if h.Get("Nats-Service-Error-Code") != "413" || h.Get("Tg-Sent") != "yes" || !strings.HasPrefix(kept, "kept-") || !strings.Contains(h.Get("Nats-Service-Error"), kept) {
			t.Fatal(h)
		}
		g.heir()
		m := nats.NewMsg("tg.rpc.main.messages.sendMessage")
		m.Header.Set("Nats-Msg-Id", kept)
		m.Data = []byte(`{"message":"huge","peer":{"_":"inputPeerSelf"}}`)
		reply, err := client.Request(ctx, g.nc, m)
		if err != nil || len(reply.Data) < 1<<20 || messageID(t, reply) != id || reply.Header.Get("Tg-Replayed") == "" {
			t.Fatal(err, reply.Header, len(reply.Data))
		}
		m.Data = []byte(`{"message":"another","peer":{"_":"inputPeerSelf"}}`)
		if reply, err = client.Request(ctx, g.nc, m); err != nil || reply.Header.Get("Nats-Service-Error-Code") != "409" {
			t.Error(err, reply.Header)
		}
		if n := g.executed("messages.sendMessage"); n != id {
			t.Errorf("executed %d times", n)
		}
	}
	// It cannot be kept: what is left of it is the answer.
	if err := g.js.DeleteStream(context.Background(), "KV_TG_ONCE"); err != nil {
		t.Fatal(err)
	}
	reply := g.ask("tg.rpc.main.messages.sendMessage", `{"peer":{"_":"inputPeerSelf"},"message":"huge"}`)
	if messageID(t, reply) != 3 || reply.Header.Get("Tg-Redacted") != "too large" || reply.Header.Get("Nats-Service-Error") != "" {
		t.Error(reply.Header)
	}
}

// Without the bucket a call with an id is not made; one that reads, or has none, is.
func TestBucketIsAway(t *testing.T) {
	g := newOnce(t)
	if err := g.js.DeleteStream(context.Background(), "KV_TG_ONCE"); err != nil {
		t.Fatal(err)
	}
	h := g.send("1", "a").Header
	if h.Get("Nats-Service-Error-Code") != "503" || h.Get("Tg-Sent") != "no" || !strings.Contains(h.Get("Nats-Service-Error"), "nothing was sent") {
		t.Error(h)
	}
	if h := g.ask("tg.rpc.main.help.getNearestDc", "", "Nats-Msg-Id", "1").Header; h.Get("Nats-Service-Error") != "" {
		t.Error(h)
	}
	if h := g.ask("tg.rpc.main.account.updateStatus", `{"offline":true}`).Header; h.Get("Nats-Service-Error") != "" {
		t.Error(h)
	}
	if n := g.executed("messages.sendMessage"); n != 0 {
		t.Errorf("executed %d times", n)
	}
}

// A request that was claimed, and is passed on to the next owner before it was sent, is executed there.
func TestClaimIsPassedOn(t *testing.T) {
	g := newOnce(t)
	g.hold, g.held = make(chan struct{}), make(chan struct{}, 8)
	inbox := g.nc.NewInbox()
	sub, err := g.nc.SubscribeSync(inbox)
	if err != nil {
		t.Fatal(err)
	}
	explain := g.c.Explain
	g.c.Explain = func(err error) Fault {
		if err == context.Canceled { //nolint:errorlint // a context's own
			return Fault{Code: 503, Text: "stopped", Sent: "no"}
		}
		return explain(err)
	}
	g.heir()
	m := &nats.Msg{Subject: "tg.rpc.main.account.updateStatus", Reply: inbox, Data: []byte(`{"offline":true}`), Header: nats.Header{"Nats-Msg-Id": {"1"}}}
	if err := g.nc.PublishMsg(m); err != nil {
		t.Fatal(err)
	}
	_ = g.nc.Flush()
	former := g.s
	<-g.held // it has its claim by then
	former.Hold()
	now, cancel := context.WithCancel(context.Background())
	cancel()
	former.Finish(now)
	close(g.hold)
	g.c.Once, g.c.Behind = g.journal(), former.ID()
	if g.s, err = Serve(g.c); err != nil {
		t.Fatal(err)
	}
	if n := former.PassOn(context.Background(), true); n != 1 {
		t.Fatalf("%d passed on", n)
	}
	if m, err := sub.NextMsg(10 * time.Second); err != nil || m.Header.Get("Nats-Service-Error") != "" {
		t.Error(err, m.Header)
	}
	if n := g.executed("account.updateStatus"); n != 1 {
		t.Errorf("executed %d times", n)
	}
}

// Repetitions that wait take no place that the first one needs, nor one of another request.
func TestRepetitionsTakeNoPlace(t *testing.T) {
	g := newOnce(t)
	g.c.Concurrency = 16
	g.hold = make(chan struct{})
	g.heir()
	inbox := g.nc.NewInbox()
	sub, err := g.nc.SubscribeSync(inbox)
	if err != nil {
		t.Fatal(err)
	}
	const all = 20
	for range all {
		m := &nats.Msg{Subject: "tg.rpc.main.account.updateStatus", Reply: inbox, Data: []byte(`{"offline":true}`), Header: nats.Header{"Nats-Msg-Id": {"1"}}}
		if err := g.nc.PublishMsg(m); err != nil {
			t.Fatal(err)
		}
	}
	_ = g.nc.Flush()
	for g.s.InFlight() < all {
		time.Sleep(time.Millisecond)
	}
	if h := g.ask("tg.rpc.main.messages.getHistory", `{"peer":{"_":"inputPeerSelf"},"offset_id":0,"offset_date":0,"add_offset":0,"limit":1,"max_id":0,"min_id":0,"hash":0}`).Header; h.Get("Nats-Service-Error") != "" {
		t.Error(h)
	}
	close(g.hold)
	for range all {
		if m, err := sub.NextMsg(10 * time.Second); err != nil || m.Header.Get("Nats-Service-Error") != "" {
			t.Fatal(err, m.Header)
		}
	}
	if n := g.executed("account.updateStatus"); n != 1 {
		t.Errorf("executed %d times", n)
	}
}

// slowStore has a claim wait until it may be stored.
type slowStore struct {
	once.Store
	asked, may chan struct{}
}

func (s *slowStore) Create(ctx context.Context, key string, value []byte, at uint64) (uint64, error) {
	s.asked <- struct{}{}
	<-s.may
	return s.Store.Create(ctx, key, value, at)
}

// While it is written down that a call is made, it takes no place at work; and those behind it keep theirs.
func TestStoringTakesNoPlace(t *testing.T) {
	g := newOnce(t)
	slow := &slowStore{Store: g.store, asked: make(chan struct{}, 2), may: make(chan struct{})}
	g.store, g.c.Concurrency = slow, 1
	g.heir()
	inbox := g.nc.NewInbox()
	sub, err := g.nc.SubscribeSync(inbox)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"1", "2"} {
		m := &nats.Msg{Subject: "tg.rpc.main.messages.sendMessage", Reply: inbox, Header: nats.Header{"Nats-Msg-Id": {id}}, Data: []byte(`{"peer":{"_":"inputPeerSelf"},"message":"` + id + `"}`)}
		if err := g.nc.PublishMsg(m); err != nil {
			t.Fatal(err)
		}
		select {
		case <-slow.asked: // the second one begins though the first is not stored
		case <-time.After(30 * time.Second):
			close(slow.may)
			t.Fatal("the one behind it waits")
		}
	}
	if h := g.ask("tg.rpc.main.account.updateStatus", `{"offline":true}`).Header; h.Get("Nats-Service-Error") != "" {
		t.Error(h)
	}
	close(slow.may)
	for range 2 {
		if m, err := sub.NextMsg(30 * time.Second); err != nil || m.Header.Get("Nats-Service-Error") != "" {
			t.Fatal(m, err)
		}
	}
}
