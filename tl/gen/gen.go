// Package gen writes Go source from a schema: a struct for every constructor and every function, which encodes and
// decodes itself with package bin. The output depends on nothing but the schema and the options, is formatted, and
// needs no reflection when it runs.
package gen

import (
	"bytes"
	"fmt"
	"go/format"
	"go/token"
	"slices"

	"github.com/natsgram/natsgram/tl"
)

// Options say what package to write.
type Options struct {
	Package string
	Source  string            // where the schema comes from, for the file's head
	Skip    []string          // combinators whose Go type is written by hand: they get their id and their line in Name
	Names   map[string]string // Go names of TL names, where CamelCase is not wanted
}

// Generate writes one Go file for all of s. An error names the combinator that uses what cannot be generated:
// conditional and generic parameters and boxed classes come with the API's types.
func Generate(s *tl.Schema, o Options) ([]byte, error) {
	p, err := newPlan(s, o)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	for _, write := range []func(*bytes.Buffer, *plan){writeHead, writeIDs, writeTable, writeTypes} {
		write(&b, p)
	}
	src, err := format.Source(b.Bytes())
	if err != nil {
		return nil, fmt.Errorf("gen: the source for %s does not parse: %w", o.Package, err)
	}
	return src, nil
}

// plan is the schema in Go's terms: all names are settled, all types are known.
type plan struct {
	options Options
	structs []*structure // in the schema's order
	vectors bool         // some type has a vector, so that slices is imported
}

// structure is a combinator as a Go struct.
type structure struct {
	decl   *tl.Combinator
	name   string
	byHand bool
	bare   bool // used without its id somewhere
	fields []field
}

type field struct {
	name string
	typ  goType
}

func newPlan(s *tl.Schema, o Options) (*plan, error) {
	p := &plan{options: o}
	names := newNamer(o.Names)
	for _, c := range s.Constructors {
		st, err := names.structure(c, "")
		if err != nil {
			return nil, err
		}
		p.structs = append(p.structs, st)
	}
	for _, c := range s.Functions {
		st, err := names.structure(c, "Request")
		if err != nil {
			return nil, err
		}
		p.structs = append(p.structs, st)
	}
	if err := p.resolve(); err != nil {
		return nil, err
	}
	return p, nil
}

// resolve gives every field its Go type. Structures come in an order in which bare types are planned before use.
func (p *plan) resolve() error {
	types := resolver{structs: map[string]*structure{}}
	for _, st := range p.structs {
		if st.byHand = slices.Contains(p.options.Skip, st.decl.Name); st.byHand {
			continue
		}
		if err := types.fields(st, newNamer(p.options.Names)); err != nil {
			return err
		}
		if !st.decl.Function {
			types.structs[st.decl.Name] = st
		}
	}
	p.vectors = types.vectors
	return nil
}

// minSize is how many bytes a structure has at least, without its id.
func (st *structure) minSize() (n int) {
	for _, f := range st.fields {
		n += f.typ.minSize
	}
	return n
}

func validIdentifier(s string) bool { return token.IsIdentifier(s) && token.IsExported(s) }
