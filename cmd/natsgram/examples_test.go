package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// mostWithoutExample is how many names a package may export that no example shows: those that came last.
const mostWithoutExample = 8

// Programs are promised what these packages export, so that examples show it. TestExamples tells how many names there are, and which
// no example uses: go test ./cmd/natsgram -run TestExamples -v
func TestExamples(t *testing.T) {
	for _, folder := range []string{"mtproto", "mtproto/files", "tl/codec", "tl/tg", "bridge/client"} {
		names, used := exported(t, filepath.Join("..", "..", folder))
		var without []string
		for _, name := range names {
			if last := name[strings.LastIndex(name, ".")+1:]; !used[last] {
				without = append(without, name)
			}
		}
		t.Logf("%s: %d names, %d without an example: %v", folder, len(names), len(without), without)
		if len(without) > mostWithoutExample {
			t.Errorf("%s: no example uses %v", folder, without)
		}
		if len(names) < 10 {
			t.Errorf("%s exports %d names?", folder, len(names))
		}
	}
}

// protocols are methods that other packages ask for: nobody calls them by name.
var protocols = []string{"Error", "Format", "LogValue", "MarshalJSON", "MarshalText", "Name", "String", "UnmarshalJSON", "Unwrap"}

// exported are the names that the package in a folder exports, methods as Type.Method, and the identifiers that its examples use. Generated
// files are left out.
func exported(t *testing.T, folder string) (names []string, used map[string]bool) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	used = map[string]bool{}
	for _, name := range files {
		if strings.HasSuffix(name, ".gen.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			switch {
			case !strings.HasSuffix(name, "_test.go"):
				names = append(names, exportedBy(d)...)
			default:
				if fn, ok := d.(*ast.FuncDecl); ok && strings.HasPrefix(fn.Name.Name, "Example") {
					noteIdentifiers(fn, used)
				}
			}
		}
	}
	return names, used
}

func noteIdentifiers(fn *ast.FuncDecl, used map[string]bool) {
	for word := range strings.SplitSeq(strings.TrimPrefix(fn.Name.Name, "Example"), "_") {
		used[word] = true
	}
	ast.Inspect(fn, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			used[id.Name] = true
		}
		return true
	})
}

func exportedBy(d ast.Decl) (names []string) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		of := ""
		if d.Recv != nil {
			of = receiver(d.Recv.List[0].Type)
			if !ast.IsExported(of) || slices.Contains(protocols, d.Name.Name) {
				return nil
			}
			of += "."
		}
		if d.Name.IsExported() {
			names = append(names, of+d.Name.Name)
		}
	case *ast.GenDecl:
		for _, one := range d.Specs {
			switch one := one.(type) {
			case *ast.TypeSpec:
				names = append(names, one.Name.Name)
			case *ast.ValueSpec:
				for _, id := range one.Names {
					names = append(names, id.Name)
				}
			}
		}
	}
	return slices.DeleteFunc(names, func(name string) bool { return !ast.IsExported(name) })
}

// receiver is the name of a method's type.
func receiver(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e.Name
	}
	return ""
}
