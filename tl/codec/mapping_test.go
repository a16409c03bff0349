package codec

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/natsgram/natsgram/tl/bin"
)

// A schema with everything that types can be.
const everything = `
point#00000001 x:int y:int = Point;
all#00000002 flags:# on:flags.0?true i:int l:long d:double s:string b:bytes h:int128 w:int256 yes:Bool flags2:# p:flags2.3?point v:Vector<long> u:vector<%Point> n:Vector<Vector<int>> o:flags2.0?Object t:flags2.1?True z:flags2.2?Null = All;
left#00000003 = Side;
right#00000004 x:int = Side;
shared#00000005 flags:# a:flags.0?int b:flags.0?string c:flags.0?true d:flags.1?true e:flags.1?true side:flags.2?Side = Shared;
late#00000006 id:int flags:# a:flags.31?int id2:long flags2:# b:flags2.0?int = Late;
ping#00000007 = Pong;
true#3fedd339 = True;
null#56730bcc = Null;
---functions---
ping#00000017 = Pong;
wrap#00000018 {X:Type} flags:# before:flags.0?string side:Side query:!X after:int = X;
sides#00000019 = Vector<Side>;
longs#0000001a = Vector<long>;
flip#0000001b yes:Bool = Bool;
send#0000001c flags:# random_id:long nr:int opt:flags.0?long = Pong;
forward#0000001d id:Vector<int> random_id:Vector<long> = Pong;
to#0000001e side:Side more:Vector<Side> = Pong;
`

const allJSON = `{"_":"all","on":true,"i":-1,"l":"-9223372036854775808","d":0.1,"s":"\"é\"\n","b":"AP8=","h":"AAECAwQFBgcICQoLDA0ODw==",` +
	`"w":"AAECAwQFBgcICQoLDA0ODwABAgMEBQYHCAkKCwwNDg8=","yes":true,"p":{"_":"point","x":1,"y":2},"v":["1","-2"],` +
	`"u":[{"_":"point","x":3,"y":4}],"n":[[],[5]],"o":false,"t":{"_":"true"},"z":{"_":"null"}}`

func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		panic(err)
	}
	return b
}

var allTL = unhex(`
	02000000 01000000 ffffffff 0000000000000080 9a9999999999b93f 0522c3a9220a0000 0200ff00
	000102030405060708090a0b0c0d0e0f 000102030405060708090a0b0c0d0e0f000102030405060708090a0b0c0d0e0f b5757299
	0f000000 01000000 02000000
	15c4b51c 02000000 0100000000000000 feffffffffffffff
	01000000 03000000 04000000
	15c4b51c 02000000 15c4b51c 00000000 15c4b51c 01000000 05000000
	379779bc 39d3ed3f cc0b7356`)

// Design §3: one mapping, exactly.
func TestMapping(t *testing.T) {
	s := schema(t, everything)
	got, err := s.AppendJSON(nil, allTL, s.AnyObject())
	if err != nil || string(got) != allJSON {
		t.Errorf("%v\n got %s\nwant %s", err, got, allJSON)
	}
	back, err := s.AppendTLFromJSON(nil, []byte(allJSON), s.AnyObject(), nil)
	if err != nil || !bytes.Equal(back, allTL) {
		t.Errorf("%v\n got %x\nwant %x", err, back, allTL)
	}
	pack, err := s.AppendMsgpack(nil, allTL, s.AnyObject())
	if err != nil {
		t.Fatal(err)
	}
	back, err = s.AppendTLFromMsgpack(nil, pack, s.AnyObject(), nil)
	if err != nil || !bytes.Equal(back, allTL) {
		t.Errorf("%v\n got %x\nwant %x", err, back, allTL)
	}
}

// What may be written otherwise than we write it.
func TestAcceptedJSON(t *testing.T) {
	s := schema(t, everything)
	const other = ` { "z" : null , "on" : true , "t":true, "o":false, "n":[[ ],[5.0]], "i":"-1", "l" : -9223372036854775808 , "yes":true,
		"d":"0.1","s":"\u0022\u00e9\"\n","b":"AP8","h":"AAECAwQFBgcICQoLDA0ODw","w":"AAECAwQFBgcICQoLDA0ODwABAgMEBQYHCAkKCwwNDg8",
		"p":{"y":2,"x":1}, "v":[1,-2.00], "u":[{"_":"point","y":4,"x":3}], "\u005f":"\u0061ll" } `
	// null for an optional field is absence, so z must be said otherwise
	in := strings.Replace(other, `"z" : null`, `"z":{}`, 1)
	back, err := s.AppendTLFromJSON(nil, []byte(in), s.AnyObject(), nil)
	if err != nil || !bytes.Equal(back, allTL) {
		t.Errorf("%v\n got %x\nwant %x", err, back, allTL)
	}
	class, _ := s.Type("All")
	back, err = s.AppendTLFromJSON(nil, []byte(strings.Replace(in, `"\u005f":"\u0061ll"`, `"_":"all#00000002"`, 1)), class, nil)
	if err != nil || !bytes.Equal(back, allTL) {
		t.Errorf("%v\n got %x\nwant %x", err, back, allTL)
	}
}

func TestJSONValues(t *testing.T) {
	s := schema(t, everything)
	for _, c := range []struct{ typ, in, tl, out string }{
		{"double", `1`, "000000000000f03f", `1`},
		{"double", `-0`, "0000000000000080", `-0`},
		{"double", `"NaN"`, "000000000000f87f", `"NaN"`},
		{"double", `"NaN:fff8000000000001"`, "010000000000f8ff", `"NaN:fff8000000000001"`},
		{"double", `"Infinity"`, "000000000000f07f", `"Infinity"`},
		{"double", `"-Infinity"`, "000000000000f0ff", `"-Infinity"`},
		{"double", `1e21`, "50efe2d6e41a4b44", `1e+21`},
		{"double", `"1e999"`, "", ""},
		{"double", `1e999`, "", ""},
		{"double", `"nan"`, "", ""},
		{"double", `"0x1p3"`, "", ""},
		{"double", `"1_0"`, "", ""},
		{"double", `"NaN:0000000000000001"`, "", ""},
		{"double", `""`, "", ""},
		{"long", `"0009"`, "0900000000000000", `"9"`},
		{"long", `9223372036854775807`, "ffffffffffffff7f", `"9223372036854775807"`},
		{"long", `9223372036854775807.0`, "ffffffffffffff7f", `"9223372036854775807"`},
		{"long", `-9223372036854775809`, "", ""},
		{"long", `18446744073709551617`, "", ""},
		{"long", `"1."`, "", ""},
		{"long", `"-"`, "", ""},
		{"long", `" 1"`, "", ""},
		{"long", `01`, "", ""},
		{"long", `+1`, "", ""},
		{"int", `-2147483648`, "00000080", `-2147483648`},
		{"int", `2147483648`, "", ""},
		{"string", `""`, "00000000", `""`},
		{"string", `"\ud83d\ude00"`, "04f09f98 80000000", `"😀"`},
		{"string", `"\ud83d"`, "03efbfbd", `"` + "\ufffd" + `"`},
		{"string", `"\ud83d\u0041"`, "04efbfbd41000000", `"` + "\ufffd" + `A"`},
		{"string", `{"base64":"/w=="}`, "01ff0000", `{"base64":"/w=="}`},
		{"string", ` { "base64" : "QQ" } `, "01410000", `"A"`},
		{"string", `{"base64":"/w==","x":1}`, "", ""},
		{"string", `{"base64":5}`, "", ""},
		{"string", `{}`, "", ""},
		{"string", "\"a\tb\"", "", ""},
		{"string", "\"\xff\"", "", ""},
		{"string", "\"\\n\xff\"", "", ""},
		{"string", `"\u12"`, "", ""},
		{"string", `"\`, "", ""},
		{"bytes", `"\/w=="`, "01ff0000", `"/w=="`},
		{"bytes", `"_w"`, "01ff0000", `"/w=="`},
		{"bytes", `"/w="`, "", ""},
		{"bytes", `"/x=="`, "", ""},
		{"bytes", `"===="`, "", ""},
		{"bytes", `"A"`, "", ""},
		{"bytes", `"A\nA"`, "", ""},
		{"bytes", `"QUJD\n"`, "", ""},
		{"bytes", `"QUJD\r\nQUJD"`, "", ""},
		{"int128", `"AAA="`, "", ""},
		{"Bool", `true`, "b5757299", `true`},
		{"Bool", `1`, "", ""},
		{"Bool", `tru`, "", ""},
		{"Vector<Side>", `[{"_":"left"},{"x":1,"_":"right"}]`, "15c4b51c0200000003000000 0400000001000000", `[{"_":"left"},{"_":"right","x":1}]`},
		{"Vector<Side>", `[{"_":"left"},]`, "", ""},
		{"Vector<Side>", `[{"_":"left"}`, "", ""},
		{"Vector<Side>", `{}`, "", ""},
		{"vector<point>", `[{"x":1,"y":2}]`, "010000000100000002000000", `[{"_":"point","x":1,"y":2}]`},
		{"Point", `{"x":1,"y":2}`, "010000000100000002000000", `{"_":"point","x":1,"y":2}`},
		{"point", `{"x":1,"y":2}`, "0100000002000000", `{"_":"point","x":1,"y":2}`},
		{"True", `true`, "39d3ed3f", `{"_":"true"}`},
		{"Null", `null`, "cc0b7356", `{"_":"null"}`},
		{"true", `true`, "", `true`},
		// a name that is a constructor's and a function's
		{"Object", `{"_":"ping"}`, "07000000", `{"_":"ping"}`},
		{"Object", `{"_":"ping#00000017"}`, "17000000", `{"_":"ping#00000017"}`},
		{"Object", `{"_":"pong#00000017"}`, "", ""},
		{"Object", `{"_":"ping#0000001z"}`, "", ""},
		// optional fields
		{"Shared", `{"a":1,"b":"","c":true}`, "0500000001000000 0100000000000000", `{"_":"shared","a":1,"b":"","c":true}`},
		{"Shared", `{"b":"","a":1}`, "0500000001000000 0100000000000000", `{"_":"shared","a":1,"b":"","c":true}`},
		{"Shared", `{"d":true,"a":null,"side":null,"c":false}`, "0500000002000000", `{"_":"shared","d":true,"e":true}`},
		{"Shared", `{"a":1}`, "", ""},
		{"Shared", `{"c":true}`, "", ""},
		{"Late", `{"b":4,"id2":3,"a":2,"id":1}`, "06000000 01000000 00000080 02000000 0300000000000000 01000000 04000000",
			`{"_":"late","id":1,"a":2,"id2":"3","b":4}`},
	} {
		typ, ok := s.Type(c.typ)
		if !ok {
			t.Fatal(c.typ)
		}
		got, err := s.AppendTLFromJSON(nil, []byte(c.in), typ, nil)
		if c.out == "" {
			if err == nil {
				t.Errorf("%s %s: accepted, %x", c.typ, c.in, got)
			}
			continue
		}
		if err != nil || !bytes.Equal(got, unhex(c.tl)) {
			t.Errorf("%s %s: %v, %x", c.typ, c.in, err, got)
			continue
		}
		if out, err := s.AppendJSON(nil, got, typ); err != nil || string(out) != c.out {
			t.Errorf("%s %s: %v, %s", c.typ, c.in, err, out)
		}
	}
}

// H3: bits that no field describes are dropped; fields of one bit come together.
func TestFlags(t *testing.T) {
	s := schema(t, everything)
	out, err := s.AppendJSON(nil, unhex("05000000f0ffffff"), s.AnyObject())
	if err != nil || string(out) != `{"_":"shared"}` {
		t.Errorf("%v %s", err, out)
	}
	class, _ := s.Type("Shared")
	for in, want := range map[string]string{
		`{"a":1}`:    "Shared: b: missing, it must come together with a, c",
		`{"b":"x"}`:  "Shared: a: missing, it must come together with b, c",
		`{"c":true}`: "Shared: a: missing, it must come together with b, c",
	} {
		if _, err := s.AppendTLFromJSON(nil, []byte(in), class, nil); err == nil || err.Error() != want {
			t.Errorf("%s: %v", in, err)
		}
	}
}

// Whatever width or kind of its own a MessagePack writer chooses for a number, or for bytes.
func TestAcceptedMsgpack(t *testing.T) {
	s := schema(t, everything)
	for _, c := range []struct {
		typ string
		in  any
		tl  string
	}{
		{"int", int8(-5), "fbffffff"}, {"int", int16(-500), "0cfeffff"}, {"int", int64(5), "05000000"}, {"int", uint8(200), "c8000000"},
		{"int", uint64(7), "07000000"}, {"int", 5.0, "05000000"}, {"int", float32(5), "05000000"}, {"int", "5", "05000000"},
		{"int", 5.5, ""}, {"int", int64(1) << 31, ""}, {"int", nil, ""}, {"int", true, ""},
		{"long", int8(-5), "fbffffffffffffff"}, {"long", uint32(5), "0500000000000000"}, {"long", "-5", "fbffffffffffffff"},
		{"long", float64(1 << 53), "0000000000002000"}, {"long", float64(1 << 54), ""}, {"long", uint64(1) << 63, ""}, {"long", math.NaN(), ""},
		{"double", 1, "000000000000f03f"}, {"double", float32(1), "000000000000f03f"}, {"double", uint64(1) << 63, "000000000000e043"},
		{"double", "Infinity", "000000000000f07f"}, {"double", "x", ""},
		{"string", "é", "02c3a900"}, {"string", []byte{0xff}, "01ff0000"}, {"string", strings.Repeat("a", 40), "28" + strings.Repeat("61", 40) + "000000"},
		{"bytes", "\x00", "01000000"}, {"bytes", []byte(nil), ""}, {"bytes", []byte{}, "00000000"},
		{"int128", make([]byte, 16), strings.Repeat("00", 16)}, {"int128", make([]byte, 15), ""},
		{"Bool", true, "b5757299"}, {"Bool", 1, ""}, {"True", true, "39d3ed3f"}, {"Null", nil, "cc0b7356"}, {"Object", false, "379779bc"},
		{"Side", map[string]any{"_": "right", "x": 1}, "0400000001000000"}, {"Side", map[string]any{"x": 1}, ""},
		{"Side", map[string]any{"_": 5}, ""}, {"Side", "left", ""}, {"Side", 5, ""},
		{"Shared", map[string]any{"a": nil, "d": true, "c": false}, "0500000002000000"},
		{"Vector<long>", []int{1}, "15c4b51c010000000100000000000000"}, {"Vector<long>", map[string]any{}, ""},
	} {
		typ, _ := s.Type(c.typ)
		in, err := msgpack.Marshal(c.in)
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.AppendTLFromMsgpack(nil, in, typ, nil)
		if (err == nil) != (c.tl != "") || err == nil && !bytes.Equal(got, unhex(c.tl)) {
			t.Errorf("%s from %#v: %v, %x", c.typ, c.in, err, got)
		}
	}
}

// H5: results of all kinds.
func TestResults(t *testing.T) {
	s := schema(t, everything)
	for _, c := range []struct{ call, result, tl, json string }{
		{`sides`, "Vector<Side>", "15c4b51c0100000003000000", `[{"_":"left"}]`},
		{`longs`, "Vector<long>", "15c4b51c010000000300000000000000", `["3"]`},
		{`flip`, "Bool", "b5757299", `true`},
		{`ping`, "Pong", "07000000", `{"_":"ping"}`},
	} {
		f, _ := s.Function(c.call)
		if f.Result().String() != c.result || f.Decl().Name != c.call {
			t.Errorf("%s: %v", c.call, f.Result())
		}
		if got, err := s.AppendJSON(nil, unhex(c.tl), f.Result()); err != nil || string(got) != c.json {
			t.Errorf("%s: %v, %s", c.call, err, got)
		}
	}
}

// H4: the result of a wrapper is that of the call within, whatever stands around it.
func TestResultOf(t *testing.T) {
	s := schema(t, everything)
	wrap, _ := s.Function("wrap")
	for in, want := range map[string]string{
		`{"side":{"_":"left"},"after":1,"query":{"_":"sides"}}`:                                                                                  "Vector<Side>",
		`{"before":"b","side":{"_":"right","x":1},"after":1,"query":{"_":"wrap","side":{"_":"left"},"query":{"_":"flip","yes":true},"after":2}}`: "Bool",
		`{"side":{"_":"left"},"after":1,"query":{"_":"ping"}}`:                                                                                   "Pong",
	} {
		call, err := s.AppendCallFromJSON(nil, []byte(in), wrap, nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.ResultOf(call)
		if err != nil || got.String() != want {
			t.Errorf("%s: %v, %v", in, got, err)
		}
		if err := s.CheckCall(call, wrap); err != nil {
			t.Error(err)
		}
		for cut := range call {
			if err := s.CheckCall(call[:cut], wrap); err == nil {
				t.Errorf("%s: cut at %d passed", in, cut)
			}
		}
	}
	if _, err := s.ResultOf(unhex("07000000")); err == nil || err.Error() != "at byte 0: want a method, got ping" {
		t.Error(err)
	}
	if _, err := s.ResultOf(unhex("1800000000000000 04000000")); !errors.As(err, new(*bin.ShortError)) {
		t.Error(err)
	}
}

// Design §3, comforts: what is missing can be filled in, and texts can stand for peers.
func TestOptions(t *testing.T) {
	s := schema(t, everything)
	var asked []string
	next := int64(1) << 40
	o := &Options{
		MissingLong: func(fn, param string) (int64, bool) {
			asked = append(asked, fn+"."+param)
			next++
			return next, param == "random_id" || param == "nr"
		},
		Resolve: func(class, text string) ([]byte, bool, error) {
			switch text {
			case "me":
				return unhex("03000000"), class == "Side", nil
			case "-5":
				return unhex("0400000005000000"), true, nil
			case "lie":
				return unhex("07000000"), true, nil
			case "bad":
				return nil, false, errors.New("nobody of that name")
			}
			return nil, false, nil
		},
	}
	for _, c := range []struct{ fn, in, out string }{
		{"send", `{}`, `{"_":"send","random_id":"1099511627777","nr":2}`},
		{"send", `{"nr":7,"opt":1}`, `{"_":"send","random_id":"1099511627779","nr":7,"opt":"1"}`},
		{"send", `{"random_id":0,"nr":7}`, `{"_":"send","random_id":"0","nr":7}`},
		{"forward", `{"id":[5,6]}`, `{"_":"forward","id":[5,6],"random_id":["1099511627780","1099511627781"]}`},
		{"forward", `{"id":[]}`, `{"_":"forward","id":[],"random_id":[]}`},
		{"forward", `{}`, ``},
		{"to", `{"more":["me",-5],"side":"me"}`, `{"_":"to","side":{"_":"left"},"more":[{"_":"left"},{"_":"right","x":5}]}`},
		{"to", `{"more":[],"side":"lie"}`, `to: side: what it resolves to is no Side`},
		{"to", `{"more":["bad"],"side":"me"}`, `to: more[0]: nobody of that name`},
		{"to", `{"more":["?"],"side":"me"}`, `to: more[0]: want Side, got "?"`},
	} {
		f, _ := s.Function(c.fn)
		tl, err := s.AppendCallFromJSON(nil, []byte(c.in), f, o)
		var generic any
		_ = json.Unmarshal([]byte(c.in), &generic)
		pack, _ := msgpack.Marshal(generic)
		if !strings.HasPrefix(c.out, "{") {
			_, err2 := s.AppendCallFromMsgpack(nil, pack, f, o)
			if err == nil || err2 == nil || c.out != "" && (err.Error() != c.out || err2.Error() != c.out) {
				t.Errorf("%s %s: %v, %v", c.fn, c.in, err, err2)
			}
			continue
		}
		out, _ := s.AppendJSON(nil, tl, s.AnyObject())
		if err != nil || string(out) != c.out {
			t.Errorf("%s %s: %v, %s", c.fn, c.in, err, out)
		}
		if c.fn == "to" {
			if again, err := s.AppendCallFromMsgpack(nil, pack, f, o); err != nil || !bytes.Equal(again, tl) {
				t.Errorf("%s %s: %v, %x", c.fn, c.in, err, again)
			}
		}
	}
	if want := "[send.random_id send.nr send.random_id forward.random_id forward.random_id]"; fmt.Sprint(asked[:5]) != want {
		t.Errorf("asked for %v", asked)
	}
}

// What a caller leaves out can be taken as a text that stands there.
func TestMissingText(t *testing.T) {
	s := schema(t, everything)
	o := &Options{
		MissingText: func(fn, param string) (string, bool) { return "me", fn == "to" && param == "side" },
		Resolve: func(_, text string) ([]byte, bool, error) {
			if text == "me" {
				return unhex("03000000"), true, nil
			}
			return nil, false, errors.New("nobody of that name")
		},
	}
	f, _ := s.Function("to")
	for in, want := range map[string]string{
		`{"more":[]}`:                            `{"_":"to","side":{"_":"left"},"more":[]}`,
		`{"side":{"_":"right","x":5},"more":[]}`: `{"_":"to","side":{"_":"right","x":5},"more":[]}`,
		`{}`:                                     ``,
	} {
		tl, err := s.AppendCallFromJSON(nil, []byte(in), f, o)
		out, _ := s.AppendJSON(nil, tl, s.AnyObject())
		if want == "" && err == nil || want != "" && (err != nil || string(out) != want) {
			t.Errorf("%s: %s %v", in, out, err)
		}
	}
	o.MissingText = func(string, string) (string, bool) { return "bad", true }
	if _, err := s.AppendCallFromJSON(nil, []byte(`{"more":[]}`), f, o); err == nil || err.Error() != "to: side: nobody of that name" {
		t.Error(err)
	}
	o.AsText = true
	o.MissingText = func(string, string) (string, bool) { return "user.5", true }
	if _, err := s.AppendCallFromJSON(nil, []byte(`{"more":[]}`), f, o); err != nil {
		t.Error(err)
	}
}

// A value that is left out can be filled in by what stands beside it, in whatever order that came.
func TestMissingValue(t *testing.T) {
	s := api()
	f, _ := s.Function("account.uploadRingtone")
	var beside []byte
	o := &Options{
		MissingValue: func(fn, param string, of Beside) ([]byte, bool) {
			beside = bytes.Clone(of.TL("file"))
			return []byte("\x03a/b"), param == "mime_type" && fn == "account.uploadRingtone" && of.TL(param) == nil && of.TL("nothing") == nil
		},
		Resolve: func(class, _ string) ([]byte, bool, error) {
			file, err := s.Encode(nil, M{"_": "inputFileBig", "id": 5, "parts": 1, "name": "x"})
			return file, class == "InputFile", err
		},
	}
	for in, want := range map[string]string{
		`{"file":"it","file_name":"n"}`:                   `{"_":"account.uploadRingtone","file":{"_":"inputFileBig","id":"5","parts":1,"name":"x"},"file_name":"n","mime_type":"a/b"}`,
		`{"file_name":"n","file":"it"}`:                   `{"_":"account.uploadRingtone","file":{"_":"inputFileBig","id":"5","parts":1,"name":"x"},"file_name":"n","mime_type":"a/b"}`,
		`{"file":"it","file_name":"n","mime_type":"c/d"}`: `{"_":"account.uploadRingtone","file":{"_":"inputFileBig","id":"5","parts":1,"name":"x"},"file_name":"n","mime_type":"c/d"}`,
		`{"file":"it"}`:                                   `account.uploadRingtone: file_name: missing, want string`,
	} {
		tl, err := s.AppendCallFromJSON(nil, []byte(in), f, o)
		var generic any
		_ = json.Unmarshal([]byte(in), &generic)
		pack, _ := msgpack.Marshal(generic)
		again, err2 := s.AppendCallFromMsgpack(nil, pack, f, o)
		if err != nil {
			if err.Error() != want || err2 == nil || err2.Error() != want {
				t.Errorf("%s: %v, %v", in, err, err2)
			}
			continue
		}
		out, _ := s.AppendJSON(nil, tl, s.AnyObject())
		if string(out) != want || !bytes.Equal(again, tl) {
			t.Errorf("%s: %s, %x %v", in, out, again, err2)
		}
	}
	if v, err := s.View(beside); err != nil || v.Int("id") != 5 {
		t.Errorf("beside stood %x: %v", beside, err)
	}
	o.MissingValue = func(string, string, Beside) ([]byte, bool) { return []byte{1}, true }
	if _, err := s.AppendCallFromJSON(nil, []byte(`{"file":"it","file_name":"n"}`), f, o); err == nil || !strings.Contains(err.Error(), "mime_type: what it is filled in with is no string") {
		t.Error(err)
	}
}

func TestEmptyCall(t *testing.T) {
	f, _ := api().Function("help.getConfig")
	for _, in := range []string{"", " \n", "{}"} {
		if got, err := api().AppendCallFromJSON(nil, []byte(in), f, nil); err != nil || len(got) != 4 {
			t.Errorf("%q: %v", in, err)
		}
	}
	if got, err := api().AppendCallFromMsgpack(nil, nil, f, nil); err != nil || len(got) != 4 {
		t.Error(err)
	}
}

func TestTypes(t *testing.T) {
	s := schema(t, everything)
	for name, want := range map[string]bool{
		"Side": true, "Vector<Side>": true, "Vector<Vector<Vector<long>>>": true, "%Point": true, "point": true, "vector<point>": true, "Bool": true,
		"int": true, "Object": true, "Nothing": false, "Vector<Nothing>": false, "Vector<": false, "Vector<Side": false, "": false, "#": false,
		"%Side": false, "Side<int>": false, "!X": false, "Missing": false,
	} {
		if typ, ok := s.Type(name); ok != want || ok != typ.Valid() || ok && typ.String() != name {
			t.Errorf("%s: %v %v", name, typ, ok)
		}
	}
	var none Type
	if _, err := s.AppendJSON(nil, nil, none); err == nil {
		t.Error("no type, no error")
	}
}
