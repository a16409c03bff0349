package rpc

import (
	"context"
	"fmt"
	"maps"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/client"
	"github.com/natsgram/natsgram/bridge/embedded/embeddedtest"
	"github.com/natsgram/natsgram/bridge/turns"
	"github.com/natsgram/natsgram/tl/codec"
)

// gated answers help.getNearestDc at once, and all else when the gate opens.
func gated(gate <-chan struct{}) fake {
	return func(ctx context.Context, call codec.View) ([]byte, error) {
		if call.Name() != "help.getNearestDc" {
			select {
			case <-gate:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		return nearestDC(ctx, call)
	}
}

// flood asks n times, and gives the channel of the codes of the errors.
func (g *rig) flood(n int, subject, body string) <-chan string {
	codes := make(chan string, n)
	inbox := g.nc.NewInbox()
	_, err := g.nc.Subscribe(inbox, func(m *nats.Msg) {
		codes <- m.Header.Get("Nats-Service-Error-Code") + " " + m.Header.Get("Tg-Sent") + " " + m.Header.Get("Tg-Retry-After")
	})
	for range n {
		if err == nil {
			err = g.nc.PublishRequest(subject, inbox, []byte(body))
		}
	}
	if err == nil {
		err = g.nc.Flush()
	}
	if err != nil {
		g.t.Fatal(err)
	}
	return codes
}

// A full queue is said at once, what was taken is answered all the same, and who floods leaves room for others.
func TestQueueIsBounded(t *testing.T) {
	gate := make(chan struct{})
	g := newRig(t, gated(gate), func(c *Config) { c.Concurrency, c.Queue = 8, 12 })
	codes := g.flood(40, "tg.ro.main.help.getConfig", "")
	const taken = 4 + 6 // three quarters of three quarters of the places at work, and of those where jobs wait
	for range 40 - taken {
		if code := <-codes; code != "503 no 1" {
			t.Errorf("got %q", code)
		}
	}
	if n := g.s.InFlight(); n != taken {
		t.Errorf("%d in flight, want %d", n, taken)
	}
	for range 100 {
		if reply := g.ask("tg.rpc.main.help.getNearestDc", ""); reply.Header.Get("Nats-Service-Error-Code") != "" {
			t.Fatalf("a reader keeps a writer out: %v", reply.Header)
		}
	}
	close(gate)
	for range taken {
		if code := <-codes; strings.HasPrefix(code, "503") {
			t.Errorf("got %q", code)
		}
	}
}

// Requests are bounded by their bytes: 4,608 of a megabyte were 4.6 GB.
func TestQueueIsBoundedByBytes(t *testing.T) {
	gate := make(chan struct{})
	defer close(gate)
	budget := turns.NewBudget(6 << 20)
	g := newRig(t, gated(gate), func(c *Config) { c.QueueBytes, c.Budget = 8<<20, budget })
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	long := `{"limit":1,"q":"` + strings.Repeat("x", 900<<10) + `"}`
	codes := g.flood(200, "tg.ro.main.contacts.search", long)
	for range 200 - 5 { // five are three quarters of six
		if code := <-codes; code != "503 no 1" {
			t.Errorf("got %q", code)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	t.Logf("heap %d KB more", (int64(after.HeapAlloc)-int64(before.HeapAlloc))>>10)
	if used := budget.Used(); used < 4<<20 || used > 6<<20 {
		t.Errorf("%d bytes are taken", used)
	}
	if reply := g.ask("tg.rpc.main.help.getNearestDc", ""); reply.Header.Get("Nats-Service-Error-Code") != "" {
		t.Errorf("a reader keeps a writer out: %v", reply.Header)
	}
}

// What callers write into headers is bounded, and what is not clear is refused.
func TestHeadersAreBounded(t *testing.T) {
	g := newRig(t, nearestDC)
	const subject = "tg.rpc.main.help.getNearestDc"
	long := strings.Repeat("x", 257)
	for _, c := range []struct {
		header nats.Header
		want   string
	}{
		{nats.Header{"Nats-Msg-Id": {long}}, "Nats-Msg-Id: it has 257 bytes, want 256 at most"},
		{nats.Header{"Nats-Msg-Id": {strings.Repeat("x", 70_000)}}, "the headers have "},
		{nats.Header{"Nats-Msg-Id": {"a\x00b"}}, "Nats-Msg-Id: want printable text"},
		{nats.Header{"Nats-Msg-Id": {"a\x1b[2Jb"}}, "Nats-Msg-Id: want printable text"},
		{nats.Header{"Nats-Msg-Id": {"a\u202eb"}}, "Nats-Msg-Id: want printable text"},
		{nats.Header{"Nats-Msg-Id": {"a\xffb"}}, "Nats-Msg-Id: want printable text"},
		{nats.Header{"Nats-Msg-Id": {"one", "two"}}, "Nats-Msg-Id: it is there 2 times"},
		{nats.Header{"Nats-Msg-Id": {"one"}, "NATS-MSG-ID": {"two"}}, "Nats-Msg-Id: it is there 2 times"},
		{nats.Header{"Tg-Timeout": {long}}, "Tg-Timeout: it has 257 bytes"},
		{nats.Header{"Tg-Timeout": {"0"}}, "Tg-Timeout: want seconds"},
		{nats.Header{"Tg-Timeout": {"-5"}}, "Tg-Timeout: want seconds"},
		{nats.Header{"Tg-Timeout": {"1e999"}}, "Tg-Timeout: want seconds"},
		{nats.Header{"Tg-Retry": {long}}, "Tg-Retry: it has 257 bytes"},
		{nats.Header{"Tg-Layer": {long}}, "Tg-Layer: it has 257 bytes"},
		{nats.Header{"Accept": {"application/json," + long}}, "Accept: it has"},
		{nats.Header{"Content-Type": {"application/json;" + long}}, "Content-Type: it has"},
		{nats.Header{"X-Other": {strings.Repeat("x", 17_000)}}, "the headers have "},
		{nats.Header{"X-Other": {strings.Repeat("x", 9_000)}, "Nats-Msg-Id": {"größe 7/2"}, "Tg-Timeout": {"999h"}}, ""},
	} {
		reply, err := g.nc.RequestMsg(&nats.Msg{Subject: subject, Header: c.header}, 10*time.Second)
		if err != nil {
			t.Fatalf("%.60q: %v", fmt.Sprint(c.header), err)
		}
		text, code := reply.Header.Get("Nats-Service-Error"), reply.Header.Get("Nats-Service-Error-Code")
		if !strings.HasPrefix(text, c.want) || (c.want == "") != (text == "") || text != "" && (code != "400" || reply.Header.Get("Tg-Sent") != "no" || len(text) > 300) {
			t.Errorf("%.60q: %s %s", fmt.Sprint(c.header), code, text)
		}
	}
}

// However long a caller would wait, a request has its end.
func TestTimeoutIsBounded(t *testing.T) {
	gate := make(chan struct{})
	defer close(gate)
	g := newRig(t, gated(gate), func(c *Config) { c.MaxTimeout = 50 * time.Millisecond })
	begun := time.Now()
	reply := g.ask("tg.rpc.main.help.getConfig", "", "Tg-Timeout", "24h")
	if reply.Header.Get("Nats-Service-Error-Code") != "504" || time.Since(begun) < 50*time.Millisecond {
		t.Errorf("after %v: %v", time.Since(begun), reply.Header)
	}
}

// A request whose time is over when its turn comes is not sent.
func TestLateRequestIsNotSent(t *testing.T) {
	gate := make(chan struct{})
	calls := make(chan string, 10)
	g := newRig(t, func(ctx context.Context, call codec.View) ([]byte, error) {
		calls <- call.Name()
		<-gate
		return nearestDC(ctx, call)
	}, func(c *Config) { c.Concurrency = 1 })
	first := g.flood(1, "tg.rpc.main.help.getNearestDc", "")
	<-calls
	late := make(chan *nats.Msg)
	go func() { late <- g.ask("tg.rpc.main.help.getConfig", "", "Tg-Timeout", "20ms") }()
	for g.s.InFlight() < 2 {
		runtime.Gosched()
	}
	<-time.After(30 * time.Millisecond) // its time passes
	close(gate)
	<-first
	if h := (<-late).Header; h.Get("Nats-Service-Error-Code") != "504" || h.Get("Tg-Sent") != "no" {
		t.Error(h)
	}
	if len(calls) != 0 {
		t.Errorf("%s was sent", <-calls)
	}
}

// A fault of ours after the answer went out does not make a second answer.
func TestPanicAfterTheAnswer(t *testing.T) {
	g := newRig(t, func(context.Context, codec.View) ([]byte, error) {
		return tlOf(codec.M{"_": "updatesTooLong"})
	}, func(c *Config) { c.Observe = func([]byte, []byte, string) { panic("bug") } })
	codes := g.flood(1, "tg.rpc.main.messages.sendMessage", `{"peer":{"_":"inputPeerSelf"},"message":"x"}`)
	if code := <-codes; code != "  " {
		t.Errorf("got %q", code)
	}
	g.ask("tg.rpc.main.no.such", "") // by the same subscription, so what else would have come has
	if len(codes) != 0 {
		t.Errorf("a second answer: %q", <-codes)
	}
}

// What everybody may ask for holds nothing that a caller wrote.
func TestStatsHoldNoTextOfCallers(t *testing.T) {
	const secret = "hunter2"
	g := newRig(t, func(context.Context, codec.View) ([]byte, error) {
		return nil, refusedBy{Fault{Code: 400, Text: secret, Telegram: secret, Sent: "yes"}}
	})
	for _, c := range [][2]string{
		{"messages.sendMessage", `{"peer":{"_":"inputPeerSelf"},"message":"x","reply_to":"` + secret + `"}`},
		{"messages.sendMessage", `{"` + secret + `":1}`},
		{"help.getConfig", ``},
		{"messages." + secret, ``},
		{secret + ".x", ``},
		{secret, ``},
	} {
		if reply := g.ask("tg.rpc.main."+c[0], c[1], "Nats-Msg-Id", secret); reply.Header.Get("Nats-Service-Error-Code") == "" {
			t.Errorf("%s: no error", c[0])
		}
	}
	g.ask("tg.rpc.main.help.getConfig", "", "Accept", secret)
	for _, verb := range []string{"PING", "INFO", "STATS"} {
		if reply := g.ask("$SRV."+verb, ""); strings.Contains(string(reply.Data)+fmt.Sprint(reply.Header), secret) {
			t.Errorf("%s: %s", verb, reply.Data)
		}
	}
}

// imports is a server with the daemon in an account of its own, whose methods two accounts import.
func imports(t *testing.T) (daemon string, user func(name string) *nats.Conn) {
	t.Helper()
	text := `
		listen: 127.0.0.1:-1
		accounts {
			TG: { users: [{user: daemon, password: p}], exports: [{service: "tg.rpc.>"}, {service: "tg.ro.>", response_type: stream}, {service: "tg.ctl.>"}] }
			APP: { users: [{user: alice, password: p}, {user: bob, password: p}], imports: [{service: {account: TG, subject: "tg.ro.>"}, share: true}, {service: {account: TG, subject: "tg.ctl.>"}, share: true}] }
			QUIET: { users: [{user: eve, password: p}], imports: [{service: {account: TG, subject: "tg.ro.>"}}] }
		}`
	srv := embeddedtest.Configure(t, text)
	return srv.ClientURL(), func(name string) *nats.Conn {
		nc, err := nats.Connect(srv.ClientURL(), nats.UserInfo(name, "p"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(nc.Close)
		return nc
	}
}

// Where NATS says who calls, each caller has a lane; what somebody writes there himself is not believed.
func TestCallersOfServiceImports(t *testing.T) {
	_, user := imports(t)
	gate := make(chan struct{})
	g := newRig(t, gated(gate), func(c *Config) { c.Answers, c.Concurrency, c.Queue = answersOf(t, user("daemon")), 8, 12 })
	rooms := make(chan string, 6)
	listens, err := g.s.c.Answers.Subscribe("tg.ro.main.help.getConfig", "", func(r answer.Request) {
		j := g.s.newJob(r)
		g.s.routes.find(j)
		rooms <- j.Room()
	})
	if err == nil {
		err = g.s.c.Answers.Conn().Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"alice", "eve", "daemon"} {
		g.nc = user(name)
		for range 2 {
			m := &nats.Msg{Subject: "tg.ro.main.help.getConfig", Reply: g.nc.NewInbox(), Header: nats.Header{"Nats-Request-Info": {`{"acc":"FORGED","user":"` + nats.NewInbox() + `"}`}}}
			if err := g.nc.PublishMsg(m); err != nil {
				t.Fatal(err)
			}
		}
		_ = g.nc.Flush()
	}
	for g.s.InFlight() < 6 {
		runtime.Gosched()
	}
	names := map[string]int{}
	for range 6 {
		names[<-rooms]++
	}
	_ = listens.Unsubscribe() // the end of the test closes the connection
	if want := map[string]int{"roAPP/alice": 2, "roQUIET/": 2, "ro": 2}; !maps.Equal(names, want) {
		t.Errorf("they share their rooms so: %v, want %v", names, want)
	}
	g.nc = user("alice")
	codes := g.flood(40, "tg.ro.main.help.getConfig", "")
	g.nc = user("bob")
	for range 50 {
		if reply := g.ask("tg.ro.main.help.getNearestDc", ""); reply.Header.Get("Nats-Service-Error-Code") != "" {
			t.Fatalf("alice keeps bob out: %v", reply.Header)
		}
	}
	close(gate)
	for range 40 {
		<-codes
	}
}

// An answer in parts comes through an import whose export allows several answers, and the server forgets the reply with the end.
func TestPartsThroughImports(t *testing.T) {
	_, user := imports(t)
	country := strings.Repeat("x", 3<<20)
	newRig(t, func(context.Context, codec.View) ([]byte, error) {
		return tlOf(codec.M{"_": "nearestDc", "country": country, "this_dc": 2, "nearest_dc": 4})
	}, func(c *Config) { c.Answers = answersOf(t, user("daemon")) })
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	reply, err := client.Request(ctx, user("alice"), nats.NewMsg("tg.ro.main.help.getNearestDc"))
	if err != nil || !strings.Contains(string(reply.Data), country) {
		t.Errorf("%v", err)
	}
}

// A hand-over passes on what was kept, with the time that it has left; what cannot be passed on, or comes too late, is told.
func TestKeptRequests(t *testing.T) {
	_, user := imports(t)
	daemon := user("daemon")
	budget := turns.NewBudget(1 << 20)
	g := newRig(t, nearestDC, func(c *Config) { c.Answers, c.Budget = answersOf(t, daemon), budget })
	g.s.Hold()
	ask := func(name, timeout string) *nats.Subscription {
		kept := budget.Used()
		nc := user(name)
		sub, err := nc.SubscribeSync(nc.NewInbox())
		if err == nil {
			err = nc.PublishMsg(&nats.Msg{Subject: "tg.ro.main.help.getConfig", Reply: sub.Subject, Header: nats.Header{"tg-timeout": {timeout}, "X-Own": {name}}})
		}
		if err == nil {
			err = nc.Flush()
		}
		if err != nil {
			t.Fatal(err)
		}
		for budget.Used() == kept {
			runtime.Gosched()
		}
		return sub
	}
	late, imported, direct := ask("daemon", "1ms"), ask("alice", "30s"), ask("daemon", "30s")
	<-time.After(5 * time.Millisecond) // the time of the first passes
	next := user("daemon")
	heir, err := next.SubscribeSync("tg.ro.main.>")
	if err == nil {
		err = next.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	if n := g.s.PassOn(context.Background(), true); n != 1 {
		t.Errorf("%d passed on", n)
	}
	for sub, want := range map[*nats.Subscription]string{late: "504 no", imported: "503 no"} {
		m, err := sub.NextMsg(10 * time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if got := m.Header.Get("Nats-Service-Error-Code") + " " + m.Header.Get("Tg-Sent"); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	m, err := heir.NextMsg(10 * time.Second)
	if err != nil || m.Reply != direct.Subject || m.Header.Get("X-Own") != "daemon" || len(m.Header["tg-timeout"]) != 0 {
		t.Fatalf("%+v %v", m, err)
	}
	if left, err := time.ParseDuration(m.Header.Get("Tg-Timeout")); err != nil || left <= 0 || left >= 30*time.Second {
		t.Errorf("time left: %v %v", left, err)
	}
}
