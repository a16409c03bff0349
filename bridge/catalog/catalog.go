// Package catalog writes what the daemon can do as documents that programs in any language read: AsyncAPI of every subject,
// JSON Schema of every payload, TypeScript declarations, and the schema itself. They are made from the layer's schema and
// from what the other rooms know: subjects, headers, which updates are kept.
package catalog

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/natsgram/natsgram/bridge/objects"
	"github.com/natsgram/natsgram/bridge/peers"
	"github.com/natsgram/natsgram/schemas"
	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl"
	"github.com/natsgram/natsgram/tl/export"
)

// Format is a document that there is.
type Format struct {
	Name        string // as it is asked for: asyncapi
	About       string // one line
	ContentType string
	File        string // what a file of it is usually called
	write       func(*tl.Schema, subjects.Scheme) ([]byte, error)
}

// Formats are all of them.
func Formats() []Format {
	return []Format{
		{"asyncapi", "AsyncAPI 3: every subject with its payloads and headers", "application/vnd.aai.asyncapi+json", "asyncapi.json", asyncAPI},
		{"jsonschema", "JSON Schema 2020-12 of every payload", "application/schema+json", "schema.json", jsonSchema},
		{"typescript", "TypeScript declarations for the npm package natsgram", "text/plain", "index.d.ts", typeScript},
		{"tl", "the schema itself", "text/plain", "schema.tl", func(s *tl.Schema, _ subjects.Scheme) ([]byte, error) {
			return s.Append(nil), nil
		}},
	}
}

// Find is the format of a name; the error says which there are.
func Find(name string) (Format, error) {
	var names []string
	for _, f := range Formats() {
		if f.Name == name {
			return f, nil
		}
		names = append(names, f.Name)
	}
	return Format{}, fmt.Errorf("no format %q: there are %s", name, strings.Join(names, ", "))
}

// Write is the document of a layer. The same arguments give the same bytes.
func (f Format) Write(s *tl.Schema, scheme subjects.Scheme) ([]byte, error) {
	return f.write(s, scheme)
}

// options are what the daemon does with requests beyond what the schema says.
func options() export.Options {
	return export.Options{
		Filled: []string{"random_id"}, Texts: append(peers.Classes(), objects.Class),
		Beside: export.Beside{Param: objects.ParamFile, Class: objects.Class, Filled: []string{objects.ParamMime, objects.ParamName, objects.ParamAttributes}},
	}
}

func jsonSchema(s *tl.Schema, _ subjects.Scheme) ([]byte, error) {
	return export.JSONSchema(s, options()), nil
}

func typeScript(s *tl.Schema, _ subjects.Scheme) ([]byte, error) {
	o := options()
	if err := json.Unmarshal(schemas.Errors(), &o.Errors); err != nil {
		return nil, fmt.Errorf("schemas/errors.json: %w", err)
	}
	return export.TypeScript(s, o), nil
}

// sorted are the methods by name, so that a method that moves within the schema's file moves nothing here.
func sorted(s *tl.Schema) []*tl.Combinator {
	all := slices.Clone(s.Functions)
	slices.SortFunc(all, func(a, b *tl.Combinator) int { return strings.Compare(a.Name, b.Name) })
	return all
}
