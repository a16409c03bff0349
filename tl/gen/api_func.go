package gen

import (
	"bytes"
	"fmt"
	"strings"
)

// writeFunction writes a function and its request.
func (a *api) writeFunction(b *bytes.Buffer, f *apiFunction) {
	fmt.Fprintf(b, "// %s calls\n//\n//\t%s\n//\n", f.call, f.decl)
	fmt.Fprintf(b, "// on the bus: tg.rpc.<account>.%s\n", f.decl.Name)
	a.writeErrors(b, f.decl.Name)
	if f.isTrue() {
		fmt.Fprintf(b, "func %s(ctx context.Context, inv Invoker, req *%s) error {\n", f.call, f.name)
		fmt.Fprintf(b, "_, err := invoke(ctx, inv, %q, req, %s)\nreturn err\n}\n\n", f.decl.Name, f.result.code)
	} else {
		fmt.Fprintf(b, "func %s(ctx context.Context, inv Invoker, req *%s) (%s, error) {\n", f.call, f.name, f.result.name)
		fmt.Fprintf(b, "return invoke(ctx, inv, %q, req, %s)\n}\n\n", f.decl.Name, f.result.code)
	}
	fmt.Fprintf(b, "// %s is what [%s] takes.\n", f.name, f.call)
	writeAPIStruct(b, f.apiStruct)
	if q := f.query(); q != nil && f.wraps() {
		fmt.Fprintf(b, "func (x %s) around(query Object) Object {\nx.%s = query\nreturn &x\n}\n\n", f.name, q.name)
	}
	writeAPICode(b, f.apiStruct)
}

// isTrue reports whether the function answers nothing but that it was done.
func (f *apiFunction) isTrue() bool { return f.decl.Result.Name == "True" }

// query is the field that holds a call, nil without one.
func (f *apiFunction) query() *apiField {
	for _, x := range f.fields {
		if x.param.Type.Bang {
			return x
		}
	}
	return nil
}

// writeErrors lists the errors that are known, by code, in lines as long as ours are.
func (a *api) writeErrors(b *bytes.Buffer, method string) {
	known := a.options.Errors[method]
	if len(known) == 0 {
		return
	}
	b.WriteString("//\n")
	line, last := "// Known errors:", ""
	for i, e := range known {
		code, word, _ := strings.Cut(e, " ")
		if code != last {
			word, last = code+" "+word, code
		}
		if i < len(known)-1 {
			word += ","
		}
		if len(line)+1+len(word) > 120 {
			b.WriteString(line + "\n")
			line = "//"
		}
		line += " " + word
	}
	b.WriteString(line + "\n")
}
