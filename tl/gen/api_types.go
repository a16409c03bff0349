package gen

import (
	"fmt"
	"slices"
	"strings"

	"github.com/natsgram/natsgram/tl"
)

// apiType says how a TL type looks in Go and which function goes over a value of it: code is an expression of type
// func(*coder, *name).
type apiType struct {
	name string
	code string
	list string   // of a vector: the function of the coder
	elem *apiType // of a vector
	opt  bool     // where it is conditional, it is an Opt
	size int      // least bytes on the wire
}

var apiScalars = map[string]apiType{
	"int":    {name: "int", code: "(*coder).int", opt: true, size: 4},
	"long":   {name: "int64", code: "(*coder).long", opt: true, size: 8},
	"double": {name: "float64", code: "(*coder).double", opt: true, size: 8},
	"string": {name: "string", code: "(*coder).string", opt: true, size: 4},
	"bytes":  {name: "[]byte", code: "(*coder).bytes", size: 4},
	"Bool":   {name: "bool", code: "(*coder).bool", opt: true, size: 4},
	"int128": {name: "[16]byte", code: "(*coder).int128", opt: true, size: 16},
	"int256": {name: "[32]byte", code: "(*coder).int256", opt: true, size: 32},
}

// primitive are the classes that are no type of their own in Go.
var primitive = map[string]bool{"Bool": true}

// apiField is a parameter. Flags fields have no name in the struct.
type apiField struct {
	param   tl.Param
	name    string
	typ     apiType
	sharing []*apiField // the other fields with the same bit; of a field that is nothing but its bit, none
}

func (f *apiField) isFlags() bool { return f.param.Type.Name == "#" }

// isTrue is a field that is nothing but its bit.
func (f *apiField) isTrue() bool { return f.param.Type.Name == "true" && f.param.Cond != nil }

// goType is the field's type in the struct.
func (f *apiField) goType() string {
	switch {
	case f.isTrue():
		return "bool"
	case f.param.Cond != nil && f.typ.opt:
		return "Opt[" + f.typ.name + "]"
	}
	return f.typ.name
}

// present is the expression that says whether a conditional field is there.
func (f *apiField) present() string {
	switch {
	case f.isTrue():
		return "x." + f.name
	case f.typ.opt:
		return "x." + f.name + ".Ok"
	}
	return "x." + f.name + " != nil"
}

func (a *api) fields(st *apiStruct) error {
	names, err := fieldNames(st.decl)
	if err != nil {
		return err
	}
	for i, p := range st.decl.Params {
		f := &apiField{param: p, name: names[i]}
		if !f.isFlags() && !f.isTrue() {
			if f.typ, err = a.param(p.Type, i == len(st.decl.Params)-1); err != nil {
				return fmt.Errorf("gen: %s.%s: %w", st.decl.Name, p, err)
			}
		}
		st.fields = append(st.fields, f)
	}
	for _, f := range st.fields {
		f.sharing = st.sharing(f)
	}
	return nil
}

// sharing lists the other fields that f's bit stands for.
func (st *apiStruct) sharing(f *apiField) (with []*apiField) {
	if f.param.Cond == nil || f.isTrue() {
		return nil
	}
	for _, g := range st.fields {
		if g != f && g.param.Cond != nil && *g.param.Cond == *f.param.Cond {
			with = append(with, g)
		}
	}
	return with
}

// param is the type of a parameter. A call, or an object of any class, can be told from what follows only at the end.
func (a *api) param(t tl.Type, last bool) (apiType, error) {
	if t.Bang || t.Name == "Object" {
		if !last {
			return apiType{}, fmt.Errorf("%s is generated only as the last parameter", t)
		}
		return apiType{name: "Object", code: "(*coder).query", size: 4}, nil
	}
	return a.typ(t)
}

func (a *api) typ(t tl.Type) (apiType, error) {
	if s, ok := apiScalars[t.Name]; ok {
		return s, nil
	}
	if len(t.Args) == 1 {
		return a.vector(t)
	}
	k := a.byClass[t.Name]
	if k == nil || t.Bare {
		return apiType{}, fmt.Errorf("no Go type for %s", t)
	}
	return apiType{name: k.goType, code: "tl" + k.name, size: a.sizes[k.tl]}, nil
}

// vector is a Vector or, without a constructor id on the wire, a vector.
func (a *api) vector(t tl.Type) (apiType, error) {
	elem, err := a.typ(t.Args[0])
	if err != nil {
		return apiType{}, err
	}
	list, size := "vector", 8
	if t.Bare {
		list, size = "bareVector", 4
	}
	code := fmt.Sprintf("func(c *coder, p *[]%s) { %s(c, p, %d, %s) }", elem.name, list, elem.size, elem.code)
	return apiType{name: "[]" + elem.name, code: code, list: list, elem: &elem, size: size}, nil
}

// function settles what a function answers.
func (a *api) function(f *apiFunction) (err error) {
	if err := a.fields(f.apiStruct); err != nil {
		return err
	}
	if f.wraps() {
		f.result = apiType{name: "[]byte", code: "answer"}
		return nil
	}
	if f.result, err = a.typ(f.decl.Result); err != nil {
		return fmt.Errorf("gen: the result of %s: %w", f.decl.Name, err)
	}
	return nil
}

// wraps reports whether the function's result is that of the call in it (H4).
func (f *apiFunction) wraps() bool { return slices.Contains(f.decl.Generic, f.decl.Result.Name) }

// measure computes how many bytes a value of each class has at least, from what is known of the others.
func (a *api) measure() {
	for _, k := range a.classes {
		least := 1 << 20
		for _, st := range k.ctors {
			n := 4
			for _, p := range st.decl.Params {
				n += a.least(p)
			}
			least = min(least, n)
		}
		a.sizes[k.tl] = least
	}
}

func (a *api) least(p tl.Param) int {
	switch {
	case p.Cond != nil:
		return 0
	case p.Type.Name == "#":
		return 4
	case p.Type.Name == "Vector":
		return 8
	}
	return max(4, apiScalars[p.Type.Name].size, a.sizes[p.Type.Name])
}

// apply is the statement that goes over the variable v.
func (t apiType) apply(v string) string {
	if t.elem != nil {
		return fmt.Sprintf("%s(c, &%s, %d, %s)", t.list, v, t.elem.size, t.elem.code)
	}
	if method, ok := strings.CutPrefix(t.code, "(*coder)."); ok {
		return fmt.Sprintf("c.%s(&%s)", method, v)
	}
	return fmt.Sprintf("%s(c, &%s)", t.code, v)
}
