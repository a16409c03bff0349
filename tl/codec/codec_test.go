package codec

import (
	"sync"
	"testing"

	"github.com/natsgram/natsgram/schemas"
	"github.com/natsgram/natsgram/tl"
)

// compiled are the three files of the repository.
var compiled = sync.OnceValue(func() map[string]*Schema {
	out := make(map[string]*Schema)
	for name, src := range map[string][]byte{"api": schemas.API(), "mtproto": schemas.MTProto(), "secret": schemas.Secret()} {
		parsed, err := tl.Parse(name+".tl", src)
		if err != nil {
			panic(err)
		}
		if out[name], err = Compile(parsed); err != nil {
			panic(err)
		}
	}
	return out
})

func api() *Schema { return compiled()["api"] }

// schema compiles a few lines.
func schema(tb testing.TB, src string) *Schema {
	tb.Helper()
	parsed, err := tl.Parse("test.tl", []byte(src))
	if err != nil {
		tb.Fatal(err)
	}
	s, err := Compile(parsed)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func TestCompileFiles(t *testing.T) {
	for name, s := range compiled() {
		void := 0
		for n, k := range s.types {
			if k.op == opVoid {
				void++
				t.Logf("%s: no definition of %s", name, n)
			}
		}
		t.Logf("%s: layer %d, %d combinators, %d functions, %d types", name, s.Layer(), len(s.combs), len(s.sorted), len(s.types))
	}
	f, _ := api().Function("messages.sendMessage")
	b, err := api().AppendCallFromJSON(nil, []byte(`{"message":"hi","peer":{"_":"inputPeerSelf"},"random_id":"5"}`), f, nil)
	t.Logf("%x %v", b, err)
	j, err := api().AppendJSON(nil, b, api().AnyObject())
	t.Logf("%s %v", j, err)
	_, err = api().AppendCallFromJSON(nil, []byte(`{"message":"hi","peer":{"_":"inputPeerUser","user_id":"abc"},"random_id":"5"}`), f, nil)
	t.Logf("%v", err)
}
