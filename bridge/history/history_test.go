package history

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/embedded/embeddedtest"
	"github.com/natsgram/natsgram/bridge/erase"
	"github.com/natsgram/natsgram/bridge/history/walk"
	"github.com/natsgram/natsgram/bridge/records"
	"github.com/natsgram/natsgram/bridge/retry"
	"github.com/natsgram/natsgram/bridge/storage"
	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/schemas"
	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl"
	"github.com/natsgram/natsgram/tl/codec"
)

func TestMain(m *testing.M) {
	quick := retry.Backoff{Min: time.Millisecond, Max: 5 * time.Millisecond}
	jobPause, writePause, loadPause, pace = quick, quick, quick, 0
	goleak.VerifyTestMain(m)
}

var layer = sync.OnceValue(func() (l struct {
	schema *codec.Schema
	rules  *updates.Rules
}) {
	decl, err := tl.Parse("api.tl", schemas.API())
	if err == nil {
		l.schema, err = codec.Compile(decl)
	}
	if err == nil {
		l.rules, err = updates.Compile(l.schema, decl)
	}
	if err != nil {
		panic(err)
	}
	return l
})

const chat, self = 77, 1

// telegram is a channel's history, as Telegram gives it.
type telegram struct {
	mu     sync.Mutex
	ids    []int // ascending
	next   int
	calls  int
	before func(call int) error // what a call gets instead; nil: all are answered
	then   func()               // after each, under mu
}

func newTelegram(n int) *telegram {
	g := &telegram{next: 1}
	for range n {
		g.write()
	}
	return g
}

func (g *telegram) write() {
	g.ids = append(g.ids, g.next)
	g.next++
}

func (g *telegram) Invoke(_ context.Context, query []byte) ([]byte, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.calls++
	if g.before != nil {
		if err := g.before(g.calls); err != nil {
			return nil, err
		}
	}
	if g.then != nil {
		defer g.then()
	}
	v, err := layer().schema.View(query)
	if err != nil {
		return nil, err
	}
	offset, add, limit := int(v.Int("offset_id")), int(v.Int("add_offset")), int(v.Int("limit"))
	start := 0
	if offset > 0 {
		start = len(g.ids) - g.older(offset)
	}
	from := min(max(start+add, 0), len(g.ids))
	to := min(from+limit, len(g.ids))
	messages := []codec.M{}
	for i := from; i < to; i++ {
		messages = append(messages, g.message(g.ids[len(g.ids)-1-i]))
	}
	return layer().schema.Encode(nil, codec.M{
		"_": "messages.channelMessages", "pts": 1, "count": len(g.ids), "messages": messages, "topics": []codec.M{}, "chats": []codec.M{}, "users": []codec.M{},
	})
}

// older is how many messages are older than an id.
func (g *telegram) older(id int) int {
	n, _ := slices.BinarySearch(g.ids, id)
	return n
}

func (g *telegram) message(id int) codec.M {
	peer := codec.M{"_": "peerChannel", "channel_id": int64(chat)}
	if id%17 == 0 {
		return codec.M{"_": "messageService", "id": id, "peer_id": peer, "date": id, "action": codec.M{"_": "messageActionPinMessage"}}
	}
	return codec.M{"_": "message", "id": id, "peer_id": peer, "date": id, "message": "m" + strconv.Itoa(id)}
}

// rig is a NATS with what services need.
type rig struct {
	t       *testing.T
	js      jetstream.JetStream
	st      *storage.Storage
	records Records
	g       *telegram
	change  func(*Config)
}

func newRig(t *testing.T, g *telegram) *rig {
	t.Helper()
	return newRigOn(t, g, embeddedtest.Start(t))
}

func newRigOn(t *testing.T, g *telegram, srv nats.InProcessConnProvider) *rig {
	t.Helper()
	js, err := jetstream.New(embeddedtest.Connect(t, srv))
	if err != nil {
		t.Fatal(err)
	}
	st := storage.Daemon(js, storage.Options{}, nil)
	r, err := records.Open(t.Context(), st)
	if err != nil {
		t.Fatal(err)
	}
	return &rig{t: t, js: js, st: st, records: r, g: g}
}

func (x *rig) config() Config {
	c := Config{
		Account: "main", User: self, Store: NewStore(x.st), Records: x.records, Schema: layer().schema, Rules: layer().rules, Invoke: x.g.Invoke,
		Find: func(context.Context, json.RawMessage) (subjects.Kind, int64, error) {
			return subjects.Channel, chat, nil
		},
		Input: func(context.Context, updates.Peer) ([]byte, error) {
			return layer().schema.Encode(nil, codec.M{"_": "inputPeerChannel", "channel_id": int64(chat), "access_hash": int64(5)})
		},
		Met: func([]byte, []erase.Who) {}, Explain: func(err error) answer.Fault { return answer.Fault{Code: 400, Text: err.Error()} },
		Message: func(item *updates.Item) (nats.Header, []byte) {
			id := strconv.Itoa(item.Index)
			return nats.Header{subjects.HeaderMessage: {id}, subjects.HeaderUser: {strconv.Itoa(self)}, "Nats-Msg-Id": {id}}, []byte(item.Name)
		},
		Log: slog.New(slog.DiscardHandler),
	}
	if x.change != nil {
		x.change(&c)
	}
	return c
}

// serve starts a service; it is loaded when this returns.
func (x *rig) serve() *Service {
	x.t.Helper()
	s := New(x.config())
	s.Start()
	x.t.Cleanup(s.Close)
	x.until(func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.loaded
	})
	return s
}

func (x *rig) until(is func() bool) {
	x.t.Helper()
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			x.t.Fatal("it does not come about")
		}
	}
}

func (x *rig) ask(s *Service, verb, body string, into any) error {
	b, f := s.Answer(x.t.Context(), verb, []byte(body))
	if f != nil {
		return f
	}
	return json.Unmarshal(b, into)
}

func (x *rig) fetch(s *Service, body string) Job {
	x.t.Helper()
	var got Fetched
	for {
		err := x.ask(s, "fetch", body, &got)
		var f *answer.Fault
		if err == nil {
			return got.Job
		}
		if !errors.As(err, &f) || f.Code != 503 {
			x.t.Fatal(err)
		}
	}
}

func (x *rig) job(s *Service, id string) Job {
	x.t.Helper()
	var all Jobs
	if err := x.ask(s, "list", `{"job":"`+id+`"}`, &all); err != nil {
		x.t.Fatal(err)
	}
	return all.Jobs[0]
}

func (x *rig) ended(s *Service, id string) (j Job) {
	x.t.Helper()
	x.until(func() bool { j = x.job(s, id); return j.Ended != nil })
	return j
}

// stands are the ids in the stream, in its order.
func (x *rig) stands() (all []int) {
	x.t.Helper()
	st, err := x.js.Stream(x.t.Context(), "TG_HISTORY")
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil
	}
	if err != nil {
		x.t.Fatal(err)
	}
	info, err := st.Info(x.t.Context())
	if err != nil {
		x.t.Fatal(err)
	}
	for seq := info.State.FirstSeq; seq <= info.State.LastSeq; seq++ {
		m, err := st.GetMsg(x.t.Context(), seq)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			x.t.Fatal(err)
		}
		id, _ := strconv.Atoi(m.Header.Get(subjects.HeaderMessage))
		all = append(all, id)
	}
	return all
}

func upTo(n int) (all []int) {
	for i := range n {
		all = append(all, i+1)
	}
	return all
}

// forgetful is records that lose what is written from some time on, as a daemon does that is killed before it has written.
type forgetful struct {
	Records
	mu   sync.Mutex
	left int
}

func (f *forgetful) SaveHistory(ctx context.Context, account string, body []byte, over uint64) (uint64, error) {
	f.mu.Lock()
	f.left--
	lost := f.left < 0
	f.mu.Unlock()
	if lost {
		return over, nil
	}
	return f.Records.SaveHistory(ctx, account, body, over)
}

// telling are records that say what is to be done at the moment of each write.
type telling struct {
	Records
	save func() error
}

func (r telling) SaveHistory(_ context.Context, _ string, _ []byte, over uint64) (uint64, error) {
	return over + 1, r.save()
}

// Nobody works on a job before it is written down: who asks for one that cannot be is refused, and nothing of it is fetched.
func TestWrittenDownFirst(t *testing.T) {
	x := newRig(t, newTelegram(5))
	var s *Service
	var picked *job
	down := errors.New("the server does not answer")
	x.change = func(c *Config) {
		c.Records = telling{x.records, func() error { picked, _ = s.due(time.Now()); return down }}
	}
	s = New(x.config())
	defer s.Close()
	s.loaded = true
	failed := &job{ID: "old", Kind: subjects.Channel, Chat: chat, User: self, Walk: walk.New(walk.Range{Limit: 3}), State: Failed, Ended: time.Now()}
	s.jobs = []*job{failed}
	for _, body := range []string{`{"peer":"x"}`, `{"peer":"x","limit":3}`} {
		if err := x.ask(s, "fetch", body, new(Fetched)); err == nil {
			t.Errorf("%s: it is accepted", body)
		}
		if picked != nil || len(s.jobs) != 1 || failed.State != Failed || failed.running {
			t.Errorf("%s: %+v is worked on; jobs %+v", body, picked, s.jobs)
		}
	}
	down = nil
	if err := x.ask(s, "fetch", `{"peer":"x"}`, new(Fetched)); err != nil || picked != nil {
		t.Errorf("%v, %+v", err, picked)
	}
	if j, _ := s.due(time.Now()); j == nil {
		t.Error("it is written down, and nobody works on it")
	}
}

// A daemon that dies between storing a page and writing down that it has, leaves it to the next one, which stores nothing twice: however long
// after, and wherever it died.
func TestNothingStandsTwice(t *testing.T) {
	for _, kept := range []int{2, 3, 4} { // of the record: that there is nobody else, only the job, and some pages
		g := newTelegram(450)
		x := newRig(t, g)
		f := &forgetful{Records: x.records, left: kept}
		x.change = func(c *Config) { c.Records = f }
		s := x.serve()
		j := x.fetch(s, `{"peer":"x"}`)
		if j = x.ended(s, j.ID); j.Stored != 450 {
			t.Fatalf("%+v", j)
		}
		s.Close()
		time.Sleep(300 * time.Millisecond) // longer than JetStream knows message ids
		x.change = nil
		s = x.serve()
		if j = x.ended(s, j.ID); j.State != Done {
			t.Errorf("%+v", j)
		}
		if got := x.stands(); !slices.Equal(got, upTo(450)) {
			t.Errorf("kept %d: %v", kept, got)
		}
	}
}

// Two daemons that both believe that the account is theirs store nothing twice.
func TestTwoOwners(t *testing.T) {
	g := newTelegram(2000)
	x := newRig(t, g)
	one, two := x.serve(), x.serve()
	a, b := x.fetch(one, `{"peer":"x"}`), x.fetch(two, `{"peer":"x"}`)
	if j := x.ended(one, a.ID); j.State != Done {
		t.Errorf("%+v", j)
	}
	if j := x.ended(two, b.ID); j.State != Done {
		t.Errorf("%+v", j)
	}
	got := x.stands()
	slices.Sort(got)
	if !slices.Equal(got, upTo(2000)) {
		t.Errorf("%d messages", len(got))
	}
}

// Whatever fails and whenever a daemon ends: at last every message that was there all the time stands in the stream once, in order.
func TestSeeds(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			r, end := rand.New(rand.NewPCG(seed, 7)), rand.New(rand.NewPCG(seed, 8)) // Telegram draws beside the daemon's end
			g := newTelegram(300 + r.IntN(900))
			gone := map[int]bool{}
			g.before = func(int) error {
				switch r.IntN(40) {
				case 0:
					return &mtproto.Error{Code: 420, Type: "FLOOD_WAIT_1", Arg: 1}
				case 1, 2, 3, 4:
					return &mtproto.Error{Code: 500, Type: "INTERNAL"}
				case 5, 6, 7, 8:
					return errors.New("the connection is lost")
				}
				return nil
			}
			g.then = func() {
				if r.IntN(3) == 0 {
					i := r.IntN(len(g.ids))
					gone[g.ids[i]] = true
					g.ids = slices.Delete(g.ids, i, i+1)
				}
				if r.IntN(3) == 0 {
					g.write()
				}
			}
			x := newRig(t, g)
			was := g.next - 1
			s := x.serve()
			j := x.fetch(s, `{"peer":"x"}`)
			for {
				pages := g.count()
				x.until(func() bool { return g.count() > pages || x.job(s, j.ID).Ended != nil })
				if j = x.job(s, j.ID); j.Ended != nil {
					break
				}
				if end.IntN(4) == 0 {
					s.Close()
					s = x.serve()
				}
			}
			got := x.stands()
			if j.State != Done || !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) {
				t.Fatalf("%+v: twice, or in no order: %v", j, got)
			}
			for id := 1; id <= was; id++ {
				if !gone[id] && !slices.Contains(got, id) {
					t.Errorf("%d is missing", id)
				}
			}
		})
	}
}

// pauseAt tells when a call is made, by its number, and has it wait for what follows.
func (g *telegram) pauseAt(n int) (reached, proceed chan struct{}) {
	reached, proceed = make(chan struct{}), make(chan struct{})
	g.before = func(call int) error {
		if call == n {
			close(reached)
			<-proceed
		}
		return nil
	}
	return reached, proceed
}

func (g *telegram) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.calls
}

// What somebody takes out of the stream while a job is at work leaves it at work, and is fetched again when it is asked for again.
func TestErasedMeanwhile(t *testing.T) {
	g := newTelegram(500)
	x := newRig(t, g)
	reached, proceed := g.pauseAt(5)
	s := x.serve()
	j := x.fetch(s, `{"peer":"x"}`)
	<-reached
	st, err := x.js.Stream(t.Context(), "TG_HISTORY")
	if err != nil {
		t.Fatal(err)
	}
	held := len(x.stands())
	if err := st.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	close(proceed)
	if j = x.ended(s, j.ID); j.State != Done || held == 0 {
		t.Fatalf("%d: %+v", held, j)
	}
	if got := x.stands(); !slices.Equal(got, upTo(500)[held:]) {
		t.Errorf("%v", got)
	}
	if again := x.ended(s, x.fetch(s, `{"peer":"x"}`).ID); again.Stored != held {
		t.Errorf("%+v", again)
	}
}

// Of a chat that is erased nothing is fetched after that: the job at work has stopped, and the one that waits, and no record tells of them.
func TestForget(t *testing.T) {
	g := newTelegram(500)
	x := newRig(t, g)
	reached, proceed := make(chan struct{}), make(chan struct{})
	g.before = func(call int) error {
		if call == 3 {
			close(reached)
			<-proceed
		}
		return nil
	}
	s := x.serve()
	x.fetch(s, `{"peer":"x"}`)
	x.fetch(s, `{"peer":"x","limit":5}`)
	<-reached
	forgotten := make(chan error, 2)
	go func() { forgotten <- s.Forget(t.Context(), whoIs(subjects.User, chat)) }()
	x.until(func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.lastErasure > 0
	})
	var all Jobs
	if err := x.ask(s, "list", "", &all); err != nil || len(all.Jobs) != 2 {
		t.Fatalf("jobs of another chat are gone: %v %+v", err, all)
	}
	go func() { forgotten <- s.Forget(t.Context(), whoIs(subjects.Channel, chat)) }()
	x.until(func() bool { return x.ask(s, "list", "", &all) == nil && len(all.Jobs) == 0 })
	select {
	case err := <-forgotten:
		t.Errorf("it is forgotten while it is at work: %v", err)
	default:
	}
	close(proceed)
	if err := errors.Join(<-forgotten, <-forgotten); err != nil {
		t.Fatal(err)
	}
	held := len(x.stands())
	body, _, err := x.records.History(t.Context(), "main")
	if err != nil || strings.Contains(string(body), strconv.Itoa(chat)) {
		t.Errorf("%v %s", err, body)
	}
	if j := x.ended(s, x.fetch(s, `{"peer":"x"}`).ID); j.State != Done || j.Stored != 500-held {
		t.Errorf("%d were there: %+v", held, j)
	}
}

// A stream that was deleted is made anew, and the job begins anew.
func TestStreamLost(t *testing.T) {
	g := newTelegram(500)
	x := newRig(t, g)
	reached, proceed := g.pauseAt(5)
	s := x.serve()
	j := x.fetch(s, `{"peer":"x"}`)
	<-reached
	if err := x.js.DeleteStream(t.Context(), "TG_HISTORY"); err != nil {
		t.Fatal(err)
	}
	close(proceed)
	if j = x.ended(s, j.ID); j.State != Done || j.Stored != 500 {
		t.Errorf("%+v", j)
	}
	if got := x.stands(); !slices.Equal(got, upTo(500)) {
		t.Errorf("%d: %v", len(got), got)
	}
}

// A full stream fails the job clearly, and with room the same request goes on there.
func TestFull(t *testing.T) {
	g := newTelegram(3000)
	x := newRig(t, g)
	x.st = storage.Daemon(x.js, storage.Options{Limits: map[string]int64{storage.History: 64 << 10}}, nil)
	s := x.serve()
	j := x.ended(s, x.fetch(s, `{"peer":"x"}`).ID)
	if j.State != Failed || j.Code != 507 || !strings.Contains(j.Error, "NATSGRAM_LIMITS") || j.Stored == 0 {
		t.Fatalf("%+v", j)
	}
	st, err := x.js.Stream(t.Context(), "TG_HISTORY")
	if err != nil {
		t.Fatal(err)
	}
	c := st.CachedInfo().Config
	c.MaxBytes = -1
	if _, err := x.js.UpdateStream(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	calls := g.count()
	again := x.ended(s, x.fetch(s, `{"peer":"x"}`).ID)
	if again.ID != j.ID || again.State != Done || again.Stored != 3000 || g.count()-calls > (3000-j.Stored)/100+4 {
		t.Errorf("%+v, %d calls", again, g.count()-calls)
	}
	if got := x.stands(); !slices.Equal(got, upTo(3000)) {
		t.Errorf("%d messages", len(got))
	}
}

// A thousand requests make no more jobs than may be, and one a job each; jobs of another user of the name, and rubbish, are nobody's.
func TestManyJobs(t *testing.T) {
	x := newRig(t, newTelegram(1))
	x.change = func(c *Config) { c.Held = func() string { return "held" } }
	s := x.serve()
	made, refused := map[string]bool{}, 0
	for i := range 1000 {
		var got Fetched
		err := x.ask(s, "fetch", fmt.Sprintf(`{"peer":"x","limit":%d}`, i%200+1), &got)
		var f *answer.Fault
		switch {
		case err == nil:
			made[got.Job.ID] = true
		case errors.As(err, &f) && f.Code == 503:
			refused++
		default:
			t.Fatal(err)
		}
	}
	if len(made) != openMost || refused != 500 {
		t.Errorf("%d jobs, %d refused", len(made), refused)
	}
	s.Close()
	x.change = func(c *Config) { c.User = 2 }
	other := x.serve()
	var all Jobs
	if err := x.ask(other, "list", "", &all); err != nil || len(all.Jobs) != 0 {
		t.Errorf("%v %+v", err, all)
	}
	other.Close()
	x.change = nil
	_, revision, err := x.records.History(t.Context(), "main")
	if err == nil {
		_, err = x.records.SaveHistory(t.Context(), "main", []byte(`[null,{"id":"a"},3]`), revision)
	}
	if err != nil {
		t.Fatal(err)
	}
	again := x.serve()
	if j := x.ended(again, x.fetch(again, `{"peer":"x"}`).ID); j.State != Done {
		t.Errorf("%+v", j)
	}
}

// What is wrong is told with the name of the field; nothing that was asked for is left aside.
func TestRequest(t *testing.T) {
	for fields, want := range map[string]string{
		`"from":0`: "from: want the id", `"to":-1`: "to: want the id", `"to":5000000000`: "to: want the id",
		`"from":""`: "from: want the id of a message such as 17", `"to":"yesterday"`: "to: want", `"from":{}`: "from: want", `"to":"2026-02-31"`: "to: want",
		`"topic":0`: "topic: want", `"topic":-1`: "topic: want", `"topic":5000000000`: "topic: want",
		`"limit":0`: "limit: want", `"limit":5000000000`: "of 1 to 2147483647",
	} {
		_, _, _, fault := readAsked([]byte(`{"peer":"x",` + fields + `}`))
		if fault == nil || fault.Code != 400 || !strings.HasPrefix(fault.Text, "history.fetch: ") || !strings.Contains(fault.Text, want) {
			t.Errorf("%s: %+v, want %s", fields, fault, want)
		}
	}
	_, r, topic, fault := readAsked([]byte(`{"peer":"x","from":"2026-01-31","to":"2026-01-31","limit":5,"topic":7}`))
	if fault != nil || r.To.Date-r.From.Date != 86399 || r.Limit != 5 || topic != 7 {
		t.Errorf("%+v %d %+v", r, topic, fault)
	}
	if _, r, topic, fault = readAsked([]byte(`{"peer":"x","from":null,"topic":null}`)); fault != nil || r != (walk.Range{}) || topic != 0 {
		t.Errorf("%+v %d %+v", r, topic, fault)
	}
}

func FuzzRequest(f *testing.F) {
	for _, body := range []string{`{"peer":"@a","from":1,"to":"2026-01-01","limit":5,"topic":3}`, `{"peer":{},"from":"@5"}`, `{"from":-1}`, `[]`, `{"peer":"x","limit":1e9}`} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		a, r, topic, fault := readAsked(body)
		if fault == nil && (len(a.Peer) == 0 || r.Limit < 0 || r.From.ID < 0 || r.To.ID < 0 || r.From.Date < 0 || r.To.Date < 0 || topic < 0) {
			t.Fatalf("%s: %+v", body, r)
		}
	})
}

func FuzzRecord(f *testing.F) {
	f.Add([]byte(`[{"id":"a","kind":"user","chat":5,"user":1,"walk":{"range":{},"step":"pages","next":3,"top":9}}]`))
	f.Add([]byte(`[null]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, j := range readJobs(body, self) {
			j.tell(subjects.Scheme{}, "main", time.Unix(0, 0))
			j.Walk.Call()
		}
	})
}

// Of the jobs that ended those are forgotten that ended first, and not those that began first: who waits for a long one is told how it ended.
func TestLongJobIsNotForgotten(t *testing.T) {
	now := time.Now()
	s := New(Config{Scheme: subjects.Scheme{}, Account: "main"})
	s.loaded = true
	ended := func(id string, ago time.Duration) *job {
		return &job{ID: id, Kind: subjects.Channel, Chat: chat, User: self, Walk: walk.New(walk.Range{}), State: Done, Since: now.Add(-time.Hour), Ended: now.Add(-ago)}
	}
	s.jobs = []*job{ended("long", time.Second), {ID: "open", Kind: subjects.Channel, Chat: chat, User: self, Walk: walk.New(walk.Range{}), Since: now}, ended("old", endedAge)}
	for i := range endedMost + 1 {
		s.jobs = append(s.jobs, ended("short"+strconv.Itoa(i), time.Duration(endedMost-i+2)*time.Second))
	}
	s.tidy(now)
	var all Jobs
	b, f := s.Answer(t.Context(), "list", nil)
	if f != nil || json.Unmarshal(b, &all) != nil {
		t.Fatal(f)
	}
	var ids []string
	for _, j := range all.Jobs {
		ids = append(ids, j.ID)
	}
	if len(ids) != endedMost+1 || !slices.Equal(ids[:3], []string{"open", "long", "short50"}) || ids[endedMost] != "short2" {
		t.Errorf("%d jobs: %v", len(ids), ids)
	}
}

// lagging are records that a copy of the bucket tells which has not heard of the last ones at first.
type lagging struct {
	Records
	left atomic.Int32
}

func (r *lagging) History(ctx context.Context, account string) ([]byte, uint64, error) {
	if r.left.Add(-1) >= 0 {
		return nil, 0, nil
	}
	return r.Records.History(ctx, account)
}

// A job that the former owner has accepted last is not lost where the next one asks a copy that has not heard of it.
func TestTakenOverFromALaggingCopy(t *testing.T) {
	x := newRig(t, newTelegram(5))
	x.change = func(c *Config) { c.Held = func() string { return "held" } }
	s := x.serve()
	j := x.fetch(s, `{"peer":"x"}`)
	s.Close()
	lag := &lagging{Records: x.records}
	lag.left.Store(2)
	x.change = func(c *Config) { c.Records = lag }
	s = x.serve()
	x.fetch(s, `{"peer":"x","limit":1}`)
	if got := x.ended(s, j.ID); got.State != Done {
		t.Errorf("%+v", got)
	}
}
