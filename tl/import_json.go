package tl

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// document is both JSON forms in one: which fields are there tells which form it is.
type document struct {
	// core.telegram.org
	Layer        int         `json:"layer"`
	Constructors []coreEntry `json:"constructors"`
	Methods      []coreEntry `json:"methods"`
	// @mtcute/tl
	MtcuteLayer int           `json:"l"`
	Entries     []mtcuteEntry `json:"e"`
}

type coreEntry struct {
	ID        jsonID `json:"id"`
	Predicate string `json:"predicate"`
	Method    string `json:"method"`
	Type      string `json:"type"`
	Layer     int    `json:"layer"` // of the end-to-end schema's entries
	Params    []struct {
		Name string `json:"name"`
		Type string `json:"type"`
	} `json:"params"`
}

type mtcuteEntry struct {
	Kind      string          `json:"kind"`
	Name      string          `json:"name"`
	ID        jsonID          `json:"id"`
	Type      string          `json:"type"`
	Modifiers mtcuteModifiers `json:"typeModifiers"`
	Arguments []struct {
		Name      string          `json:"name"`
		Type      string          `json:"type"`
		Modifiers mtcuteModifiers `json:"typeModifiers"`
	} `json:"arguments"`
	Generics []struct {
		Name string `json:"name"`
	} `json:"generics"`
}

type mtcuteModifiers struct {
	Predicate    string `json:"predicate"`
	IsVector     bool   `json:"isVector"`
	IsBareVector bool   `json:"isBareVector"`
	IsBareType   bool   `json:"isBareType"`
	IsBareUnion  bool   `json:"isBareUnion"`
}

// jsonID is a constructor id: a number or a string, signed or not.
type jsonID uint32

func (id *jsonID) UnmarshalJSON(b []byte) error {
	n, err := strconv.ParseInt(strings.Trim(string(b), `"`), 10, 64)
	if err != nil || n < -1<<31 || n >= 1<<32 {
		return fmt.Errorf("%s is no id of 32 bits", quote(string(b)))
	}
	*id = jsonID(uint32(n))
	return nil
}

// notTelegrams is the namespace of @mtcute's entries that are tools of that library, not part of Telegram's schema.
const notTelegrams = "mtcute."

// leftOut are lines of Telegram's own file that @mtcute has not: its runtime has them built in.
const leftOut = "boolFalse#bc799737 = Bool;\nboolTrue#997275b5 = Bool;\ntrue#3fedd339 = True;\nnull#56730bcc = Null;\n"

// importJSON reads either form. Skipped is how many bytes of the file stand before src.
func importJSON(name string, src []byte, skipped int) (*Schema, error) {
	var d document
	if err := json.Unmarshal(src, &d); err != nil {
		return nil, jsonError(name, src, skipped, err)
	}
	im := &importer{build: newBuilder(name)}
	switch {
	case d.Entries != nil:
		im.mtcute(&d)
	case d.Constructors != nil || d.Methods != nil:
		im.core(&d)
	default:
		return nil, &Error{File: name, Msg: `neither TL, nor JSON with "constructors" and "methods" or with "e"`}
	}
	if im.err != nil {
		return nil, im.err
	}
	return im.build.finish()
}

func jsonError(name string, src []byte, skipped int, err error) error {
	e := &Error{File: name, Msg: err.Error()}
	var offset int64
	if syntax := (*json.SyntaxError)(nil); errors.As(err, &syntax) {
		offset = syntax.Offset
	} else if typ := (*json.UnmarshalTypeError)(nil); errors.As(err, &typ) {
		offset = typ.Offset
	} else {
		return e
	}
	before := src[:min(int(offset), len(src))]
	e.Line = 1 + bytes.Count(before, []byte("\n"))
	e.Col = len(before) - (bytes.LastIndexByte(before, '\n') + 1)
	if e.Line == 1 {
		e.Col += skipped
	}
	e.Col = max(e.Col, 1)
	return e
}

// importer turns JSON entries into combinators; its error is sticky.
type importer struct {
	build *builder
	err   error
}

func (im *importer) core(d *document) {
	im.build.schema.Layer = d.Layer
	for i := range d.Constructors {
		e := &d.Constructors[i]
		if _, ok := builtins[e.Predicate]; !ok {
			im.coreEntry(e, &Combinator{Name: e.Predicate}, fmt.Sprintf("constructors[%d] %s", i, quote(e.Predicate)))
		}
	}
	for i := range d.Methods {
		e := &d.Methods[i]
		im.coreEntry(e, &Combinator{Name: e.Method, Function: true}, fmt.Sprintf("methods[%d] %s", i, quote(e.Method)))
	}
}

func (im *importer) coreEntry(e *coreEntry, c *Combinator, where string) {
	for _, p := range e.Params {
		if x, ok := strings.CutPrefix(p.Type, "!"); ok && !slices.Contains(c.Generic, x) {
			c.Generic = append(c.Generic, x)
		}
	}
	for _, p := range e.Params {
		im.param(c, p.Name, p.Type, where)
	}
	im.add(c, e.ID, e.Type, e.Layer, where)
}

func (im *importer) mtcute(d *document) {
	im.build.schema.Layer = d.MtcuteLayer
	im.leftOut(d.Entries)
	for i := range d.Entries {
		e := &d.Entries[i]
		if strings.HasPrefix(e.Name, notTelegrams) {
			continue
		}
		where := fmt.Sprintf("e[%d] %s", i, quote(e.Name))
		if e.Kind != "class" && e.Kind != "method" {
			im.failf(where, "kind is %s, want class or method", quote(e.Kind))
		}
		c := &Combinator{Name: e.Name, Function: e.Kind == "method"}
		for _, g := range e.Generics {
			c.Generic = append(c.Generic, g.Name)
		}
		for _, a := range e.Arguments {
			im.param(c, a.Name, a.Modifiers.apply(a.Type), where)
		}
		im.add(c, e.ID, e.Modifiers.apply(e.Type), 0, where)
	}
}

// leftOut adds the lines that the package does without, unless it has them now.
func (im *importer) leftOut(entries []mtcuteEntry) {
	s, err := Parse("built-in lines", []byte(leftOut))
	if err != nil {
		im.err = err
		return
	}
	for _, c := range s.Constructors {
		if !slices.ContainsFunc(entries, func(e mtcuteEntry) bool { return e.Name == c.Name && e.Kind == "class" }) {
			c.Line = 0
			im.keep(im.build.add(c, declared{id: true, at: position{where: c.Name}}))
		}
	}
}

// apply writes the type with its modifiers as TL does. The package's int53 is a long that it reads as a JavaScript number.
func (m *mtcuteModifiers) apply(t string) string {
	if t == "int53" {
		t = "long"
	}
	if (m.IsBareType || m.IsBareUnion) && !lowerName(t) {
		t = "%" + t
	}
	switch {
	case m.IsBareVector:
		t = "vector<" + t + ">"
	case m.IsVector:
		t = "Vector<" + t + ">"
	}
	if m.Predicate != "" {
		t = m.Predicate + "?" + t
	}
	return t
}

// param adds a parameter whose type is written as TL text, with its condition.
func (im *importer) param(c *Combinator, name, text, where string) {
	at := position{where: fmt.Sprintf("%s: parameter %s", where, quote(name))}
	p := im.parser(text, at)
	if im.err == nil {
		x := Param{Name: name, Cond: p.cond(), Type: p.typ(c, 0)}
		im.done(p)
		if im.err == nil {
			im.keep(im.build.param(c, x, at))
		}
	}
}

// add completes a combinator with its result.
func (im *importer) add(c *Combinator, id jsonID, result string, layer int, where string) {
	at := position{where: where}
	if !validName(c.Name) {
		im.failf(where, "%s is no name", quote(c.Name))
	}
	p := im.parser(result, at)
	if im.err != nil {
		return
	}
	c.ID = uint32(id)
	c.Result = p.result(c)
	im.done(p)
	if im.err == nil {
		im.keep(im.build.add(c, declared{at: at, id: id != 0, layer: layer}))
	}
}

// parser reads a type out of a JSON string. Its errors and the builder's name the entry.
func (im *importer) parser(text string, at position) *parser {
	p := &parser{scan: newScanner([]byte(text)), build: im.build, where: at.where}
	p.advance()
	p.advance()
	im.keep(p.err)
	return p
}

func (im *importer) done(p *parser) {
	if p.err == nil && p.tok.kind != endOfFile {
		p.unexpected("one type alone")
	}
	im.keep(p.err)
}

func (im *importer) keep(err error) {
	if im.err == nil {
		im.err = err
	}
}

func (im *importer) failf(where, format string, args ...any) {
	im.keep(errorAt(im.build.file, position{where: where}, format, args...))
}
