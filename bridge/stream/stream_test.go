package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/natsgram/natsgram/bridge/embedded"
	"github.com/natsgram/natsgram/bridge/storage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is a server with a store on it.
type rig struct {
	t     testing.TB
	srv   *embedded.Server
	nc    *nats.Conn
	js    jetstream.JetStream
	store *Store
}

// Retention is how much the stream of a test keeps.
type Retention struct {
	MaxAge   time.Duration
	MaxBytes int64
}

func (r Retention) storage(js jetstream.JetStream) *storage.Storage {
	o := storage.Options{Limits: map[string]int64{}}
	o.MaxAge.Value, o.MaxAge.Set = r.MaxAge, r.MaxAge != 0
	if r.MaxBytes != 0 {
		o.Limits[storage.Updates] = r.MaxBytes
	}
	return storage.Daemon(js, o, nil)
}

func newRig(t testing.TB, r Retention, sync bool) *rig {
	t.Helper()
	srv, err := embedded.Start(embedded.Config{Dir: t.TempDir(), NoSync: !sync})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(srv.Close)
	g := &rig{t: t, srv: srv, nc: dial(t, srv)}
	g.js, _ = jetstream.New(g.nc)
	if g.store, err = Setup(context.Background(), r.storage(g.js)); err != nil {
		t.Fatal(err)
	}
	return g
}

func dial(t testing.TB, srv *embedded.Server) *nats.Conn {
	t.Helper()
	nc, err := nats.Connect("", nats.InProcessServer(srv))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

// open starts a log and gives how it ends.
func (g *rig) open(o Options) (*Log, <-chan error, context.CancelFunc) {
	g.t.Helper()
	if o.Account == "" {
		o.Account = "main"
	}
	l, err := g.store.Open(context.Background(), o)
	if err != nil {
		g.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	stopped := make(chan struct{})
	go func() { done <- l.Run(ctx); close(stopped) }()
	g.t.Cleanup(func() { cancel(); <-stopped })
	return l, done, cancel
}

func message(n int) Message {
	return Message{
		Subject: "tg.upd.main.updateNewMessage.user.1",
		Header:  nats.Header{"Nats-Msg-Id": {fmt.Sprintf("main/common/%d/0", n)}, "Tg-Pts": {fmt.Sprint(n)}},
		Data:    []byte(fmt.Sprint(n)),
	}
}

func group(whole bool, numbers ...int) *Group {
	g := &Group{Whole: whole}
	for _, n := range numbers {
		g.Messages = append(g.Messages, message(n))
	}
	return g
}

// payloads is what the stream holds of the account.
func (g *rig) payloads() string {
	g.t.Helper()
	c, err := g.js.OrderedConsumer(context.Background(), "TG_UPDATES", jetstream.OrderedConsumerConfig{FilterSubjects: []string{"tg.upd.main.>"}})
	if err != nil {
		g.t.Fatal(err)
	}
	info, err := c.Info(context.Background())
	if err != nil {
		g.t.Fatal(err)
	}
	var all []string
	for len(all) < int(info.NumPending) {
		m, err := c.Next()
		if err != nil {
			g.t.Fatal(err)
		}
		all = append(all, string(m.Data()))
	}
	return strings.Join(all, " ")
}

func flush(t testing.TB, l *Log) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := l.Flush(ctx); err != nil {
		t.Fatal(err)
	}
}

func numbers(from, to int) (all []int) {
	for n := from; n < to; n++ {
		all = append(all, n)
	}
	return all
}

// E23: in the order they were added, each once, whether they went out one by one, gathered or whole.
func TestOrder(t *testing.T) {
	g := newRig(t, Retention{}, false)
	l, _, _ := g.open(Options{})
	want := ""
	for n := 0; n < 3000; {
		step := 1 + n%7
		l.Add(group(n%2 == 0, numbers(n, n+step)...))
		n += step
		want = strings.TrimSpace(want + strings.Trim(" "+fmt.Sprint(numbers(n-step, n)), "[]"))
	}
	flush(t, l)
	want = strings.NewReplacer("[", "", "]", "").Replace(want)
	if got := g.payloads(); got != want {
		t.Errorf("got %d bytes, want %d", len(got), len(want))
	}
}

// Design §4: from a new owner's record on, nothing of the former owner's is stored.
func TestFormerOwnerIsRefused(t *testing.T) {
	for _, whole := range []bool{false, true} {
		t.Run(fmt.Sprint("whole=", whole), func(t *testing.T) {
			g := newRig(t, Retention{}, false)
			one, ended, _ := g.open(Options{})
			one.Add(group(false, 1))
			flush(t, one)
			two, _, _ := g.open(Options{})
			_, err := one.send(context.Background(), group(whole, 2, 3, 4, 5, 6).Messages)
			if codeOf(err) != codeWrongSequence {
				t.Errorf("the former owner's publish: %v", err)
			}
			var fenced *FencedError
			if err := <-ended; !errors.As(err, &fenced) || fenced.By.ID != two.OwnerID() {
				t.Fatalf("the former owner ended with %v", err)
			}
			one.Add(group(false, 7)) // too late, and who waits for it is told
			if err := one.Flush(t.Context()); !errors.As(err, &fenced) {
				t.Errorf("waiting for what is never stored: %v", err)
			}
			two.Add(group(false, 2))
			flush(t, two)
			if got := g.payloads(); got != "1 2" {
				t.Errorf("stream holds %s", got)
			}
		})
	}
}

// An owner that has nothing to publish learns of another one as well.
func TestIdleOwnerLearnsOfTheNext(t *testing.T) {
	g := newRig(t, Retention{}, false)
	one, ended, _ := g.open(Options{})
	one.Add(group(false, 1))
	flush(t, one) // it listens
	two, _, _ := g.open(Options{})
	var fenced *FencedError
	if err := <-ended; !errors.As(err, &fenced) || fenced.By.ID != two.OwnerID() {
		t.Errorf("the former owner ended with %v", err)
	}
}

// The record of an owner may be lost, to an operator's purge or to limits; as long as nobody else took the account the owner
// goes on.
func TestLostRecordIsWrittenAgain(t *testing.T) {
	g := newRig(t, Retention{}, false)
	l, _, _ := g.open(Options{})
	before := l.Epoch()
	if err := g.store.updates.Purge(context.Background()); err != nil {
		t.Fatal(err)
	}
	l.Add(group(false, 1))
	flush(t, l)
	if got := g.payloads(); got != "1" || l.Epoch() == before {
		t.Errorf("stream holds %s, epoch %d", got, l.Epoch())
	}
}

func TestRecordHasNoEnd(t *testing.T) {
	g := newRig(t, Retention{MaxAge: time.Hour}, false)
	g.open(Options{})
	m, err := g.store.updates.GetLastMsgForSubject(context.Background(), "tg.own.main")
	if err != nil || m.Header.Get("Nats-TTL") != "never" {
		t.Fatal(m, err)
	}
	var o Owner
	if err := json.Unmarshal(m.Data, &o); err != nil || o.ID == "" {
		t.Error(o, err)
	}
}

func TestOldRecordIsRenewed(t *testing.T) {
	g := newRig(t, Retention{MaxBytes: 1 << 30}, false)
	l, _, _ := g.open(Options{})
	before := l.Epoch()
	for n := range 10 {
		l.Add(group(false, numbers(n*100, n*100+100)...))
	}
	flush(t, l)
	if err := l.renew(context.Background()); err != nil || l.Epoch() <= before {
		t.Errorf("epoch %d, then %d: %v", before, l.Epoch(), err)
	}
	l.Add(group(false, 5000))
	flush(t, l)
}

// A publish whose answer was lost is neither lost nor doubled: the stream tells.
func TestLostAcknowledgement(t *testing.T) {
	for _, c := range []struct {
		name    string
		numbers []int
	}{{"one", []int{7}}, {"batch", []int{7, 8, 9, 10, 11}}} {
		t.Run(c.name, func(t *testing.T) {
			g := newRig(t, Retention{}, false)
			l, err := g.store.Open(context.Background(), Options{Account: "main"})
			if err != nil {
				t.Fatal(err)
			}
			messages := group(true, c.numbers...).Messages
			if there, _, err := l.resolve(context.Background(), messages); err != nil || there {
				t.Fatalf("said to be there: %v", err)
			}
			seq, err := l.send(context.Background(), messages)
			if err != nil {
				t.Fatal(err)
			}
			// The answer is lost here.
			there, at, err := l.resolve(context.Background(), messages)
			if err != nil || !there || at != seq {
				t.Errorf("not found: %v %d, want %d", err, at, seq)
			}
		})
	}
}

// A batch that holds a known id is refused whole (10201); what is new of it still gets in.
func TestKnownIDs(t *testing.T) {
	g := newRig(t, Retention{}, false)
	l, _, _ := g.open(Options{})
	l.Add(group(false, 1, 2))
	flush(t, l)
	l.Add(group(true, 2, 3, 4, 5))
	flush(t, l)
	if got := g.payloads(); got != "1 2 3 4 5" {
		t.Error(got)
	}
}

func TestServerAway(t *testing.T) {
	dir := t.TempDir()
	srv, err := embedded.Start(embedded.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	nc, err := nats.Connect(srv.ClientURL(), nats.MaxReconnects(-1), nats.ReconnectWait(10*time.Millisecond), nats.ReconnectJitter(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, _ := jetstream.New(nc)
	store, err := Setup(context.Background(), Retention{}.storage(js))
	if err != nil {
		t.Fatal(err)
	}
	g := &rig{t: t, srv: srv, nc: nc, js: js, store: store}
	l, _, cancel := g.open(Options{AckWait: 200 * time.Millisecond})
	defer cancel()
	l.Add(group(false, 1))
	flush(t, l)
	port := nc.ConnectedAddr()
	srv.Close()
	l.Add(group(true, 2, 3, 4, 5, 6))
	l.Add(group(false, 7))
	if srv, err = embedded.Start(embedded.Config{Dir: dir, Port: portOf(t, port)}); err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	flush(t, l)
	if got := g.payloads(); got != "1 2 3 4 5 6 7" {
		t.Error(got)
	}
}

func portOf(t *testing.T, addr string) (port int) {
	t.Helper()
	if _, err := fmt.Sscanf(addr[strings.LastIndex(addr, ":")+1:], "%d", &port); err != nil {
		t.Fatal(err)
	}
	return port
}

// Recovery after an abrupt stop: the position is old or missing, the headers in the stream tell the rest.
func TestRecover(t *testing.T) {
	g := newRig(t, Retention{}, false)
	var stored []uint64
	one, ended, cancel := g.open(Options{Stored: func(_ *Group, seq uint64) { stored = append(stored, seq) }})
	one.Add(group(false, 1, 2, 3))
	one.Add(&Group{})
	one.Add(group(true, 4, 5))
	flush(t, one)
	cancel()
	<-ended
	if fmt.Sprint(stored) != "[4 0 6]" && fmt.Sprint(stored) != "[2 0 6]" { // the record is 1
		t.Errorf("told %v", stored)
	}
	foreign := &nats.Msg{Subject: "tg.upd.main.updateNewMessage.user.1", Header: nats.Header{"Tg-Pts": {"99"}, "Tg-State": {"pts=99"}}}
	if _, err := g.js.Conn().RequestMsg(foreign, 5*time.Second); err != nil { // 7: somebody has the right to publish there
		t.Fatal(err)
	}
	two, err := g.store.Open(context.Background(), Options{Account: "main"})
	if err != nil {
		t.Fatal(err)
	}
	for from, want := range map[uint64]string{0: "1 2 3 4 5", 3: "3 4 5", 6: "", 100: ""} {
		var seen []string
		err := two.Recover(context.Background(), from, func(seq uint64, _ string, h nats.Header) error {
			seen = append(seen, h.Get("Tg-Pts"))
			return nil
		})
		if got := strings.Join(seen, " "); err != nil || got != want {
			t.Errorf("after %d: %s, want %s (%v)", from, got, want, err)
		}
	}
}

func TestBackPressure(t *testing.T) {
	g := newRig(t, Retention{}, false)
	drained := make(chan struct{}, 1)
	l, err := g.store.Open(context.Background(), Options{Account: "main", Pending: 4000, Drained: func() { drained <- struct{}{} }})
	if err != nil {
		t.Fatal(err)
	}
	for n := range 10 {
		l.Add(group(false, n))
	}
	if !l.Full() || l.Waiting() < 4000 {
		t.Errorf("%d bytes wait", l.Waiting())
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- l.Run(ctx) }()
	<-drained
	flush(t, l)
	if l.Full() || l.Waiting() != 0 {
		t.Errorf("%d bytes wait", l.Waiting())
	}
	cancel()
	<-ended
}

// BenchmarkPublish is the figures behind package pace: messages a second with every write synced, by how many go out at once.
func BenchmarkPublish(b *testing.B) {
	for _, sync := range []bool{true, false} {
		for _, size := range []int{1, 2, 4, 8, 100, 1000} {
			b.Run(fmt.Sprintf("sync=%v/at-once=%d", sync, size), func(b *testing.B) {
				g := newRig(b, Retention{}, sync)
				l, err := g.store.Open(context.Background(), Options{Account: "main"})
				if err != nil {
					b.Fatal(err)
				}
				data := make([]byte, 800)
				n := 0
				b.ReportAllocs()
				for b.Loop() {
					all := make([]Message, size)
					for i := range all {
						all[i] = message(n)
						all[i].Data = data
						n++
					}
					if _, err := l.send(context.Background(), all); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "msg/s")
			})
		}
	}
}
