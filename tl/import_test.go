package tl_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/natsgram/natsgram/tl"
)

// The same few lines in each of the forms.
const (
	asText = `
boolFalse#bc799737 = Bool;
boolTrue#997275b5 = Bool;
true#3fedd339 = True;
null#56730bcc = Null;
user#12345678 flags:# self:flags.10?true id:long photos:flags.3?Vector<User> = User;
---functions---
invokeAfterMsg#cb9f372d {X:Type} msg_id:long query:!X = X;
users.get#1234 ids:Vector<long> = Vector<User>;
// LAYER 99
`
	asCore = `{"layer": 99, "constructors": [
	{"id": "-1132882121", "predicate": "boolFalse", "params": [], "type": "Bool"},
	{"id": "-1720552011", "predicate": "boolTrue", "params": [], "type": "Bool"},
	{"id": "1072550713", "predicate": "true", "params": [], "type": "True"},
	{"id": "481674261", "predicate": "vector", "params": [], "type": "Vector t"},
	{"id": "1450380236", "predicate": "null", "params": [], "type": "Null"},
	{"id": "305419896", "predicate": "user", "params": [{"name": "flags", "type": "#"}, {"name": "self", "type": "flags.10?true"},
		{"name": "id", "type": "long"}, {"name": "photos", "type": "flags.3?Vector<User>"}], "type": "User"}
], "methods": [
	{"id": "-878758099", "method": "invokeAfterMsg", "params": [{"name": "msg_id", "type": "long"}, {"name": "query", "type": "!X"}], "type": "X"},
	{"id": "4660", "method": "users.get", "params": [{"name": "ids", "type": "Vector<long>"}], "type": "Vector<User>"}
]}`
	asMtcute = `{"l": 99, "e": [
	{"kind": "class", "name": "user", "id": 305419896, "type": "User", "comment": "not a fact", "arguments": [{"name": "flags", "type": "#"},
		{"name": "self", "type": "true", "typeModifiers": {"predicate": "flags.10"}}, {"name": "id", "type": "int53"},
		{"name": "photos", "type": "User", "typeModifiers": {"predicate": "flags.3", "isVector": true}}]},
	{"kind": "method", "name": "invokeAfterMsg", "id": 3416209197, "type": "X", "generics": [{"name": "X", "type": "Type"}],
		"arguments": [{"name": "msg_id", "type": "long"}, {"name": "query", "type": "!X"}]},
	{"kind": "method", "name": "users.get", "id": 4660, "type": "User", "typeModifiers": {"isVector": true},
		"arguments": [{"name": "ids", "type": "int53", "typeModifiers": {"isVector": true}}]},
	{"kind": "method", "name": "mtcute.customMethod", "id": 5, "type": "bytes", "arguments": []},
	{"kind": "class", "name": "mtcute.dummyUpdate", "id": 6, "type": "User", "arguments": []}
]}`
)

func TestImportKnowsTheForms(t *testing.T) {
	want := string(parse(t, asText).Append(nil))
	for name, src := range map[string]string{"text": asText, "core": asCore, "mtcute": asMtcute, "core after a mark": "\ufeff\n " + asCore} {
		s, err := tl.Import(name, []byte(src))
		if err != nil {
			t.Error(err)
			continue
		}
		if d := cmp.Diff(want, string(s.Append(nil))); d != "" {
			t.Errorf("%s:\n%s", name, d)
		}
	}
}

// Bare types of the service messages' JSON.
func TestImportBareTypes(t *testing.T) {
	s, err := tl.Import("mtp", []byte(`{"e": [
		{"kind": "class", "name": "salt", "id": 1, "type": "Salt", "arguments": []},
		{"kind": "class", "name": "salts", "id": 2, "type": "Salts", "arguments": [
			{"name": "a", "type": "salt", "typeModifiers": {"isBareVector": true, "isBareType": true}},
			{"name": "b", "type": "Salt", "typeModifiers": {"isBareUnion": true}}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := s.Constructor("salts").String(), "salts#00000002 a:vector<salt> b:%Salt = Salts;"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestImportErrorsNameThePlace(t *testing.T) {
	for src, want := range map[string]string{
		`{"constructors": [}`:    `f.json:1:19: invalid character '}' looking for beginning of value`,
		"{\"l\": 1,\n \"e\": 5}": `f.json:2:7: json: cannot unmarshal number into Go struct field document.e of type []tl.mtcuteEntry`,
		`{"a": 1}`:               `f.json: neither TL, nor JSON with "constructors" and "methods" or with "e"`,
		`{"constructors": [{"id": "x", "predicate": "a", "params": [], "type": "A"}]}`:                                        `is no id of 32 bits`,
		`{"constructors": [{"id": "99999999999", "predicate": "a", "params": [], "type": "A"}]}`:                              `is no id of 32 bits`,
		`{"constructors": [{"id": "1", "predicate": "a b", "params": [], "type": "A"}]}`:                                      `f.json: constructors[0] "a b": "a b" is no name`,
		`{"constructors": [{"id": "1", "predicate": "a", "params": [{"name": "x", "type": "B"}], "type": "A"}]}`:              `f.json: constructors[0] "a": parameter "x": a: there is no class B`,
		`{"constructors": [{"id": "1", "predicate": "a", "params": [{"name": "x", "type": "int y"}], "type": "A"}]}`:          `f.json: constructors[0] "a": parameter "x": want one type alone, got "y"`,
		`{"constructors": [{"id": "1", "predicate": "a", "params": [{"name": "x", "type": ""}], "type": "A"}]}`:               `f.json: constructors[0] "a": parameter "x": want a type, got nothing more`,
		`{"constructors": [{"id": "1", "predicate": "a", "params": [{"name": "x;", "type": "int"}], "type": "A"}]}`:           `f.json: constructors[0] "a": parameter "x;": "x;" is no name of a parameter`,
		`{"methods": [{"id": "1", "method": "f", "params": [], "type": "$"}]}`:                                                `f.json: methods[0] "f": unexpected character '$'`,
		`{"e": [{"kind": "union", "name": "a", "id": 1, "type": "A"}]}`:                                                       `f.json: e[0] "a": kind is "union", want class or method`,
		`{"e": [{"kind": "class", "name": "a", "id": 1, "type": "A"}, {"kind": "class", "name": "a", "id": 2, "type": "A"}]}`: `f.json: e[1] "a": a is declared twice`,
	} {
		_, err := tl.Import("f.json", []byte(src))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s:\n got %v\nwant %s", src, err, want)
		}
	}
}

// H6
func TestCheckOfTheBuiltInSchemas(t *testing.T) {
	known := map[string]int{}
	for name, src := range files {
		s, err := tl.Parse(name, src)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range tl.Check(s) {
			if known[name]++; m.Known == "" {
				t.Errorf("%s: %s", name, m)
			}
		}
	}
	if d := cmp.Diff(map[string]int{"api.tl": 5, "secret.tl": 15}, known); d != "" {
		t.Errorf("known exceptions met: %s", d)
	}
}

// H6: the other lines whose ids cannot be computed, as TDLib's file has them.
func TestCheckNamesTheException(t *testing.T) {
	s := parse(t, `
ipPort#d433ad73 ipv4:int port:int = IpPort;
ipPortSecret#37982646 ipv4:int port:int secret:bytes = IpPort;
accessPointRule#4679b65f phone_prefix_rules:string dc_id:int ips:vector<IpPort> = AccessPointRule;
help.configSimple#5a592a6c date:int expires:int rules:vector<AccessPointRule> = help.ConfigSimple;
photo#12345678 id:long = Photo;
message8#00000001 id:long = Message;
`)
	var got []string
	for _, m := range tl.Check(s) {
		got = append(got, m.String())
	}
	want := []string{
		"line 3: ipPortSecret#37982646: the line gives 402d9b47 (known: the id was made of the line without calling bytes string)",
		"line 4: accessPointRule#4679b65f: the line gives 020634ce (known: no form of the line is known that gives the id; it names a list in the backup configuration)",
		"line 5: help.configSimple#5a592a6c: the line gives 066d2808 (known: no form of the line is known that gives the id; it is the backup configuration, which is read and never sent)",
		"line 6: photo#12345678: the line gives 32e47466",
		"line 7: message8#00000001: the line gives 72bc83d2",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestDiff(t *testing.T) {
	a := parse(t, `
same#1 = A;
gone#2 = A;
user#3 flags:# id:int name:string old:flags.0?true = User;
swapped#4 a:int b:int = A;
---functions---
get#5 = A;
// LAYER 1
`)
	b := parse(t, `
same#1 = A;
user#33 flags:# id:long name:flags.2?string premium:flags.1?true = User;
swapped#4 b:int a:int = A;
came#6 = A;
---functions---
get#5 = Vector<A>;
put#7 x:int = A;
// LAYER 2
`)
	const want = `layer 1 -> 2

constructors: 1 added, 1 removed, 2 changed
+ came#00000006 = A;
- gone#00000002 = A;
~ user
    id 00000003 -> 00000033
    ~ id: int -> long
    ~ name: string -> flags.2?string
    + premium:flags.1?true
    - old:flags.0?true
~ swapped
    the same parameters in another order: b a

functions: 1 added, 0 removed, 1 changed
+ put#00000007 x:int = A;
~ get
    = A -> Vector<A>
`
	d := tl.Diff(a, b)
	if x := cmp.Diff(want, d.String()); x != "" {
		t.Error(x)
	}
	d = tl.Diff(a, a)
	if got := d.String(); got != "no constructor and no function changes\n" {
		t.Errorf("got %q", got)
	}
}

func FuzzImport(f *testing.F) {
	f.Add([]byte(asText))
	f.Add([]byte(asCore))
	f.Add([]byte(asMtcute))
	f.Fuzz(fuzz(tl.Import))
}

// TDLib declares the beginning of some wrappers a second time, before or after the wrapper itself, under the same id.
func TestImportLeavesOutTDLibsPrefixes(t *testing.T) {
	const (
		wrapper = "invokeWithReCaptcha#adbb0f94 {X:Type} token:string query:!X = X;\n"
		twin    = "invokeWithReCaptchaPrefix#adbb0f94 token:string = Error;\n"
		head    = "error#c4b9f9bb code:int text:string = Error;\n---functions---\n"
	)
	for name, src := range map[string]string{"before": head + twin + wrapper, "after": head + wrapper + twin, "both": head + twin + wrapper + "b = Error;\n"} {
		s, err := tl.Import(name, []byte(src))
		if err != nil {
			t.Error(err)
			continue
		}
		if s.Function("invokeWithReCaptchaPrefix") != nil || s.ByID(0xadbb0f94) == nil || s.ByID(0xadbb0f94).Name != "invokeWithReCaptcha" {
			t.Errorf("%s: %s", name, s.Append(nil))
		}
		for _, f := range s.Functions {
			if f.Name == "invokeWithReCaptchaPrefix" {
				t.Errorf("%s: the twin is on the list", name)
			}
		}
	}
	for _, src := range []string{
		head + wrapper + "other#adbb0f94 token:string = Error;\n",
		head + wrapper + "invokeWithReCaptchaPrefix#adbb0f94 token:string = Bool;\n",
		"error#adbb0f94 code:int text:string = Error;\n---functions---\n" + twin,
	} {
		if _, err := tl.Import("f.tl", []byte(src)); err == nil || !strings.Contains(err.Error(), "have the same id adbb0f94") {
			t.Errorf("%q: %v", src, err)
		}
	}
	alone, err := tl.Import("alone", []byte(head+twin))
	if err != nil || alone.Function("invokeWithReCaptchaPrefix") == nil {
		t.Errorf("a twin alone is a function like any other: %v", err)
	}
}

func TestSince(t *testing.T) {
	s := parse(t, "a = A;\n// LAYER 5\n// SINCE 2026-06-15\n")
	if got := s.Since.Format(time.DateOnly); got != "2026-06-15" {
		t.Errorf("since %s", got)
	}
	if again := parse(t, string(s.Append(nil))); !again.Since.Equal(s.Since) || again.Layer != 5 {
		t.Errorf("printed and read again: layer %d since %v", again.Layer, again.Since)
	}
	if s := parse(t, "a = A;\n// SINCE yesterday\n"); !s.Since.IsZero() {
		t.Errorf("since %v", s.Since)
	}
}
