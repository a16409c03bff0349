package gen

import (
	"fmt"
	"strings"

	"github.com/natsgram/natsgram/tl"
)

// goType says how a TL type looks in Go, and how it is written and read. In encode and decode, $ stands for the
// variable; encode takes a bin.Writer w, decode a bin.Reader r.
type goType struct {
	name           string
	encode, decode string
	minSize        int // least number of bytes on the wire
}

var scalars = map[string]goType{
	"int":    {"int32", "w.Int32($)", "$ = r.Int32()", 4},
	"long":   {"int64", "w.Int64($)", "$ = r.Int64()", 8},
	"double": {"float64", "w.Double($)", "$ = r.Double()", 8},
	"string": {"string", "w.Str($)", "$ = r.Str()", 4},
	"bytes":  {"[]byte", "w.Bytes($)", "$ = r.Bytes()", 4},
	"Bool":   {"bool", "w.Bool($)", "$ = r.Bool()", 4},
	"int128": {"[16]byte", "w.Raw($[:])", "$ = r.Int128()", 16},
	"int256": {"[32]byte", "w.Raw($[:])", "$ = r.Int256()", 32},
}

// rest is a value of any type at the end of a message: its TL as it is. Who reads it knows the type by other means.
var rest = goType{"[]byte", "w.Raw($)", "$ = r.Rest()", 4}

// resolver gives fields their types. It knows the structures that came before.
type resolver struct {
	structs map[string]*structure
	vectors bool
}

func (r *resolver) fields(st *structure, names *namer) error {
	for i, x := range st.decl.Params {
		name := names.goName(x.Name)
		if err := names.take(name, st.decl.Name+"."+x.Name); err != nil {
			return err
		}
		t, err := r.param(x, i == len(st.decl.Params)-1)
		if err != nil {
			return fmt.Errorf("gen: %s.%s: %w", st.decl.Name, x, err)
		}
		st.fields = append(st.fields, field{name, t})
	}
	return nil
}

func (r *resolver) param(x tl.Param, last bool) (goType, error) {
	switch {
	case x.Cond != nil || x.Type.Name == "#":
		return goType{}, fmt.Errorf("conditional parameters are not generated")
	case last && (x.Type.Name == "Object" || x.Type.Bang):
		return rest, nil
	case x.Type.Name == "Vector" || x.Type.Name == "vector":
		return r.vector(x.Type)
	default:
		return r.item(x.Type)
	}
}

func (r *resolver) item(t tl.Type) (goType, error) {
	if s, ok := scalars[t.Name]; ok {
		return s, nil
	}
	st := r.structs[t.Name]
	if st == nil {
		return goType{}, fmt.Errorf("no Go type for %s", t)
	}
	st.bare = true
	return goType{st.name, "$.encode(w)", "$.decode(r)", st.minSize()}, nil
}

// vector reads into the capacity that the slice has, so that a value decoded again and again does not allocate.
func (r *resolver) vector(t tl.Type) (goType, error) {
	item, err := r.item(t.Args[0])
	if err != nil {
		return goType{}, err
	}
	r.vectors = true
	head, count, size := "w.Vector(len($))", "Vector", 8
	if t.Name == "vector" {
		head, count, size = "w.Int32(int32(len($)))", "Count", 4
	}
	at := func(s string) string { return strings.ReplaceAll(s, "$", "$[i]") }
	return goType{
		name:   "[]" + item.name,
		encode: head + "\nfor i := range $ {\n" + at(item.encode) + "\n}",
		decode: fmt.Sprintf("$ = resize($, r.%s(%d))\nfor i := range $ {\n%s\n}", count, item.minSize, at(item.decode)),

		minSize: size,
	}, nil
}
