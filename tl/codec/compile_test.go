package codec

import (
	"fmt"
	"strings"
	"testing"

	"github.com/natsgram/natsgram/tl"
)

// Schemas made by hand skip the checks of package tl; Compile has its own.
func TestCompileErrors(t *testing.T) {
	num := tl.Type{Name: "int", Bare: true}
	flags := tl.Param{Name: "flags", Type: tl.Type{Name: "#", Bare: true}}
	class := tl.Type{Name: "A"}
	many := func(n int, p tl.Param) (params []tl.Param) {
		for i := range n {
			params = append(params, tl.Param{Name: fmt.Sprint(p.Name, i), Type: p.Type})
		}
		return params
	}
	for want, list := range map[string][]*tl.Combinator{
		"b has the id 00000001 of a":           {{Name: "a", ID: 1, Result: class}, {Name: "b", ID: 1, Result: class}},
		"constructor a is defined twice":       {{Name: "a", ID: 1, Result: class}, {Name: "a", ID: 2, Result: class}},
		"a: x: no flags field flags before it": {{Name: "a", ID: 1, Result: class, Params: []tl.Param{{Name: "x", Type: num, Cond: &tl.Cond{Flags: "flags"}}, flags}}},
		"a: x: bit 32":                         {{Name: "a", ID: 1, Result: class, Params: []tl.Param{flags, {Name: "x", Type: num, Cond: &tl.Cond{Flags: "flags", Bit: 32}}}}},
		"a: x: two parameters of one name":     {{Name: "a", ID: 1, Result: class, Params: []tl.Param{{Name: "x", Type: num}, {Name: "x", Type: num}}}},
		"a: 257 parameters, at most 256":       {{Name: "a", ID: 1, Result: class, Params: many(257, tl.Param{Name: "x", Type: num})}},
		"a: flags8: more than 8 flags fields":  {{Name: "a", ID: 1, Result: class, Params: many(9, flags)}},
		"a flags field that depends on another": {{Name: "a", ID: 1, Result: class, Params: []tl.Param{
			flags, {Name: "flags2", Type: flags.Type, Cond: &tl.Cond{Flags: "flags"}},
		}}},
	} {
		if _, err := Compile(&tl.Schema{Constructors: list}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	f := &tl.Combinator{Name: "f", ID: 3, Result: class, Function: true}
	if _, err := Compile(&tl.Schema{Functions: []*tl.Combinator{f, {Name: "f", ID: 4, Result: class}}}); err == nil {
		t.Error("a function twice")
	}
	if _, err := Compile(nil); err == nil {
		t.Error("no schema")
	}
}

// A type without a definition is no error until a value of it is met.
func TestUndefinedType(t *testing.T) {
	s, err := Compile(&tl.Schema{Constructors: []*tl.Combinator{
		{Name: "a", ID: 1, Result: tl.Type{Name: "A"}, Params: []tl.Param{{Name: "x", Type: tl.Type{Name: "Missing"}}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	const want = "a: x: the schema has no definition of Missing"
	class, _ := s.Type("A")
	src := []byte{1, 0, 0, 0, 2, 0, 0, 0}
	_, out := s.AppendJSON(nil, src, class)
	_, pack := s.AppendMsgpack(nil, src, class)
	_, in := s.AppendTLFromJSON(nil, []byte(`{"x":1}`), class, nil)
	_, packIn := s.AppendTLFromMsgpack(nil, []byte("\x81\xa1x\x01"), class, nil)
	_, view := s.View(src)
	for i, err := range []error{out, pack, in, packIn, view} {
		if err == nil || !strings.HasSuffix(err.Error(), want[2:]) {
			t.Errorf("%d: %v", i, err)
		}
	}
}

// More fields than a word has bits, and several flags fields among them (H3).
func TestWideCombinator(t *testing.T) {
	var params strings.Builder
	for slot := range maxFlags {
		fmt.Fprintf(&params, " plain%d:int flags%d:#", slot, slot)
		for bit := range 28 {
			fmt.Fprintf(&params, " a%d_%d:flags%d.%d?%s", slot, bit, slot, bit, []string{"int", "true", "string", "Vector<long>"}[bit%4])
		}
	}
	s := schema(t, "wide#00000001"+params.String()+" = Wide;")
	g := newGenerator(s, 1)
	for range 20 {
		roundTrip(t, s, s.ctors["wide"], g.boxed(nil, s.ctors["wide"], 3))
	}
}
