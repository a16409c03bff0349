package tl_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/natsgram/natsgram/schemas"
	"github.com/natsgram/natsgram/tl"
)

func parse(t testing.TB, src string) *tl.Schema {
	t.Helper()
	s, err := tl.Parse("test.tl", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var files = map[string][]byte{"api.tl": schemas.API(), "mtproto.tl": schemas.MTProto(), "secret.tl": schemas.Secret()}

// H2, H3, H4, H7: each form that real schemas have, and what becomes of it.
func TestParse(t *testing.T) {
	for src, want := range map[string]tl.Combinator{
		`a#1 = A;`: {Name: "a", ID: 1, Result: class("A")},
		`a.b_c#0a0B0c0D x:int = a.B_c;`: {Name: "a.b_c", ID: 0x0a0b0c0d, Result: class("a.B_c"), Params: []tl.Param{
			{Name: "x", Type: bare("int")},
		}},
		`a#1 id:long flags:# x:flags.31?true y:flags.0?A flags2:# z:flags2.3?bytes = A;`: {Name: "a", ID: 1, Result: class("A"), Params: []tl.Param{
			{Name: "id", Type: bare("long")},
			{Name: "flags", Type: bare("#")},
			{Name: "x", Type: bare("true"), Cond: &tl.Cond{Flags: "flags", Bit: 31}},
			{Name: "y", Type: class("A"), Cond: &tl.Cond{Flags: "flags", Bit: 0}},
			{Name: "flags2", Type: bare("#")},
			{Name: "z", Type: bare("bytes"), Cond: &tl.Cond{Flags: "flags2", Bit: 3}},
		}},
		`a#1 v:Vector<Vector<long>> w:vector<%A> x:vector a y:(Vector int) z:%A = A;`: {Name: "a", ID: 1, Result: class("A"), Params: []tl.Param{
			{Name: "v", Type: vector(vector(bare("long")))},
			{Name: "w", Type: bareVector(tl.Type{Name: "A", Bare: true})},
			{Name: "x", Type: bareVector(bare("a"))},
			{Name: "y", Type: vector(bare("int"))},
			{Name: "z", Type: tl.Type{Name: "A", Bare: true}},
		}},
		"---functions---\nf#1 {X:Type} a:Object query:!X = X;": {Name: "f", ID: 1, Function: true, Generic: []string{"X"}, Result: class("X"), Params: []tl.Param{
			{Name: "a", Type: class("Object")},
			{Name: "query", Type: tl.Type{Name: "X", Bang: true}},
		}},
		"---functions---\nf#1 = Vector<int>;":                               {Name: "f", ID: 1, Function: true, Result: vector(bare("int"))},
		"---functions---\n---types---\na = A; // computed":                  {Name: "a", ID: 0x7aae25b9, Result: class("A")},
		"int ? = Int; int128 4*[ int ] = Int128;\na#1 = A;":                 {Name: "a", ID: 1, Result: class("A")},
		"vector#1cb5c415 {t:Type} # [ t ] = Vector t;bytes = Bytes;a#1=A;":  {Name: "a", ID: 1, Result: class("A")},
		"\ufeff/* many\n lines */ a /* here too */ #1 = A // and here\r\n;": {Name: "a", ID: 1, Result: class("A")},
	} {
		s := parse(t, src)
		got := s.ByID(want.ID)
		if got == nil {
			t.Errorf("%s: nothing with id %08x in %s", src, want.ID, s.Append(nil))
			continue
		}
		want.Line = got.Line
		if d := cmp.Diff(want, *got); d != "" {
			t.Errorf("%s:\n%s", src, d)
		}
		if n := len(s.Constructors) + len(s.Functions); n != 1 {
			t.Errorf("%s: %d combinators", src, n)
		}
	}
}

func class(name string) tl.Type    { return tl.Type{Name: name} }
func bare(name string) tl.Type     { return tl.Type{Name: name, Bare: true} }
func vector(t tl.Type) tl.Type     { return tl.Type{Name: "Vector", Args: []tl.Type{t}} }
func bareVector(t tl.Type) tl.Type { return tl.Type{Name: "vector", Bare: true, Args: []tl.Type{t}} }

// H7: errors say where, and what is wrong.
func TestParseErrors(t *testing.T) {
	for src, want := range map[string]string{
		"a#1 = A":                                  `1:8: want ; at the end of the line, got the end of the file`,
		"a#1 = A;\nb#1 = B;":                       `2:1: b and a (line 1) have the same id 00000001`,
		"a#1 = A;\na#2 = A;":                       `2:1: a is declared twice (line 1)`,
		"a#1 x:B = A;":                             `1:7: a: there is no class B`,
		"a#1 x:b = A;":                             `1:7: a: there is no type b`,
		"a#1 x:flags.0?int = A;":                   `1:5: x depends on flags, which is no # parameter before it`,
		"a#1 x:flags.0?int flags:# = A;":           `1:5: x depends on flags, which is no # parameter before it`,
		"a#1 flags:int x:flags.0?int = A;":         `1:15: x depends on flags, which is no # parameter before it`,
		"a#1 flags:# x:flags.32?int = A;":          `1:13: x depends on bit 32, a # has bits 0 to 31`,
		"a#1 flags:# x:flags.-1?int = A;":          `1:15: want a type, got "flags."`,
		"a#1 flags:# x:flags.b?int = A;":           `1:15: want a condition as in flags.0?T, got "flags.b"`,
		"a#1 x:int x:long = A;":                    `1:11: a has two parameters x`,
		"a#123456789 = A;":                         `1:3: want an id of 1 to 8 hexadecimal digits, got "123456789"`,
		"a#xyz = A;":                               `1:3: want an id of 1 to 8 hexadecimal digits, got "xyz"`,
		"A#1 = A;":                                 `1:1: A starts with a capital letter, as only classes do`,
		"a#1 = a;":                                 `1:7: a is no class: a constructor's result starts with a capital letter`,
		"a#1 = Vector<int>;":                       `1:7: Vector<int> is no class: a constructor's result starts with a capital letter`,
		"a#1 x:Vector = A;":                        `1:7: a: Vector of what? It takes one argument, as in Vector<int>`,
		"a#1 x:vector y:int = A;":                  `1:7: a: vector of what? It takes one argument, as in Vector<int>`,
		"a#1 x:A<int> = A;":                        `1:8: want a parameter or =, got "<"`,
		"a#1 x:!A = A;":                            `1:7: a: A is no type variable: want {A:Type} before the parameters`,
		"a#1 x:%A = A; b#2 = A;":                   `1:7: a: %A could be any of 2 constructors`,
		"a#1 {X:int} = A;":                         `1:8: want Type, got "int"`,
		"a#1 4*[ int ] = A;":                       `1:5: only the built-in types are declared with 4, and a is none of them`,
		"int53 ? = Int53;":                         `1:7: only the built-in types are declared with ?, and int53 is none of them`,
		"vector#1 {t:Type} # [ t ] = Vector t;":    `1:1: vector is built in with id 1cb5c415, not 00000001`,
		"a#1 a.b:int = A;":                         `1:5: "a.b" is no name of a parameter`,
		"a#1 x int = A;":                           `1:7: want : after the parameter's name, got "int"`,
		"/* a#1 = A;":                              `1:1: the comment is not closed`,
		"---function---":                           `1:1: want ---types--- or ---functions---, got "---function---"`,
		"a#1 = \xc3\x84;":                          `1:7: unexpected character 'Ã'`,
		"a#1 = A; $":                               `1:10: unexpected character '$'`,
		"===x===":                                  `1:1: want a layer as in ===23===, got "===x==="`,
		"a#1 x:" + strings.Repeat("Vector<", 1000): `1:63: types nest deeper than 8`,
		"a#1 x:" + strings.Repeat("(", 1000):       `1:15: types nest deeper than 8`,
		"a#1" + manyParams(1025) + " = A;":         `1:7173: a has more than 1024 parameters`,
	} {
		_, err := tl.Parse("x.tl", []byte(src))
		var e *tl.Error
		if !errors.As(err, &e) || err.Error() != "x.tl:"+want {
			t.Errorf("%.60s:\n got %v\nwant x.tl:%s", src, err, want)
		}
	}
}

func manyParams(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(" p" + string(rune('a'+i%26)) + string(rune('a'+i/26%26)) + string(rune('a'+i/676)) + ":#")
	}
	return b.String()
}

// H6, H7: core.telegram.org's way to write the service messages: built-ins first, a line without an id, %Message.
func TestServiceMessagesAsPublished(t *testing.T) {
	s := parse(t, `
int ? = Int;
vector {t:Type} # [ t ] = Vector t;
int128 4*[ int ] = Int128;
msg_container#73f1f8dc messages:vector<%Message> = MessageContainer;
message msg_id:long seqno:int bytes:int body:Object = Message;
gzip_packed#3072cfa1 packed_data:bytes = Object;
`)
	if c := s.Constructor("message"); c == nil || c.ID != 0x5bb8e511 {
		t.Errorf("message is %v", c)
	}
	if m := tl.Check(s); len(m) != 1 || m[0].Known == "" || m[0].Combinator.Name != "msg_container" {
		t.Errorf("mismatches: %v", m)
	}
}

// H6, H10: in a file of layers an older form keeps its id and gets the layer into its name.
func TestLayersInOneFile(t *testing.T) {
	s := parse(t, `
===8===
decryptedMessageActionReadMessages#c4f40be random_ids:Vector<long> = DecryptedMessageAction;
decryptedMessageService#aa48327d random_id:long random_bytes:bytes action:DecryptedMessageAction = DecryptedMessage;
===17===
decryptedMessageService#73164160 random_id:long action:DecryptedMessageAction = DecryptedMessage;
`)
	if c := s.Constructor("decryptedMessageService"); c == nil || c.ID != 0x73164160 {
		t.Errorf("the name is for %v", c)
	}
	if s.Layer != 17 {
		t.Errorf("layer %d", s.Layer)
	}
	if c := s.Constructor("decryptedMessageService8"); c == nil || c.ID != 0xaa48327d {
		t.Errorf("the older form is %v", c)
	}
	for _, m := range tl.Check(s) {
		if m.Known == "" {
			t.Error(m)
		}
	}
}

// H7: what we print is what we read, and real files say the same in our form.
func TestCanonicalFormIsAFixedPoint(t *testing.T) {
	for name, src := range files {
		s, err := tl.Import(name, src)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(s.Append(nil)); got != string(src) {
			t.Errorf("%s is not in canonical form: %s", name, cmp.Diff(strings.Split(string(src), "\n"), strings.Split(got, "\n")))
		}
	}
}

func TestLookups(t *testing.T) {
	s := parse(t, string(schemas.API()))
	if s.Layer < 223 || len(s.Functions) < 700 || len(s.Constructors) < 1500 {
		t.Errorf("layer %d, %d constructors, %d functions", s.Layer, len(s.Constructors), len(s.Functions))
	}
	if f := s.Function("messages.sendMessage"); f == nil || s.ByID(f.ID) != f || f.Param("random_id") == nil || f.Param("nothing") != nil {
		t.Errorf("messages.sendMessage is %v", f)
	}
	if s.Constructor("messages.sendMessage") != nil || s.Function("inputPeerSelf") != nil || s.ByID(1) != nil || s.Class("Nothing") != nil {
		t.Error("found what is not there")
	}
	if got := s.Class("Bool"); len(got) != 2 || got[0].Name != "boolFalse" {
		t.Errorf("Bool is %v", got)
	}
	names := s.Classes()
	for i, name := range names {
		if len(s.Class(name)) == 0 || i > 0 && names[i-1] >= name {
			t.Errorf("class %d is %s", i, name)
		}
	}
}

func TestNew(t *testing.T) {
	s, err := tl.New(7, []*tl.Combinator{
		{Name: "a", Params: []tl.Param{{Name: "x", Type: tl.Type{Name: "Vector", Args: []tl.Type{{Name: "long"}}}}}, Result: class("A")},
		{Name: "f", Function: true, Result: class("A")},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := string(parse(t, string(s.Append(nil))).Append(nil)); got != string(s.Append(nil)) || s.Constructor("a").ID != s.Constructor("a").CRC() {
		t.Errorf("got %s", got)
	}
	for _, c := range []*tl.Combinator{
		{Name: "a b", Result: class("A")},
		{Name: "a", Result: class("A;")},
		{Name: "a", Result: class("A"), Params: []tl.Param{{Name: "x", Type: class("B")}}},
		{Name: "a", Result: class("A"), Params: []tl.Param{{Name: "x y", Type: class("A")}}},
		{Name: "a", Result: class("A"), Params: []tl.Param{{Name: "x", Type: class("Vector")}}},
	} {
		if _, err := tl.New(0, []*tl.Combinator{c}); err == nil {
			t.Errorf("took %s", c)
		}
	}
}

// FuzzParse: no input panics, and what is accepted reads the same when printed.
func FuzzParse(f *testing.F) {
	for _, src := range files {
		f.Add(src[:min(len(src), 400)])
	}
	f.Add([]byte("int ? = Int;\n/* c */ a {X:Type} flags:# x:flags.3?Vector<%A> q:!X = A;\n---functions---\nf#12 y:(vector a) = Vector<int>; // LAYER 5"))
	f.Add([]byte("===8===\na x:int = A;\n===9===\na = A;"))
	f.Fuzz(fuzz(tl.Parse))
}

func fuzz(read func(string, []byte) (*tl.Schema, error)) func(*testing.T, []byte) {
	return func(t *testing.T, src []byte) {
		s, err := read("fuzz", src)
		var e *tl.Error
		if err != nil {
			if !errors.As(err, &e) {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		tl.Check(s)
		text := s.Append(nil)
		again, err := tl.Parse("again", text)
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		if got := again.Append(nil); string(got) != string(text) {
			t.Fatalf("%s became\n%s", text, got)
		}
		if d := tl.Diff(s, again); !d.Empty() {
			t.Fatal(d.String())
		}
	}
}

func BenchmarkParseAPI(b *testing.B) {
	src := schemas.API()
	b.SetBytes(int64(len(src)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := tl.Parse("api.tl", src); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendAPI(b *testing.B) {
	s := parse(b, string(schemas.API()))
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst = s.Append(dst[:0])
	}
	b.SetBytes(int64(len(dst)))
}
