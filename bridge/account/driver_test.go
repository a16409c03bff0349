package account

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
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
	"github.com/natsgram/natsgram/bridge/chats"
	"github.com/natsgram/natsgram/bridge/embedded/embeddedtest"
	"github.com/natsgram/natsgram/bridge/methods"
	"github.com/natsgram/natsgram/bridge/peers"
	"github.com/natsgram/natsgram/bridge/records"
	"github.com/natsgram/natsgram/bridge/settings"
	"github.com/natsgram/natsgram/bridge/storage"
	"github.com/natsgram/natsgram/bridge/stream"
	"github.com/natsgram/natsgram/bridge/vault"
	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl/codec"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// telegram stands in for client and Telegram: an account whose common box is at pts.
type telegram struct {
	t       testing.TB
	o       mtproto.Options
	pts     atomic.Int64
	mu      sync.Mutex
	calls   []string
	open    map[int]*pushed // not acknowledged
	users   []codec.M       // that come along with differences
	other   map[int]codec.M // updates by pts that are no text of Eve's
	refusal error           // of differences and states
	offset  atomic.Int64    // its clock minus ours
	started chan struct{}
	lost    chan error
}

// slice is how many messages a difference has at most.
const slice = 30

func newTelegram(t testing.TB) *telegram {
	return &telegram{t: t, started: make(chan struct{}), lost: make(chan error, 1)}
}

func (g *telegram) Run(ctx context.Context) error {
	close(g.started)
	g.o.Events(mtproto.Connected{DC: 2})
	select {
	case <-ctx.Done():
		return ctx.Err()
	case err := <-g.lost:
		return err
	}
}

func (g *telegram) Invoke(_ context.Context, query []byte) ([]byte, error) {
	s, _ := layer()
	v, err := s.View(query)
	if err != nil {
		return nil, err
	}
	g.mu.Lock()
	g.calls = append(g.calls, v.Name())
	refusal := g.refusal
	g.mu.Unlock()
	if refusal != nil && strings.HasPrefix(v.Name(), "updates.get") {
		return nil, refusal
	}
	pts := int(g.pts.Load())
	state := codec.M{"_": "updates.state", "pts": pts, "qts": 0, "date": 1700000000, "seq": 0, "unread_count": 0}
	switch v.Name() {
	case "updates.getState":
		return s.Encode(nil, state)
	case "updates.getDifference":
		messages, others := g.missed(int(v.Int("pts")), pts)
		if len(messages)+len(others) == 0 {
			return s.Encode(nil, codec.M{"_": "updates.differenceEmpty", "date": 1700000000, "seq": 0})
		}
		answer := codec.M{"_": "updates.difference", "new_messages": messages, "new_encrypted_messages": []codec.M{},
			"other_updates": others, "chats": []codec.M{}, "users": append([]codec.M{}, g.users...), "state": state}
		if len(messages) > slice {
			answer["_"], answer["new_messages"] = "updates.differenceSlice", messages[:slice]
			state["pts"] = int(v.Int("pts")) + slice
			answer["intermediate_state"] = state
			delete(answer, "state")
		}
		return s.Encode(nil, answer)
	}
	return nil, &mtproto.Error{Code: 400, Type: "METHOD_INVALID"}
}

// missed are messages and other updates between two places.
func (g *telegram) missed(from, to int) (messages, others []codec.M) {
	g.mu.Lock()
	defer g.mu.Unlock()
	others = []codec.M{}
	for n := from + 1; n <= to; n++ {
		switch u := g.other[n]; {
		case u == nil:
			messages = append(messages, textMessage(n))
		case u["message"] != nil:
			messages = append(messages, u["message"].(codec.M))
		default:
			others = append(others, u)
		}
	}
	return messages, others
}

func (g *telegram) ClockOffset() time.Duration { return time.Duration(g.offset.Load()) }

// called are the calls of a method.
func (g *telegram) called(method string) []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(g.calls), func(name string) bool { return name != method })
}

// refuse has every difference fail so; nil: no more.
func (g *telegram) refuse(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.refusal = err
}

func textMessage(n int) codec.M {
	return codec.M{"_": "message", "id": n, "peer_id": codec.M{"_": "peerUser", "user_id": 5}, "date": 1700000000, "message": fmt.Sprint(n)}
}

// say has somebody write: pts moves, and the update is pushed. done counts acknowledgements.
func (g *telegram) say(done *atomic.Int64) {
	n := int(g.pts.Add(1))
	body := encode(g.t, codec.M{"_": "updates", "updates": []codec.M{{"_": "updateNewMessage", "message": textMessage(n), "pts": n, "pts_count": 1}},
		"users": []codec.M{}, "chats": []codec.M{}, "date": 1700000000, "seq": 0})
	g.o.Updates(mtproto.Update{Body: body, Received: time.Now(), Ack: func() { done.Add(1) }})
}

type rig struct {
	t       testing.TB
	nc      *nats.Conn
	js      jetstream.JetStream
	storage *storage.Storage
	store   *stream.Store
	records *records.Records
	vault   *vault.Vault
	set     settings.Settings
	g       *telegram
	r       *Runner
	lost    <-chan struct{}
	held    time.Duration // until updates are said to be held; 0: as usual
	late    time.Duration // until a difference is said to fail; 0: as usual
	end     func() error
	peers   peers.Store                           // nil: whom the account meets is forgotten
	chats   *chats.Store                          // nil: dialogs are not kept
	wrap    func(mtproto.Options) (Client, error) // nil: g is the client
}

func newRig(t testing.TB) *rig {
	t.Helper()
	srv := embeddedtest.Start(t)
	return newRigOn(t, srv)
}

func newRigOn(t testing.TB, srv nats.InProcessConnProvider, options ...nats.Option) *rig {
	t.Helper()
	x := &rig{t: t, set: settings.Defaults()}
	x.set.APIID = 1
	var err error
	if x.nc, err = nats.Connect("", append(options, nats.InProcessServer(srv))...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(x.nc.Close)
	x.js, _ = jetstream.New(x.nc)
	x.open()
	x.signIn(1)
	return x
}

// open is what a daemon opens when it starts.
func (x *rig) open() {
	x.t.Helper()
	var err error
	x.storage = storage.Daemon(x.js, storage.Options{}, nil)
	if x.store, err = stream.Setup(context.Background(), x.storage); err != nil {
		x.t.Fatal(err)
	}
	if x.records, err = records.Open(context.Background(), x.storage); err != nil {
		x.t.Fatal(err)
	}
	key, _ := vault.KeyFromSecret("sixteen characters")
	if x.vault, err = vault.Open(context.Background(), x.storage, key); err != nil {
		x.t.Fatal(err)
	}
}

func (x *rig) signIn(user int64) {
	x.t.Helper()
	state, _ := json.Marshal(mtproto.State{Version: 1, Home: 2, UserID: user})
	if _, err := x.vault.Replace(context.Background(), "main", state); err != nil {
		x.t.Fatal(err)
	}
}

// run starts a runner over g, the account's Telegram, and waits until it follows the updates.
func (x *rig) run(g *telegram) {
	x.t.Helper()
	x.start(g)
	x.await(func(st Status) bool { return st.Follows })
}

func (x *rig) start(g *telegram) {
	x.t.Helper()
	s, decl := layer()
	rules, err := updates.Compile(s, decl)
	if err != nil {
		x.t.Fatal(err)
	}
	x.g = g
	x.r = New(Config{
		Name: "main", Settings: x.set, Conn: x.nc, Answers: answersOf(x.t, x.nc), Stores: Stores{Store: x.store, Records: x.records, Vault: x.vault}, Methods: methods.New(s, decl, nil), Rules: rules, Lease: Lease{Lost: x.lost},
		NewClient: func(o mtproto.Options) (Client, error) { g.o = o; return g, nil },
	})
	x.r.c.Chats, x.r.c.Peers = x.chats, x.peers
	if x.wrap != nil {
		x.r.c.NewClient = x.wrap
	}
	if x.late > 0 {
		x.r.differenceLate = x.late
	}
	if x.held > 0 {
		x.r.heldAfter = x.held
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- x.r.Run(ctx) }()
	<-g.started
	once := sync.OnceValue(func() error { cancel(); return <-ended })
	x.end = once
	x.t.Cleanup(func() { _ = once() })
}

func answersOf(t testing.TB, nc *nats.Conn) *answer.Answers {
	t.Helper()
	replies, err := subjects.Scheme{}.Replies()
	if err != nil {
		t.Fatal(err)
	}
	return answer.New(nc, replies, nil, nil)
}

func (x *rig) await(what func(Status) bool) {
	x.t.Helper()
	limit := time.After(20 * time.Second)
	for {
		moved := x.r.Changed()
		if what(x.r.Status()) {
			return
		}
		select {
		case <-moved:
		case <-limit:
			x.t.Fatalf("not in time: %+v", x.r.Status())
		}
	}
}

// begins tells the word that an account begins from its updates.
func begins(h nats.Header) bool { return h.Get(subjects.HeaderType) == gapName }

// texts are the messages in the stream, waiting for n.
func (x *rig) texts(n int) string {
	x.t.Helper()
	c, err := x.js.OrderedConsumer(context.Background(), "TG_UPDATES", jetstream.OrderedConsumerConfig{FilterSubjects: []string{"tg.upd.main.>"}})
	if err != nil {
		x.t.Fatal(err)
	}
	var all []string
	for len(all) < n {
		m, err := c.Next(jetstream.FetchMaxWait(10 * time.Second))
		if err != nil {
			x.t.Fatalf("after %v: %v", all, err)
		}
		if begins(m.Headers()) {
			continue
		}
		var body struct {
			Update struct{ Message struct{ Message string } }
		}
		if err := json.Unmarshal(m.Data(), &body); err != nil {
			x.t.Fatal(err)
		}
		all = append(all, body.Update.Message.Message)
	}
	if info, err := c.Info(context.Background()); err != nil || info.NumPending != 0 {
		x.t.Errorf("%d more in the stream %v", info.NumPending, err)
	}
	return strings.Join(all, " ")
}

// E17, E23: what came while nobody ran the account is fetched, and nothing is twice, with and without a position.
func TestNextOwnerGoesOn(t *testing.T) {
	for _, keep := range []bool{true, false} {
		t.Run(fmt.Sprint("position kept: ", keep), func(t *testing.T) {
			x := newRig(t)
			var done atomic.Int64
			g := newTelegram(t)
			g.pts.Store(10) // before: nobody's business
			x.run(g)
			g.say(&done)
			g.say(&done)
			x.texts(2)
			if err := x.end(); err != nil {
				t.Fatal(err)
			}
			if !keep {
				if err := x.records.Forget(context.Background(), "main"); err != nil {
					t.Fatal(err)
				}
			}
			next := newTelegram(t)
			next.pts.Store(13)
			x.run(next)
			x.texts(3)
			next.say(&done)
			if got := x.texts(4); got != "11 12 13 14" {
				t.Error(got)
			}
		})
	}
}

// E5: of a short message from somebody whom the stream has not told of, the difference brings all; from then on it is made whole.
func TestShortMessages(t *testing.T) {
	x := newRig(t)
	g := newTelegram(t)
	g.users = []codec.M{{"_": "user", "id": 5, "access_hash": 50, "first_name": "Eve"}}
	x.run(g)
	short := func() {
		n := int(g.pts.Add(1))
		g.push(encode(t, codec.M{"_": "updateShortMessage", "id": n, "user_id": 5, "message": fmt.Sprint(n), "pts": n, "pts_count": 1, "date": 1700000000}))
	}
	differences := func() int {
		g.mu.Lock()
		defer g.mu.Unlock()
		return len(slices.DeleteFunc(slices.Clone(g.calls), func(name string) bool { return name != "updates.getDifference" }))
	}
	before := differences()
	short()
	x.texts(1)
	if differences() <= before || !strings.Contains(x.all(), "Eve") {
		t.Errorf("%d differences, then %d; %s", before, differences(), x.all())
	}
	before = differences()
	short()
	if got := x.texts(2); got != "1 2" || differences() != before {
		t.Errorf("%s, %d differences, then %d", got, before, differences())
	}
}

// Two daemons, one account: the second's first act ends the first, whatever it still wants to publish.
func TestAbruptHandOver(t *testing.T) {
	x := newRig(t)
	var done atomic.Int64
	g := newTelegram(t)
	x.run(g)
	first, firstEnd := x.r, x.end
	g.say(&done)
	x.texts(1)
	next := newTelegram(t)
	next.pts.Store(1)
	x.run(next)
	g.say(&done) // too late
	next.say(&done)
	if got := x.texts(2); got != "1 2" {
		t.Error(got)
	}
	var fenced *stream.FencedError
	if err := firstEnd(); err != nil && !errors.As(err, &fenced) {
		t.Error(err)
	}
	if first.Status().State == Connected {
		t.Error("the first goes on")
	}
}

// Another user under the same name begins anew: the first one's pts would hide everything.
func TestAnotherUserUnderTheName(t *testing.T) {
	x := newRig(t)
	var done atomic.Int64
	g := newTelegram(t)
	g.pts.Store(1000)
	x.run(g)
	g.say(&done)
	x.texts(1)
	if err := x.end(); err != nil {
		t.Fatal(err)
	}
	x.signIn(2)
	next := newTelegram(t)
	next.pts.Store(5)
	x.run(next)
	next.say(&done)
	if got := x.texts(2); got != "1001 6" {
		t.Error(got)
	}
}

// pauseStream has the stream refuse messages, as a full disk would.
func (x *rig) pauseStream(on bool) {
	x.t.Helper()
	st, err := x.js.Stream(context.Background(), "TG_UPDATES")
	if err != nil {
		x.t.Fatal(err)
	}
	c := st.CachedInfo().Config
	c.Discard, c.MaxMsgs = jetstream.DiscardOld, -1
	if on {
		c.Discard, c.MaxMsgs = jetstream.DiscardNew, 1
	}
	if _, err := x.js.UpdateStream(context.Background(), c); err != nil {
		x.t.Fatal(err)
	}
}

// D17: signed out elsewhere, the account's requests are refused with what to do.
func TestSignedOutIsSaid(t *testing.T) {
	x := newRig(t)
	g := newTelegram(t)
	x.run(g)
	g.o.Events(mtproto.AuthLost{Err: mtproto.ErrAuthLost})
	g.lost <- mtproto.ErrAuthLost
	x.await(func(st Status) bool { return st.State == SignedOut })
	f := x.r.status.explain(&mtproto.Error{Err: mtproto.ErrClosed, Sent: mtproto.SentNo})
	if f.Code != 401 || !strings.Contains(f.Text, "natsgram login main") {
		t.Errorf("%+v", f)
	}
	if err := x.end(); err != nil {
		t.Error(err)
	}
}

func TestFaults(t *testing.T) {
	r := New(Config{Name: "main"})
	for _, c := range []struct {
		err  error
		code int
		sent answer.Sent
	}{
		{&mtproto.Error{Code: 420, Type: "FLOOD_WAIT_35", Arg: 35, Sent: mtproto.SentYes}, 420, "yes"},
		{&mtproto.Error{Code: -503, Type: "Timeout", Sent: mtproto.SentUnknown}, 503, "unknown"},
		{&mtproto.Error{Err: context.DeadlineExceeded, Sent: mtproto.SentNo}, 504, "no"},
		{&mtproto.Error{Err: context.DeadlineExceeded, Sent: mtproto.SentUnknown}, 504, "unknown"},
		{&mtproto.Error{Err: mtproto.ErrClosed, Sent: mtproto.SentNo}, 503, "no"},
		{&mtproto.Error{Err: mtproto.ErrKeyDuplicated, Sent: mtproto.SentUnknown}, 401, "unknown"},
		{vault.ErrNotFound, 401, "no"},
		{errors.New("x"), 502, "unknown"},
	} {
		if f := r.status.explain(c.err); f.Code != c.code || f.Sent != c.sent || f.Text == "" {
			t.Errorf("%v: %+v", c.err, f)
		}
	}
	if f := r.status.explain(&mtproto.Error{Code: 420, Type: "FLOOD_WAIT_35", Arg: 35}); f.RetryAfter != 35*time.Second || f.Telegram != "FLOOD_WAIT_35" {
		t.Errorf("%+v", f)
	}
}

// BenchmarkUpdates is updates from the client into JetStream, all the way.
func BenchmarkUpdates(b *testing.B) {
	x := newRig(b)
	g := newTelegram(b)
	x.run(g)
	var done atomic.Int64
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		g.say(&done)
	}
	c, err := x.js.OrderedConsumer(context.Background(), "TG_UPDATES", jetstream.OrderedConsumerConfig{FilterSubjects: []string{"tg.upd.main.>"}, HeadersOnly: true})
	if err != nil {
		b.Fatal(err)
	}
	messages, err := c.Messages()
	if err != nil {
		b.Fatal(err)
	}
	defer messages.Stop()
	for range b.N {
		if _, err := messages.Next(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "updates/s")
}
