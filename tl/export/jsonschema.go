package export

import (
	"fmt"
	"slices"

	"github.com/natsgram/natsgram/tl"
)

// Dialect is how a document of JSON Schema is written.
type Dialect struct {
	Ref       string // before the name of a definition: "#/$defs/"
	Dependent string // the keyword for fields that need each other
	Tagged    bool   // say which field tells the constructors of a class apart, by "discriminator"
}

// The dialects.
var (
	// Draft2020 is JSON Schema of draft 2020-12.
	Draft2020 = Dialect{Ref: "#/$defs/", Dependent: "dependentRequired"}
	// AsyncAPI is the Schema Object of AsyncAPI 3, which is JSON Schema of draft 7 with a little more.
	AsyncAPI = Dialect{Ref: "#/components/schemas/", Dependent: "dependencies", Tagged: true}
)

// Suffixes of the names of definitions that are about a method.
const (
	paramsOf = ".params"
	resultOf = ".result"
)

// Params is the name of the definition of a method's parameters.
func Params(method string) string { return method + paramsOf }

// Result is the name of the definition of a method's result.
func Result(method string) string { return method + resultOf }

// JSONSchema is a document of draft 2020-12 with a definition of every constructor and class under its TL name, and of the
// parameters and the result of every method under NAME.params and NAME.result.
func JSONSchema(s *tl.Schema, o Options) []byte {
	return Object{
		{"$schema", "https://json-schema.org/draft/2020-12/schema"},
		{"$id", fmt.Sprintf("urn:natsgram:layer:%d", s.Layer)},
		{"title", fmt.Sprintf("Telegram's API, layer %d, as natsgram writes it in JSON", s.Layer)},
		{"description", "By name: constructors and classes of TL, METHOD.params and METHOD.result. What natsgram writes always has " +
			"\"_\", and longs as strings; what it reads may be looser, as defined here."},
		{"$defs", Definitions(s, o, Draft2020)},
	}.Lines(nil, "$defs")
}

// Definitions are all definitions of a document, by name.
func Definitions(s *tl.Schema, o Options, d Dialect) Object {
	w := schemaWriter{s: s, o: o, d: d}
	defs := w.builtins()
	for _, name := range classes(s) {
		defs = append(defs, Member{name, w.class(name)})
	}
	for _, c := range constructors(s) {
		defs = append(defs, Member{c.Name, w.object(c)})
	}
	for _, f := range s.Functions {
		defs = append(defs, Member{Params(f.Name), w.object(f)}, Member{Result(f.Name), w.typ(f, f.Result)})
	}
	return defs
}

type schemaWriter struct {
	s *tl.Schema
	o Options
	d Dialect
}

// schemaScalars are the types without constructors, as the codec maps them.
var schemaScalars = Object{
	{"int", Object{{"type", "integer"}, {"minimum", -1 << 31}, {"maximum", 1<<31 - 1}}},
	{"long", Object{{"description", "64 bits: always a decimal string in what is received; a number may be sent"},
		{"anyOf", []Object{{{"type", "string"}, {"pattern", "^-?[0-9]{1,19}$"}}, {{"type", "integer"}}}}}},
	{"double", Object{{"description", "a number; a string for what JSON has no number for"},
		{"anyOf", []Object{{{"type", "number"}}, {{"type", "string"}, {"pattern", "^(NaN(:[0-9a-f]{16})?|-?Infinity)$"}}}}}},
	{"string", Object{{"description", "a string; an object with its base64 where it is not UTF-8"},
		{"anyOf", []Object{{{"type", "string"}}, {{"type", "object"}, {"properties", Object{{"base64", Object{{"type", "string"}}}}},
			{"required", []string{"base64"}}, {"additionalProperties", false}}}}}},
	{"bytes", Object{{"type", "string"}, {"contentEncoding", "base64"}, {"pattern", "^[A-Za-z0-9+/_-]*={0,2}$"}}},
	{"int128", Object{{"type", "string"}, {"contentEncoding", "base64"}, {"pattern", "^[A-Za-z0-9+/_-]{22}(==)?$"}}},
	{"int256", Object{{"type", "string"}, {"contentEncoding", "base64"}, {"pattern", "^[A-Za-z0-9+/_-]{43}=?$"}}},
	{"Bool", Object{{"type", "boolean"}}},
	{"Object", Object{{"description", "an object of any constructor"}, {"anyOf", []Object{
		{{"type", "object"}, {"properties", Object{{"_", Object{{"type", "string"}}}}}, {"required", []string{"_"}}}, {{"type", "boolean"}}}}}},
}

// builtins are the scalars, and a call within a call.
func (w *schemaWriter) builtins() Object {
	defs := slices.Clone(schemaScalars)
	if len(w.s.Functions) == 0 {
		return defs
	}
	calls := make([]Object, 0, len(w.s.Functions))
	for _, f := range w.s.Functions {
		calls = append(calls, w.ref(Params(f.Name)))
	}
	return append(defs, Member{"call", Object{
		{"description", "a call with its method in \"_\""}, {"type", "object"}, {"required", []string{"_"}}, {"anyOf", calls},
	}})
}

func (w *schemaWriter) ref(name string) Object { return Object{{"$ref", w.d.Ref + name}} }

// class is what may stand where an object of a class is wanted.
func (w *schemaWriter) class(name string) Object {
	of := w.s.Class(name)
	var any []Object
	for _, c := range of {
		any = append(any, w.ref(c.Name))
	}
	switch {
	case len(of) > 1:
		o := Object{{"type", "object"}, {"required", []string{"_"}}, {"anyOf", any}}
		if w.d.Tagged {
			o = append(o, Member{"discriminator", "_"})
		}
		any = []Object{o}
	case name == "True":
		any = append(any, Object{{"const", true}})
	case name == "Null":
		any = append(any, Object{{"type", "null"}})
	}
	if slices.Contains(w.o.Texts, name) {
		any = append(any, Object{{"type", "string"}}, Object{{"type", "integer"}})
	}
	if len(any) == 1 {
		return any[0]
	}
	return Object{{"anyOf", any}}
}

// object is a constructor, or the parameters of a call. Whether "_" is needed depends on the place.
func (w *schemaWriter) object(c *tl.Combinator) Object {
	properties := Object{{"_", Object{{"const", c.Name}}}}
	var required []string
	for _, p := range c.Params {
		if p.Type.Name == "#" {
			continue
		}
		properties = append(properties, Member{p.Name, w.typ(c, p.Type)})
		if !w.o.optional(c, p) {
			required = append(required, p.Name)
		}
	}
	o := Object{{"description", c.String()}, {"type", "object"}, {"properties", properties}}
	if len(required) > 0 {
		o = append(o, Member{"required", required})
	}
	if together := dependent(c); len(together) > 0 {
		o = append(o, Member{w.d.Dependent, together})
	}
	return append(o, Member{"additionalProperties", false})
}

// dependent are the fields that share a flag with others: they stand together or not at all (H3).
func dependent(c *tl.Combinator) (all Object) {
	for _, p := range c.Params {
		var others []string
		for _, q := range c.Params {
			if p.Cond != nil && q.Cond != nil && *p.Cond == *q.Cond && p.Name != q.Name {
				others = append(others, q.Name)
			}
		}
		if len(others) > 0 {
			all = append(all, Member{p.Name, others})
		}
	}
	return all
}

// typ is a type as it stands in the declaration c.
func (w *schemaWriter) typ(c *tl.Combinator, t tl.Type) Object {
	switch {
	case t.Bang:
		return w.ref("call")
	case isVariable(c, t):
		return Object{} // the result of the call inside
	case isVector(t):
		return Object{{"type", "array"}, {"items", w.typ(c, t.Args[0])}}
	case t.Name == "true":
		return Object{{"const", true}}
	}
	for _, m := range schemaScalars {
		if m.Key() == t.Name {
			return w.ref(t.Name)
		}
	}
	if name, is := lookup(w.s, t); is != unknown {
		return w.ref(name)
	}
	return Object{{"not", Object{}}} // of a type without constructors there are no values
}
