package queue

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/embedded"
	"github.com/natsgram/natsgram/bridge/storage"
	"github.com/natsgram/natsgram/subjects"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	send = "messages.sendMessage" // Telegram knows a repetition
	edit = "channels.editTitle"   // and here it does not
	look = "messages.getHistory"
)

// telegram executes calls, and remembers which.
type telegram struct {
	mu       sync.Mutex
	executed []string       // "channel.1 a"
	times    map[string]int // by chat and body
	known    map[string]bool
	answer   func(c Call, body string) *answer.Fault // before it is executed; nil: all are
	lose     func(c Call, body string) *answer.Fault // after that
}

func newTelegram() *telegram {
	return &telegram{times: map[string]int{}, known: map[string]bool{}}
}

func (g *telegram) Method(name string) (reads, once bool) { return name == look, name == send }

func (g *telegram) Do(ctx context.Context, c Call) (Answer, *answer.Fault) {
	body := c.Chat.String() + " " + string(c.Body)
	g.mu.Lock()
	before, after := g.answer, g.lose
	g.mu.Unlock()
	if before != nil {
		if f := before(c, string(c.Body)); f != nil {
			return Answer{}, f
		}
	}
	if ctx.Err() != nil {
		return Answer{}, &answer.Fault{Code: 503, Text: "stopped", Sent: answer.No}
	}
	g.mu.Lock()
	id := c.Header.Get(subjects.HeaderMsgID)
	if c.Method == edit && c.Header.Get(subjects.HeaderRetry) != "" {
		g.mu.Unlock()
		return Answer{}, &answer.Fault{Code: 409, Text: "the first request may have been executed", Sent: answer.Unknown}
	}
	twice := c.Method == send && g.known[id]
	if g.known[id] = true; !twice {
		g.executed = append(g.executed, body)
		g.times[body]++
	}
	g.mu.Unlock()
	if twice {
		return Answer{}, &answer.Fault{Code: 500, Text: "RANDOM_ID_DUPLICATE", Telegram: "RANDOM_ID_DUPLICATE", Sent: answer.Yes}
	}
	if after != nil {
		if f := after(c, string(c.Body)); f != nil {
			return Answer{}, f
		}
	}
	return Answer{Header: nats.Header{"Content-Type": {"application/json"}}, Body: []byte(`{"ok":"` + string(c.Body) + `"}`)}, nil
}

func (g *telegram) did() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.executed)
}

// rig is a NATS server with somebody who publishes jobs, and Telegram.
type rig struct {
	t   testing.TB
	dir string
	srv *embedded.Server
	nc  *nats.Conn
	js  jetstream.JetStream
	tg  *telegram
}

func newRig(t testing.TB) *rig {
	t.Helper()
	g := &rig{t: t, dir: t.TempDir(), tg: newTelegram()}
	g.start(0)
	t.Cleanup(func() { g.srv.Close() })
	g.nc = g.dial()
	g.js, _ = jetstream.New(g.nc)
	return g
}

func (g *rig) start(port int) {
	g.t.Helper()
	srv, err := embedded.Start(embedded.Config{Dir: g.dir, NoSync: true, Port: port})
	if err != nil {
		g.t.Fatal(err)
	}
	g.srv = srv
}

func (g *rig) dial() *nats.Conn {
	g.t.Helper()
	nc, err := nats.Connect(g.srv.ClientURL(), nats.MaxReconnects(-1), nats.ReconnectWait(20*time.Millisecond))
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(nc.Close)
	return nc
}

// daemon is one that owns the account.
type daemon struct {
	t      testing.TB
	nc     *nats.Conn
	s      *Store
	r      *Runner
	cancel context.CancelFunc
	work   sync.WaitGroup
	once   sync.Once
	events chan map[string]any
}

func (g *rig) daemon(change ...func(*Config, *Runner)) *daemon {
	g.t.Helper()
	d := &daemon{t: g.t, nc: g.dial(), events: make(chan map[string]any, 100)}
	js, _ := jetstream.New(d.nc)
	st := storage.Daemon(js, storage.Options{}, nil)
	var err error
	log := slog.New(slog.NewTextHandler(testWriter{g.t}, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if d.s, err = Setup(context.Background(), st, log); err != nil {
		g.t.Fatal(err)
	}
	c := Config{Account: "main", Store: d.s, Caller: g.tg, Log: log, Lost: func(f map[string]any) { d.events <- f }}
	for _, ch := range change {
		ch(&c, nil)
	}
	d.r = New(c)
	for _, ch := range change {
		ch(&c, d.r)
	}
	ctx, cancel := context.WithCancel(context.Background())
	d.cancel = cancel
	d.work.Go(func() { st.Keep(ctx) })
	d.work.Go(func() { d.s.Run(ctx) })
	d.work.Go(func() { d.r.Run(ctx) })
	g.t.Cleanup(d.stop)
	return d
}

// stop is a planned end.
func (d *daemon) stop() {
	d.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		d.r.Finish(ctx)
		d.cancel()
		d.work.Wait()
		d.nc.Close()
	})
}

// kill is an end by kill -9: nothing more leaves the process.
func (d *daemon) kill() {
	d.once.Do(func() {
		d.nc.Close()
		d.cancel()
		d.work.Wait()
	})
}

type testWriter struct{ t testing.TB }

func (w testWriter) Write(b []byte) (int, error) {
	if testing.Verbose() {
		fmt.Print(string(b))
	}
	return len(b), nil
}

// publish puts a job into the queue: channel.1, a method, its body, and headers as "Tg-Priority: 3".
func (g *rig) publish(chat, method, body string, headers ...string) uint64 {
	g.t.Helper()
	m := nats.NewMsg("tg.queue.main." + chat + "." + method)
	m.Data = []byte(body)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		m.Header.Add(name, value)
	}
	ack, err := g.js.PublishMsg(context.Background(), m)
	if err != nil {
		g.t.Fatal(err)
	}
	return ack.Sequence
}

// await waits for a condition.
func await(t testing.TB, what string, ok func() bool) {
	t.Helper()
	awaitFor(t, time.Minute, what, ok)
}

func awaitFor(t testing.TB, d time.Duration, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(d); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// result waits for what is told of a job.
func (g *rig) result(chat, id string) *jetstream.RawStreamMsg {
	g.t.Helper()
	done, err := g.js.Stream(context.Background(), "TG_DONE")
	if err != nil {
		g.t.Fatal(err)
	}
	var m *jetstream.RawStreamMsg
	await(g.t, "the result of "+id, func() bool {
		m, err = done.GetLastMsgForSubject(context.Background(), "tg.done.main."+chat+"."+subjects.Escape(id))
		return err == nil
	})
	return m
}

// wants checks how a job ended.
func (g *rig) wants(chat string, id any, end End, sent string) *jetstream.RawStreamMsg {
	g.t.Helper()
	m := g.result(chat, fmt.Sprint(id))
	if got := m.Header.Get("Tg-Job-State"); got != string(end) || m.Header.Get("Tg-Sent") != sent || m.Header.Get("Tg-Job") != fmt.Sprint(id) {
		g.t.Errorf("%s: %s, want %s sent %q: %v %s", fmt.Sprint(id), got, end, sent, m.Header, m.Data)
	}
	return m
}

// empty waits until no job is in the queue, and then finds that nothing is written of any.
func (g *rig) empty() {
	g.t.Helper()
	await(g.t, "an empty queue", func() bool { return g.left() == 0 })
}

func (g *rig) left() uint64 {
	g.t.Helper()
	st, err := g.js.Stream(context.Background(), "TG_QUEUE")
	if err != nil {
		return 1 // it is away
	}
	return st.CachedInfo().State.Msgs
}

func TestJobsOfAChatRunInOrder(t *testing.T) {
	g := newRig(t)
	g.daemon()
	var want []string
	for i := range 50 {
		g.publish("channel.1", send, fmt.Sprint("n", i))
		want = append(want, fmt.Sprint("channel.1 n", i))
	}
	m := g.wants("channel.1", 50, Done, "")
	if string(m.Data) != `{"ok":"n49"}` || m.Header.Get("Tg-Method") != "messages%2EsendMessage" || m.Header.Get("Tg-Tries") != "1" || m.Header.Get("Tg-Job-Seq") != "50" {
		t.Errorf("%v %s", m.Header, m.Data)
	}
	if got := g.tg.did(); !slices.Equal(got, want) {
		t.Error(got)
	}
	g.empty()
}

// Jobs that were there before a daemon came, and those that come while it looks through these.
func TestOrderAtTheBeginning(t *testing.T) {
	g := newRig(t)
	g.daemon().stop()
	var want []string
	for i := range 300 {
		g.publish("channel.1", send, fmt.Sprint("n", i))
		want = append(want, fmt.Sprint("channel.1 n", i))
	}
	g.daemon()
	for i := 300; i < 400; i++ {
		g.publish("channel.1", send, fmt.Sprint("n", i))
		want = append(want, fmt.Sprint("channel.1 n", i))
	}
	g.empty()
	if got := g.tg.did(); !slices.Equal(got, want) {
		t.Error(got)
	}
}

func TestPoisonStandsInNobodysWay(t *testing.T) {
	g := newRig(t)
	g.tg.answer = func(c Call, body string) *answer.Fault {
		if body == "bad" {
			return &answer.Fault{Code: 400, Text: "messages.sendMessage: message: want string", Path: "message", Sent: answer.No}
		}
		return nil
	}
	g.daemon()
	named := "Nats-Msg-Id: order/1"
	g.publish("channel.1", send, "bad", named)
	for i, c := range []struct{ chat, header, want string }{
		{"channel.1", "Tg-Priority: urgent", "want a number from -9 to 9"},
		{"channel.1", "Tg-Not-Before: tomorrow", "2026-12-24T18:00:00Z"},
		{"channel.1", "Tg-Expires: 9000h", "within a year"},
		{"Channel.1", "x: y", "no job has the subject"},
		{"channel.01", "x: y", "no job has the subject"},
		{"secret.1", "x: y", "no job has the subject"},
	} {
		seq := g.publish(c.chat, send, "x", c.header)
		at := c.chat
		if i > 2 {
			at = "none.0"
		}
		if m := g.wants(at, seq, Failed, "no"); !strings.Contains(string(m.Data), c.want) || m.Header.Get("Nats-Service-Error-Code") == "" {
			t.Errorf("%s %s: %v %s", c.chat, c.header, m.Header, m.Data)
		}
	}
	g.wants("channel.1", g.publish("channel.1", send, "good"), Done, "")
	m := g.wants("channel.1", "order/1", Failed, "no")
	if m.Header.Get("Nats-Service-Error-Code") != "400" || !strings.Contains(string(m.Data), `"path":"message"`) {
		t.Errorf("%v %s", m.Header, m.Data)
	}
	g.empty()
	if _, err := g.js.Publish(context.Background(), "tg.queue.main.channel.1", nil, jetstream.WithRetryAttempts(0)); err == nil {
		t.Error("a subject of another depth was accepted")
	}
}

// gate has Telegram refuse the calls of a chat while it is shut.
func floods(chat string, seconds int, while func() bool) func(Call, string) *answer.Fault {
	return func(c Call, _ string) *answer.Fault {
		if c.Chat.String() != chat || !while() {
			return nil
		}
		text := fmt.Sprint("FLOOD_WAIT_", seconds)
		return &answer.Fault{Code: 420, Text: text, Telegram: text, RetryAfter: time.Duration(seconds) * time.Second, Sent: answer.No}
	}
}

func always() bool { return true }

func TestAChatInAFloodWaitHoldsNoOther(t *testing.T) {
	g := newRig(t)
	g.tg.answer = floods("channel.1", 3600, always)
	d := g.daemon()
	first := g.publish("channel.1", edit, "a")
	g.publish("channel.1", edit, "b")
	for i := range 5 {
		g.wants("channel.2", g.publish("channel.2", edit, fmt.Sprint(i)), Done, "")
	}
	var l *List
	await(t, "the first job waits", func() bool {
		l, _ = d.r.list(context.Background(), "channel.1", 0, 0)
		return l != nil && len(l.Jobs) == 2 && l.Jobs[0].State == "waiting"
	})
	one := l.Jobs[0]
	if one.Seq != first || one.Error != "FLOOD_WAIT_3600" || time.Until(*one.Until) < 59*time.Minute || one.Tries != 1 || l.Jobs[1].State != "behind" || l.Waiting != 2 {
		t.Errorf("%+v", l)
	}

	// A hand-over: the next owner knows of the wait, and does not ask Telegram.
	d.stop()
	asked := false
	g.tg.mu.Lock()
	g.tg.answer = func(c Call, body string) *answer.Fault { asked = true; return nil }
	g.tg.mu.Unlock()
	d = g.daemon()
	g.publish("channel.3", edit, "x")
	await(t, "the next owner's word of it", func() bool {
		l, _ := d.r.list(context.Background(), "channel.1", 0, 0)
		return l != nil && len(l.Jobs) == 2 && l.Jobs[0].State == "waiting" && l.Jobs[0].Error == "FLOOD_WAIT_3600" && l.Jobs[0].Tries == 1
	})
	g.wants("channel.3", 8, Done, "")
	g.tg.mu.Lock()
	if want := []string{"channel.2 0", "channel.2 1", "channel.2 2", "channel.2 3", "channel.2 4", "channel.3 x"}; !slices.Equal(g.tg.executed, want) || !asked {
		t.Error(g.tg.executed)
	}
	g.tg.mu.Unlock()

	// And a person may have it tried.
	if _, f := d.r.Answer(context.Background(), "retry", fmt.Appendf(nil, `{"seq":%d}`, first)); f != nil {
		t.Fatal(f)
	}
	g.empty()
	if got := g.tg.did(); !slices.Equal(got[6:], []string{"channel.1 a", "channel.1 b"}) {
		t.Error(got)
	}
}

func TestJobsAreTriedAgainInOrder(t *testing.T) {
	g := newRig(t)
	var mu sync.Mutex
	tries := map[string]int{}
	g.tg.answer = func(c Call, body string) *answer.Fault {
		mu.Lock()
		defer mu.Unlock()
		if tries[body]++; body == "n3" && tries[body] < 3 {
			return &answer.Fault{Code: 420, Text: "SLOWMODE_WAIT_0", Telegram: "SLOWMODE_WAIT_0", RetryAfter: 50 * time.Millisecond, Sent: answer.No}
		}
		return nil
	}
	g.daemon()
	var want []string
	for i := range 10 {
		g.publish("channel.1", edit, fmt.Sprint("n", i))
		want = append(want, fmt.Sprint("channel.1 n", i))
	}
	g.empty()
	if got := g.tg.did(); !slices.Equal(got, want) {
		t.Error(got)
	}
	if m := g.result("channel.1", "4"); m.Header.Get("Tg-Tries") != "3" {
		t.Error(m.Header)
	}
}

// A daemon is killed wherever something has just been done and not yet said, or is cut off there and goes on for a while. The
// next one ends what it began: nothing is executed twice, and of what cannot be known it says so.
func TestKilledAnywhere(t *testing.T) {
	for _, point := range []string{"began", "cut off", "called", "told", "deleted"} {
		for _, method := range []string{send, edit, look} {
			t.Run(point+" "+method, func(t *testing.T) { killedAt(t, point, method) })
		}
	}
}

func killedAt(t *testing.T, point, method string) {
	g := newRig(t)
	dead := make(chan struct{})
	var d *daemon
	var once sync.Once
	reached := make(chan struct{})
	d = g.daemon(func(_ *Config, r *Runner) {
		if r == nil {
			return
		}
		r.at = func(at string) {
			if at == point || at == "began" && point == "cut off" {
				once.Do(func() { close(reached) })
				<-dead
			}
		}
	})
	g.publish("channel.1", method, "a", "Nats-Msg-Id: one")
	g.publish("channel.1", method, "b")
	<-reached
	d.nc.Close()
	if point != "cut off" {
		d.cancel() // before it goes on: what is killed calls nobody
	}
	close(dead)
	if point == "cut off" {
		await(t, "the call of who is cut off", func() bool { return len(g.tg.did()) > 0 })
	}
	d.kill()
	called := point == "called" || point == "cut off"
	first := len(g.tg.did())
	began := time.Now()
	next := g.daemon()
	g.wants("channel.1", 2, Done, "")
	t.Logf("the next daemon took %s", time.Since(began))
	switch {
	case point == "told" || point == "deleted", method != edit:
		g.empty()
		want := ""
		if method == send && called {
			want = "yes" // as Telegram says, who knew it again
		}
		g.wants("channel.1", "one", Done, want)
	default:
		g.wants("channel.1", "one", Unknown, "unknown")
		select {
		case e := <-next.events:
			if e["job"] != "one" {
				t.Error(e)
			}
		case <-time.After(time.Minute):
			t.Fatalf("nobody is told; executed %d times", g.tg.times["channel.1 a"])
		}
		l, err := next.r.list(context.Background(), "", 0, 0)
		if err != nil || len(l.Jobs) != 1 || l.Jobs[0].State != "unknown" || l.Jobs[0].Job != "one" {
			t.Fatalf("%+v %v", l, err)
		}
	}
	most := 1
	if method == look && called {
		most = 2 // it only reads
	}
	if n := g.tg.times["channel.1 a"]; n > most || n < first {
		t.Errorf("%d times executed", n)
	}
	if method == edit && point != "told" && point != "deleted" {
		g.undecided(next)
	}
}

// undecided tries both that a person may do about a job of which nobody knows whether it was run.
func (g *rig) undecided(d *daemon) {
	g.t.Helper()
	before := g.tg.times["channel.1 a"]
	d.stop() // a third owner leaves it alone as well
	d = g.daemon()
	g.wants("channel.1", g.publish("channel.1", edit, "c"), Done, "")
	if g.tg.times["channel.1 a"] != before {
		g.t.Error("it was run again")
	}
	if _, f := d.r.Answer(context.Background(), "retry", []byte(`{"job":"one","chat":"channel.1"}`)); f != nil {
		g.t.Fatal(f)
	}
	g.empty()
	g.wants("channel.1", "one", Done, "")
	if g.tg.times["channel.1 a"] != before+1 {
		g.t.Error("it was not run again")
	}
}

// Of two daemons that both hold themselves for the owner one begins a job.
func TestTwoOwners(t *testing.T) {
	g := newRig(t)
	var at sync.WaitGroup
	at.Add(2)
	both := func(_ *Config, r *Runner) {
		if r == nil {
			return
		}
		var once sync.Once
		r.at = func(point string) {
			if point == "opened" {
				once.Do(func() { at.Done(); at.Wait() })
			}
		}
	}
	g.daemon().stop()
	for i := range 20 {
		g.publish(fmt.Sprint("channel.", i+1), edit, "x")
	}
	g.daemon(both)
	g.daemon(both)
	await(t, "results", func() bool {
		st, _ := g.js.Stream(context.Background(), "TG_DONE")
		return st.CachedInfo().State.Msgs == 20
	})
	for body, n := range g.tg.times {
		if n != 1 {
			t.Errorf("%s: %d times", body, n)
		}
	}
	if len(g.tg.times) != 20 {
		t.Error(g.tg.times)
	}
}

func TestExpiredReplacedCancelled(t *testing.T) {
	g := newRig(t)
	open := make(chan struct{})
	g.tg.answer = func(c Call, body string) *answer.Fault {
		if body == "first" {
			<-open
		}
		return nil
	}
	d := g.daemon()
	first := g.publish("channel.1", edit, "first")
	await(t, "the first at work", func() bool { d.r.mu.Lock(); defer d.r.mu.Unlock(); return d.r.plan.Working() == 1 })
	expires := g.publish("channel.1", edit, "x", "Tg-Expires: 0.2")
	later := g.publish("channel.1", edit, "later", "Tg-Not-Before: 1h")
	old := g.publish("channel.1", edit, "old", "Tg-Coalesce: m5")
	newer := g.publish("channel.1", edit, "newer", "Tg-Coalesce: m5")
	g.publish("channel.1", edit, "gone", "Nats-Msg-Id: gone")
	soon := g.publish("channel.2", edit, "soon", "Tg-Not-Before: "+time.Now().Add(300*time.Millisecond).Format(time.RFC3339Nano))
	g.wants("channel.1", expires, Expired, "no")
	m := g.wants("channel.1", old, Replaced, "no")
	if !strings.Contains(string(m.Data), fmt.Sprint(newer)) {
		t.Errorf("%s", m.Data)
	}
	for body, want := range map[string]int{`{"job":"gone"}`: 0, `{"job":"gone","x":1}`: 400, `{}`: 400, `{"job":"never"}`: 404, fmt.Sprintf(`{"seq":%d}`, first): 409, `{"seq":99}`: 404} {
		_, f := d.r.Answer(context.Background(), "cancel", []byte(body))
		if f == nil && want != 0 || f != nil && f.Code != want {
			t.Errorf("%s: %v", body, f)
		}
	}
	g.wants("channel.1", "gone", Cancelled, "no")
	if _, f := d.r.Answer(context.Background(), "retry", fmt.Appendf(nil, `{"seq":%d}`, later)); f == nil || f.Code != 409 {
		t.Error(f)
	}
	close(open)
	g.wants("channel.1", newer, Done, "")
	g.wants("channel.2", soon, Done, "")
	if _, f := d.r.Answer(context.Background(), "cancel", []byte(`{"chat":"channel.1","all":true}`)); f != nil {
		t.Error(f)
	}
	g.wants("channel.1", later, Cancelled, "no")
	g.empty()
	got := g.tg.did()
	slices.Sort(got) // of different chats, in any order
	if !slices.Equal(got, []string{"channel.1 first", "channel.1 newer", "channel.2 soon"}) {
		t.Error(got)
	}
}

func TestAnIDNamesOneJob(t *testing.T) {
	g := newRig(t)
	d := g.daemon()
	g.publish("channel.1", edit, "a", "Nats-Msg-Id: one")
	g.wants("channel.1", "one", Done, "")
	g.empty()
	st, _ := g.js.Stream(context.Background(), "TG_QUEUE")
	c := st.CachedInfo().Config
	c.Duplicates = 100 * time.Millisecond
	if _, err := g.js.UpdateStream(context.Background(), c); err != nil {
		t.Fatal(err)
	}
	await(t, "the window of duplicates is over", func() bool {
		ack, err := g.js.Publish(context.Background(), "tg.queue.main.channel.1."+edit, []byte("a"), jetstream.WithMsgID("one"))
		return err == nil && !ack.Duplicate
	})
	g.empty()
	var other uint64
	await(t, "and again", func() bool {
		ack, err := g.js.Publish(context.Background(), "tg.queue.main.channel.1."+edit, []byte("b"), jetstream.WithMsgID("one"))
		other = ack.Sequence
		return err == nil && !ack.Duplicate
	})
	m := g.wants("channel.1", other, Failed, "no")
	if m.Header.Get("Nats-Service-Error-Code") != "409" || !strings.Contains(string(m.Data), "Nats-Msg-Id") {
		t.Errorf("%v %s", m.Header, m.Data)
	}
	g.wants("channel.1", "one", Done, "")
	if got := g.tg.did(); len(got) != 1 {
		t.Error(got)
	}
	_ = d
}

// A name passes on to another user: what was meant for the first is not run by the second.
func TestAnotherUser(t *testing.T) {
	g := newRig(t)
	as := func(id int64) func(*Config, *Runner) { return func(c *Config, _ *Runner) { c.User = id } }
	d := g.daemon(as(7))
	g.wants("channel.1", g.publish("channel.1", edit, "first"), Done, "")
	d.stop()
	old := g.publish("channel.1", edit, "old")
	d = g.daemon(as(8))
	m := g.wants("channel.1", old, Failed, "no")
	if m.Header.Get("Nats-Service-Error-Code") != "409" {
		t.Error(m.Header)
	}
	g.wants("channel.1", g.publish("channel.1", edit, "new"), Done, "")
	d.stop()
	later := g.publish("channel.1", edit, "later")
	d = g.daemon(as(8))
	g.wants("channel.1", later, Done, "")
	if got := g.tg.did(); !slices.Equal(got, []string{"channel.1 first", "channel.1 new", "channel.1 later"}) {
		t.Error(got)
	}
	d.stop()
	d = g.daemon(as(9)) // it has no jobs
	await(t, "it has begun", func() bool { d.r.mu.Lock(); defer d.r.mu.Unlock(); return d.r.upTo > 0 })
	d.stop()
	mine := g.publish("channel.1", edit, "mine")
	d = g.daemon(as(9))
	g.wants("channel.1", mine, Done, "")
	if err := d.s.Purge(context.Background(), "main"); err != nil {
		t.Error(err)
	}
	for stream, want := range map[string]uint64{"TG_QUEUE": 0, "TG_DONE": 0, "KV_TG_JOBS": 0} {
		if st, err := g.js.Stream(context.Background(), stream); err != nil || st.CachedInfo().State.Msgs != want {
			t.Errorf("%s: %d %v", stream, st.CachedInfo().State.Msgs, err)
		}
	}
}

// What was executed and has an answer that cannot be told is done all the same.
func TestAnswerThatCannotBeTold(t *testing.T) {
	g := newRig(t)
	g.tg.lose = func(Call, string) *answer.Fault { return &answer.Fault{Code: 413, Text: "too large", Sent: answer.Yes} }
	g.daemon()
	m := g.wants("channel.1", g.publish("channel.1", edit, "x"), Done, "yes")
	if m.Header.Get("Nats-Service-Error-Code") != "413" || g.tg.times["channel.1 x"] != 1 {
		t.Error(m.Header)
	}
}

// Streams and the bucket are deleted under a running daemon: they are made anew, and jobs are run again. What was begun is known all the same.
func TestStorageLost(t *testing.T) {
	g := newRig(t)
	open := make(chan struct{})
	g.tg.lose = func(_ Call, body string) *answer.Fault {
		if body != "lost" {
			return nil
		}
		<-open
		return &answer.Fault{Code: 504, Text: "Telegram did not answer in time", Sent: answer.Unknown}
	}
	d := g.daemon()
	g.wants("channel.1", g.publish("channel.1", edit, "before"), Done, "")
	for _, name := range []string{"TG_QUEUE", "TG_DONE"} {
		g.lose(name)
		g.wants("channel.1", g.publish("channel.1", edit, "after "+name), Done, "")
	}
	lost := g.publish("channel.2", edit, "lost")
	await(t, "it is executed", func() bool { return slices.Contains(g.tg.did(), "channel.2 lost") })
	g.lose("KV_TG_JOBS")
	close(open)
	g.wants("channel.2", lost, Unknown, "unknown")
	await(t, "it waits for a person", func() bool {
		l, err := d.r.list(context.Background(), "channel.2", 0, 0)
		return err == nil && len(l.Jobs) == 1 && l.Jobs[0].State == "unknown"
	})
	g.wants("channel.1", g.publish("channel.1", edit, "after the bucket"), Done, "")
	if got := g.tg.did(); !slices.Equal(got, []string{"channel.1 before", "channel.1 after TG_QUEUE", "channel.1 after TG_DONE", "channel.2 lost", "channel.1 after the bucket"}) {
		t.Error(got)
	}

	// The queue is lost while no daemon runs: no job of the next one is taken for one of those whose results stand there.
	d.stop()
	if err := g.js.DeleteStream(context.Background(), "TG_QUEUE"); err != nil {
		t.Fatal(err)
	}
	g.daemon().stop()
	seq := g.publish("channel.1", edit, "in a new queue")
	g.daemon()
	g.wants("channel.1", seq, Done, "")
	if n := g.tg.times["channel.1 in a new queue"]; n != 1 || seq < 1_000_000 {
		t.Errorf("job %d was run %d times", seq, n)
	}
}

// lose deletes a stream, and waits until it is there again.
func (g *rig) lose(name string) {
	g.t.Helper()
	if err := g.js.DeleteStream(context.Background(), name); err != nil {
		g.t.Fatal(err)
	}
	await(g.t, name+" made anew", func() bool { _, err := g.js.Stream(context.Background(), name); return err == nil })
}

// The account is frozen, or signed out: its jobs wait, all of them, and none fails.
func TestPausedAccount(t *testing.T) {
	g := newRig(t)
	var asked atomic.Int64
	var frozen atomic.Bool
	frozen.Store(true)
	g.tg.answer = func(Call, string) *answer.Fault {
		if !frozen.Load() {
			return nil
		}
		asked.Add(1)
		return &answer.Fault{Code: 423, Text: "the account is frozen", Sent: answer.No}
	}
	d := g.daemon(func(c *Config, _ *Runner) { c.Work = 2 })
	for i := range 40 {
		g.publish(fmt.Sprint("channel.", i+1), edit, "x")
	}
	await(t, "the account waits", func() bool {
		l, _ := d.r.list(context.Background(), "", 0, 0)
		return l != nil && l.Held == "the account is frozen"
	})
	if n := asked.Load(); n > 4 {
		t.Errorf("asked %d times", n)
	}
	frozen.Store(false)
	g.empty()
	if n := len(g.tg.did()); n != 40 {
		t.Errorf("%d executed", n)
	}
}

// The answer of a call is lost: a method that Telegram knows again is repeated, of another nobody knows.
func TestLostAnswer(t *testing.T) {
	g := newRig(t)
	var mu sync.Mutex
	lost := map[string]bool{}
	g.tg.lose = func(c Call, body string) *answer.Fault {
		mu.Lock()
		defer mu.Unlock()
		if lost[c.Method] {
			return nil
		}
		lost[c.Method] = true
		return &answer.Fault{Code: 504, Text: "Telegram did not answer in time", Sent: answer.Unknown}
	}
	g.daemon()
	one, two := g.publish("channel.1", send, "a"), g.publish("channel.2", edit, "b")
	m := g.wants("channel.1", one, Done, "yes")
	if m.Header.Get("Tg-Tries") != "2" {
		t.Error(m.Header)
	}
	g.wants("channel.2", two, Unknown, "unknown")
	g.wants("channel.2", g.publish("channel.2", edit, "c"), Done, "")
}

// A job comes after the account has looked for jobs, and before the daemon follows the stream.
func TestJobBeforeTheStreamIsFollowed(t *testing.T) {
	g := newRig(t)
	js, _ := jetstream.New(g.dial())
	s, err := Setup(t.Context(), storage.Daemon(js, storage.Options{}, nil), nil)
	if err != nil {
		t.Fatal(err)
	}
	news, stop := s.following("main")
	defer stop()
	if chats, _, err := s.waiting(t.Context(), "main"); err != nil || len(chats) > 0 {
		t.Fatal(chats, err)
	}
	g.publish("channel.1", send, "a")
	var work sync.WaitGroup
	defer work.Wait()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	work.Go(func() { s.Run(ctx) })
	await(t, "the account hears of it", func() bool { jobs, all := news.take(); return all || len(jobs) > 0 })
}

// NATS goes away and comes back while jobs run.
func TestNATSRestarts(t *testing.T) {
	g := newRig(t)
	g.daemon()
	var port int
	if _, err := fmt.Sscanf(g.srv.ClientURL()[strings.LastIndex(g.srv.ClientURL(), ":")+1:], "%d", &port); err != nil {
		t.Fatal(err)
	}
	const jobs = 200
	for i := range jobs {
		g.publish(fmt.Sprint("channel.", i%5+1), edit, fmt.Sprint("n", i))
	}
	for range 3 {
		await(t, "some are done", func() bool { return len(g.tg.did()) > 10 })
		g.srv.Close()
		g.start(port)
	}
	g.empty()
	for i := range 5 {
		last := -1
		for _, what := range g.tg.did() {
			var chat, n int
			if _, err := fmt.Sscanf(what, "channel.%d n%d", &chat, &n); err != nil || chat != i+1 {
				continue
			}
			if n <= last {
				t.Errorf("chat %d: %d after %d", chat, n, last)
			}
			last = n
		}
	}
	if n := len(g.tg.did()); n != jobs {
		t.Errorf("%d executed", n)
	}
}

// One owner after another, each in the midst of it.
func TestHandOver(t *testing.T) {
	g := newRig(t)
	d := g.daemon()
	const jobs = 300
	for i := range jobs {
		g.publish(fmt.Sprint("channel.", i%3+1), edit, fmt.Sprint("n", i))
	}
	for i := range 5 {
		await(t, "some more are done", func() bool { return len(g.tg.did()) > 20*(i+1) })
		d.stop()
		d = g.daemon()
	}
	g.empty()
	if got := g.tg.did(); len(got) != jobs {
		t.Errorf("%d executed", len(got))
	}
	for what, n := range g.tg.times {
		if n != 1 {
			t.Errorf("%s: %d times", what, n)
		}
	}
}
