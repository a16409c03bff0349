package objects

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/natsgram/natsgram/bridge/embedded/embeddedtest"
)

// What nats.go begins for an object that is put reads no channel where the connection is closed before it runs, and never ends.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/nats-io/nats.go/jetstream.(*jetStream).resetPendingAcksOnReconnect"))
}

// rig is an object store.
type rig struct {
	t     *testing.T
	js    jetstream.JetStream
	store jetstream.ObjectStore
}

func newRig(t *testing.T) *rig {
	t.Helper()
	js, _ := embeddedtest.JetStream(t, embeddedtest.MaxPayload(1<<20))
	g := &rig{t: t, js: js}
	var err error
	if g.store, err = g.js.CreateObjectStore(t.Context(), jetstream.ObjectStoreConfig{Bucket: "FILES"}); err != nil {
		t.Fatal(err)
	}
	return g
}

// put writes an object in chunks of a size.
func (g *rig) put(name string, data []byte, chunk uint32, change ...func(*jetstream.ObjectMeta)) Info {
	g.t.Helper()
	meta := jetstream.ObjectMeta{Name: name, Opts: &jetstream.ObjectMetaOptions{ChunkSize: chunk}}
	for _, c := range change {
		c(&meta)
	}
	if _, err := g.store.Put(g.t.Context(), meta, bytes.NewReader(data)); err != nil {
		g.t.Fatal(err)
	}
	info, err := Find(g.t.Context(), g.js, Ref{"FILES", name})
	if err != nil {
		g.t.Fatal(err)
	}
	return info
}

func (g *rig) open(info Info) *Reader {
	g.t.Helper()
	r, err := Open(g.t.Context(), g.js, info)
	if err != nil {
		g.t.Fatal(err)
	}
	return r
}

func content(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{byte(n)}).Read(b)
	return b
}

// An object is the same bytes from wherever it is read, however it is cut into chunks, beside others that are written at the time.
func TestRead(t *testing.T) {
	g := newRig(t)
	for _, c := range []struct {
		size  int
		chunk uint32
	}{{0, 1 << 10}, {1, 1 << 10}, {2000, 512}, {5000, 1000}, {3<<20 + 5, 100_001}, {3 << 20, 128 << 10}} {
		data := content(c.size)
		info := g.put("dir/a b.bin", data, c.chunk)
		g.put("other", content(5000), 1000)
		if info.Size != int64(c.size) || info.Title != "a b.bin" {
			t.Errorf("%+v", info)
		}
		r := g.open(info)
		got, err := io.ReadAll(io.NewSectionReader(r, 0, info.Size))
		if err != nil || !bytes.Equal(got, data) {
			t.Fatalf("%+v: %d bytes, %v", c, len(got), err)
		}
		for range 20 {
			off := rand.IntN(c.size + 1)
			p := make([]byte, rand.IntN(c.size-off+1))
			if n, err := r.ReadAt(p, int64(off)); n != len(p) || err != nil || !bytes.Equal(p, data[off:off+n]) {
				t.Errorf("%+v: %d of %d bytes from %d: %v", c, n, len(p), off, err)
			}
		}
		if n, err := r.ReadAt(make([]byte, 10), info.Size-3+int64(max(3-c.size, 0))); n != min(3, c.size) || !errors.Is(err, io.EOF) {
			t.Errorf("%+v: behind its end: %d, %v", c, n, err)
		}
		if err := r.Verify(); err != nil {
			t.Error(err)
		}
	}
}

// What has not been read yet is read for the digest.
func TestVerifyReadsTheRest(t *testing.T) {
	g := newRig(t)
	data := content(10_000)
	r := g.open(g.put("a", data, 999))
	for _, off := range []int64{4000, 100} {
		p := make([]byte, 50)
		if _, err := r.ReadAt(p, off); err != nil || !bytes.Equal(p, data[off:off+50]) {
			t.Error(off, err)
		}
	}
	if err := r.Verify(); err != nil {
		t.Error(err)
	}
}

// An object that is not what it says of itself is not taken for it, and asks for nothing beyond its own chunks.
func TestDamaged(t *testing.T) {
	g := newRig(t)
	data := content(10_000)
	whole := func(info Info) error {
		r := g.open(info)
		if _, err := io.ReadAll(io.NewSectionReader(r, 0, info.Size)); err != nil {
			return err
		}
		return r.Verify()
	}
	info := g.put("a", data, 1000)
	if err := whole(info); err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]func(*Info){
		"digest":    func(i *Info) { i.Digest = "SHA-256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU=" },
		"no digest": func(i *Info) { i.Digest = "" },
		"longer":    func(i *Info) { i.Size++ },
		"shorter":   func(i *Info) { i.Size -= 1500 },
	} {
		bad := info
		change(&bad)
		if err := whole(bad); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", what, err)
		}
	}
	subject := "$O.FILES.C." + info.ID
	for what, pieces := range map[string][]int{"no bytes": {0, 10_000}, "pieces too small to ever end": {1, 1, 9998}} {
		stream, err := g.js.Stream(t.Context(), "OBJ_FILES")
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.Purge(t.Context(), jetstream.WithPurgeSubject(subject)); err != nil {
			t.Fatal(err)
		}
		at := 0
		for _, n := range pieces {
			if _, err := g.js.Publish(t.Context(), subject, data[at:at+n]); err != nil {
				t.Fatal(err)
			}
			at += n
		}
		if err := whole(info); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", what, err)
		}
	}
	g.put("a", data, 1000) // its former chunks are gone
	if err := whole(info); !errors.Is(err, ErrDamaged) {
		t.Error("written again:", err)
	}
	if err := g.store.Delete(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if _, err := Find(t.Context(), g.js, Ref{"FILES", "a"}); !errors.Is(err, ErrMissing) {
		t.Error("deleted:", err)
	}
	if _, err := Find(t.Context(), g.js, Ref{"NONE", "a"}); !errors.Is(err, ErrMissing) {
		t.Error("no bucket:", err)
	}
	o := g.put("b", data, 1000)
	target, _ := g.store.GetInfo(t.Context(), "b")
	if _, err := g.store.AddLink(t.Context(), "link", target); err != nil {
		t.Fatal(err)
	}
	if _, err := Find(t.Context(), g.js, Ref{"FILES", "link"}); !errors.Is(err, ErrLink) {
		t.Error("a link:", err)
	}
	for _, id := range []string{"*", ">", "a.b", "", o.ID + ".>"} {
		if _, err := infoOf(Ref{"FILES", "b"}, &jetstream.ObjectInfo{NUID: id, Size: 5}); !errors.Is(err, ErrDamaged) {
			t.Errorf("%q: %v", id, err)
		}
	}
}

// The name and type of a file are those that its object says, in metadata or a header; else the name is the object's.
func TestWhatAFileIs(t *testing.T) {
	g := newRig(t)
	for _, c := range []struct {
		object     string
		change     func(*jetstream.ObjectMeta)
		name, mime string
	}{
		{"a/b.jpg", func(*jetstream.ObjectMeta) {}, "b.jpg", ""},
		{"x", func(m *jetstream.ObjectMeta) {
			m.Metadata = map[string]string{MetaName: "../../etc/b.txt", MetaMime: "text/plain"}
		}, "b.txt", "text/plain"},
		{"y", func(m *jetstream.ObjectMeta) { m.Headers = nats.Header{"Content-Type": {"image/png"}} }, "y", "image/png"},
		{"z", func(m *jetstream.ObjectMeta) {
			m.Metadata = map[string]string{MetaName: "a\nb", MetaMime: strings.Repeat("x", 1000)}
		}, "z", ""},
	} {
		info := g.put(c.object, []byte("x"), 10, c.change)
		if info.Title != c.name || info.Mime != c.mime {
			t.Errorf("%s: %q %q", c.object, info.Title, info.Mime)
		}
	}
}

func TestParse(t *testing.T) {
	for text, want := range map[string]Ref{
		"object:TG_FILES/a":      {"TG_FILES", "a"},
		"object:B-1/dir/a b.jpg": {"B-1", "dir/a b.jpg"},
		"object:B/../x":          {"B", "../x"},
		"object:/a":              {}, "object:a": {}, "object:a/": {}, "object:a.b/c": {}, "object:*/c": {}, "object:a/\xff": {}, "other:a/b": {}, "": {},
		"object:a/" + strings.Repeat("x", 600): {},
	} {
		got, err := ParseText(text)
		if got != want || (err == nil) != (want != Ref{}) || err == nil && got.String() != text {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
}

func FuzzParseText(f *testing.F) {
	f.Add("object:TG_FILES/a")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ParseText(text)
		if err == nil && (r.String() != text || !Token(r.Bucket)) {
			t.Errorf("%q: %+v", text, r)
		}
		info, err := infoOf(r, &jetstream.ObjectInfo{ObjectMeta: jetstream.ObjectMeta{Name: text, Metadata: map[string]string{MetaName: text, MetaMime: text}}, NUID: text})
		if err == nil && (info.Title == "" || strings.Contains(info.Title, "/")) {
			t.Errorf("%q: %+v", text, info)
		}
	})
}

// Reads end with their context.
func TestReadEnds(t *testing.T) {
	g := newRig(t)
	info := g.put("a", content(5000), 1000)
	ctx, cancel := context.WithCancel(t.Context())
	r, err := Open(ctx, g.js, info)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := r.ReadAt(make([]byte, 5000), 0); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
