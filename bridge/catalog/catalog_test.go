package catalog

import (
	"bytes"
	"cmp"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/natsgram/natsgram/bridge/account"
	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/schemas"
	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/subjects/rights"
	"github.com/natsgram/natsgram/tl"
)

var api = sync.OnceValues(func() (*tl.Schema, error) { return tl.Parse("api.tl", schemas.API()) })

func write(t *testing.T, format string, scheme subjects.Scheme) []byte {
	t.Helper()
	s, err := api()
	if err != nil {
		t.Fatal(err)
	}
	f, err := Find(format)
	if err != nil {
		t.Fatal(err)
	}
	text, err := f.Write(s, scheme)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// Two daemons must write the same bytes, or each would replace what the other has stored.
func TestSameBytes(t *testing.T) {
	for _, f := range Formats() {
		if !bytes.Equal(write(t, f.Name, subjects.Scheme{}), write(t, f.Name, subjects.Scheme{Prefix: "tg"})) {
			t.Errorf("%s differs from one time to the next", f.Name)
		}
	}
}

func TestUnknownFormat(t *testing.T) {
	if _, err := Find("openapi"); err == nil || !strings.Contains(err.Error(), "asyncapi, jsonschema, typescript, tl") {
		t.Error(err)
	}
}

type asyncDocument struct {
	Channels map[string]struct {
		Address    string
		Parameters map[string]any
	}
	Operations map[string]struct{ Action, Summary string }
	Components struct{ Parameters map[string]any }
}

func readAsync(t *testing.T, scheme subjects.Scheme) (d asyncDocument) {
	t.Helper()
	if err := json.Unmarshal(write(t, "asyncapi", scheme), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// Every method and every update that is published has its subject, as package subjects spells it.
func TestEverySubject(t *testing.T) {
	scheme := subjects.Scheme{Prefix: "acme.tg"}
	d := readAsync(t, scheme)
	s, _ := api()
	want := map[string]string{}
	for _, f := range s.Functions {
		want["rpc."+f.Name] = scheme.RPC("{account}", f.Name)
		if subjects.ReadOnly(f.Name) {
			want["ro."+f.Name] = scheme.RO("{account}", f.Name)
		}
	}
	for _, u := range s.Class("Update") {
		tree := "upd"
		if updates.Live(u.Name) {
			tree = "live"
		}
		if !updates.Control(u.Name) {
			want[tree+"."+u.Name] = "acme.tg." + tree + ".{account}." + subjects.Escape(u.Name) + ".{kind}.{id}"
		}
	}
	want["upd.gap"] = "acme.tg.upd.{account}.gap.{kind}.{id}"
	want["upd.unknown"] = "acme.tg.upd.{account}.unknown.{kind}.{id}"
	want["ctl.schema"] = "acme.tg.ctl._.schema"
	want["ctl.status"] = "acme.tg.ctl.{account}.status"
	want["evt.flood.wait"] = "acme.tg.evt.{account}.flood.wait"
	want["own"] = "acme.tg.own.{account}"
	want["queue"] = "acme.tg.queue.{account}.{kind}.{id}.{method}"
	want["done"] = "acme.tg.done.{account}.{kind}.{id}.{job}"
	want["file.get"] = "acme.tg.file.{account}.get"
	want["ctl.queue.list"] = "acme.tg.ctl.{account}.queue.list"
	for name, address := range want {
		if got := d.Channels[name].Address; got != address {
			t.Errorf("%s: want %s, got %q", name, address, got)
		}
		for param := range d.Channels[name].Parameters {
			if !strings.Contains(address, "{"+param+"}") {
				t.Errorf("%s has no parameter %s", name, param)
			}
		}
	}
	for name, c := range d.Channels {
		for param := range c.Parameters {
			if d.Components.Parameters[param] == nil {
				t.Errorf("%s: what {%s} is stands nowhere", name, param)
			}
		}
	}
	for name, action := range map[string]string{"rpc.help.getConfig": "receive", "upd.gap": "send", "evt.connected": "send", "ctl.schema": "receive"} {
		if got := d.Operations[name].Action; got != action {
			t.Errorf("%s: want %s, got %q", name, action, got)
		}
	}
	if got := d.Operations["rpc.auth.logOut"].Summary; !strings.Contains(got, "NATSGRAM_ALLOW") {
		t.Errorf("that auth.logOut is refused is not said: %s", got)
	}
}

// Every event that the client and the bridge tell of is in the table, and no other.
func TestEveryEvent(t *testing.T) {
	told := map[string]bool{}
	for _, f := range sources(t, "../../mtproto") {
		ast.Inspect(f, func(n ast.Node) bool {
			if fn, ok := n.(*ast.FuncDecl); ok && fn.Name.Name == "Name" && fn.Recv != nil && fn.Body != nil && len(fn.Body.List) == 1 {
				if r, ok := fn.Body.List[0].(*ast.ReturnStmt); ok {
					note(told, r.Results...)
				}
			}
			return true
		})
	}
	for _, f := range slices.Concat(sources(t, "../account"), sources(t, "../files/jobs"), sources(t, "../history")) {
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				if sel, ok := n.Fun.(*ast.SelectorExpr); ok && sel.Sel.Name == "event" {
					note(told, n.Args[0])
				}
			case *ast.ValueSpec: // eventGained = "owner.gained"
				if strings.HasPrefix(n.Names[0].Name, "event") {
					note(told, n.Values...)
				}
			}
			return true
		})
	}
	for _, e := range events {
		if !told[e.name] {
			t.Errorf("%s is in the table, and nobody tells of it", e.name)
		}
		delete(told, e.name)
	}
	for name := range told {
		t.Errorf("the event %s is not in the table", name)
	}
}

func sources(t *testing.T, dir string) (all []*ast.File) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(names) == 0 {
		t.Fatal(dir, err)
	}
	for _, name := range names {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(name, "_test.go") {
			all = append(all, f)
		}
	}
	return all
}

// note keeps what is a string.
func note(told map[string]bool, all ...ast.Expr) {
	for _, e := range all {
		if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			name, _ := strconv.Unquote(lit.Value)
			told[name] = true
		}
	}
}

func TestFields(t *testing.T) {
	const want = `{"type":"object","properties":{"dc":{"type":"integer"},"error":{"type":"string"}},"additionalProperties":false,"required":["dc"]}`
	if got := string(fields("dc:int error?:string").schema().Append(nil)); got != want {
		t.Errorf("want %s\ngot  %s", want, got)
	}
	for name, all := range map[string]fields{"fault": fault, "published": published, "login": loginState} {
		for field := range strings.FieldsSeq(string(all)) {
			if _, kind, _ := strings.Cut(field, ":"); fieldTypes[kind] == nil {
				t.Errorf("%s: %s has no type", name, field)
			}
		}
	}
	for _, e := range events {
		for field := range strings.FieldsSeq(string(e.fields)) {
			if _, kind, _ := strings.Cut(field, ":"); fieldTypes[kind] == nil {
				t.Errorf("%s: %s has no type", e.name, field)
			}
		}
	}
}

// The fields of answers are those of the structures that are answered.
func TestAnswersHaveTheirFields(t *testing.T) {
	for name, answer := range map[string]any{"status": account.Status{}, "login.status": mtproto.LoginState{}} {
		want := map[string]bool{}
		for _, f := range reflect.VisibleFields(reflect.TypeOf(answer)) {
			if f.Anonymous {
				continue
			}
			tag, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if tag == "-" {
				continue
			}
			want[cmp.Or(tag, f.Name)] = strings.Contains(f.Tag.Get("json"), ",omit")
		}
		i := slices.IndexFunc(verbs, func(v verb) bool { return v.name == name })
		for field := range strings.FieldsSeq(string(verbs[i].answer)) {
			key, _, _ := strings.Cut(field, ":")
			key, optional := strings.CutSuffix(key, "?")
			if omitted, ok := want[key]; !ok || omitted != optional {
				t.Errorf("%s: %s is not so in %T", name, field, answer)
			}
			delete(want, key)
		}
		for key := range want {
			t.Errorf("%s lacks %s", name, key)
		}
	}
}

// The role operator names its verbs, one by one: a verb that is told of here and not there would be nobody's.
func TestOperatorsMayAskEveryVerb(t *testing.T) {
	for _, account := range []string{"", "main"} {
		p, err := rights.Of(subjects.Scheme{}, rights.Grant{Role: rights.Operator, Account: account, Inbox: "_INBOX_.x"})
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range verbs {
			at := "main"
			if v.own {
				at = subjects.Daemon
			}
			subject := subjects.Scheme{}.Ctl(at, v.name)
			may := slices.ContainsFunc(p.Publish, func(pattern string) bool {
				if stem, any := strings.CutSuffix(pattern, "*"); any {
					pattern = stem + subject[min(len(subject), strings.LastIndex(subject, ".")+1):]
				}
				return strings.Replace(pattern, "tg.ctl.*.", "tg.ctl."+at+".", 1) == subject
			})
			if want := !v.own || account == ""; may != want {
				t.Errorf("operator of %q: %s allowed %v, want %v", account, subject, may, want)
			}
		}
	}
}
