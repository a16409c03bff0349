package export

import (
	"bytes"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/natsgram/natsgram/schemas"
	"github.com/natsgram/natsgram/tl"
	"github.com/natsgram/natsgram/tl/codec"
	"github.com/natsgram/natsgram/tl/codec/codectest"
)

var filled = Options{Filled: []string{"random_id"}}

// document is a schema file with its JSON Schema, compiled by somebody else's validator.
type document struct {
	decl     *tl.Schema
	schema   *codec.Schema
	compiler *jsonschema.Compiler
}

const where = "file:///schema.json"

func newDocument(t *testing.T, src []byte) *document {
	t.Helper()
	d := &document{compiler: jsonschema.NewCompiler()}
	var err error
	if d.decl, err = tl.Parse("test.tl", src); err != nil {
		t.Fatal(err)
	}
	if d.schema, err = codec.Compile(d.decl); err != nil {
		t.Fatal(err)
	}
	text := JSONSchema(d.decl, filled)
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatalf("the document is no JSON: %v", err)
	}
	if err := d.compiler.AddResource(where, parsed); err != nil {
		t.Fatal(err)
	}
	return d
}

// validate holds JSON against a definition.
func (d *document) validate(t *testing.T, definition string, text []byte) error {
	t.Helper()
	s, err := d.compiler.Compile(where + "#/$defs/" + definition)
	if err != nil {
		t.Fatalf("%s: %v", definition, err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatalf("%s: %v", definition, err)
	}
	return s.Validate(v)
}

var api = sync.OnceValue(schemas.API)

// What the codec writes is what the document describes: every constructor, every call and every result of all files, by
// random values.
func TestEveryValueValidates(t *testing.T) {
	rounds := 3
	if testing.Short() {
		rounds = 1
	}
	for name, src := range map[string][]byte{"api": api(), "mtproto": schemas.MTProto(), "secret": schemas.Secret()} {
		t.Run(name, func(t *testing.T) {
			d := newDocument(t, src)
			g := codectest.New(d.decl, 11)
			for round := range rounds {
				for _, c := range constructors(d.decl) {
					if text := d.object(t, g, c, round); text != nil {
						d.holds(t, c.Name, text)
						d.holds(t, c.Result.Name, text)
					}
				}
				for _, f := range d.decl.Functions {
					if text := d.object(t, g, f, round); text != nil {
						d.holds(t, Params(f.Name), text)
						if round == 0 { // each is held against all methods
							d.holds(t, "call", text)
						}
					}
					d.result(t, g, f, round)
				}
				if t.Failed() {
					return
				}
			}
		})
	}
}

// object is the JSON of a random value of c, nil where c has none.
func (d *document) object(t *testing.T, g *codectest.Generator, c *tl.Combinator, depth int) []byte {
	t.Helper()
	if !g.Possible(c) {
		return nil
	}
	text, err := d.schema.AppendJSON(nil, g.Boxed(nil, c, depth), d.schema.AnyObject())
	if err != nil {
		t.Fatalf("%s: %v", c.Name, err)
	}
	// Where a function and a constructor share a name, any object tells them apart by their ids.
	return bytes.Replace(text, []byte(`{"_":"`+c.Name+"#"), []byte(`{"_":"`+c.Name+`","#`), 1)
}

func (d *document) result(t *testing.T, g *codectest.Generator, f *tl.Combinator, depth int) {
	t.Helper()
	if isVariable(f, f.Result) {
		return // anything
	}
	fn, _ := d.schema.Function(f.Name)
	text, err := d.schema.AppendJSON(nil, g.Value(nil, f.Result, depth), fn.Result())
	if err != nil {
		t.Fatalf("%s: %v", f.Name, err)
	}
	d.holds(t, Result(f.Name), text)
}

func (d *document) holds(t *testing.T, definition string, text []byte) {
	t.Helper()
	if err := d.validate(t, definition, text); err != nil {
		t.Errorf("%s: %v\n%.2000s", definition, err, text)
	}
}

const small = `
true#3fedd339 = True;
inputPeerSelf#7da07ec9 = InputPeer;
inputPeerChat#35a95cb9 chat_id:long = InputPeer;
entity flags:# bold:flags.0?true offset:int from:flags.1?long to:flags.1?long data:flags.2?bytes key:flags2.0?int256 language:flags.4?string = Entity;
messages.sent id:int entities:Vector<Entity> = messages.Sent;
messages.sentNothing = messages.Sent;
---functions---
messages.send flags:# silent:flags.0?true peer:InputPeer message:string random_id:long entities:flags.3?Vector<Entity> = messages.Sent;
messages.list random_id:Vector<long> id:Vector<int> = Vector<messages.Sent>;
invokeQuietly {X:Type} query:!X = X;
// LAYER 5
`

func smallSchema() string { return strings.Replace(small, "flags:# bold", "flags:# flags2:# bold", 1) }

// What may be sent without being what natsgram would write, and what may not be sent (design §3).
func TestWhatMayBeSent(t *testing.T) {
	d := newDocument(t, []byte(smallSchema()))
	for _, c := range []struct {
		definition, text string
		good             bool
	}{
		{"messages.send.params", `{"peer":{"_":"inputPeerSelf"},"message":"hi"}`, true},
		{"messages.send.params", `{"_":"messages.send","peer":{"_":"inputPeerSelf"},"message":"hi","random_id":"1"}`, true},
		{"messages.send.params", `{"peer":{"_":"inputPeerChat","chat_id":5},"message":"hi","silent":true}`, true},
		{"messages.send.params", `{"peer":{"_":"inputPeerChat","chat_id":"abc"},"message":"hi"}`, false},
		{"messages.send.params", `{"peer":{"chat_id":"5"},"message":"hi"}`, false},
		{"messages.send.params", `{"peer":{"_":"inputPeerSelf","chat_id":"5"},"message":"hi"}`, false},
		{"messages.send.params", `{"peer":"@name","message":"hi"}`, false},
		{"messages.send.params", `{"peer":{"_":"inputPeerSelf"}}`, false},
		{"messages.send.params", `{"peer":{"_":"inputPeerSelf"},"message":"hi","colour":"red"}`, false},
		{"messages.send.params", `{"peer":{"_":"inputPeerSelf"},"message":"hi","flags":1}`, false},
		{"messages.send.params", `{"peer":{"_":"inputPeerSelf"},"message":"hi","silent":false}`, false},
		{"messages.send.params", `{"peer":{"_":"inputPeerSelf"},"message":"hi","entities":{"offset":1}}`, false},
		{"messages.list.params", `{"id":[1,2]}`, true},
		{"messages.list.params", `{"id":[2147483648]}`, false},
		{"Entity", `{"offset":1}`, true},
		{"Entity", `{"_":"other","offset":1}`, false},
		{"Entity", `{"offset":1,"from":"1","to":"2"}`, true},
		{"Entity", `{"offset":1,"from":"1"}`, false},
		{"Entity", `{"offset":1,"data":"AAE="}`, true},
		{"Entity", `{"offset":1,"data":"no base64!"}`, false},
		{"Entity", `{"offset":1,"key":"AAE="}`, false},
		{"invokeQuietly.params", `{"query":{"_":"messages.list","id":[]}}`, true},
		{"invokeQuietly.params", `{"query":{"id":[]}}`, false},
		{"invokeQuietly.params", `{"query":{"_":"inputPeerSelf"}}`, false},
		{"messages.send.result", `{"_":"messages.sentNothing"}`, true},
		{"messages.send.result", `{"id":1,"entities":[]}`, false},
		{"True", `true`, true},
		{"string", `{"base64":"/w=="}`, true},
		{"double", `"NaN"`, true},
		{"double", `"much"`, false},
	} {
		err := d.validate(t, c.definition, []byte(c.text))
		if (err == nil) != c.good {
			t.Errorf("%s %s: want good=%v, got %v", c.definition, c.text, c.good, err)
		}
	}
}

// Where the receiver understands texts for objects, both documents say so.
// What a receiver finds out by a file need not be sent beside it; without that file it has to be.
func TestBeside(t *testing.T) {
	s, err := tl.Parse("small.tl", []byte("---types---\ninputFile#1 = InputFile;\nwith#2 file:InputFile name:string = A;\nwithout#3 name:string = A;\n---functions---\nsend#4 a:A = A;\n"))
	if err != nil {
		t.Fatal(err)
	}
	text := string(TypeScript(s, Options{Beside: Beside{Param: "file", Class: "InputFile", Filled: []string{"name"}}}))
	for _, want := range []string{"file: tl.InputFile; name?: string", `interface without { _: "without"; name: string }`} {
		if !strings.Contains(text, want) {
			t.Errorf("TypeScript lacks %q:\n%s", want, text)
		}
	}
	document := string(JSONSchema(s, Options{Beside: Beside{Param: "file", Class: "InputFile", Filled: []string{"name"}}}))
	if !strings.Contains(document, `"required":["file"]`) || !strings.Contains(document, `"required":["name"]`) {
		t.Errorf("JSON Schema: %s", document)
	}
}

func TestTexts(t *testing.T) {
	s, err := tl.Parse("small.tl", []byte(smallSchema()))
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Texts: []string{"InputPeer"}}
	if !bytes.Contains(JSONSchema(s, o), []byte(`{"type":"string"},{"type":"integer"}]}`)) {
		t.Error("JSON Schema does not allow texts for InputPeer")
	}
	if want := "type InputPeer = tl.inputPeerSelf | tl.inputPeerChat | string | number;"; !strings.Contains(string(TypeScript(s, o)), want) {
		t.Errorf("TypeScript lacks %q", want)
	}
}
