package codec

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/vmihailenco/msgpack/v5"
)

// seedTL adds values of many constructors, and the fixture of the mapping.
func seedTL(f *testing.F) {
	f.Add(allTL)
	f.Add([]byte{})
	for _, s := range compiled() {
		g := newGenerator(s, 3)
		for i, c := range s.combs {
			if i%37 == 0 && g.possible(c) {
				f.Add(g.boxed(nil, c, 2))
			}
		}
	}
}

// fuzzed are the schemas that each input is tried with.
func fuzzed(tb testing.TB) []*Schema {
	return []*Schema{api(), compiled()["mtproto"], schema(tb, everything)}
}

func FuzzTLToJSON(f *testing.F) {
	seedTL(f)
	schemas := fuzzed(f)
	f.Fuzz(func(t *testing.T, src []byte) {
		for _, s := range schemas {
			out, err := s.AppendJSON(nil, src, s.AnyObject())
			if err != nil {
				checkError(t, err)
				continue
			}
			if !json.Valid(out) {
				t.Fatalf("not JSON: %s", out)
			}
			back, err := s.AppendTLFromJSON(nil, out, s.AnyObject(), nil)
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			// src may have flags without meaning and long forms of short strings; what came back has not.
			if again, err := s.AppendJSON(nil, back, s.AnyObject()); err != nil || !bytes.Equal(again, out) || len(back) > len(src) {
				t.Fatalf("%v\n%s\n%s", err, out, again)
			}
		}
	})
}

func FuzzTLToMsgpack(f *testing.F) {
	seedTL(f)
	schemas := fuzzed(f)
	f.Fuzz(func(t *testing.T, src []byte) {
		for _, s := range schemas {
			out, err := s.AppendMsgpack(nil, src, s.AnyObject())
			if err != nil {
				checkError(t, err)
				continue
			}
			d := msgpack.NewDecoder(bytes.NewReader(out))
			if _, err := d.DecodeInterface(); err != nil {
				t.Fatal(err)
			}
			if _, err := d.DecodeInterface(); !errors.Is(err, io.EOF) {
				t.Fatalf("more than one value: %x", out)
			}
			back, err := s.AppendTLFromMsgpack(nil, out, s.AnyObject(), nil)
			if err != nil {
				t.Fatalf("%v\n%x", err, out)
			}
			if again, err := s.AppendMsgpack(nil, back, s.AnyObject()); err != nil || !bytes.Equal(again, out) || len(back) > len(src) {
				t.Fatalf("%v\n%x\n%x", err, out, again)
			}
		}
	})
}

func checkError(t *testing.T, err error) {
	t.Helper()
	var typed *Error
	if !errors.As(err, &typed) || !utf8.ValidString(err.Error()) || len(err.Error()) > 20000 || strings.ContainsAny(err.Error(), "\n\x00") {
		t.Fatalf("%T %v", err, err)
	}
}

// fuzzOptions answer everything.
var fuzzOptions = &Options{
	MissingLong: func(string, string) (int64, bool) { return -1, true },
	MissingValue: func(_, param string, beside Beside) ([]byte, bool) {
		beside.TL(param)
		return beside.TL("id"), true
	},
	Resolve: func(_, text string) ([]byte, bool, error) { return []byte(text), len(text) == 4, nil },
}

func FuzzJSONToTL(f *testing.F) {
	f.Add([]byte(allJSON))
	f.Add([]byte(sendMessage))
	f.Add([]byte(`{"_":"send"}`))
	f.Add([]byte(`{"_":"forward","id":[1]}`))
	f.Add([]byte(`{"more":["abcd",5],"side":"\u0003\u0000\u0000\u0000","_":"to"}`))
	f.Add([]byte(`{"_":"wrap","query":{"yes":true,"_":"flip"},"side":{"_":"left"},"after":0,"before":null}`))
	for _, s := range compiled() {
		g := newGenerator(s, 5)
		for i, c := range s.combs {
			if i%61 == 0 && g.possible(c) {
				text, _ := s.AppendJSON(nil, g.boxed(nil, c, 2), s.AnyObject())
				f.Add(text)
			}
		}
	}
	schemas := fuzzed(f)
	f.Fuzz(func(t *testing.T, src []byte) {
		for _, s := range schemas {
			if _, err := s.AppendCallFromJSON(nil, src, s.sorted[len(src)%len(s.sorted)], fuzzOptions); err != nil {
				checkError(t, err)
			}
			out, err := s.AppendTLFromJSON(nil, src, s.AnyObject(), fuzzOptions)
			if err != nil {
				checkError(t, err)
				continue
			}
			if !json.Valid(src) {
				t.Fatalf("encoding/json refuses %q", src)
			}
			back, err := s.AppendJSON(nil, out, s.AnyObject())
			if err != nil {
				t.Fatalf("%v\n%x", err, out)
			}
			if again, err := s.AppendTLFromJSON(nil, back, s.AnyObject(), nil); err != nil || !bytes.Equal(again, out) {
				t.Fatalf("%v\n%s\n%x\n%x", err, back, out, again)
			}
		}
	})
}

func FuzzMsgpackToTL(f *testing.F) {
	f.Add([]byte("\x82\xa1_\xa5right\xa1x\xce\xff\xff\xff\xff"))
	for _, s := range append(fuzzed(f), compiled()["secret"]) {
		g := newGenerator(s, 5)
		for i, c := range s.combs {
			if (i%61 == 0 || len(s.combs) < 30) && g.possible(c) {
				text, _ := s.AppendMsgpack(nil, g.boxed(nil, c, 2), s.AnyObject())
				f.Add(text)
			}
		}
	}
	schemas := fuzzed(f)
	f.Fuzz(func(t *testing.T, src []byte) {
		for _, s := range schemas {
			if _, err := s.AppendCallFromMsgpack(nil, src, s.sorted[len(src)%len(s.sorted)], fuzzOptions); err != nil {
				checkError(t, err)
			}
			out, err := s.AppendTLFromMsgpack(nil, src, s.AnyObject(), fuzzOptions)
			if err != nil {
				checkError(t, err)
				continue
			}
			back, err := s.AppendMsgpack(nil, out, s.AnyObject())
			if err != nil {
				t.Fatalf("%v\n%x", err, out)
			}
			if again, err := s.AppendTLFromMsgpack(nil, back, s.AnyObject(), nil); err != nil || !bytes.Equal(again, out) {
				t.Fatalf("%v\n%x\n%x\n%x", err, back, out, again)
			}
		}
	})
}

// A View reads what the converters read, and nothing panics on the fields of others.
func FuzzView(f *testing.F) {
	seedTL(f)
	schemas := fuzzed(f)
	names := []string{"flags", "id", "message", "updates", "users", "peer_id", "media", "pts", "salts", "messages", "v", "u", "n", "s", "o", "h"}
	f.Fuzz(func(t *testing.T, src []byte) {
		for _, s := range schemas {
			v, err := s.View(src)
			if err != nil {
				checkError(t, err)
				continue
			}
			if _, err := s.AppendJSON(nil, v.Raw(), s.AnyObject()); err != nil {
				t.Fatal(err)
			}
			for _, name := range names {
				readField(v, name, 3)
			}
		}
	})
}

func readField(v View, name string, depth int) {
	var f Fields
	f.Read(v)
	_, _, _, _ = f.Int(name), f.Bytes(name), f.Bool(name), f.Has(name)
	if o, ok := v.Object(name); ok {
		if same, _ := f.Object(name); !bytes.Equal(same.Raw(), o.Raw()) {
			panic("Fields and View differ: " + name)
		}
	}
	v.Int(name)
	v.Bytes(name)
	v.Double(name)
	v.Bool(name)
	v.Longs(name)
	for range v.Strs(name) {
	}
	for o := range v.Objects(name) {
		if depth > 0 {
			readField(o, name, depth-1)
		}
	}
	if o, ok := v.Object(name); ok && depth > 0 {
		readField(o, "message", depth-1)
	}
}

// What CheckCall lets pass, everything else can read.
func FuzzCheckCall(f *testing.F) {
	seedTL(f)
	schemas := fuzzed(f)
	f.Fuzz(func(t *testing.T, src []byte) {
		for _, s := range schemas {
			if len(src) < 4 {
				continue
			}
			fn, ok := s.FunctionByID(uint32(src[0]) | uint32(src[1])<<8 | uint32(src[2])<<16 | uint32(src[3])<<24)
			if !ok {
				continue
			}
			_, jsonErr := s.AppendJSON(nil, src, s.AnyObject())
			_, resultErr := s.ResultOf(src)
			if err := s.CheckCall(src, fn); err != nil {
				checkError(t, err)
				if jsonErr == nil {
					t.Fatalf("%v, but it has a JSON", err)
				}
			} else if jsonErr != nil || resultErr != nil {
				t.Fatalf("%v, %v", jsonErr, resultErr)
			}
		}
	})
}
