// Package tl is the TL language: the text of a schema, or one of the JSON forms that schemas come in, becomes a
// [Schema] that says which constructors and functions there are, of which classes, with which ids and parameters
// (checklist H1 to H7).
//
// A schema may come from a file that the program has never seen, so nothing here trusts it: every error says where it
// is, nothing panics, and memory and time are linear in the input.
package tl

import (
	"slices"
	"time"
)

// Schema is what one schema file declares. [Parse], [Import] and [New] make one; it is read-only afterwards, and then
// safe for concurrent use.
type Schema struct {
	Layer        int           // of `// LAYER n`; 0 where the file does not say
	Since        time.Time     // of `// SINCE 2006-01-02`, when the layer came into use; zero where the file does not say
	Constructors []*Combinator // in the file's order, without the built-in types
	Functions    []*Combinator // in the file's order

	constructors map[string]*Combinator
	functions    map[string]*Combinator
	ids          map[uint32]*Combinator
	classes      map[string][]*Combinator
}

// Combinator is one line of a schema: a constructor or a function.
type Combinator struct {
	Name     string   // as in the file, with its namespace: messages.sendMessage
	ID       uint32   // as written; computed where the line has none (H7)
	Generic  []string // X of {X:Type}
	Params   []Param
	Result   Type // of a constructor: its class
	Function bool
	Line     int // in the file, from 1; 0 where the source has no lines
}

// Param is a parameter, in the order of the wire.
type Param struct {
	Name string
	Type Type
	Cond *Cond // nil: always present
}

// Cond makes a parameter depend on a bit: `name:flags.3?T` (H3).
type Cond struct {
	Flags string // name of an earlier parameter of type #
	Bit   int    // 0 to 31
}

// Type is the type of a parameter or of a result. Name is a built-in ("#", "int", "long", "double", "string", "bytes",
// "int128", "int256", "true", "Bool", "Vector" and "vector" with one argument, "Object" for anything boxed), a class
// ("InputPeer"), a constructor ("future_salt"), or a type variable ("X").
type Type struct {
	Name string
	Bare bool // no constructor id on the wire: built-ins, lower-case names and %T (H2)
	Bang bool // !X: a call, whose result is the result of the whole (H4)
	Args []Type
}

// New makes a Schema of combinators that do not come from a file, with all the checks of [Parse]. Ids that are 0 are
// computed. It keeps the combinators.
func New(layer int, combinators []*Combinator) (*Schema, error) {
	b := newBuilder("schema")
	b.schema.Layer = layer
	for _, c := range combinators {
		if err := b.addChecked(c, position{where: c.Name}); err != nil {
			return nil, err
		}
	}
	return b.finish()
}

// Constructor is the constructor of that name, or nil.
func (s *Schema) Constructor(name string) *Combinator { return s.constructors[name] }

// Function is the function of that name, or nil.
func (s *Schema) Function(name string) *Combinator { return s.functions[name] }

// ByID is the constructor or function with that id, or nil.
func (s *Schema) ByID(id uint32) *Combinator { return s.ids[id] }

// Class is the constructors of a class in the file's order, nil where there is no such class. The caller must not
// change it.
func (s *Schema) Class(name string) []*Combinator { return s.classes[name] }

// Classes is the names of all classes, sorted.
func (s *Schema) Classes() []string {
	names := make([]string, 0, len(s.classes))
	for name := range s.classes {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Param is the parameter of that name, or nil.
func (c *Combinator) Param(name string) *Param {
	for i := range c.Params {
		if c.Params[i].Name == name {
			return &c.Params[i]
		}
	}
	return nil
}

// Equal reports whether two types are the same.
func (t Type) Equal(o Type) bool {
	return t.Name == o.Name && t.Bare == o.Bare && t.Bang == o.Bang && slices.EqualFunc(t.Args, o.Args, Type.Equal)
}
