package chats

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/natsgram/natsgram/bridge/embedded"
	"github.com/natsgram/natsgram/bridge/storage"
	"github.com/natsgram/natsgram/subjects"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t testing.TB) *Store { t.Helper(); return openWith(t, storage.Options{}) }

func openWith(t testing.TB, o storage.Options) *Store {
	t.Helper()
	srv, err := embedded.Start(embedded.Config{Dir: t.TempDir(), NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(srv.Close)
	nc, err := nats.Connect("", nats.InProcessServer(srv))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), storage.Daemon(js, o, nil))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func record(user int, text string) *nats.Msg {
	subject := subjects.Records(subjects.Scheme{}).Subject("main", subjects.StateDialog, subjects.User, int64(user))
	if user == 0 {
		subject = subjects.Records(subjects.Scheme{}).Subject("main", subjects.StateThrough, "", 0)
	}
	return &nats.Msg{Subject: subject, Header: nats.Header{}, Data: []byte(text)}
}

func (s *Store) all(t *testing.T) string {
	t.Helper()
	var all []string
	if err := s.records(t.Context(), "tg.state.main.>", func(m message) {
		_, what, _, id, _ := subjects.Records(s.scheme).Parse(m.subject)
		all = append(all, fmt.Sprintf("%s %d %s", what, id, m.data))
	}); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(all)
}

// Of two owners one writes: of the other's batch nothing is stored, not even what nobody else has written.
func TestOneOwnerWrites(t *testing.T) {
	s := open(t)
	if got := s.all(t); got != "[]" {
		t.Error(got)
	}
	ctx := context.Background()
	first, err := s.write(ctx, []*nats.Msg{record(1, "a"), record(0, "1")}, 0)
	if err != nil {
		t.Fatal(err)
	}
	second, err := s.write(ctx, []*nats.Msg{record(0, "2")}, first)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.write(ctx, []*nats.Msg{record(2, "late"), record(3, "late"), record(0, "late")}, first); err == nil {
		t.Error("the former owner still writes")
	}
	if _, err := s.write(ctx, []*nats.Msg{record(0, "late")}, first); err == nil {
		t.Error("the former owner still writes alone")
	}
	if _, err := s.write(ctx, []*nats.Msg{record(1, "b"), record(4, "c"), record(0, "3")}, second); err != nil {
		t.Error(err)
	}
	if got := s.all(t); got != "[dialog 1 b dialog 4 c through 0 3]" {
		t.Error(got)
	}
}

// More records than one fetch brings are read whole.
func TestManyRecords(t *testing.T) {
	s := open(t)
	const n = 2*fetchMost + 7
	over := uint64(0)
	for i := 0; i < n; {
		var all []*nats.Msg
		for ; i < n && len(all) < mostRecords; i++ {
			all = append(all, record(i+1, "x"))
		}
		var err error
		if over, err = s.write(t.Context(), append(all, record(0, "")), over); err != nil {
			t.Fatal(err)
		}
	}
	found := 0
	if err := s.records(t.Context(), "tg.state.main.>", func(message) { found++ }); err != nil || found != n+1 {
		t.Errorf("%d of %d: %v", found, n+1, err)
	}
}

// A stream that is full takes no more, and loses nothing of what it has: who joins would not know of it. Room is there for what is written anew
// once the operator makes some.
func TestFullStream(t *testing.T) {
	const room = 100_000
	s := openWith(t, storage.Options{Limits: map[string]int64{storage.State: room}})
	large := strings.Repeat("x", 1000)
	over, n, err := uint64(0), 0, error(nil)
	for last := over; err == nil && n < 2*room/1000; n++ {
		last = over
		if over, err = s.write(t.Context(), []*nats.Msg{record(n+1, large), record(0, fmt.Sprint(n))}, last); err != nil {
			over = last
		}
	}
	if err == nil {
		t.Fatalf("%d records of %d bytes are in a stream of %d", n, len(large), room)
	}
	t.Log(n, err)
	if got := strings.Count(s.all(t), "dialog"); got != n-1 {
		t.Errorf("%d dialogs of %d are there", got, n-1)
	}
	if !strings.HasSuffix(s.all(t), fmt.Sprintf("through 0 %d]", n-2)) {
		t.Errorf("%.300s", s.all(t))
	}
}

// BenchmarkManyRecords is those of 20,000 dialogs, written, read back, and looked at: all of them, and none that is new.
func BenchmarkManyRecords(b *testing.B) {
	const n = 20_000
	s := open(b)
	over := uint64(0)
	text := strings.Repeat("x", 317) // as BenchmarkManyDialogs has them
	var write, read, look, idle time.Duration
	for range b.N {
		begun := time.Now()
		for i := 0; i < n; {
			var all []*nats.Msg
			for ; i < n && len(all) < mostRecords; i++ {
				m := record(i+1, text)
				m.Header = nats.Header{subjects.HeaderContentType: {subjects.ContentJSON}, subjects.HeaderThrough: {"1000000"}, subjects.HeaderUser: {"1000000"}, subjects.HeaderLayer: {"228"}}
				all = append(all, m)
			}
			var err error
			if over, err = s.write(context.Background(), append(all, record(0, "")), over); err != nil {
				b.Fatal(err)
			}
		}
		write += time.Since(begun)
		begun = time.Now()
		found := 0
		if err := s.records(context.Background(), "tg.state.main.>", func(message) { found++ }); err != nil || found != n+1 {
			b.Fatalf("%d of %d: %v", found, n+1, err)
		}
		read += time.Since(begun)
		now, err := s.tail(context.Background())
		for _, from := range []uint64{0, now.last + 1} {
			begun, found = time.Now(), 0
			if err == nil {
				err = s.marks(context.Background(), "main", from, now.last, func(message) { found++ })
			}
			if err != nil || found != 0 && found != n+1 {
				b.Fatalf("%d of %d: %v", found, n+1, err)
			}
			if from == 0 {
				look += time.Since(begun)
			} else {
				idle += time.Since(begun)
			}
		}
	}
	st, err := s.js.Stream(context.Background(), s.scheme.StreamName(storage.State))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(write.Seconds()/float64(b.N), "write-s")
	b.ReportMetric(read.Seconds()/float64(b.N), "read-s")
	b.ReportMetric(look.Seconds()/float64(b.N), "look-s")
	b.ReportMetric(idle.Seconds()/float64(b.N), "idle-s")
	b.ReportMetric(float64(st.CachedInfo().State.Bytes)/n, "stream-B")
}
