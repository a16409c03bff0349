package codec

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/natsgram/natsgram/tl"
	"github.com/natsgram/natsgram/tl/bin"
)

// compiler makes the tables of one schema.
type compiler struct {
	s     *Schema
	types map[string]*typ
}

// Compile makes the tables of a schema. Types that the schema uses without defining are no error here: values that
// need them fail when they are met. Not accepted are two combinators of one id, conditions on a flags field that does not
// stand before, more than 256 parameters or 8 flags fields in one combinator.
func Compile(src *tl.Schema) (*Schema, error) {
	if src == nil {
		return nil, errors.New("codec: no schema")
	}
	n := len(src.Constructors) + len(src.Functions) + len(builtins)
	s := &Schema{
		layer:     src.Layer,
		ids:       newIDTable(n),
		classes:   make(map[string]*class),
		ctors:     make(map[string]*comb, len(src.Constructors)),
		functions: make(map[string]*Function, len(src.Functions)),
	}
	c := &compiler{s: s, types: make(map[string]*typ)}
	if err := c.declare(src); err != nil {
		return nil, err
	}
	if err := c.link(); err != nil {
		return nil, err
	}
	return s, nil
}

// builtins are the constructors that files may leave out because every reader knows them.
var builtins = []*tl.Combinator{
	{Name: "boolFalse", ID: bin.IDBoolFalse, Result: tl.Type{Name: "Bool"}},
	{Name: "boolTrue", ID: bin.IDBoolTrue, Result: tl.Type{Name: "Bool"}},
	{Name: "true", ID: bin.IDTrue, Result: tl.Type{Name: "True"}},
	{Name: "null", ID: bin.IDNull, Result: tl.Type{Name: "Null"}},
}

// primitives are the types that have an op of their own, with the least bytes they take.
var primitives = map[string]typ{
	"int":    {op: opInt, min: 4},
	"long":   {op: opLong, min: 8},
	"double": {op: opDouble, min: 8},
	"string": {op: opString, min: 4},
	"bytes":  {op: opBytes, min: 4},
	"int128": {op: opInt128, min: 16},
	"int256": {op: opInt256, min: 32},
	"Bool":   {op: opBool, min: 4},
	"true":   {op: opTrue},
	"#":      {op: opFlags, min: 4},
	"Object": {op: opObject, min: 4},
}

// isPrimitive tells the declarations that describe the language itself: int ? = Int, vector and the like (H7).
func isPrimitive(c *tl.Combinator) bool {
	_, ok := primitives[c.Name]
	return c.Name == "vector" || ok && c.Name != "true"
}

func (c *compiler) declare(src *tl.Schema) error {
	for _, d := range src.Constructors {
		if isPrimitive(d) {
			continue
		}
		if err := c.add(d, false); err != nil {
			return err
		}
	}
	for _, d := range src.Functions {
		if err := c.add(d, true); err != nil {
			return err
		}
	}
	for _, d := range builtins {
		if c.s.ids.get(d.ID) == nil && c.s.ctors[d.Name] == nil {
			if err := c.add(d, false); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *compiler) add(d *tl.Combinator, function bool) error {
	if other := c.s.ids.get(d.ID); other != nil {
		return fmt.Errorf("codec: line %d: %s has the id %08x of %s", d.Line, d.Name, d.ID, other.name)
	}
	m := &comb{id: d.ID, index: len(c.s.combs), name: d.Name, function: function, wrapped: -1, decl: d}
	if function {
		if c.s.functions[d.Name] != nil {
			return fmt.Errorf("codec: line %d: function %s is defined twice", d.Line, d.Name)
		}
		f := &Function{c: m}
		c.s.functions[d.Name], c.s.sorted = f, append(c.s.sorted, f)
	} else {
		if c.s.ctors[d.Name] != nil {
			return fmt.Errorf("codec: line %d: constructor %s is defined twice", d.Line, d.Name)
		}
		m.class = c.class(d.Result)
		m.class.combs = append(m.class.combs, m)
		c.s.ctors[d.Name] = m
	}
	c.s.ids.put(m)
	c.s.combs = append(c.s.combs, m)
	return nil
}

func (c *compiler) class(t tl.Type) *class {
	name := typeName(t)
	k := c.s.classes[name]
	if k == nil {
		k = &class{name: name}
		c.s.classes[name] = k
	}
	return k
}

// link fills in what needs all names to be known.
func (c *compiler) link() error {
	slices.SortFunc(c.s.sorted, func(a, b *Function) int { return strings.Compare(a.c.name, b.c.name) })
	for _, m := range c.s.combs {
		if err := c.combinator(m); err != nil {
			return fmt.Errorf("codec: line %d: %s: %w", m.decl.Line, m.name, err)
		}
	}
	for range 4 { // bare types within bare types within bare types; what is deeper only has a weaker bound
		for _, t := range c.types {
			if t.op == opBare {
				t.min = t.comb.minSize()
			}
		}
	}
	c.s.types = c.types
	return nil
}

func (c *compiler) combinator(m *comb) error {
	c.texts(m)
	if len(m.decl.Params) > maxFields {
		return fmt.Errorf("%d parameters, at most %d", len(m.decl.Params), maxFields)
	}
	m.fields = make([]field, len(m.decl.Params))
	for i, p := range m.decl.Params {
		if err := c.field(m, i, p); err != nil {
			return fmt.Errorf("%s: %w", p.Name, err)
		}
	}
	m.packMax = 1 + len(m.fields) - len(m.flags)
	m.names = newNameTable(m.fields)
	m.sharing = sharing(m.fields)
	m.result = c.typ(m.decl, m.decl.Result)
	for i, p := range m.decl.Params {
		if p.Type.Bang && p.Type.Name == m.decl.Result.Name {
			m.wrapped = i
		}
	}
	if f := c.s.functions[m.name]; m.function && f != nil {
		f.result = Type{m.result}
	}
	return nil
}

func (c *compiler) texts(m *comb) {
	names := [2]string{m.name, m.name}
	if m.function && c.s.ctors[m.name] != nil {
		names[1] = fmt.Sprintf("%s#%08x", m.name, m.id)
	}
	for i, name := range names {
		m.json[i] = newKey(appendJSONString([]byte(`{"_":`), []byte(name)))
		m.pack[i] = newKey(appendPackStr(appendPackStr(nil, "_"), name))
	}
}

func (c *compiler) field(m *comb, i int, p tl.Param) error {
	f := &m.fields[i]
	for j := range i {
		if m.fields[j].name == p.Name {
			return errors.New("two parameters of one name")
		}
	}
	*f = field{
		t: c.typ(m.decl, p.Type), name: p.Name, secret: isSecret(p.Name),
		json: newKey(append(appendJSONString([]byte{','}, []byte(p.Name)), ':')),
		pack: newKey(appendPackStr(nil, p.Name)),
	}
	f.op = f.t.op
	if f.op == opFlags {
		f.slot, m.flags = uint8(len(m.flags)), append(m.flags, i)
		if len(m.flags) > maxFlags {
			return fmt.Errorf("more than %d flags fields", maxFlags)
		}
	}
	if p.Cond == nil {
		if f.op != opFlags && f.op != opTrue {
			m.required[i/64] |= 1 << (i % 64)
		}
		return nil
	}
	return condition(m, f, p.Cond)
}

func condition(m *comb, f *field, cond *tl.Cond) error {
	if f.op == opFlags {
		return errors.New("a flags field that depends on another")
	}
	if cond.Bit < 0 || cond.Bit > 31 {
		return fmt.Errorf("bit %d", cond.Bit)
	}
	for slot, i := range m.flags {
		if m.fields[i].name == cond.Flags {
			f.slot, f.mask = uint8(slot), 1<<cond.Bit
			return nil
		}
	}
	return fmt.Errorf("no flags field %s before it", cond.Flags)
}

// sharing finds the fields with bytes that share their bit with another field.
func sharing(fields []field) []int {
	var found []int
	for i := range fields {
		for j := range fields {
			a, b := &fields[i], &fields[j]
			if i != j && a.op != opTrue && a.mask != 0 && a.mask == b.mask && a.slot == b.slot {
				found = append(found, i)
				break
			}
		}
	}
	return found
}

// minSize is the least bytes of the fields, without the id.
func (c *comb) minSize() int {
	n := 0
	for i := range c.fields {
		if c.fields[i].mask == 0 {
			n = min(n+c.fields[i].t.min, 1<<16)
		}
	}
	return n
}
