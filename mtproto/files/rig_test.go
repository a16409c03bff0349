package files_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/files"
	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/mtproto/mttest/world"
	"github.com/natsgram/natsgram/tl/codec"
)

type M = codec.M

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is a client, signed in, in front of a Telegram in a box.
type rig struct {
	testing.TB
	*files.Files
	s     *mttest.Server
	c     *mtproto.Client
	alice *mttest.Account
	ctx   context.Context //nolint:containedctx // the test's own

	mu     sync.Mutex
	events []mtproto.Event

	sent    *world.File // last
	arrived []byte      // of it
}

func inMemory(c *mttest.Config) { c.InMemory = true }

func start(t testing.TB, opts ...mttest.Option) *rig {
	t.Helper()
	return startWith(t, func(*mtproto.Options) {}, opts...)
}

func startWith(t testing.TB, change func(*mtproto.Options), opts ...mttest.Option) *rig {
	t.Helper()
	s := mttest.NewServer(t, append([]mttest.Option{func(c *mttest.Config) {
		c.Centres, c.Media, c.CDN = []int{2, 4}, true, 203
		c.Wire.OneConnection = true
	}}, opts...)...)
	r := &rig{TB: t, s: s, alice: s.AddUser(mttest.User{First: "Alice"})}
	key, salt, id := s.Authorize(r.alice)
	o := mtproto.Options{
		API: mtproto.API{ID: 1, Hash: "0123456789abcdef0123456789abcdef"}, Schema: s.Schema(), Env: s.Env(), Dial: s.Dial,
		Throttle: new(mtproto.Throttle), Events: r.event,
		State: mtproto.State{Version: mtproto.StateVersion, Home: id, UserID: r.alice.ID(), DCs: map[int]mtproto.DCState{
			id: {Key: key.AppendBytes(nil), Created: time.Now(), Salts: []mtproto.Salt{{Salt: salt}}, Authorized: true},
		}},
	}
	change(&o)
	var err error
	r.c, err = mtproto.New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- r.c.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		<-ran
	})
	r.ctx, r.Files = ctx, files.New(r.c)
	if err := r.c.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *rig) event(e mtproto.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

// seen are the events of a type.
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

// send has a file that was uploaded sent to ourselves.
func (r *rig) send(in M) error {
	body, err := r.c.Invoke(r.ctx, r.encode(M{
		"_": "messages.sendMedia", "peer": M{"_": "inputPeerSelf"}, "message": "", "random_id": rand.Int64(),
		"media": M{"_": "inputMediaUploadedDocument", "file": in, "mime_type": "text/plain", "attributes": []M{}},
	}))
	if err != nil {
		return err
	}
	v, err := r.s.Schema().View(body)
	for u := range v.Objects("updates") {
		m, _ := u.Object("message")
		media, _ := m.Object("media")
		if doc, ok := media.Object("document"); ok {
			r.sent, _ = r.s.World().File(doc.Int("id"))
			r.arrived = r.sent.Data
		}
	}
	return err
}

func (r *rig) encode(call M) []byte {
	b, err := r.s.Schema().Encode(nil, call)
	if err != nil {
		r.Fatal(err)
	}
	return b
}

func content(n int) []byte {
	b := make([]byte, n)
	g := rand.NewChaCha8([32]byte{byte(n)})
	_, _ = g.Read(b)
	return b
}

func same(t testing.TB, what string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Errorf("%s: %d bytes, not the %d that it should be", what, len(got), len(want))
	}
}

// buffer is an io.WriterAt.
type buffer struct{ b []byte }

func (b *buffer) WriteAt(p []byte, off int64) (int, error) { return copy(b.b[off:], p), nil }
