package tg_test

import (
	"bytes"
	"testing"

	"github.com/natsgram/natsgram/tl/codec"
	"github.com/natsgram/natsgram/tl/codec/codectest"
	"github.com/natsgram/natsgram/tl/tg"
	"github.com/natsgram/natsgram/tl/tg/tgtest"
)

// FuzzDecode: any bytes are refused, or are what codec takes them for as well; what is encoded again means the same.
func FuzzDecode(f *testing.F) {
	g := codectest.New(api(), 17)
	for i, class := range tgtest.Classes {
		for _, c := range api().Class(class.Name) {
			if c.ID%7 == 0 {
				f.Add(uint16(i), g.Boxed(nil, c, 3))
			}
		}
	}
	f.Fuzz(func(t *testing.T, n uint16, src []byte) {
		class := tgtest.Classes[int(n)%len(tgtest.Classes)]
		x, err := class.Decode(src)
		typ, _ := compiled().Type(class.Name)
		sameAsCodec(t, typ, src, x, err)
	})
}

// FuzzDecodeRequest: the same for requests.
func FuzzDecodeRequest(f *testing.F) {
	g := codectest.New(api(), 18)
	for i, fn := range tgtest.Functions {
		if i%9 == 0 {
			f.Add(uint16(i), g.Boxed(nil, api().Function(fn.Name), 3))
		}
	}
	f.Fuzz(func(t *testing.T, n uint16, src []byte) {
		fn := tgtest.Functions[int(n)%len(tgtest.Functions)]
		if decl := api().Function(fn.Name); len(decl.Generic) > 0 {
			return // what is inside is carried as it is
		}
		method, _ := compiled().Function(fn.Name)
		x := fn.NewRequest()
		err := tg.Decode(src, x)
		if accepted := compiled().CheckCall(src, method) == nil; accepted && err != nil {
			t.Fatalf("%s: codec accepts what tg does not: %v", fn.Name, err)
		}
		if err == nil {
			again(t, x)
		}
	})
}

func sameAsCodec(t *testing.T, typ codec.Type, src []byte, x tg.Object, err error) {
	t.Helper()
	want, codecErr := compiled().AppendMsgpack(nil, src, typ)
	if err != nil {
		if codecErr == nil {
			t.Fatalf("%s: codec accepts what tg does not: %v", typ, err)
		}
		return
	}
	got, err := compiled().AppendMsgpack(nil, again(t, x), typ)
	if codecErr == nil && (err != nil || !bytes.Equal(got, want)) {
		t.Fatalf("%s means something else after tg: %v", typ, err)
	}
}

// again encodes x, and checks that doing so twice changes nothing.
func again(t *testing.T, x tg.Object) []byte {
	t.Helper()
	first, err := tg.Append(nil, x)
	if err != nil {
		t.Fatalf("what was decoded cannot be encoded: %v", err)
	}
	if err := tg.Decode(first, x); err != nil {
		t.Fatal(err)
	}
	if second, err := tg.Append(nil, x); err != nil || !bytes.Equal(first, second) {
		t.Fatalf("encoded twice: %v\n%x\n%x", err, first, second)
	}
	return first
}
