package tg_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/natsgram/natsgram/schemas"
	"github.com/natsgram/natsgram/tl"
	"github.com/natsgram/natsgram/tl/codec"
	"github.com/natsgram/natsgram/tl/codec/codectest"
	"github.com/natsgram/natsgram/tl/gen"
	"github.com/natsgram/natsgram/tl/tg"
	"github.com/natsgram/natsgram/tl/tg/tgtest"
)

// api is the schema that the package is generated from.
var api = sync.OnceValue(func() *tl.Schema {
	s, err := tl.Parse("api.tl", schemas.API())
	if err != nil {
		panic(err)
	}
	return s
})

var compiled = sync.OnceValue(func() *codec.Schema {
	s, err := codec.Compile(api())
	if err != nil {
		panic(err)
	}
	return s
})

// The package is what `make generate` makes of schemas/api.tl.
func TestGeneratedFilesAreUpToDate(t *testing.T) {
	for folder, generate := range map[string]func() (gen.Output, error){".": gen.TelegramAPI, "tgtest": gen.TelegramTable} {
		out, err := generate()
		if err != nil {
			t.Fatal(err)
		}
		for _, note := range out.Notes {
			t.Log(note)
		}
		have, _ := filepath.Glob(filepath.Join(folder, "*.gen.go"))
		if len(have) != len(out.Files) {
			t.Errorf("%s has %d generated files, want %d: run make generate", folder, len(have), len(out.Files))
		}
		for name, want := range out.Files {
			if got, err := os.ReadFile(filepath.Join(folder, name)); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s is not what the schema gives (%v): run make generate", name, err)
			}
		}
	}
	if tg.Layer != api().Layer {
		t.Errorf("layer %d, want %d", tg.Layer, api().Layer)
	}
}

// H11: every constructor and every request goes through its Go type byte for byte.
func TestRoundTripEverything(t *testing.T) {
	g, n := codectest.New(api(), 11), 0
	for _, c := range tgtest.Constructors {
		n++
		for depth := range 6 {
			roundTrip(t, c.New(), g.Boxed(nil, api().Constructor(c.Name), depth))
		}
	}
	for _, f := range tgtest.Functions {
		n++
		for depth := range 6 {
			roundTrip(t, f.NewRequest(), g.Boxed(nil, api().Function(f.Name), depth))
		}
	}
	if want := len(api().Constructors) + len(api().Functions) - len(api().Class("Bool")); n != want {
		t.Errorf("%d types, want %d", n, want)
	}
}

func roundTrip(t *testing.T, x tg.Object, src []byte) {
	t.Helper()
	v, err := compiled().View(src)
	if err != nil {
		t.Fatalf("codec does not like what was generated: %v", err)
	}
	if err := tg.Decode(src, x); err != nil {
		t.Fatalf("%s: %v\n%x", v.Name(), err, src)
	}
	got, err := tg.Append([]byte("head"), x)
	if err != nil || !bytes.Equal(got[4:], src) {
		t.Fatalf("%s: %v\nwant %x\n got %x\n%+v", v.Name(), err, src, got[4:], x)
	}
}

// A class's Decode function finds each of its constructors, and no other.
func TestDecodeClasses(t *testing.T) {
	g := codectest.New(api(), 12)
	for _, class := range tgtest.Classes {
		for _, c := range api().Class(class.Name) {
			src := g.Boxed(nil, c, 3)
			x, err := class.Decode(src)
			if err != nil {
				t.Fatalf("%s: %v", c.Name, err)
			}
			if got, err := tg.Append(nil, x); err != nil || !bytes.Equal(got, src) {
				t.Fatalf("%s: %v", c.Name, err)
			}
		}
		if x, err := class.Decode(g.Boxed(nil, api().Function("help.getConfig"), 0)); err == nil {
			t.Errorf("%s: help.getConfig became %T", class.Name, x)
		}
	}
}

// peer stands at the other end of an Invoker: it checks the query with codec and answers a generated result.
type peer struct {
	t     *testing.T
	g     *codectest.Generator
	f     *codec.Function
	query []byte // what must come
	sent  []byte // what was answered
	calls int
}

func (p *peer) Invoke(_ context.Context, query []byte) ([]byte, error) {
	p.calls++
	if !bytes.Equal(query, p.query) {
		p.t.Errorf("%s: sent %x, want %x", p.f.Name(), query, p.query)
	}
	if err := compiled().CheckCall(query, p.f); err != nil {
		p.t.Errorf("%s: %v", p.f.Name(), err)
	}
	p.sent = p.g.Value(nil, p.f.Decl().Result, 4)
	return p.sent, nil
}

// Every function, and the method of its namespace, sends what codec takes for a call of its method, and returns what was answered.
func TestCallEverything(t *testing.T) {
	g := codectest.New(api(), 13)
	if len(tgtest.Functions) != len(api().Functions) {
		t.Errorf("%d functions, want %d", len(tgtest.Functions), len(api().Functions))
	}
	for _, f := range tgtest.Functions {
		method, ok := compiled().Function(f.Name)
		if !ok {
			t.Fatalf("no method %s", f.Name)
		}
		p := &peer{t: t, g: g, f: method, query: g.Boxed(nil, api().Function(f.Name), 3)}
		req := f.NewRequest()
		if err := tg.Decode(p.query, req); err != nil {
			t.Fatal(err)
		}
		p.expect(f.Call(t.Context(), p, req))
		if f.HasMethod() != strings.Contains(f.Name, ".") {
			t.Errorf("%s: a method %v", f.Name, f.HasMethod())
		}
		if f.HasMethod() {
			p.expect(f.CallMethod(t.Context(), p, req))
		}
	}
}

// expect is told what a call returned.
func (p *peer) expect(result any, err error) {
	p.t.Helper()
	if err != nil || p.calls != 1 {
		p.t.Fatalf("%s: %v, %d calls", p.f.Name(), err, p.calls)
	}
	p.calls = 0
	if got, err := tgtest.AppendResult(nil, result); err != nil || !bytes.Equal(got, p.sent) {
		p.t.Errorf("%s: %v\nanswered %x\nreturned %x", p.f.Name(), err, p.sent, got)
	}
}
