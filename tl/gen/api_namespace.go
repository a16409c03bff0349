package gen

import (
	"bytes"
	"fmt"
	"strings"
)

// apiNamespace is the type that has the methods of one namespace as methods in Go, for those who look for them in their editor. They
// call the functions, so that a program links those that it calls and no others.
type apiNamespace struct {
	constructor string // Messages
	methods     string // MessagesMethods, the type
	functions   []*apiFunction
	names       map[*apiFunction]string // SendMessage, the method of messages.sendMessage
}

// nameNamespaces comes after all other names: a new namespace never changes the name of a function or a constructor.
func (a *api) nameNamespaces() {
	a.byNamespace = map[string]*apiNamespace{}
	for _, ns := range a.namespaces() {
		n := &apiNamespace{}
		for _, f := range a.functions {
			if ns != "" && namespace(f.decl.Name) == ns {
				n.functions = append(n.functions, f)
			}
		}
		if len(n.functions) == 0 {
			continue
		}
		name := a.names.goName(ns)
		n.constructor = a.names.pick("namespace "+ns, func(base string) []string {
			return []string{base, base + "Methods"}
		}, name, name+"Calls")
		n.methods = n.constructor + "Methods"
		n.nameMethods()
		a.byNamespace[ns] = n
	}
}

func (n *apiNamespace) nameMethods() {
	names := newAPINames(nil)
	n.names = map[*apiFunction]string{}
	for _, f := range n.functions {
		_, short, _ := strings.Cut(f.decl.Name, ".")
		name := names.goName(short)
		n.names[f] = names.pick(f.decl.Name, itself, name, name+"Method", fmt.Sprintf("%sMethod%08x", name, f.decl.ID))
	}
}

// write writes the namespace's type and its methods.
func (n *apiNamespace) write(b *bytes.Buffer, ns string) {
	fmt.Fprintf(b, "// %s has the methods %s.* as methods in Go, for [%s].\n", n.methods, ns, n.constructor)
	fmt.Fprintf(b, "type %s struct{ inv Invoker }\n\n", n.methods)
	fmt.Fprintf(b, "// %s returns the methods %s.* as they are called over inv. A program links those that it calls.\n", n.constructor, ns)
	fmt.Fprintf(b, "func %s(inv Invoker) %s { return %s{inv} }\n\n", n.constructor, n.methods, n.methods)
	for _, f := range n.functions {
		result := "error"
		if !f.isTrue() {
			result = fmt.Sprintf("(%s, error)", f.result.name)
		}
		fmt.Fprintf(b, "// %s is [%s].\n", n.names[f], f.call)
		fmt.Fprintf(b, "func (m %s) %s(ctx context.Context, req *%s) %s {\n", n.methods, n.names[f], f.name, result)
		fmt.Fprintf(b, "return %s(ctx, m.inv, req)\n}\n\n", f.call)
	}
}
