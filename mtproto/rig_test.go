package mtproto_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"reflect"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/tl/codec"
)

type M = codec.M

func TestMain(m *testing.M) {
	if os.Getenv(asServer) != "" {
		serve()
		return
	}
	goleak.VerifyTestMain(m)
}

// rig is a client in front of a Telegram in a box.
type rig struct {
	testing.TB
	*mtproto.Client
	s *mttest.Server

	mu      sync.Mutex
	events  []mtproto.Event
	saved   mtproto.State
	saves   int
	updates []mtproto.Update

	ctx  context.Context //nolint:containedctx // the test's own
	stop context.CancelFunc
	ran  chan error
}

// start makes a client and runs it until the test ends.
func start(t testing.TB, s *mttest.Server, change ...func(*mtproto.Options)) *rig {
	t.Helper()
	r := prepare(t, s, change...)
	go func() { r.ran <- r.Run(r.ctx) }()
	t.Cleanup(func() { r.end() })
	return r
}

func prepare(t testing.TB, s *mttest.Server, change ...func(*mtproto.Options)) *rig {
	t.Helper()
	r := &rig{TB: t, s: s, ran: make(chan error, 1)}
	o := mtproto.Options{
		API: mtproto.API{ID: 1, Hash: "0123456789abcdef0123456789abcdef"}, Schema: s.Schema(), Env: s.Env(), Dial: s.Dial,
		Save: r.save, Events: r.event, Updates: r.update, Throttle: new(mtproto.Throttle),
	}
	if os.Getenv("NATSGRAM_TEST_LOG") != "" {
		o.Log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	for _, f := range change {
		f(&o)
	}
	c, err := mtproto.New(o)
	if err != nil {
		t.Fatal(err)
	}
	r.Client = c
	r.ctx, r.stop = context.WithCancel(context.Background())
	return r
}

// end stops the client and returns what Run did.
func (r *rig) end() error {
	r.stop()
	err := <-r.ran
	r.ran <- err
	return err
}

func (r *rig) save(s mtproto.State) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.saved, r.saves = s, r.saves+1
	return nil
}

func (r *rig) event(e mtproto.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

func (r *rig) update(u mtproto.Update) {
	r.mu.Lock()
	r.updates = append(r.updates, u)
	r.mu.Unlock()
	u.Ack()
}

func (r *rig) pushed() []mtproto.Update {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]mtproto.Update(nil), r.updates...)
}

// seen are the events of the sample's type.
func seen[E mtproto.Event](r *rig) (found []E) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.events {
		if x, ok := e.(E); ok {
			found = append(found, x)
		}
	}
	return found
}

// state is what was saved last.
func (r *rig) state() mtproto.State {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.saved
}

func (r *rig) encode(call M) []byte {
	r.Helper()
	b, err := r.Schema().Encode(nil, call)
	if err != nil {
		r.Fatal(err)
	}
	return b
}

// call makes a call that has to succeed.
func (r *rig) call(call M) codec.View {
	r.Helper()
	v, err := r.tryCall(r.ctx, call)
	if err != nil {
		r.Fatalf("%v: %v", call["_"], err)
	}
	return v
}

func (r *rig) tryCall(ctx context.Context, call M) (codec.View, error) {
	r.Helper()
	b, err := r.Invoke(ctx, r.encode(call))
	if err != nil {
		return codec.View{}, err
	}
	v, err := r.Schema().View(b)
	if err != nil {
		r.Fatalf("%v: result: %v", call["_"], err)
	}
	return v, nil
}

// refused makes a call that Telegram has to refuse so.
func (r *rig) refused(call M, code int, text string) *mtproto.Error {
	r.Helper()
	_, err := r.tryCall(r.ctx, call)
	var e *mtproto.Error
	if !errors.As(err, &e) || e.Code != code || e.Type != text {
		r.Fatalf("%v: %v, want %d %s", call["_"], err, code, text)
	}
	return e
}

func (r *rig) ready() {
	r.Helper()
	ctx, cancel := context.WithTimeout(r.ctx, time.Minute)
	defer cancel()
	if err := r.Ready(ctx); err != nil {
		r.Fatal("not ready:", err)
	}
}

// as begins with the key of an account that is signed in.
func as(s *mttest.Server, a *mttest.Account) func(*mtproto.Options) {
	return func(o *mtproto.Options) { o.State = stateOf(s, a) }
}

func stateOf(s *mttest.Server, a *mttest.Account) mtproto.State {
	key, salt, id := s.Authorize(a)
	return mtproto.State{Version: mtproto.StateVersion, Home: id, UserID: a.ID(), DCs: map[int]mtproto.DCState{
		id: {Key: key.AppendBytes(nil), Created: time.Now(), Salts: []mtproto.Salt{{Salt: salt}}, Authorized: true},
	}}
}

func inMemory(c *mttest.Config) { c.InMemory = true }

// strict goes by the letter of the pages.
func strict(c *mttest.Config) { c.Wire.Strict = true }

func centres(ids ...int) mttest.Option { return func(c *mttest.Config) { c.Centres = ids } }

func equal[T any](t testing.TB, what string, got, want T) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

var getConfig = M{"_": "help.getConfig"}

// permanent are the permanent keys that were made.
func permanent(r *rig) (made []mtproto.KeyCreated) {
	for _, k := range seen[mtproto.KeyCreated](r) {
		if k.Until.IsZero() {
			made = append(made, k)
		}
	}
	return made
}
