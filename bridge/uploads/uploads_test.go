package uploads

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/embedded/embeddedtest"
	"github.com/natsgram/natsgram/bridge/objects"
	"github.com/natsgram/natsgram/bridge/storage"
	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/tl/api/apitest"
	"github.com/natsgram/natsgram/tl/codec"
)

// What nats.go begins for an object that is put reads no channel where the connection is closed before it runs, and never ends.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/nats-io/nats.go/jetstream.(*jetStream).resetPendingAcksOnReconnect"))
}

func layer() *codec.Schema {
	s, _ := apitest.Layer()
	return s
}

// telegram takes parts.
type telegram struct {
	mu    sync.Mutex
	parts map[string][]byte // by file and part
	sent  int
	most  int           // parts at the same time
	now   int           // of them
	hold  chan struct{} // parts wait for it to be closed; nil: none do
	begun chan struct{} // has an element for each part that waits
	err   error
}

func (g *telegram) Schema() *codec.Schema { return layer() }

func (g *telegram) Invoke(context.Context, []byte) ([]byte, error) {
	return nil, &mtproto.Error{Code: 400, Type: "NOT_HERE"}
}

func (g *telegram) InvokeCDN(context.Context, int, []byte) ([]byte, error) { panic("no CDN") }

func (g *telegram) InvokeFile(ctx context.Context, _ int, _ mtproto.Traffic, query []byte) ([]byte, error) {
	v, err := layer().View(query)
	if err != nil {
		return nil, err
	}
	g.mu.Lock()
	g.sent++
	g.now++
	g.most = max(g.most, g.now)
	g.parts[fmt.Sprint(v.Int("file_id"), " ", v.Int("file_part"))] = bytes.Clone(v.Bytes("bytes"))
	hold, failed := g.hold, g.err
	g.mu.Unlock()
	defer func() { g.mu.Lock(); g.now--; g.mu.Unlock() }()
	if hold != nil {
		g.begun <- struct{}{}
		select {
		case <-hold:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if failed != nil {
		return nil, failed
	}
	return layer().Encode(nil, codec.M{"_": "boolTrue"})
}

// file is what came of the parts of an InputFile.
func (g *telegram) file(in codec.M) (all []byte) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i := range in["parts"].(int) {
		all = append(all, g.parts[fmt.Sprint(in["id"], " ", i)]...)
	}
	return all
}

func refusedBy(text string) error { return &mtproto.Error{Code: 400, Type: text} }

type rig struct {
	t     *testing.T
	g     *telegram
	js    jetstream.JetStream
	c     Config
	store jetstream.ObjectStore
}

func newRig(t *testing.T) *rig {
	t.Helper()
	js, _ := embeddedtest.JetStream(t, embeddedtest.MaxPayload(1<<20))
	r := &rig{t: t, g: &telegram{parts: map[string][]byte{}, begun: make(chan struct{}, 1000)}, js: js}
	s := storage.Daemon(r.js, storage.Options{}, nil)
	records, err := OpenRecords(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	if r.store, err = s.Objects(t.Context(), storage.Files); err != nil {
		t.Fatal(err)
	}
	r.c = Config{
		Account: "main", User: 7, Client: r.g, JetStream: r.js, Records: records, Own: "TG_FILES", Make: func(context.Context) error { return nil }, Allowed: func(b string) bool { return b == "TG_FILES" },
		Explain: func(err error) answer.Fault { return answer.Fault{Code: 502, Text: err.Error(), Sent: answer.Unknown} },
	}
	return r
}

func (r *rig) uploads() *Uploads {
	u := New(r.c)
	r.t.Cleanup(u.Close)
	return u
}

func (r *rig) put(name string, n int) []byte {
	r.t.Helper()
	data := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{byte(n)}).Read(data)
	if _, err := r.store.Put(r.t.Context(), jetstream.ObjectMeta{Name: name}, bytes.NewReader(data)); err != nil {
		r.t.Fatal(err)
	}
	return data
}

func (r *rig) find(u *Uploads, name string) *File {
	r.t.Helper()
	f, fault := u.Find(r.t.Context(), "object:TG_FILES/"+name)
	if fault != nil {
		r.t.Fatal(fault)
	}
	return f
}

func (r *rig) up(f *File) codec.M {
	r.t.Helper()
	in, fault := f.Up(r.t.Context())
	if fault != nil {
		r.t.Fatal(fault)
	}
	return in
}

// Whoever names an object while it is on its way waits for the same upload, and gives up alone; whoever comes later finds it there.
func TestOneUploadForAll(t *testing.T) {
	r := newRig(t)
	u := r.uploads()
	data := r.put("a", 300_000)
	r.g.hold = make(chan struct{})
	impatient, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			if in := r.up(r.find(u, "a")); !bytes.Equal(r.g.file(in), data) {
				t.Error(in)
			}
		})
	}
	<-r.g.begun
	if _, fault := r.find(u, "a").Up(impatient); fault == nil || fault.Code != 504 || fault.Sent != answer.No || !strings.Contains(fault.Text, "of 0.3 MiB") {
		t.Errorf("%+v", fault)
	}
	close(r.g.hold)
	all.Wait()
	r.up(r.find(u, "a"))
	if r.g.sent != 3 {
		t.Errorf("%d parts", r.g.sent)
	}
}

// D11: parts that are up are known to whoever goes on, another user's are not; and a file whose bytes are wrong is no file.
func TestRecords(t *testing.T) {
	r := newRig(t)
	data := r.put("a", 12<<20)
	r.g.hold = make(chan struct{})
	first := New(r.c)
	ctx, cancel := context.WithCancel(t.Context())
	gave := make(chan *answer.Fault, 1)
	f := r.find(first, "a")
	go func() { _, fault := f.Up(ctx); gave <- fault }()
	for range 8 {
		<-r.g.begun
	}
	r.g.mu.Lock()
	hold := r.g.hold
	r.g.hold = nil
	r.g.mu.Unlock()
	close(hold)
	if fault := <-gave; fault != nil {
		t.Fatal(fault)
	}
	cancel()
	first.Close()
	before := r.g.sent
	in := r.up(r.find(r.uploads(), "a"))
	if r.g.sent != before || !bytes.Equal(r.g.file(in), data) {
		t.Errorf("%d parts were sent again", r.g.sent-before)
	}
	r.c.User++
	r.up(r.find(r.uploads(), "a"))
	if r.g.sent != 2*before {
		t.Errorf("another user: %d parts, want %d", r.g.sent-before, before)
	}
}

// D11: what a call says Telegram has lost is sent again: a part, then all of it; another file's is not.
func TestMend(t *testing.T) {
	r := newRig(t)
	u := r.uploads()
	data := r.put("a", 300_000)
	f := r.find(u, "a")
	in := r.up(f)
	lacks := func(n int) error {
		return &mtproto.Error{Code: 400, Type: fmt.Sprintf("FILE_PART_%d_MISSING", n), Arg: n}
	}
	delete(r.g.parts, fmt.Sprint(in["id"], " 2"))
	if again, fault := f.Mend(t.Context(), lacks(2)); !again || fault != nil || r.g.sent != 4 {
		t.Errorf("%v %v, %d parts", again, fault, r.g.sent)
	}
	if !bytes.Equal(r.g.file(r.up(f)), data) {
		t.Error("it is not whole")
	}
	if again, _ := f.Mend(t.Context(), lacks(3)); again {
		t.Error("it has no such part")
	}
	if again, _ := f.Mend(t.Context(), errors.New("other")); again {
		t.Error("no error of files")
	}
	if again, _ := f.Mend(t.Context(), refusedBy("FILE_PARTS_INVALID")); !again {
		t.Error("all of it is lost")
	}
	anew := r.up(f)
	if anew["id"] == in["id"] || !bytes.Equal(r.g.file(anew), data) {
		t.Error(anew)
	}
	if again, _ := f.Mend(t.Context(), refusedBy("FILE_PARTS_INVALID")); again {
		t.Error("for ever")
	}
}

// An upload that failed is begun again by the next who names the object; nothing of one that nobody waits for is begun.
func TestFailed(t *testing.T) {
	r := newRig(t)
	u := r.uploads()
	r.put("a", 1000)
	r.g.err = refusedBy("FILE_PART_INVALID")
	if _, fault := r.find(u, "a").Up(t.Context()); fault == nil || fault.Code != 502 || fault.Sent != answer.No || !strings.HasPrefix(fault.Text, "object:TG_FILES/a: ") {
		t.Errorf("%+v", fault)
	}
	r.g.err = nil
	r.up(r.find(u, "a"))
	sent := r.g.sent
	r.put("b", 1000)
	if err := u.room.Acquire(t.Context(), roomForAll); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, fault := r.find(u, "b").Up(ctx); fault == nil {
		t.Error("there was no room")
	}
	u.room.Release(roomForAll)
	u.Close()
	if r.g.sent != sent {
		t.Error("something was sent that nobody waits for")
	}
	if _, fault := u.begin(t.Context(), &File{}); fault == nil || fault.Code != 503 {
		t.Errorf("%+v", fault)
	}
}

// Files that are up are known for half a day, and no more of them than there is room for.
func TestForget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := New(Config{Client: &telegram{}})
		defer u.Close()
		add := func(i int) {
			up := &upload{u: u, info: objects.Info{Size: int64(i)}, over: make(chan struct{}), ended: time.Now()}
			close(up.over)
			u.all[up.info] = up
		}
		for i := range most {
			add(i)
			time.Sleep(time.Second)
		}
		if !u.forgetOldest() || u.all[objects.Info{}] != nil || len(u.all) != most-1 {
			t.Error("the oldest stays")
		}
		time.Sleep(keepFor - most*time.Second)
		if up := u.all[objects.Info{Size: 1}]; up.expired(time.Now()) {
			t.Error("too early")
		}
		time.Sleep(2 * time.Second)
		if up := u.all[objects.Info{Size: 1}]; !up.expired(time.Now()) {
			t.Error("too late")
		}
	})
}

func FuzzReadRecord(f *testing.F) {
	f.Add([]byte(`{"id":1,"part_size":524288,"up":"AQ==","verified":true}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := readRecord(data)
		if err == nil && (r.PartSize <= 0 || partMost%r.PartSize != 0) {
			t.Errorf("%+v", r)
		}
		if r.has(1<<20) && len(r.Up) < 1<<17 {
			t.Error("a part that nobody noted")
		}
	})
}
