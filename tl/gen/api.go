package gen

import (
	"bytes"
	"fmt"
	"go/format"
	"maps"
	"slices"
	"strings"

	"github.com/natsgram/natsgram/tl"
)

// APIOptions say how to write the package of an API.
type APIOptions struct {
	Package  string
	Source   string              // where the schema comes from, for the files' heads
	Reserved []string            // exported names that are written by hand in the package
	Errors   map[string][]string // known errors of methods, by name, as "400 PEER_ID_INVALID"
}

// API writes a package like tl/tg, by file name: one file for each namespace. Unlike [Generate] it knows flags, classes and
// calls, and writes one method per type that serves both directions over the hand-written coder of the package. Names that
// are not the obvious ones, because those are taken, are in the notes.
func API(s *tl.Schema, o APIOptions) (Output, error) {
	a, err := newAPI(s, o)
	if err != nil {
		return Output{}, err
	}
	files := map[string][]byte{}
	for _, ns := range a.namespaces() {
		var b bytes.Buffer
		a.writeNamespace(&b, ns)
		if files[fileName(ns)], err = format.Source(b.Bytes()); err != nil {
			return Output{}, fmt.Errorf("gen: the source for %s does not parse: %w", fileName(ns), err)
		}
	}
	var b bytes.Buffer
	a.writeMethods(&b)
	if files[methodsFile], err = format.Source(b.Bytes()); err != nil {
		return Output{}, fmt.Errorf("gen: the source for %s does not parse: %w", methodsFile, err)
	}
	return Output{Files: files, Notes: a.names.renamed}, nil
}

// methodsFile cannot be a namespace's: those have no capitals or underscores.
const methodsFile = "method_names.gen.go"

func fileName(ns string) string {
	if ns == "" {
		ns = "base"
	}
	return ns + ".gen.go"
}

// api is the schema in Go's terms.
type api struct {
	options   APIOptions
	schema    *tl.Schema
	names     *apiNames
	classes   []*apiClass
	byClass   map[string]*apiClass
	structs   []*apiStruct // constructors, in the schema's order
	functions []*apiFunction
	sizes     map[string]int // least size of a class's values, on the wire with the id

	byNamespace map[string]*apiNamespace // with functions
}

// apiClass is a class of the schema that is a type in Go.
type apiClass struct {
	tl     string
	name   string // CamelCase
	goType string
	ctors  []*apiStruct
}

// single reports whether the class is its only constructor.
func (k *apiClass) single() bool { return len(k.ctors) == 1 }

// apiStruct is a constructor, or the request of a function.
type apiStruct struct {
	decl   *tl.Combinator
	name   string
	class  *apiClass
	fields []*apiField
}

// apiFunction is a method: its request, and what it answers.
type apiFunction struct {
	*apiStruct
	call   string // name of the Go function
	result apiType
}

func newAPI(s *tl.Schema, o APIOptions) (*api, error) {
	a := &api{options: o, schema: s, names: newAPINames(o.Reserved), byClass: map[string]*apiClass{}, sizes: map[string]int{}}
	if err := a.name(); err != nil {
		return nil, err
	}
	for range 4 { // classes within classes; what is nested deeper only has a weaker bound
		a.measure()
	}
	for _, st := range a.structs {
		if err := a.fields(st); err != nil {
			return nil, err
		}
	}
	for _, f := range a.functions {
		if err := a.function(f); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// name gives everything its Go name. Constructors come first, because most is written with them; then classes, then
// functions.
func (a *api) name() error {
	for _, c := range a.schema.Constructors {
		if primitive[c.Result.Name] {
			continue
		}
		st := &apiStruct{decl: c, name: a.names.constructor(c), class: a.class(c.Result.Name)}
		st.class.ctors = append(st.class.ctors, st)
		a.structs = append(a.structs, st)
	}
	for _, k := range a.classes {
		a.names.class(k)
	}
	for _, c := range a.schema.Functions {
		f := &apiFunction{apiStruct: &apiStruct{decl: c}}
		f.name, f.call = a.names.function(c)
		a.functions = append(a.functions, f)
	}
	a.nameNamespaces()
	return a.names.err
}

func (a *api) class(name string) *apiClass {
	k := a.byClass[name]
	if k == nil {
		k = &apiClass{tl: name}
		a.byClass[name] = k
		a.classes = append(a.classes, k)
	}
	return k
}

// namespaces are those of constructors, classes and functions, sorted.
func (a *api) namespaces() []string {
	found := map[string]bool{}
	for _, st := range a.structs {
		found[namespace(st.decl.Name)], found[namespace(st.class.tl)] = true, true
	}
	for _, f := range a.functions {
		found[namespace(f.decl.Name)] = true
	}
	return slices.Sorted(maps.Keys(found))
}

func namespace(name string) string {
	ns, _, found := strings.Cut(name, ".")
	if !found {
		return ""
	}
	return ns
}
