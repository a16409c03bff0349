package rpc

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/methods"
	"github.com/natsgram/natsgram/bridge/micro"
	"github.com/natsgram/natsgram/bridge/turns"
	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/tl/codec"
)

// flooded answers help.getNearestDc at once, and has all other calls sit out a flood wait until the gate opens.
func flooded(gate <-chan struct{}) fake {
	return func(ctx context.Context, call codec.View) ([]byte, error) {
		if call.Name() != "help.getNearestDc" {
			resume := mtproto.BeginWait(ctx, mtproto.Wait{For: mtproto.WaitFlood, Until: time.Now().Add(5 * time.Second), Refusal: &mtproto.Error{Code: 420, Type: "FLOOD_WAIT_5"}})
			select {
			case <-gate:
			case <-ctx.Done():
			}
			resume()
		}
		return nearestDC(ctx, call)
	}
}

func roomy(c *Config) { c.Queue, c.QueueBytes, c.Timeout = 20_000, 1<<30, time.Minute }

// Requests that wait take no place that others need, whatever method they call, and they are bounded in what they take.
func TestWaitersTakeNoPlace(t *testing.T) {
	const n = 10_000
	for name, c := range map[string]struct{ subject, body string }{
		"reads":  {"tg.rpc.main.users.getFullUser", `{"id":{"_":"inputUserSelf"}}`},
		"writes": {"tg.rpc.main.messages.readHistory", `{"peer":{"_":"inputPeerSelf"},"max_id":1}`},
	} {
		t.Run(name, func(t *testing.T) {
			gate := make(chan struct{})
			g := newRig(t, flooded(gate), roomy)
			before := runtime.NumGoroutine()
			codes := g.flood(n, c.subject, c.body)
			for g.s.InFlight() < n {
				runtime.Gosched()
			}
			for _, other := range []string{"tg.rpc.main.help.getNearestDc", "tg.ro.main.help.getNearestDc"} {
				for range 20 {
					if reply := g.ask(other, ""); reply.Header.Get("Nats-Service-Error") != "" || reply.Header.Get("Tg-Waited") != "" {
						t.Fatal(reply.Header)
					}
				}
			}
			for end := time.Now().Add(10 * time.Second); g.s.InFlight() > n && time.Now().Before(end); { // who has just answered is about to end
				runtime.Gosched()
			}
			if left := g.s.InFlight(); left != n || len(codes) != 0 {
				t.Errorf("%d still wait, %d were answered", left, len(codes))
			}
			if more := runtime.NumGoroutine() - before; more > begunMost*512+100 {
				t.Errorf("%d goroutines", more)
			}
			close(gate)
			for range n {
				<-codes
			}
		})
	}
}

// One method that is told to wait, or answers slowly, takes not all places of its own caller either.
func TestMethodsShareACaller(t *testing.T) {
	gate := make(chan struct{})
	defer close(gate)
	g := newRig(t, gated(gate), func(c *Config) { c.Concurrency = 8 })
	g.flood(40, "tg.rpc.main.help.getConfig", "")
	g.flood(40, "tg.rpc.main.help.getAppConfig", `{"hash":0}`)
	for range 20 {
		if reply := g.ask("tg.rpc.main.help.getNearestDc", ""); reply.Header.Get("Nats-Service-Error") != "" {
			t.Fatal(reply.Header)
		}
	}
}

// Answers say how long a request waited, and why.
func TestWaitsAreTold(t *testing.T) {
	g := newRig(t, func(ctx context.Context, call codec.View) ([]byte, error) {
		for _, w := range []mtproto.Wait{{For: mtproto.WaitTurn}, {For: mtproto.WaitFlood, Refusal: &mtproto.Error{}}, {For: mtproto.WaitElse}} {
			resume := mtproto.BeginWait(ctx, w)
			<-time.After(60 * time.Millisecond)
			resume()
		}
		if call.Name() == "help.getConfig" {
			return nil, refusedBy{Fault{Code: 400, Text: "NO", Sent: "yes"}}
		}
		return nearestDC(ctx, call)
	})
	for _, method := range []string{"help.getNearestDc", "help.getConfig"} {
		if got := g.ask("tg.rpc.main."+method, "").Header.Get("Tg-Waited"); got != "0.1 flood, 0.1 lookup, 0.1 order" {
			t.Errorf("%s: %q", method, got)
		}
	}
}

// Whose caller will have left before a flood wait of the chat is over is told at once: those who wait, and those who come.
func TestFloodWaitsThatOutlastTheCaller(t *testing.T) {
	gate, began := make(chan struct{}), make(chan struct{}, 1)
	defer close(gate)
	g := newRig(t, func(ctx context.Context, call codec.View) ([]byte, error) {
		refusal := &mtproto.Error{Code: 420, Type: "FLOOD_WAIT_5"}
		defer mtproto.BeginWait(ctx, mtproto.Wait{For: mtproto.WaitFlood, Until: time.Now().Add(5 * time.Second), Refusal: refusal})()
		select {
		case began <- struct{}{}: // the wait is known
		default:
		}
		select {
		case <-gate:
		case <-ctx.Done():
		}
		return nearestDC(ctx, call)
	}, func(c *Config) {
		c.Sequence = serially(c)
		c.Explain = func(err error) Fault {
			return Fault{Code: 420, Text: "FLOOD_WAIT_5", Telegram: "FLOOD_WAIT_5", Sent: "yes", RetryAfter: 5 * time.Second}
		}
	})
	const subject, body = "tg.rpc.main.messages.readHistory", `{"peer":{"_":"inputPeerSelf"},"max_id":1}`
	g.flood(1, subject, body)
	<-began
	for _, timeout := range []string{"2", "2", "4.5"} {
		at := time.Now()
		h := g.ask(subject, body, "Tg-Timeout", timeout).Header
		if h.Get("Nats-Service-Error-Code") != "420" || h.Get("Tg-Sent") != "no" || h.Get("Tg-Retry-After") != "5" || h.Get("Tg-Error") != "FLOOD_WAIT_5" || time.Since(at) > time.Second {
			t.Errorf("after %v: %v", time.Since(at), h)
		}
	}
}

// A request whose time passes while it waits to begin is answered then, and never sent.
func TestTimePassesInTheQueue(t *testing.T) {
	gate := make(chan struct{})
	defer close(gate)
	g := newRig(t, gated(gate), func(c *Config) { c.Concurrency = 1 })
	g.flood(1, "tg.rpc.main.help.getConfig", "")
	at := time.Now()
	h := g.ask("tg.rpc.main.help.getConfig", "", "Tg-Timeout", "0.1").Header
	if took := time.Since(at); h.Get("Nats-Service-Error-Code") != "504" || h.Get("Tg-Sent") != "no" || took > 2*time.Second {
		t.Errorf("after %v: %v", took, h)
	}
	if g.s.InFlight() != 1 {
		t.Errorf("%d in flight", g.s.InFlight())
	}
}

// serially makes calls one after the other, in the order of their turns.
func serially(c *Config) func() turns.Sequence {
	return func() turns.Sequence { return &serial{invoke: c.Invoke} }
}

type serial struct {
	invoke Invoker
	mu     sync.Mutex
	last   chan struct{}
}

type serialTurn struct {
	s            *serial
	before, over chan struct{}
	once         sync.Once
}

func (s *serial) Next() turns.Turn {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := &serialTurn{s: s, before: s.last, over: make(chan struct{})}
	s.last = t.over
	return t
}

func (t *serialTurn) Leave() { t.once.Do(func() { close(t.over) }) }

func (t *serialTurn) Invoke(ctx context.Context, query []byte) ([]byte, error) {
	defer t.Leave()
	if t.before != nil {
		defer mtproto.BeginWait(ctx, mtproto.Wait{For: mtproto.WaitTurn})()
		select {
		case <-t.before:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return t.s.invoke.Invoke(ctx, query)
}

// Which methods keep order, and for which chat.
func TestWhichCallsKeepOrder(t *testing.T) {
	s, decl := layer()
	o := &order{methods: methods.New(s, decl, []string{"*"}), self: 7}
	user := codec.M{"_": "inputPeerUser", "user_id": 5, "access_hash": 1}
	channel := codec.M{"_": "inputPeerChannel", "channel_id": 6, "access_hash": 1}
	text := codec.M{"_": "inputMessageID", "id": 1}
	for _, c := range []struct {
		call codec.M
		want turns.Chat
	}{
		{codec.M{"_": "messages.sendMessage", "peer": user, "message": "x", "random_id": 1}, turns.Chat{Kind: aUser, ID: 5}},
		{codec.M{"_": "messages.sendMessage", "peer": codec.M{"_": "inputPeerUserFromMessage", "peer": channel, "msg_id": 1, "user_id": 5}, "message": "x", "random_id": 1}, turns.Chat{Kind: aUser, ID: 5}},
		{codec.M{"_": "messages.sendMessage", "peer": codec.M{"_": "inputPeerSelf"}, "message": "x", "random_id": 1}, turns.Chat{Kind: aUser, ID: 7}},
		{codec.M{"_": "messages.editMessage", "peer": user, "id": 1, "message": "x"}, turns.Chat{Kind: aUser, ID: 5}},
		{codec.M{"_": "messages.forwardMessages", "from_peer": user, "to_peer": channel, "id": []int{1}, "random_id": []int64{1}}, turns.Chat{Kind: aChannel, ID: 6}},
		{codec.M{"_": "channels.editTitle", "channel": codec.M{"_": "inputChannel", "channel_id": 6, "access_hash": 1}, "title": "x"}, turns.Chat{Kind: aChannel, ID: 6}},
		{codec.M{"_": "messages.editChatTitle", "chat_id": 8, "title": "x"}, turns.Chat{Kind: aGroup, ID: 8}},
		{codec.M{"_": "messages.sendMessage", "peer": codec.M{"_": "inputPeerChat", "chat_id": 8}, "message": "x", "random_id": 1}, turns.Chat{Kind: aGroup, ID: 8}},
		{codec.M{"_": "messages.sendEncrypted", "peer": codec.M{"_": "inputEncryptedChat", "chat_id": 9, "access_hash": 1}, "random_id": 1, "data": []byte{}}, turns.Chat{Kind: aSecret, ID: 9}},
		{codec.M{"_": "account.updateNotifySettings", "peer": codec.M{"_": "inputNotifyPeer", "peer": user}, "settings": codec.M{"_": "inputPeerNotifySettings"}}, turns.Chat{Kind: aUser, ID: 5}},
		{codec.M{"_": "account.updateProfile", "first_name": "x"}, turns.Chat{Kind: aMethod, Name: "account.updateProfile"}},
		{codec.M{"_": "invokeWithoutUpdates", "query": codec.M{"_": "messages.sendMessage", "peer": user, "message": "x", "random_id": 1}}, turns.Chat{Kind: aUser, ID: 5}},
		{codec.M{"_": "invokeWithoutUpdates", "query": codec.M{"_": "help.getConfig"}}, turns.Chat{}},
		{codec.M{"_": "invokeAfterMsg", "msg_id": 1, "query": codec.M{"_": "messages.sendMessage", "peer": user, "message": "x", "random_id": 1}}, turns.Chat{}},
		{codec.M{"_": "messages.getHistory", "peer": user, "offset_id": 0, "offset_date": 0, "add_offset": 0, "limit": 1, "max_id": 0, "min_id": 0, "hash": 0}, turns.Chat{}},
		{codec.M{"_": "messages.getBotCallbackAnswer", "peer": user, "msg_id": 1}, turns.Chat{}},
		{codec.M{"_": "messages.uploadMedia", "peer": user, "media": codec.M{"_": "inputMediaEmpty"}}, turns.Chat{}},
		{codec.M{"_": "messages.setBotCallbackAnswer", "query_id": 1, "cache_time": 0}, turns.Chat{}},
		{codec.M{"_": "upload.saveFilePart", "file_id": 1, "file_part": 0, "bytes": []byte{}}, turns.Chat{}},
		{codec.M{"_": "channels.deleteMessages", "channel": codec.M{"_": "inputChannelFromMessage", "peer": user, "msg_id": 1, "channel_id": 6}, "id": []int{1}}, turns.Chat{Kind: aChannel, ID: 6}},
		{codec.M{"_": "channels.getMessages", "channel": codec.M{"_": "inputChannel", "channel_id": 6, "access_hash": 1}, "id": []codec.M{text}}, turns.Chat{}},
	} {
		raw, err := s.Encode(nil, c.call)
		if err != nil {
			t.Errorf("%v: %v", c.call["_"], err)
			continue
		}
		m := o.methods.Get(fmt.Sprint(c.call["_"]))
		if got := o.chatOf(m, raw); got != c.want && (m.Wraps || m.Order != methods.NoOrder || c.want != turns.Chat{}) {
			t.Errorf("%v: %+v, want %+v", c.call["_"], got, c.want)
		}
		if !m.Wraps && m.Order != methods.NoOrder && c.want == (turns.Chat{}) {
			t.Errorf("%s keeps order", m.Name)
		}
	}
}

// BenchmarkBesideAFlood: one call of one caller, beside 10,000 of another who sit out a flood wait, and on an idle account.
func BenchmarkBesideAFlood(b *testing.B) {
	gate := make(chan struct{})
	idle, busy := newRig(b, flooded(gate), roomy), newRig(b, flooded(gate), roomy)
	codes := busy.flood(10_000, "tg.rpc.main.users.getFullUser", `{"id":{"_":"inputUserSelf"}}`)
	for busy.s.InFlight() < 10_000 {
		runtime.Gosched()
	}
	one := func(g *rig) time.Duration {
		at := time.Now()
		g.ask("tg.ro.main.help.getNearestDc", "{}")
		return time.Since(at)
	}
	var alone, beside []time.Duration
	for b.Loop() {
		alone, beside = append(alone, one(idle)), append(beside, one(busy))
	}
	slices.Sort(alone)
	slices.Sort(beside)
	b.ReportMetric(float64(alone[len(alone)/2].Microseconds()), "idle-us")
	b.ReportMetric(float64(beside[len(beside)/2])/float64(alone[len(alone)/2]), "ratio")
	close(gate)
	for range 10_000 {
		<-codes
	}
}

// Whatever a request holds, its place is found without harm, and it is that of the call which is made of it.
func FuzzPlan(f *testing.F) {
	schema, decl := layer()
	ms := methods.New(schema, decl, nil)
	object, err := schema.Encode(nil, codec.M{"_": "inputPeerUser", "user_id": 9, "access_hash": 1})
	if err != nil {
		f.Fatal(err)
	}
	c := Config{Methods: ms, Account: "main", Self: 7, Answers: answersOf(f, nil)}
	c.Locate = func(class, text string, hole int64) ([]byte, string, bool) {
		unknown, err := schema.Encode(nil, codec.M{"_": "inputPeerUser", "user_id": hole, "access_hash": 0})
		return unknown, "@" + text, class == "InputPeer" && err == nil
	}
	c.Resolve = func(_ context.Context, class, _ string) ([]byte, bool, *Fault) {
		return object, class == "InputPeer", nil
	}
	for _, body := range []string{`{"peer":"@alice","message":"x"}`, `{"peer":{"_":"inputPeerSelf"},"message":"x"}`, `{"peer":{"_":"inputPeerUser","user_id":-1,"access_hash":0},"message":"x"}`,
		`{"from_peer":"@a","to_peer":"@b","id":[1]}`, `{"query":{"_":"messages.sendMessage","peer":{"_":"inputPeerChat","chat_id":"5"},"message":"x"}}`, `{}`, `[`} {
		for _, method := range []string{"messages.sendMessage", "messages.forwardMessages", "invokeWithoutUpdates"} {
			f.Add(method, body)
		}
	}
	s := newService(c)
	f.Cleanup(s.cancel)
	f.Fuzz(func(t *testing.T, method, body string) {
		r, ok := answersOf(t, nil).Accept(&nats.Msg{Subject: "tg.rpc.main." + method, Data: []byte(body)})
		j := s.newJob(r)
		j.method, j.m = method, ms.Get(method)
		if !ok || j.m == nil {
			return
		}
		j.endpoint = &micro.Endpoint{}
		s.order.plan(j)
		var call buffer
		if s.handler.encoder.encode(context.Background(), &call, j) != nil {
			return
		}
		if want := s.order.chatOf(j.m, call.b); j.Chat != want && (j.Chat.Kind != turns.Name || want.Kind != aUser) {
			t.Errorf("%s %s: planned for %+v, is for %+v", method, body, j.Chat, want)
		}
	})
}
