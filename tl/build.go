package tl

import (
	"fmt"
	"slices"
	"strings"
)

// builder gathers combinators into a Schema and refuses what does not fit together. Parser and importers feed it; it
// knows no syntax.
type builder struct {
	file   string
	schema *Schema
	at     map[*Combinator]declared
	uses   []use

	dropped bool // some function is on the list and not in at
}

// declared is how a combinator came into the file.
type declared struct {
	at    position
	id    bool // its id is written, not to be computed
	layer int  // of the ===n=== above it, 0 without
}

// use is a type's name where it is used, looked up when all classes are known.
type use struct {
	name       string
	bare, bang bool
	at         position
	in         string
}

func newBuilder(file string) *builder {
	return &builder{file: file, at: map[*Combinator]declared{}, schema: &Schema{
		constructors: map[string]*Combinator{}, functions: map[string]*Combinator{},
		ids: map[uint32]*Combinator{}, classes: map[string][]*Combinator{},
	}}
}

func (b *builder) errorf(at position, format string, args ...any) error {
	return errorAt(b.file, at, format, args...)
}

// maxParams is how many parameters a combinator may have; real ones stay below 80. It bounds the time that looking them
// up by name takes.
const maxParams = 1024

// param adds a parameter to c.
func (b *builder) param(c *Combinator, x Param, at position) error {
	switch {
	case !validName(x.Name) || strings.Contains(x.Name, "."):
		return b.errorf(at, "%s is no name of a parameter", quote(x.Name))
	case c.Param(x.Name) != nil:
		return b.errorf(at, "%s has two parameters %s", c.Name, x.Name)
	case len(c.Params) == maxParams:
		return b.errorf(at, "%s has more than %d parameters", c.Name, maxParams)
	}
	if x.Cond != nil {
		if f := c.Param(x.Cond.Flags); f == nil || f.Type.Name != "#" || f.Cond != nil {
			return b.errorf(at, "%s depends on %s, which is no # parameter before it", x.Name, x.Cond.Flags)
		}
		if x.Cond.Bit < 0 || x.Cond.Bit > 31 {
			return b.errorf(at, "%s depends on bit %d, a # has bits 0 to 31", x.Name, x.Cond.Bit)
		}
	}
	c.Params = append(c.Params, x)
	return nil
}

// use settles whether a type is bare, as far as its name tells, and notes it for [builder.finish].
func (b *builder) use(c *Combinator, t *Type, at position) {
	if t.Name == "#" {
		t.Bare = true
		return
	}
	t.Bare = t.Bare || lowerName(t.Name)
	if isVector(t.Name) && len(t.Args) == 1 || slices.Contains(c.Generic, t.Name) && !t.Bare {
		return
	}
	b.uses = append(b.uses, use{name: t.Name, bare: t.Bare, bang: t.Bang, at: at, in: c.Name})
}

// result checks what stands after =.
func (b *builder) result(c *Combinator, t Type, at position) error {
	switch {
	case t.Bang || t.Name == "#":
		return b.errorf(at, "%s is no result", t)
	case !validName(t.Name):
		return b.errorf(at, "%s is no name of a class", quote(t.Name))
	case c.Function:
		return nil
	case t.Bare || len(t.Args) > 0 || slices.Contains(c.Generic, t.Name):
		return b.errorf(at, "%s is no class: a constructor's result starts with a capital letter", t)
	}
	return nil
}

// add takes a complete combinator.
func (b *builder) add(c *Combinator, d declared) error {
	if !lowerName(c.Name) {
		return b.errorf(d.at, "%s starts with a capital letter, as only classes do", c.Name)
	}
	if !d.id {
		c.ID = c.CRC()
	}
	names := b.schema.constructors
	if c.Function {
		names = b.schema.functions
	}
	if old := names[c.Name]; old != nil {
		if err := b.rename(names, old, d); err != nil {
			return err
		}
	}
	if old := b.schema.ids[c.ID]; old != nil {
		switch {
		case prefixOf(c, old):
			return nil
		case prefixOf(old, c):
			b.drop(old)
		default:
			return b.errorf(d.at, "%s and %s%s have the same id %08x", c.Name, old.Name, b.on(old), c.ID)
		}
	}
	names[c.Name], b.schema.ids[c.ID], b.at[c] = c, c, d
	if c.Function {
		b.schema.Functions = append(b.schema.Functions, c)
		return nil
	}
	b.schema.Constructors = append(b.schema.Constructors, c)
	return nil
}

// prefixOf reports whether p is how TDLib declares the beginning of the wrapper c, to write it before a query that is
// encoded already: invokeWithReCaptchaPrefix has the id and the first parameters of invokeWithReCaptcha, and Error in the
// result's place. Such a twin says nothing that the wrapper does not say.
func prefixOf(p, c *Combinator) bool {
	return p.Function && c.Function && p.Name == c.Name+"Prefix" && p.ID == c.ID && p.Result.Name == "Error"
}

// drop takes back a function; [builder.finish] takes it off the list.
func (b *builder) drop(c *Combinator) {
	delete(b.schema.functions, c.Name)
	delete(b.at, c)
	b.dropped = true
}

// rename makes room for a newer declaration of the same name. In a file with layers (===23===) an older form stays
// valid on the wire under its id; its name gets the layer that brought it, as decryptedMessage8 (H6).
func (b *builder) rename(names map[string]*Combinator, old *Combinator, d declared) error {
	was := b.at[old]
	name := fmt.Sprintf("%s%d", old.Name, was.layer)
	if d.layer <= was.layer || was.layer == 0 || names[name] != nil {
		return b.errorf(d.at, "%s is declared twice%s", old.Name, b.on(old))
	}
	old.Name = name
	names[name] = old
	return nil
}

// on says on which line a combinator was, to stand in an error.
func (b *builder) on(c *Combinator) string {
	if c.Line == 0 {
		return ""
	}
	return fmt.Sprintf(" (line %d)", c.Line)
}

// finish looks up what was used, and hands over the Schema.
func (b *builder) finish() (*Schema, error) {
	if b.dropped {
		b.schema.Functions = slices.DeleteFunc(b.schema.Functions, func(c *Combinator) bool { _, kept := b.at[c]; return !kept })
	}
	for _, c := range b.schema.Constructors {
		b.schema.classes[c.Result.Name] = append(b.schema.classes[c.Result.Name], c)
	}
	for _, u := range b.uses {
		if err := b.lookup(u); err != nil {
			return nil, err
		}
	}
	return b.schema, nil
}

func (b *builder) lookup(u use) error {
	class := b.schema.classes[u.name]
	switch {
	case u.bang:
		return b.errorf(u.at, "%s: %s is no type variable: want {%s:Type} before the parameters", u.in, u.name, u.name)
	case known[u.name]:
		return nil
	case isVector(u.name):
		return b.errorf(u.at, "%s: %s of what? It takes one argument, as in Vector<int>", u.in, u.name)
	case lowerName(u.name):
		if b.schema.constructors[u.name] == nil {
			return b.errorf(u.at, "%s: there is no type %s", u.in, u.name)
		}
	case class == nil:
		return b.errorf(u.at, "%s: there is no class %s", u.in, u.name)
	case u.bare && len(class) != 1:
		return b.errorf(u.at, "%s: %%%s could be any of %d constructors", u.in, u.name, len(class))
	}
	return nil
}

// addChecked takes a combinator that was not built part by part.
func (b *builder) addChecked(c *Combinator, at position) error {
	if !validName(c.Name) {
		return b.errorf(at, "%s is no name", quote(c.Name))
	}
	params := c.Params
	c.Params = nil
	for _, x := range params {
		if err := b.useAll(c, &x.Type, at, 0); err != nil {
			return err
		}
		if err := b.param(c, x, at); err != nil {
			return err
		}
	}
	if err := b.useAll(c, &c.Result, at, 0); err != nil {
		return err
	}
	if err := b.result(c, c.Result, at); err != nil {
		return err
	}
	return b.add(c, declared{at: at, id: c.ID != 0})
}

func (b *builder) useAll(c *Combinator, t *Type, at position, depth int) error {
	if depth >= maxNesting {
		return b.errorf(at, "types nest deeper than %d", maxNesting)
	}
	for i := range t.Args {
		if err := b.useAll(c, &t.Args[i], at, depth+1); err != nil {
			return err
		}
	}
	b.use(c, t, at)
	return nil
}
