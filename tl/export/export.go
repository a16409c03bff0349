// Package export writes a schema in the terms of other languages: JSON Schema of every payload, and TypeScript
// declarations. Both describe the JSON that package tl/codec reads and writes (design §3), of whatever layer the schema is.
//
// What a program sends may be looser than what it receives: a constructor's name in "_" may be left out where only one is
// possible, numbers stand for longs, and [Options] says what the receiver fills in. The documents allow what may be sent.
package export

import (
	"slices"
	"strings"

	"github.com/natsgram/natsgram/tl"
)

// Options are what the schema does not say. The zero value is fine.
type Options struct {
	Errors map[string][]string // which errors a method is known to give: "400 PEER_ID_INVALID", for TypeScript
	Filled []string            // parameters that may be left out because the receiver fills them in: random_id
	Texts  []string            // classes in whose place the receiver understands a text or a number: InputPeer
	Beside Beside
}

// Beside are parameters that may be left out beside another one, because the receiver finds out by that what they are: a file's type and name.
type Beside struct {
	Param, Class string   // the other one, and the class that it has
	Filled       []string // what may be left out
}

// optional reports whether what is sent may lack the parameter of c.
func (o Options) optional(c *tl.Combinator, p tl.Param) bool {
	return p.Cond != nil || slices.Contains(o.Filled, p.Name) && isLong(p.Type) || slices.Contains(o.Beside.Filled, p.Name) && o.Beside.in(c)
}

func (b Beside) in(c *tl.Combinator) bool {
	return slices.ContainsFunc(c.Params, func(p tl.Param) bool { return p.Name == b.Param && p.Type.Name == b.Class })
}

// isLong: only numbers, and lists of them, can be made up by a receiver.
func isLong(t tl.Type) bool {
	return t.Name == "long" || t.Name == "int" || len(t.Args) == 1 && isLong(t.Args[0])
}

// isVector: the TL type with one argument, boxed or not.
func isVector(t tl.Type) bool { return len(t.Args) == 1 && strings.EqualFold(t.Name, "vector") }

// isVariable: a type that only the caller knows, the X of {X:Type}.
func isVariable(c *tl.Combinator, t tl.Type) bool { return slices.Contains(c.Generic, t.Name) }

// constructors are those that stand in payloads as objects; Bool's are plain true and false.
func constructors(s *tl.Schema) (all []*tl.Combinator) {
	for _, c := range s.Constructors {
		if c.Result.Name != "Bool" {
			all = append(all, c)
		}
	}
	return all
}

// classes are the names of classes with objects, sorted.
func classes(s *tl.Schema) []string {
	return slices.DeleteFunc(s.Classes(), func(name string) bool { return name == "Bool" })
}

// named is what a type's name means in this schema.
type named int

const (
	unknown named = iota
	class
	constructor
)

// lookup finds what an object's type means: a class, or the one constructor that a bare type stands for (H2).
func lookup(s *tl.Schema, t tl.Type) (string, named) {
	of := s.Class(t.Name)
	switch {
	case s.Constructor(t.Name) != nil:
		return t.Name, constructor
	case t.Bare && len(of) == 1:
		return of[0].Name, constructor
	case len(of) > 0:
		return t.Name, class
	}
	return "", unknown
}

// sent are the constructors that a call may hold: those that its parameters lead to.
func sent(s *tl.Schema) map[*tl.Combinator]bool {
	seen := map[*tl.Combinator]bool{}
	next := slices.Clone(s.Functions)
	for len(next) > 0 {
		c := next[len(next)-1]
		next = next[:len(next)-1]
		for _, p := range c.Params {
			for _, found := range choices(s, p.Type) {
				if !seen[found] {
					seen[found] = true
					next = append(next, found)
				}
			}
		}
	}
	return seen
}

// choices are the constructors that may stand at a place.
func choices(s *tl.Schema, t tl.Type) []*tl.Combinator {
	switch {
	case isVector(t):
		return choices(s, t.Args[0])
	case t.Name == "true" || t.Name == "Bool": // values of their own, not objects
		return nil
	}
	switch name, is := lookup(s, t); is {
	case class:
		return s.Class(name)
	case constructor:
		return []*tl.Combinator{s.Constructor(name)}
	}
	return nil
}
