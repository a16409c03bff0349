package codec

import (
	"slices"
	"strings"

	"github.com/natsgram/natsgram/tl"
)

// Schema is a compiled schema. It never changes and may be used by any number of goroutines.
type Schema struct {
	layer     int
	ids       idTable
	combs     []*comb
	classes   map[string]*class
	ctors     map[string]*comb
	functions map[string]*Function
	sorted    []*Function
	types     map[string]*typ
}

// Function is one method of a schema.
type Function struct {
	c      *comb
	result Type
}

// Layer is the layer that the schema's file states, 0 for none.
func (s *Schema) Layer() int { return s.layer }

// Function finds a method by its name, such as "messages.sendMessage".
func (s *Schema) Function(name string) (*Function, bool) {
	f, ok := s.functions[name]
	return f, ok
}

// FunctionByID finds a method by its constructor id.
func (s *Schema) FunctionByID(id uint32) (*Function, bool) {
	c := s.ids.get(id)
	if c == nil || !c.function {
		return nil, false
	}
	return s.functions[c.name], true
}

// Functions are all methods, sorted by name. The slice is the caller's.
func (s *Schema) Functions() []*Function { return slices.Clone(s.sorted) }

// Constructor finds the declaration of a constructor by name.
func (s *Schema) Constructor(name string) (*tl.Combinator, bool) {
	c := s.ctors[name]
	if c == nil {
		return nil, false
	}
	return c.decl, true
}

// Constructors are the declarations of all constructors, in the schema's order. The slice is the caller's.
func (s *Schema) Constructors() (all []*tl.Combinator) {
	for _, c := range s.combs {
		if !c.function {
			all = append(all, c.decl)
		}
	}
	return all
}

// Name is the name behind the constructor id of a constructor or function, "" for an unknown one.
func (s *Schema) Name(id uint32) string {
	if c := s.ids.get(id); c != nil {
		return c.name
	}
	return ""
}

// Name is the method's name, with its namespace.
func (f *Function) Name() string { return f.c.name }

// ID is the method's constructor id.
func (f *Function) ID() uint32 { return f.c.id }

// Result is what the method answers. For a wrapper ({X:Type} query:!X = X) it is any object; [Schema.ResultOf] finds
// what a particular call answers.
func (f *Function) Result() Type { return f.result }

// Decl is the method's declaration.
func (f *Function) Decl() *tl.Combinator { return f.c.decl }

// AnyObject is the type of any boxed object or call that the schema knows.
func (s *Schema) AnyObject() Type { return Type{objectType} }

var objectType = &typ{op: opObject, min: 4, name: "Object"}

// Type finds a type as a schema writes it: a class ("Updates"), a primitive ("long", "Bool"), a bare constructor
// ("future_salt", "%Message"), or a vector of such ("Vector<User>").
func (s *Schema) Type(name string) (Type, bool) {
	if t := s.types[name]; t != nil && t.op != opVoid && t.op != opFlags && t.op != opCall {
		return Type{t}, true
	}
	c := &compiler{s: s, types: make(map[string]*typ)}
	parsed, ok := parseType(name)
	if !ok {
		return Type{}, false
	}
	t := c.typ(nil, parsed)
	for k := t; k != nil; k = k.elem {
		if k.op == opVoid || k.op == opFlags {
			return Type{}, false
		}
		if k.op == opBare {
			k.min = k.comb.minSize()
		}
	}
	return Type{t}, true
}

func parseType(s string) (tl.Type, bool) {
	var t tl.Type
	s, t.Bare = strings.CutPrefix(s, "%")
	name, rest, vector := strings.Cut(s, "<")
	t.Name = name
	if !vector {
		return t, name != "" && !strings.ContainsAny(name, " <>!%")
	}
	inner, ok := strings.CutSuffix(rest, ">")
	arg, good := parseType(inner)
	t.Args = []tl.Type{arg}
	return t, ok && good && strings.EqualFold(name, "vector")
}
