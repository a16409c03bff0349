package main

import (
	"go/ast"
	"slices"
	"strings"
	"testing"
)

// deeds are verbs of which a function has the name that does something. Whether it was done, or is so, others tell: isOpen, ended.
var deeds = []string{"open", "end", "begin", "take", "call"}

// Words of the house have one meaning each (design §16). What takes gives what it took; what lets a request in accepts, who gets a lease
// acquires, and what is used up is spent.
func TestHouseWords(t *testing.T) {
	for _, f := range sources(t) {
		for _, broken := range wordsBroken(f) {
			t.Errorf("%s: %s", f.name, broken)
		}
	}
}

func TestHouseWordsCatch(t *testing.T) {
	for _, c := range []struct{ dir, src, want string }{
		{"bridge/turns", "package x\nfunc (l lane) open() bool { return true }", "isOpen"},
		{"bridge/turns", "package x\nfunc (l lane) open(n int) bool { return true }", ""},
		{"bridge/rpc", "package x\nfunc take(r int) {}", "gives nothing"},
		{"bridge/rpc", "package x\nfunc take(r int) error { return nil }", "gives nothing"},
		{"bridge/rpc", "package x\nfunc take() (n int, err error) { return 0, nil }", ""},
		{"mtproto/sim", "package x\nfunc take(r int) {}", ""},
	} {
		got := strings.Join(wordsBroken(parse(t, c.dir, c.dir+"/x.go", []byte(c.src))), "; ")
		if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", c.src, got, c.want)
		}
	}
}

// wordsBroken names the functions of a file whose word means something else.
func wordsBroken(f source) (broken []string) {
	for _, d := range f.file.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok {
			continue
		}
		results := resultsOf(fn.Type)
		name := fn.Name.Name
		if slices.Contains(deeds, name) && fn.Type.Params.NumFields() == 0 && slices.Equal(results, []string{"bool"}) {
			broken = append(broken, name+" asks whether something is so: its name is is"+strings.ToUpper(name[:1])+name[1:]+", or what it asks for")
		}
		gives := slices.ContainsFunc(results, func(r string) bool { return r != "error" })
		if name == "take" && strings.HasPrefix(f.dir, "bridge") && !gives {
			broken = append(broken, "take gives nothing: say accept, acquire, spend, adopt, or what it does")
		}
	}
	return broken
}

// resultsOf are the types of a function's results, as far as they have a plain name.
func resultsOf(f *ast.FuncType) (all []string) {
	if f.Results == nil {
		return nil
	}
	for _, field := range f.Results.List {
		name := "else"
		if id, ok := field.Type.(*ast.Ident); ok {
			name = id.Name
		}
		for range max(len(field.Names), 1) {
			all = append(all, name)
		}
	}
	return all
}
