package rpc

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	protocol "github.com/nats-io/nats.go/micro"
	"github.com/vmihailenco/msgpack/v5"
	"go.uber.org/goleak"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/client"
	"github.com/natsgram/natsgram/bridge/embedded/embeddedtest"
	"github.com/natsgram/natsgram/bridge/methods"
	"github.com/natsgram/natsgram/bridge/micro"
	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl/api/apitest"
	"github.com/natsgram/natsgram/tl/codec"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var layer = apitest.Layer

// fake stands in for Telegram.
type fake func(ctx context.Context, call codec.View) ([]byte, error)

func (f fake) Invoke(ctx context.Context, query []byte) ([]byte, error) {
	s, _ := layer()
	v, err := s.View(query)
	if err != nil {
		return nil, err
	}
	return f(ctx, v)
}

// tlOf is an answer of Telegram's.
func tlOf(m codec.M) ([]byte, error) {
	s, _ := layer()
	return s.Encode(nil, m)
}

// refused is an error as Telegram's.
type refusedBy struct{ Fault }

func (r refusedBy) Error() string { return r.Text }

func explain(err error) Fault {
	var r refusedBy
	switch {
	case errors.As(err, &r):
		return r.Fault
	case errors.Is(err, context.DeadlineExceeded):
		return Fault{Code: 504, Text: "no answer in time", Sent: "unknown"}
	}
	return Fault{Code: 500, Text: err.Error(), Sent: "unknown"}
}

type rig struct {
	t  testing.TB
	nc *nats.Conn
	s  *Service
}

func newRig(t testing.TB, f fake, change ...func(*Config)) *rig {
	t.Helper()
	srv := embeddedtest.Start(t, embeddedtest.MaxPayload(1<<20))
	g := &rig{t: t}
	connect := func() *nats.Conn {
		nc, err := nats.Connect(srv.ClientURL())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(nc.Close)
		return nc
	}
	g.nc = connect()
	s, decl := layer()
	c := Config{Answers: answersOf(t, connect()), Account: "main", Methods: methods.New(s, decl, nil), Invoke: f, Hooks: Hooks{Explain: explain}, Endpoints: Endpoints{Version: "1.2.3"}}
	for _, ch := range change {
		ch(&c)
	}
	var err error
	if g.s, err = Serve(c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.s.Stop(context.Background()) })
	return g
}

func answersOf(t testing.TB, nc *nats.Conn) *answer.Answers {
	t.Helper()
	replies, err := subjects.Scheme{}.Replies()
	if err != nil {
		t.Fatal(err)
	}
	return answer.New(nc, replies, nil, nil)
}

func (g *rig) ask(subject, data string, headers ...string) *nats.Msg {
	g.t.Helper()
	msg := nats.NewMsg(subject)
	msg.Data = []byte(data)
	for i := 0; i < len(headers); i += 2 {
		msg.Header[headers[i]] = []string{headers[i+1]}
	}
	reply, err := g.nc.RequestMsg(msg, 10*time.Second)
	if err != nil {
		g.t.Fatalf("%s: %v", subject, err)
	}
	return reply
}

// nearestDC answers help.getNearestDc in each encoding.
func nearestDC(_ context.Context, call codec.View) ([]byte, error) {
	return tlOf(codec.M{"_": "nearestDc", "country": "NL", "this_dc": 2, "nearest_dc": 4})
}

func TestEncodings(t *testing.T) {
	g := newRig(t, nearestDC)
	s, _ := layer()
	fn, _ := s.Function("help.getNearestDc")
	raw := binary.LittleEndian.AppendUint32(nil, fn.ID())
	wantTL, _ := nearestDC(context.Background(), codec.View{})
	number := fmt.Sprint(s.Layer())
	const wantJSON = `{"_":"nearestDc","country":"NL","this_dc":2,"nearest_dc":4}`
	for _, c := range []struct{ body, in, accept, out string }{
		{`{}`, "", "", "application/json"},
		{``, "", "", "application/json"},
		{`{}`, "application/json; charset=utf-8", "", "application/json"},
		{"\x80", "application/msgpack", "", "application/msgpack"},
		{`{}`, "", "application/msgpack", "application/msgpack"},
		{"\x80", "application/x-msgpack", "text/html, application/json;q=0.5", "application/json"},
		{string(raw), "application/x-tl", "", "application/x-tl"},
		{string(raw), "application/x-tl", "application/json", "application/json"},
		{"\x80", "application/msgpack", "*/*", "application/msgpack"},
	} {
		headers := []string{subjects.HeaderLayer, number}
		if c.in != "" {
			headers = append(headers, subjects.HeaderContentType, c.in)
		}
		if c.accept != "" {
			headers = append(headers, subjects.HeaderAccept, c.accept)
		}
		reply := g.ask("tg.rpc.main.help.getNearestDc", c.body, headers...)
		if got := reply.Header.Get("Content-Type"); got != c.out {
			t.Errorf("%q accepting %q: came as %q: %s", c.in, c.accept, got, reply.Data)
			continue
		}
		switch c.out {
		case "application/json":
			if string(reply.Data) != wantJSON {
				t.Errorf("got %s", reply.Data)
			}
		case "application/msgpack":
			var got map[string]any
			if err := msgpack.Unmarshal(reply.Data, &got); err != nil || got["_"] != "nearestDc" || got["country"] != "NL" {
				t.Errorf("got %v %v", got, err)
			}
		case "application/x-tl":
			if !bytes.Equal(reply.Data, wantTL) || reply.Header.Get(subjects.HeaderLayer) != number {
				t.Errorf("got %x", reply.Data)
			}
		}
	}
}

// Design §3: an error says whose it is, whether anything was sent, how long to wait, in headers and in the body.
func TestFaults(t *testing.T) {
	flood := refusedBy{Fault{Code: 420, Text: "FLOOD_WAIT_35", Telegram: "FLOOD_WAIT_35", RetryAfter: 34500 * time.Millisecond, Sent: "yes"}}
	g := newRig(t, func(_ context.Context, call codec.View) ([]byte, error) {
		if call.Name() == "help.getNearestDc" {
			return nil, flood
		}
		return []byte{1, 2, 3, 4}, nil
	})
	deep := strings.Repeat(`{"_":"invokeWithoutUpdates","query":`, 100_000)
	for _, c := range []struct {
		about, subject, body string
		headers              []string
		code, text, sent     string
	}{
		{"wrong type", "tg.rpc.main.messages.sendMessage", `{"peer":{"_":"inputPeerUser","user_id":"abc","access_hash":"1"},"message":"x"}`, nil,
			"400", "messages.sendMessage: peer.user_id: ", "no"},
		{"missing", "tg.rpc.main.messages.sendMessage", `{"peer":{"_":"inputPeerSelf"}}`, nil, "400", "message", "no"},
		{"no JSON", "tg.rpc.main.help.getConfig", strings.Repeat("\x00garbage", 100_000), nil, "400", "help.getConfig", "no"},
		{"deep", "tg.rpc.main.invokeWithoutUpdates", deep[len(`{"_":"invokeWithoutUpdates",`):900_000], nil, "400", "", "no"},
		{"deep", "tg.rpc.main.invokeWithoutUpdates", "{" + deep[len(`{"_":"invokeWithoutUpdates",`):900_000], nil, "400", "nested deeper", "no"},
		{"unknown", "tg.rpc.main.messages.sendMesage", `{}`, nil, "404", "messages.sendMessage", "no"},
		{"unknown root", "tg.rpc.main.invokeWithTakeot", `{}`, nil, "404", "invokeWithTakeout", "no"},
		{"unknown namespace", "tg.rpc.main.mesages.sendMessage", `{}`, nil, "404", "messages.sendMessage", "no"},
		{"no method", "tg.rpc.main.messages.send.message", `{}`, nil, "404", "layer", "no"},
		{"refused", "tg.rpc.main.auth.logOut", `{}`, nil, "403", "NATSGRAM_ALLOW=auth.logOut", "no"},
		{"refused", "tg.rpc.main.updates.getState", `{}`, nil, "403", "updates.getState", "no"},
		{"refused within", "tg.rpc.main.invokeWithoutUpdates", `{"query":{"_":"auth.logOut"}}`, nil, "403", "auth.logOut", "no"},
		{"refused within", "tg.rpc.main.invokeWithoutUpdates", `{"query":{"_":"invokeWithTakeout","takeout_id":"1","query":{"_":"updates.getState"}}}`, nil, "403", "updates.getState", "no"},
		{"not reading", "tg.ro.main.messages.sendMessage", `{}`, nil, "403", "only reads", "no"},
		{"no such type", "tg.rpc.main.help.getConfig", `{}`, []string{"Content-Type", "text/html"}, "415", "text/html", "no"},
		{"no such answer", "tg.rpc.main.help.getConfig", `{}`, []string{"Accept", "text/html"}, "406", "text/html", "no"},
		{"no layer", "tg.rpc.main.help.getConfig", "", []string{"Content-Type", "application/x-tl", "Accept", "application/json"}, "400", "Tg-Layer", "no"},
		{"other layer", "tg.rpc.main.help.getConfig", "", []string{"Tg-Layer", "12"}, "400", "layer", "no"},
		{"timeout", "tg.rpc.main.help.getConfig", "", []string{"Tg-Timeout", "soon"}, "400", "Tg-Timeout", "no"},
		{"flood", "tg.rpc.main.help.getNearestDc", "", nil, "420", "FLOOD_WAIT_35", "yes"},
		{"unreadable", "tg.rpc.main.help.getConfig", "", nil, "502", "Telegram", "yes"},
	} {
		reply := g.ask(c.subject, c.body, c.headers...)
		var b struct {
			Code        int
			Error, Sent string
			RetryAfter  float64 `json:"retry_after"`
		}
		if err := json.Unmarshal(reply.Data, &b); err != nil {
			t.Errorf("%s: %v in %s", c.about, err, reply.Data)
		}
		h := reply.Header
		if h.Get("Nats-Service-Error-Code") != c.code || !strings.Contains(h.Get("Nats-Service-Error"), c.text) || h.Get("Tg-Sent") != c.sent {
			t.Errorf("%s: %v", c.about, h)
		}
		if fmt.Sprint(b.Code) != c.code || b.Sent != c.sent || b.Error != h.Get("Nats-Service-Error") {
			t.Errorf("%s: headers and body differ: %s", c.about, reply.Data)
		}
		if c.about == "flood" && (h.Get("Tg-Error") != "FLOOD_WAIT_35" || h.Get("Tg-Retry-After") != "35" || b.RetryAfter != 34.5) {
			t.Errorf("%v %s", h, reply.Data)
		}
	}
	if reply := g.ask("tg.rpc.main.help.getNearestDc", "", "Accept", "application/msgpack"); !strings.Contains(string(reply.Data), "FLOOD_WAIT_35") || reply.Data[0]&0xf0 != 0x80 {
		t.Errorf("%q", reply.Data)
	}
	reply := g.ask("tg.rpc.main.help.getNearestDc", "", "Accept", "application/x-tl")
	if binary.LittleEndian.Uint32(reply.Data) != uint32(0x2144ca19) || binary.LittleEndian.Uint32(reply.Data[4:]) != 420 {
		t.Errorf("%x", reply.Data)
	}
	if _, err := g.nc.Request("tg.rpc.other.help.getConfig", nil, time.Second); !errors.Is(err, nats.ErrNoResponders) {
		t.Errorf("an account that is not served: %v", err)
	}
}

// Raw TL passes the same rules, wherever the refused call hides.
func TestRefusedInRawTL(t *testing.T) {
	g := newRig(t, nearestDC)
	s, _ := layer()
	call, err := s.Encode(nil, codec.M{"_": "invokeWithoutUpdates", "query": codec.M{"_": "auth.logOut"}})
	if err != nil {
		t.Fatal(err)
	}
	headers := []string{"Content-Type", "application/x-tl", "Tg-Layer", fmt.Sprint(s.Layer()), "Accept", "application/json"}
	if reply := g.ask("tg.rpc.main.invokeWithoutUpdates", string(call), headers...); reply.Header.Get("Nats-Service-Error-Code") != "403" {
		t.Errorf("%v", reply.Header)
	}
	// A call under another method's subject, or with something behind it, is none.
	logOut, _ := s.Encode(nil, codec.M{"_": "auth.logOut"})
	near, _ := s.Encode(nil, codec.M{"_": "help.getNearestDc"})
	for _, bad := range []string{string(logOut), string(near) + "1234", string(near[:3]), ""} {
		if reply := g.ask("tg.rpc.main.help.getNearestDc", bad, headers...); reply.Header.Get("Nats-Service-Error-Code") != "400" {
			t.Errorf("%x: %v %s", bad, reply.Header, reply.Data)
		}
	}
}

// D18: the same Nats-Msg-Id makes the same random_id, so that Telegram sees a repeated request.
func TestRandomID(t *testing.T) {
	var seen []string
	g := newRig(t, func(_ context.Context, call codec.View) ([]byte, error) {
		if call.Name() == "messages.sendMessage" {
			seen = append(seen, fmt.Sprint(call.Int("random_id")))
		} else {
			seen = append(seen, fmt.Sprint(call.Longs("random_id")))
		}
		return tlOf(codec.M{"_": "updatesTooLong"})
	})
	const send = `{"peer":{"_":"inputPeerSelf"},"message":"x"}`
	const forward = `{"from_peer":{"_":"inputPeerSelf"},"to_peer":{"_":"inputPeerSelf"},"id":[1,2]}`
	for _, c := range []struct{ method, body, id string }{
		{"sendMessage", send, "a"}, {"sendMessage", send, "a"}, {"sendMessage", send, "b"}, {"sendMessage", send, ""}, {"sendMessage", send, ""},
		{"forwardMessages", forward, "a"}, {"forwardMessages", forward, "a"},
		{"sendMessage", `{"peer":{"_":"inputPeerSelf"},"message":"x","random_id":"7"}`, "a"},
	} {
		if reply := g.ask("tg.rpc.main.messages."+c.method, c.body, "Nats-Msg-Id", c.id); reply.Header.Get("Nats-Service-Error") != "" {
			t.Fatalf("%v", reply.Header)
		}
	}
	if seen[0] != seen[1] || seen[0] == seen[2] || seen[2] == seen[3] || seen[3] == seen[4] || seen[5] != seen[6] || seen[7] != "7" {
		t.Errorf("%v", seen)
	}
	var pair []int64
	if _, err := fmt.Sscanf(strings.Trim(seen[5], "[]"), "%d %d", new(int64), new(int64)); err != nil {
		t.Errorf("%v %v", seen[5], pair)
	}
	if f := strings.Fields(strings.Trim(seen[5], "[]")); f[0] == f[1] {
		t.Errorf("two messages with one random_id: %v", f)
	}
}

// D19: results with updates are shown, others are not.
func TestObserve(t *testing.T) {
	seen := make(chan string, 8)
	g := newRig(t, func(_ context.Context, call codec.View) ([]byte, error) {
		switch call.Name() {
		case "messages.sendMessage":
			return tlOf(codec.M{"_": "updatesTooLong"})
		case "messages.readHistory":
			return tlOf(codec.M{"_": "messages.affectedMessages", "pts": 5, "pts_count": 1})
		}
		return nearestDC(context.Background(), call)
	}, func(c *Config) {
		s, _ := layer()
		c.Observe = func(call, result []byte, origin string) {
			v, _ := s.View(call)
			r, _ := s.View(result)
			seen <- v.Name() + " " + r.Name() + " " + origin
		}
	})
	g.ask("tg.rpc.main.help.getNearestDc", "")
	g.ask("tg.rpc.main.messages.readHistory", `{"peer":{"_":"inputPeerSelf"},"max_id":1}`, "Nats-Msg-Id", "r")
	g.ask("tg.rpc.main.messages.sendMessage", `{"peer":{"_":"inputPeerSelf"},"message":"x"}`)
	for _, want := range []string{"messages.readHistory messages.affectedMessages r", "messages.sendMessage updatesTooLong "} {
		if got := <-seen; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestReadOnlyAndWrappers(t *testing.T) {
	g := newRig(t, nearestDC)
	if reply := g.ask("tg.ro.main.help.getNearestDc", ""); reply.Header.Get("Nats-Service-Error") != "" {
		t.Errorf("%v", reply.Header)
	}
	if reply := g.ask("tg.rpc.main.invokeWithoutUpdates", `{"query":{"_":"help.getNearestDc"}}`); !strings.Contains(string(reply.Data), `"nearestDc"`) {
		t.Errorf("%s", reply.Data)
	}
}

func TestTimeoutOfRequest(t *testing.T) {
	g := newRig(t, func(ctx context.Context, _ codec.View) ([]byte, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
	if reply := g.ask("tg.rpc.main.help.getConfig", "", "tg-timeout", "0.05"); reply.Header.Get("Nats-Service-Error-Code") != "504" {
		t.Errorf("%v", reply.Header)
	}
}

func TestTooLargeAnswer(t *testing.T) {
	g := newRig(t, func(context.Context, codec.View) ([]byte, error) {
		return tlOf(codec.M{"_": "nearestDc", "country": strings.Repeat("x", 1<<20), "this_dc": 2, "nearest_dc": 4})
	})
	if reply := g.ask("tg.rpc.main.help.getNearestDc", ""); reply.Header.Get("Nats-Service-Error-Code") != "413" || reply.Header.Get("Tg-Sent") != "yes" {
		t.Errorf("%v", reply.Header)
	}
	if reply := g.ask("tg.rpc.main.help.getNearestDc", "", "Tg-Reply", "pieces"); reply.Header.Get("Nats-Service-Error-Code") != "400" {
		t.Errorf("an answer in pieces: %v", reply.Header)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for method, want := range map[string]int{"help.getNearestDc": 1 << 20, "help.noSuchMethod": 0} {
		reply, err := client.Request(ctx, g.nc, nats.NewMsg("tg.rpc.main."+method))
		if err != nil || len(reply.Data) < want || (reply.Header.Get("Nats-Service-Error-Code") == "") != (want > 0) || !json.Valid(reply.Data) {
			t.Errorf("%s in parts: %v, %v", method, reply, err)
		}
	}
}

// Planned stop (design §5): no request that was taken is lost.
func TestStopAnswersWhatItTook(t *testing.T) {
	started := make(chan struct{}, 10)
	gate := make(chan struct{})
	g := newRig(t, func(context.Context, codec.View) ([]byte, error) {
		started <- struct{}{}
		<-gate
		return nearestDC(context.Background(), codec.View{})
	})
	answers := make(chan error, 10)
	for range 10 {
		go func() {
			_, err := g.nc.Request("tg.rpc.main.help.getNearestDc", nil, 10*time.Second)
			answers <- err
		}()
	}
	for range 10 {
		<-started
	}
	stopped := make(chan struct{})
	go func() { g.s.Stop(context.Background()); close(stopped) }()
	close(gate)
	for range 10 {
		if err := <-answers; err != nil {
			t.Error(err)
		}
	}
	<-stopped
	if _, err := g.nc.Request("tg.rpc.main.help.getNearestDc", nil, time.Second); !errors.Is(err, nats.ErrNoResponders) {
		t.Errorf("after the stop: %v", err)
	}
}

func TestStopGivesUpInTime(t *testing.T) {
	started := make(chan struct{})
	g := newRig(t, func(ctx context.Context, _ codec.View) ([]byte, error) {
		close(started)
		<-ctx.Done()
		return nil, ctx.Err()
	})
	answered := make(chan string)
	go func() {
		reply, _ := g.nc.Request("tg.rpc.main.help.getNearestDc", nil, 10*time.Second)
		answered <- reply.Header.Get("Tg-Sent")
	}()
	<-started
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	g.s.Stop(ctx)
	if sent := <-answered; sent != "unknown" {
		t.Errorf("sent %q", sent)
	}
}

// A program error in one request is answered, and others go on.
func TestPanicIsContained(t *testing.T) {
	first := true
	g := newRig(t, func(context.Context, codec.View) ([]byte, error) {
		if first {
			first = false
			panic("bug")
		}
		return nearestDC(context.Background(), codec.View{})
	})
	if reply := g.ask("tg.rpc.main.help.getNearestDc", ""); reply.Header.Get("Nats-Service-Error-Code") != "500" {
		t.Errorf("%v", reply.Header)
	}
	if reply := g.ask("tg.rpc.main.help.getNearestDc", ""); reply.Header.Get("Nats-Service-Error-Code") != "" {
		t.Errorf("%v", reply.Header)
	}
}

// Design §2: `nats micro ls/info/stats` tell the truth.
func TestMicroService(t *testing.T) {
	for _, perMethod := range []bool{false, true} {
		g := newRig(t, nearestDC, func(c *Config) { c.PerMethod = perMethod })
		g.ask("tg.rpc.main.help.getNearestDc", "")
		g.ask("tg.rpc.main.help.getNearestDc", "{")
		var ping protocol.Ping
		decode(t, g.ask("$SRV.PING", ""), &ping)
		if ping.Name != "natsgram-main" || ping.Version != "1.2.3" || ping.Type != protocol.PingResponseType {
			t.Errorf("%+v", ping)
		}
		var info protocol.Info
		decode(t, g.ask("$SRV.INFO.natsgram-main", ""), &info)
		name := "help"
		if perMethod {
			name = "help_getNearestDc"
		}
		if len(info.Endpoints) < 20 || perMethod != (len(info.Endpoints) > 500) {
			t.Errorf("%d endpoints", len(info.Endpoints))
		}
		var stats protocol.Stats
		decode(t, g.ask("$SRV.STATS.natsgram-main."+ping.ID, ""), &stats)
		for _, e := range stats.Endpoints {
			if e.Name == name && (e.NumRequests != 2 || e.NumErrors != 1 || e.ProcessingTime <= 0 || e.LastError != "400 help.getNearestDc") {
				t.Errorf("%+v", e)
			}
			if e.Name != name && e.NumRequests != 0 {
				t.Errorf("%+v", e)
			}
		}
	}
}

func TestExtraEndpoint(t *testing.T) {
	measured := make(chan string, 10)
	g := newRig(t, nearestDC, func(c *Config) {
		c.Measure = func(_, method string, _ time.Duration, _ int) { measured <- method }
		c.Extra = map[string]Extra{"status": {Subject: "tg.ctl.main.status", Answer: func(_ context.Context, b []byte) ([]byte, *Fault) {
			return append([]byte("got "), b...), nil
		}}}
	})
	if reply := g.ask("tg.ctl.main.status", "x"); string(reply.Data) != "got x" {
		t.Errorf("%s", reply.Data)
	}
	g.ask("tg.rpc.main.help.getNearestDc", "{}") // measured before it is answered, as the status would have been
	if first := <-measured; first != "help.getNearestDc" || len(measured) > 0 {
		t.Errorf("measured as a call: %q, and %d more", first, len(measured))
	}
}

func decode(t *testing.T, msg *nats.Msg, v any) {
	t.Helper()
	if err := json.Unmarshal(msg.Data, v); err != nil {
		t.Fatal(err)
	}
}

// Every function of the schema has a place of its own, and none is reachable by another's.
func TestEveryFunctionIsRouted(t *testing.T) {
	s, decl := layer()
	ms := methods.New(s, decl, nil)
	routes := newRoutes(micro.New(micro.Config{}), &Config{Methods: ms, Account: "main"})
	for _, fn := range s.Functions() {
		e, method := routes.of(subjects.Scheme{}.RPC("main", fn.Name()))
		if e == nil || ms.Get(method).Fn != fn {
			t.Errorf("%s goes to %v %s", fn.Name(), e, method)
		}
	}
	if n := len(ms.All()); n < 700 {
		t.Errorf("%d methods", n)
	}
}

func FuzzHeaders(f *testing.F) {
	f.Add("application/json", "*/*", "223", "30")
	f.Add("application/x-tl;x=y", "text/html, application/msgpack", "", "2.5")
	f.Fuzz(func(t *testing.T, in, accept, layer, timeout string) {
		r, fault := readHeaders(nats.Header{"content-type": {in}, "Accept": {accept}, "Tg-Layer": {layer}, "Tg-Timeout": {timeout}}, 223)
		if fault == nil && (r.timeout < 0 || r.in > TL || r.out > TL) {
			t.Fatalf("%+v", r)
		}
		if fault != nil && (fault.Code < 400 || fault.Sent != "no" || strings.ContainsAny(fault.Header(r.out).Get("Nats-Service-Error"), "\r\n")) {
			t.Fatalf("%+v", fault)
		}
	})
}

// instant answers without looking.
type instant []byte

func (i instant) Invoke(context.Context, []byte) ([]byte, error) { return i, nil }

func BenchmarkRequest(b *testing.B) {
	result, _ := nearestDC(context.Background(), codec.View{})
	g := newRig(b, nil, func(c *Config) { c.Invoke = instant(result) })
	b.Run("one caller", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			g.ask("tg.rpc.main.help.getNearestDc", "{}")
		}
	})
	b.Run("64 callers", func(b *testing.B) {
		b.ReportAllocs()
		b.SetParallelism(32)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				g.ask("tg.rpc.main.help.getNearestDc", "{}")
			}
		})
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "req/s")
	})
}

// placed is a job of which its place alone is wanted.
type placed struct {
	*job
	has chan struct{}
}

// Do lets whoever wants it look.
func (p placed) Do() { close(p.has) }

// BenchmarkServe is our part of a request alone: no server, no client.
func BenchmarkServe(b *testing.B) {
	result, _ := nearestDC(context.Background(), codec.View{})
	g := newRig(b, nil, func(c *Config) { c.Invoke = instant(result) })
	e := g.s.routes.endpoints["messages"]
	msg, _ := g.s.c.Answers.Accept(&nats.Msg{Subject: "tg.rpc.main.help.getNearestDc", Data: []byte(`{}`)})
	m, one := g.s.c.Methods.Get("help.getNearestDc"), placed{g.s.newJob(msg), make(chan struct{})}
	one.Work = one
	if fault := g.s.pool.Submit(&one.Job); fault != nil {
		b.Fatal(fault)
	}
	<-one.has
	b.ReportAllocs()
	for b.Loop() {
		j := &job{Request: msg, Job: one.Job, endpoint: e, method: "help.getNearestDc", m: m, by: g.s.handler}
		j.Work, j.At = j, time.Now()
		g.s.handler.serve(j)
	}
}
