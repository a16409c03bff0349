package codec

import (
	"strings"

	"github.com/natsgram/natsgram/tl"
)

// Type is what a place asks for: the result of a function, a class, a vector, any object. The zero Type is no type; every
// use of it fails.
type Type struct{ t *typ }

// String is the type as a schema writes it: "Updates", "Vector<long>".
func (t Type) String() string {
	if t.t == nil {
		return "no type"
	}
	return t.t.name
}

// Valid reports whether t is a type.
func (t Type) Valid() bool { return t.t != nil }

// typ is the compiled form of a type as it stands in the declaration d, which binds type variables; d may be nil.
func (c *compiler) typ(d *tl.Combinator, t tl.Type) *typ {
	name := typeName(t)
	variable := d != nil && isVariable(d, t.Name)
	if variable && !t.Bang {
		name = "Object" // whatever the caller knows it to be
	}
	if k := c.types[name]; k != nil {
		return k
	}
	k := &typ{name: name}
	c.types[name] = k // before the rest: types refer to themselves
	c.fill(k, d, t)
	return k
}

func (c *compiler) fill(k *typ, d *tl.Combinator, t tl.Type) {
	p, primitive := primitives[k.name]
	switch {
	case t.Bang:
		k.op, k.min = opCall, 4
	case primitive:
		k.op, k.min = p.op, p.min
	case t.Name == "Vector" && !t.Bare && len(t.Args) == 1:
		k.op, k.min, k.elem = opVector, 8, c.typ(d, t.Args[0])
	case strings.EqualFold(t.Name, "vector") && len(t.Args) == 1:
		k.op, k.min, k.elem = opBareVector, 4, c.typ(d, t.Args[0])
	case t.Bare || isBareName(t.Name):
		k.op = opVoid
		if k.comb = c.bare(t.Name); k.comb != nil {
			k.op = opBare
		}
	default:
		k.op, k.min = opVoid, 4
		if k.class = c.s.classes[k.name]; k.class != nil {
			k.op = opClass
		}
	}
}

// bare finds the constructor that a bare type means: by its own name, or %Class of a class that has but one (H2).
func (c *compiler) bare(name string) *comb {
	if m := c.s.ctors[name]; m != nil {
		return m
	}
	if k := c.s.classes[name]; k != nil {
		return k.single()
	}
	return nil
}

func isVariable(d *tl.Combinator, name string) bool {
	for _, g := range d.Generic {
		if g == name {
			return true
		}
	}
	return false
}

// isBareName tells a constructor's name from a class's: the part after the last dot begins with a small letter.
func isBareName(name string) bool {
	name = name[strings.LastIndexByte(name, '.')+1:]
	return name != "" && name[0] >= 'a' && name[0] <= 'z'
}

func typeName(t tl.Type) string {
	name := t.Name
	switch {
	case t.Bang:
		name = "!" + name
	case t.Bare && t.Name != "#" && !isBareName(t.Name):
		name = "%" + name
	}
	if len(t.Args) == 0 {
		return name
	}
	args := make([]string, len(t.Args))
	for i, a := range t.Args {
		args[i] = typeName(a)
	}
	return name + "<" + strings.Join(args, ",") + ">"
}
