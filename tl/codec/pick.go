package codec

import (
	"strconv"

	"github.com/natsgram/natsgram/tl/bin"
)

// pick finds the constructor by the name that an input gives for a place of type t; nil after failing.
func (b *builder) pick(t *typ, name []byte, off int) *comb {
	c := t.near(name)
	if c != nil {
		return c
	}
	c = b.named(t, name)
	if c == nil {
		b.fail(b.errName(t, string(name), off))
		return nil
	}
	if t.op == opBare && c != t.comb || t.op != opBare && !t.admits(c) && !b.standsFor(t, c) {
		b.fail(&Error{Offset: off, What: "want " + t.described(), Got: c.name})
		return nil
	}
	return c
}

// standsFor reports whether an object of c may stand for one of t.
func (b *builder) standsFor(t *typ, c *comb) bool {
	return t.op == opClass && !c.function && b.o.Forms.may(t.name, c.name)
}

// near looks where a name most likely is, in a class of a few.
func (t *typ) near(name []byte) *comb {
	if t.op == opClass && len(t.class.combs) <= 4 {
		for _, c := range t.class.combs {
			if c.name == string(name) {
				return c
			}
		}
	}
	return nil
}

func (b *builder) named(t *typ, name []byte) *comb {
	c := b.s.ctors[string(name)]
	if f := b.s.functions[string(name)]; f != nil && (c == nil || t.op == opCall || f.c == t.comb) {
		c = f.c
	}
	if c != nil || len(name) < 9 || name[len(name)-9] != '#' {
		return c
	}
	id, err := strconv.ParseUint(string(name[len(name)-8:]), 16, 32)
	if c = b.s.ids.get(uint32(id)); err != nil || c == nil || c.name != string(name[:len(name)-9]) {
		return nil
	}
	return c
}

func (b *builder) errName(t *typ, name string, off int) *Error {
	what, names := "constructor", []string(nil)
	switch t.op {
	case opCall:
		what, names = "method", b.s.Nearest(name)
	case opClass:
		for _, c := range t.class.combs {
			names = append(names, c.name)
		}
	default:
		for _, c := range b.s.combs {
			names = append(names, c.name)
		}
	}
	what = "want " + t.described() + ", there is no " + what + " " + quoted(name) + didYouMean(name, names)
	return &Error{Offset: off, What: what}
}

// same checks the name that an input gives for an object that is already known to be a c.
func (b *builder) same(c *comb, name []byte, off int) bool {
	return string(name) == c.name || b.pick(&typ{op: opBare, comb: c, name: c.name}, name, off) != nil
}

// only is the constructor of a place that needs no name; nil where there are several.
func (t *typ) only() *comb {
	switch t.op {
	case opBare:
		return t.comb
	case opClass:
		return t.class.single()
	}
	return nil
}

// errUnnamed is for an object that does not say what it is.
func errUnnamed(t *typ, off int) *Error {
	what := `want an object with its constructor in "_"`
	switch t.op {
	case opClass:
		what = "want " + t.name + ` with its constructor in "_": ` + t.class.list()
	case opCall:
		what = `want a call with its method in "_"`
	}
	return &Error{Offset: off, What: what}
}

// described names what is wanted, for errors.
func (t *typ) described() string {
	switch t.op {
	case opCall:
		return "a method"
	case opObject:
		return "an object"
	case opBare:
		return t.comb.name
	}
	return t.name
}

// word is what true, false or null, of which c is the first letter, mean as an object of type t; "" for nothing.
func (t *typ) word(c byte) (id uint32, word string) {
	switch {
	case c == 't' && t.op == opObject:
		return bin.IDBoolTrue, "true"
	case c == 'f' && t.op == opObject:
		return bin.IDBoolFalse, "false"
	case c == 't' && t.op == opClass && t.name == "True":
		return bin.IDTrue, "true"
	case c == 'n' && t.op == opClass && t.name == "Null":
		return bin.IDNull, "null"
	}
	return 0, ""
}
