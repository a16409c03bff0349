package bridge

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"runtime/metrics"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/embedded/embeddedtest"
	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/subjects/rights"
)

const (
	hostileRequests = 10_000
	hostileBurst    = 50
	hostilePause    = 20 * time.Millisecond // between two bursts
	hostileSlow     = 3 * time.Second       // how long a call takes that Telegram does not answer, which hostile callers like best
	// hostileMemory is what all of it may take: the daemon, Telegram in a box, the NATS server and the callers, in bytes.
	hostileMemory = 256 << 20
	// leaked is in what the other caller writes, and nowhere else.
	leaked = "hunter2"
)

// startRights starts a server with users whose rights are printed as natsgram prints them, beside one who may do everything.
func startRights(t *testing.T, users map[string]rights.Grant) (where string) {
	t.Helper()
	var conf strings.Builder
	fmt.Fprintf(&conf, "listen: 127.0.0.1:-1\njetstream: { store_dir: %q }\nauthorization: { users: [\n{ user: everything, password: p }\n", t.TempDir())
	for name, g := range users {
		p, err := rights.Of(subjects.Scheme{}, g)
		if err != nil {
			t.Fatal(err)
		}
		user := rights.User{Name: name, Permissions: p}
		t.Setenv(user.Variable(), "p")
		conf.WriteString(user.Config())
	}
	conf.WriteString("] }\n")
	return embeddedtest.Configure(t, conf.String()).ClientURL()
}

func connectAs(t *testing.T, where, user, inbox string) *nats.Conn {
	t.Helper()
	nc, err := nats.Connect(where, nats.UserInfo(user, "p"), nats.CustomInboxPrefix(inbox), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

// heard is what came to somebody.
type heard struct {
	mu     sync.Mutex
	codes  map[string]int
	leaked []string
}

func (l *heard) hear(m *nats.Msg) {
	l.mu.Lock()
	defer l.mu.Unlock()
	code := m.Header.Get("Nats-Service-Error-Code")
	if code == "" {
		code = "ok"
	}
	l.codes[code]++
	if all := fmt.Sprint(m.Header) + string(m.Data); strings.Contains(all, leaked) {
		l.leaked = append(l.leaked, fmt.Sprintf("%.300q", all))
	}
}

func (l *heard) all() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return fmt.Sprint(l.codes)
}

// Ten thousand requests of somebody with the rights of a reader, whose answers are to go everywhere, with every kind of header and body. Nothing of
// the daemon's is written by them, nobody else waits longer than twice, memory is bounded, and what the daemon says to them
// holds nothing of another caller.
func TestHostileReader(t *testing.T) {
	seed := uint64(1)
	if text := os.Getenv("NATSGRAM_TEST_SEED"); text != "" {
		seed, _ = strconv.ParseUint(text, 10, 64)
	}
	where := startRights(t, map[string]rights.Grant{
		"reader": {Role: rights.Reader, Account: "main", Inbox: "_INBOX_.reader"},
		"writer": {Role: rights.Writer, Account: "main", Inbox: "_INBOX_.writer"},
	})
	w := newTown(t)
	var log bytes.Buffer
	d := newHostileDaemon(t, w, where, &log)
	d.login("main", w.dora)
	d.login("other", w.alice)
	for _, name := range []string{"main", "other"} { // where each begins is written by itself, and not by anybody's request
		d.updates("tg.upd."+name+".gap.none.0", 1)
	}
	defer w.InterceptMethod("help.getConfig", func(*mttest.Request) mttest.Action { return mttest.Drop() })()

	h := newHostile(d, seed)
	reader, writer := connectAs(t, where, "reader", "_INBOX_.reader"), connectAs(t, where, "writer", "_INBOX_.writer")
	said := &heard{codes: map[string]int{}}
	if sub, err := reader.Subscribe("_INBOX_.reader.>", said.hear); err != nil || sub.SetPendingLimits(-1, -1) != nil {
		t.Fatal(err)
	}
	tap := newTap(t, connectAs(t, where, "everything", "_INBOX_.tap"), h.targets)
	before := d.everything()
	peak := watchMemory(t)
	other := &caller{t: t, nc: writer}
	other.asks(200) // warm
	quiet := other.asks(300)
	var sent atomic.Bool
	var work sync.WaitGroup
	work.Go(func() { defer sent.Store(true); h.send(reader) })
	var loud []time.Duration
	for i := 0; !sent.Load(); i++ {
		loud = append(loud, other.asks(1)...)
		other.mistake(i)
	}
	work.Wait()
	d.quiet(h.dropped)
	quiet = append(quiet, other.asks(300)...)
	_ = reader.Flush()
	t.Logf("seed %d; answers: %v; %d dropped; the other waits %v beside nothing and %v beside them (medians of %d and %d), half of its time in calls of %v and %v; %d MB at most",
		seed, said.all(), h.dropped, median(quiet), median(loud), len(quiet), len(loud), stalled(quiet), stalled(loud), peak()>>20)

	if got := d.b.answers.Dropped(); got != h.dropped {
		t.Errorf("%d requests were dropped, want %d", got, h.dropped)
	}
	if limit := 2*median(quiet) + 3*time.Millisecond; median(loud) > limit {
		t.Errorf("the other caller waited %v, want %v at most", median(loud), limit)
	}
	if stalled(loud) > hostileSlow/2 { // a busy machine makes all wait for some milliseconds, a place that is taken for as long as the slow call
		t.Errorf("the other caller stood half of its time behind slow calls: %v and longer", stalled(loud))
	}
	if got := peak(); got > hostileMemory {
		t.Errorf("%d MB, want %d at most", got>>20, hostileMemory>>20)
	}
	d.unwritten(before, tap)
	d.unsaid(said)
	for _, name := range []string{"main", "other"} {
		if code := d.ask("tg.rpc."+name+".help.getNearestDc", "").Header.Get("Nats-Service-Error-Code"); code != "" {
			t.Errorf("%s afterwards: %s", name, code)
		}
	}
	if err := d.stop(); err != nil {
		t.Error(err)
	}
	if strings.Contains(log.String(), leaked) {
		t.Error("the log holds what a caller wrote")
	}
}

// unwritten sees to it that nothing was written where hostile requests wanted their answers.
func (d *daemon) unwritten(before map[string]uint64, p *tap) {
	d.t.Helper()
	for _, m := range p.found() {
		d.t.Errorf("somebody had the daemon write: %s", m)
	}
	after := d.everything()
	for what := range before {
		if _, there := after[what]; !there {
			d.t.Errorf("gone: %s", what)
		}
	}
	ids := 0
	for what := range after {
		_, there := before[what]
		switch {
		case strings.HasPrefix(what, "$KV.TG_ONCE.main."):
			ids++
		case there, strings.HasPrefix(what, "$KV.TG_POSITIONS."): // which the daemon writes now and then
		case strings.HasPrefix(what, "$KV.TG_PEERS.main."): // what it learns from Telegram's answers, by the reader's questions too
		default:
			d.t.Errorf("new: %s", what)
		}
	}
	if ids > 1 {
		d.t.Errorf("%d ids of requests, of which the other caller made one", ids)
	}
}

// unsaid sees to it that nobody was told what another caller wrote.
func (d *daemon) unsaid(l *heard) {
	d.t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, text := range l.leaked {
		d.t.Errorf("another caller's data: %s", text)
	}
	for _, verb := range []string{"PING", "INFO", "STATS"} {
		if text := string(d.ask("$SRV."+verb+".natsgram-main", "").Data); strings.Contains(text, leaked) {
			d.t.Errorf("$SRV.%s holds another caller's data: %s", verb, text)
		}
	}
}

// caller is somebody else, who does honest work and makes mistakes.
type caller struct {
	t  *testing.T
	nc *nats.Conn
}

// asks makes n calls, and tells how long each took.
func (c *caller) asks(n int) (took []time.Duration) {
	c.t.Helper()
	for range n {
		begun := time.Now()
		m, err := c.nc.Request("tg.rpc.main.help.getNearestDc", []byte("{}"), 20*time.Second)
		if err != nil || m.Header.Get("Nats-Service-Error-Code") != "" {
			c.t.Fatalf("the other caller: %v %v", m, err)
		}
		took = append(took, time.Since(begun))
	}
	return took
}

// mistake is a request that fails, with words that nobody else is to see.
func (c *caller) mistake(i int) {
	for _, m := range []*nats.Msg{
		{Subject: "tg.rpc.main.messages.sendMessage", Data: []byte(`{"peer":"me","message":"` + leaked + `","reply_to":"` + leaked + `"}`)},
		{Subject: "tg.rpc.main.messages.sendMessage", Data: []byte(`{"peer":"@` + leaked + `","message":"` + leaked + `"}`), Header: nats.Header{"Nats-Msg-Id": {leaked}}},
		{Subject: "tg.rpc.main.messages." + leaked, Data: []byte(`{"` + leaked + `":1}`)},
		{Subject: "tg.rpc.main.users.getUsers", Data: []byte(`{"id":["` + leaked + `"]}`), Header: nats.Header{"Accept": {leaked}}},
	}[i%4 : i%4+1] {
		m.Reply = c.nc.NewInbox()
		if err := c.nc.PublishMsg(m); err != nil {
			c.t.Error(err)
		}
	}
}

func median(all []time.Duration) time.Duration {
	all = slices.Sorted(slices.Values(all))
	return all[len(all)/2]
}

// stalled is the length of calls that half of the time went into: some long ones among many short ones show here and not in
// the median.
func stalled(all []time.Duration) time.Duration {
	all = slices.Sorted(slices.Values(all))
	var sum, half time.Duration
	for _, d := range all {
		sum += d
	}
	for _, d := range all {
		if half += d; 2*half >= sum {
			return d
		}
	}
	return 0
}

// tap sees what is published where hostile requests want their answers.
type tap struct {
	nc   *nats.Conn
	mu   sync.Mutex
	seen []string
}

// newTap listens. What the daemon itself writes into JetStream asks for an acknowledgement; an answer does not.
func newTap(t *testing.T, nc *nats.Conn, targets []string) *tap {
	t.Helper()
	p := &tap{nc: nc}
	for _, subject := range targets {
		if strings.Contains(subject, "..") {
			continue
		}
		if _, err := nc.Subscribe(subject, func(m *nats.Msg) {
			if m.Reply == "" || len(m.Header["Content-Type"]) > 0 && !strings.HasPrefix(m.Subject, "tg.upd.") {
				p.mu.Lock()
				p.seen = append(p.seen, fmt.Sprintf("%s: %.200q %v", m.Subject, m.Data, m.Header))
				p.mu.Unlock()
			}
		}); err != nil {
			t.Fatal(err)
		}
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *tap) found() []string {
	_ = p.nc.Flush()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen[:min(len(p.seen), 10)]
}

// everything is which streams there are, and which subjects they hold but for owners' and daemons' own.
func (d *daemon) everything() map[string]uint64 {
	d.t.Helper()
	all := map[string]uint64{}
	streams := d.js.ListStreams(soon(d.t))
	for info := range streams.Info() {
		st, err := d.js.Stream(soon(d.t), info.Config.Name)
		if err != nil {
			d.t.Fatal(err)
		}
		full, err := st.Info(soon(d.t), jetstream.WithSubjectFilter(">"))
		if err != nil {
			d.t.Fatal(err)
		}
		all[info.Config.Name] = 0
		for subject, n := range full.State.Subjects {
			if !strings.HasPrefix(subject, "tg.evt.") || strings.HasSuffix(subject, ".victim") {
				all[subject] = n
			}
		}
	}
	if err := streams.Err(); err != nil {
		d.t.Fatal(err)
	}
	return all
}

// quiet waits until all that the reader sent has been looked at.
func (d *daemon) quiet(dropped int) {
	d.t.Helper()
	limit := time.After(30 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for d.b.answers.Dropped() < dropped || d.b.accounts.Runner("main").Status().InFlight > 0 {
		select {
		case <-tick.C:
		case <-limit:
			d.t.Fatalf("%d of %d dropped, %d at work", d.b.answers.Dropped(), dropped, d.b.accounts.Runner("main").Status().InFlight)
		}
	}
}

// watchMemory gives the most bytes that were in use beside those that are now.
func watchMemory(t *testing.T) (peak func() uint64) {
	var most atomic.Uint64
	done, ended := make(chan struct{}), make(chan struct{})
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}} // without garbage, of which there is the more the more tests came before
	runtime.GC()
	metrics.Read(live)
	before := live[0].Value.Uint64()
	look := func() {
		metrics.Read(live)
		if now := live[0].Value.Uint64(); now > before {
			most.Store(max(most.Load(), now-before))
		}
	}
	go func() {
		defer close(ended)
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				look()
			case <-done:
				return
			}
		}
	}()
	t.Cleanup(func() { close(done); <-ended })
	return func() uint64 { return most.Load() }
}

// newHostileDaemon runs a daemon on a server that asks who one is.
func newHostileDaemon(t *testing.T, w *town, where string, log *bytes.Buffer) *daemon {
	t.Helper()
	d := &daemon{t: t, w: w, s: DefaultSettings()}
	d.s.URL, d.s.User, d.s.Password, d.s.Secret = where, "everything", "p", "sixteen characters"
	d.s.StateDir, d.s.APIID, d.s.APIHash = t.TempDir(), 1, "hash"
	d.s.Timeout, d.s.TimeoutMax, d.s.Concurrency = hostileSlow, hostileSlow, 64
	env := w.Env()
	d.o = Options{Env: &env, NoSync: true, Version: "test", Log: slog.New(slog.NewTextHandler(log, nil))}
	d.start()
	d.nc.Close()
	d.nc = connectAs(t, where, "everything", "_INBOX_.test")
	d.js, _ = jetstream.New(d.nc)
	return d
}
