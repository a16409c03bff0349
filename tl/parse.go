package tl

import (
	"strconv"
	"strings"
)

// maxNesting is how deep types may nest: `Vector<Vector<int>>` is 2. Real schemas have no more than that.
const maxNesting = 8

// Parse reads the text of a schema. Its errors are of type [*Error] and begin with name:line:col.
func Parse(name string, src []byte) (*Schema, error) {
	p := &parser{scan: newScanner(src), build: newBuilder(name)}
	p.file()
	if p.err != nil {
		return nil, p.err
	}
	if p.build.schema.Layer = p.scan.layer; p.scan.layer == 0 {
		p.build.schema.Layer = p.layer
	}
	p.build.schema.Since = p.scan.since
	return p.build.finish()
}

// parser is a recursive-descent parser with one token of look-ahead. Its error is sticky and ends the input, so that
// the rules below read as the grammar does.
type parser struct {
	scan      *scanner
	build     *builder
	tok, peek token
	err       error
	functions bool
	layer     int    // of the last ===n===
	where     string // instead of lines, for a type that stands in JSON
}

func (p *parser) file() {
	p.advance()
	p.advance()
	for p.err == nil && p.tok.kind != endOfFile {
		switch p.tok.kind {
		case section:
			p.functions = p.tok.text == "functions"
			p.advance()
		case layerMark:
			p.layer, _ = strconv.Atoi(p.tok.text)
			p.advance()
		default:
			p.line()
		}
	}
}

func (p *parser) advance() {
	if p.err != nil {
		return
	}
	p.tok, p.peek = p.peek, p.scan.next()
	if p.where != "" {
		p.peek.at = position{where: p.where}
	}
	if p.tok.kind == bad {
		p.failf(p.tok.at, "%s", p.tok.text)
	}
}

func (p *parser) failf(at position, format string, args ...any) {
	if p.err == nil {
		p.err = errorAt(p.build.file, at, format, args...)
		p.tok, p.peek = token{at: at}, token{at: at}
	}
}

func (p *parser) fail(err error) {
	if err != nil && p.err == nil {
		p.failf(p.tok.at, "")
		p.err = err
	}
}

// accept takes a token of that kind if it is next.
func (p *parser) accept(k kind) bool {
	if p.err != nil || p.tok.kind != k {
		return false
	}
	p.advance()
	return true
}

func (p *parser) expect(k kind, what string) {
	if !p.accept(k) {
		p.unexpected(what)
	}
}

func (p *parser) unexpected(want string) {
	got := quote(p.tok.text)
	if p.tok.kind == endOfFile {
		got = "the end of the file"
		if p.where != "" {
			got = "nothing more"
		}
	}
	p.failf(p.tok.at, "want %s, got %s", want, got)
}

// name takes an identifier.
func (p *parser) name(what string) string {
	t := p.tok
	if t.kind != word || !validName(t.text) {
		p.unexpected(what)
		return ""
	}
	p.advance()
	return t.text
}

// line is one declaration: name#id {X:Type} params = Result;
func (p *parser) line() {
	at := p.tok.at
	name := p.name("the name of a constructor or function")
	id, written := p.id()
	if want, ok := builtins[name]; ok && !p.functions {
		if written && want != 0 && id != want {
			p.failf(at, "%s is built in with id %08x, not %08x", name, want, id)
		}
		p.builtin()
		return
	}
	c := &Combinator{Name: name, ID: id, Function: p.functions, Line: at.line}
	p.generics(c)
	for p.err == nil && p.tok.kind != '=' {
		p.param(c)
	}
	p.expect('=', "=")
	c.Result = p.result(c)
	p.expect(';', "; at the end of the line")
	if p.err == nil {
		p.fail(p.build.add(c, declared{at: at, id: written, layer: p.layer}))
	}
}

// id is #1cb5c415 after a name, if it is there.
func (p *parser) id() (id uint32, written bool) {
	if !p.accept('#') {
		return 0, false
	}
	n, err := strconv.ParseUint(p.tok.text, 16, 32)
	if p.tok.kind != word || err != nil {
		p.unexpected("an id of 1 to 8 hexadecimal digits")
		return 0, false
	}
	p.advance()
	return uint32(n), true
}

// builtin passes over the rest of `int ? = Int;` or `int128 4*[ int ] = Int128;`.
func (p *parser) builtin() {
	for p.err == nil && p.tok.kind != '=' {
		if p.tok.kind == ';' || p.tok.kind == endOfFile {
			p.unexpected("=")
		}
		p.advance()
	}
	p.expect('=', "=")
	p.name("a type")
	p.accept(word) // the t of Vector t
	p.expect(';', "; at the end of the line")
}

// generics is any number of {X:Type}.
func (p *parser) generics(c *Combinator) {
	for p.accept('{') {
		x := p.name("the name of a type variable")
		p.expect(':', ":")
		if p.err == nil && p.tok.text != "Type" {
			p.unexpected("Type")
		}
		p.expect(word, "Type")
		p.expect('}', "}")
		c.Generic = append(c.Generic, x)
	}
}

// param is name:Type or name:flags.3?Type.
func (p *parser) param(c *Combinator) {
	at := p.tok.at
	if p.tok.kind == '?' || p.tok.kind == '[' || p.tok.kind == '#' || p.peek.kind == '*' {
		p.failf(at, "only the built-in types are declared with %s, and %s is none of them", p.tok.text, c.Name)
		return
	}
	x := Param{Name: p.name("a parameter or =")}
	p.expect(':', ": after the parameter's name")
	x.Cond = p.cond()
	x.Type = p.typ(c, 0)
	if p.err == nil {
		p.fail(p.build.param(c, x, at))
	}
}

// cond is flags.3? before a type, if it is there.
func (p *parser) cond() *Cond {
	if p.tok.kind != word || p.peek.kind != '?' {
		return nil
	}
	dot := strings.LastIndexByte(p.tok.text, '.')
	bit, err := strconv.ParseUint(p.tok.text[dot+1:], 10, 16)
	if dot <= 0 || err != nil {
		p.unexpected("a condition as in flags.0?T")
		return nil
	}
	c := &Cond{Flags: p.tok.text[:dot], Bit: int(bit)}
	p.advance()
	p.advance()
	return c
}

// typ is #, T, !X, %T, Vector<T>, (Vector T) or vector T.
func (p *parser) typ(c *Combinator, depth int) (t Type) {
	at := p.tok.at
	switch {
	case depth >= maxNesting:
		p.failf(at, "types nest deeper than %d", maxNesting)
	case p.accept('#'):
		return Type{Name: "#", Bare: true}
	case p.accept('!'):
		t = Type{Name: p.name("a type variable after !"), Bang: true}
	case p.accept('%'):
		t = Type{Name: p.name("a type after %"), Bare: true}
	case p.accept('('):
		t = p.typ(c, depth+1)
		p.expect(')', ")")
		return t
	default:
		t.Name = p.name("a type")
		p.arguments(c, &t, depth)
	}
	p.build.use(c, &t, at)
	return t
}

func (p *parser) arguments(c *Combinator, t *Type, depth int) {
	switch {
	case !isVector(t.Name):
	case p.accept('<'):
		t.Args = []Type{p.typ(c, depth+1)}
		p.expect('>', ">")
	case p.tok.kind == word && p.peek.kind != ':' || p.tok.kind == '(' || p.tok.kind == '%':
		t.Args = []Type{p.typ(c, depth+1)}
	}
}

func (p *parser) result(c *Combinator) Type {
	at := p.tok.at
	t := p.typ(c, 0)
	if p.err == nil {
		p.fail(p.build.result(c, t, at))
	}
	return t
}
