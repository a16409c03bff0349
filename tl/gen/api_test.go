package gen_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/natsgram/natsgram/tl"
	"github.com/natsgram/natsgram/tl/gen"
)

func generateAPI(t *testing.T, src string) (gen.Output, error) {
	t.Helper()
	s, err := tl.Parse("test.tl", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	return gen.API(s, gen.APIOptions{
		Package: "tg", Source: "test.tl", Reserved: []string{"Object"},
		Errors: map[string][]string{"box.put": {"400 BOX_FULL", "400 THING_INVALID", "403 BOX_LOCKED"}},
	})
}

var update = flag.Bool("update", false, "write the golden files")

// What the generator writes; that it compiles and works is for the tests of tl/tg to show.
func TestAPI(t *testing.T) {
	out, err := generateAPI(t, `
boolFalse#bc799737 = Bool;
boolTrue#997275b5 = Bool;
true#3fedd339 = True;
thingEmpty#1 = Thing;
thing#2 flags:# big:flags.0?true id:int name:flags.1?string parts:flags.2?Vector<Thing> key:flags.2?bytes = Thing;
box.box#3 things:Vector<Thing> sizes:Vector<Vector<int>> = box.Box;
---functions---
box.put#4 into:box.Box thing:Thing = Bool;
box.list#5 = Vector<Thing>;
box.close#6 = True;
invokeSlowly#7 {X:Type} seconds:double query:!X = X;
// LAYER 9
`)
	if err != nil {
		t.Fatal(err)
	}
	for name, src := range out.Files {
		golden := filepath.Join("testdata", name+".golden")
		if *update {
			os.WriteFile(golden, src, 0o644)
		}
		want, err := os.ReadFile(golden)
		if d := cmp.Diff(string(want), string(src)); d != "" || err != nil {
			t.Errorf("%s (go test ./tl/gen -update writes it): %v %s", name, err, d)
		}
	}
	if len(out.Files) != 3 || len(out.Notes) != 0 {
		t.Errorf("%d files, notes %q", len(out.Files), out.Notes)
	}
}

// Two things of one name: the first keeps it, the others get the same name each time, and whoever generates is told.
func TestAPINamesThatCollide(t *testing.T) {
	out, err := generateAPI(t, `
boolFalse#bc799737 = Bool;
boolTrue#997275b5 = Bool;
object#1 = Thing;
a.b#2 = Thing;
a_b#3 x_y:int xY:int = Thing;
user#4 = Thing;
userRequest#5 = Thing;
x#a = A.User;
y#b = A.User;
z#c = AUser;
w#d = AUser;
---functions---
user#6 = Bool;
a_B#7 = Bool;
`)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"object is ObjectObject in Go, because the package itself has a name of Object",
		"a_b is ABObject in Go, because a.b has a name of AB",
		"class AUser is AUserType in Go, because class A.User has a name of AUser",
		"method user is UserMethod in Go, because user has a name of User",
		"method a_B is ABMethod in Go, because a.b has a name of AB",
	}
	if d := cmp.Diff(want, out.Notes); d != "" {
		t.Error(d)
	}
	src := string(out.Files["base.gen.go"])
	for _, part := range []string{
		"XY       int\n\tXYParam2 int\n", "type AUserTypeClass interface", "func DecodeAUserType(", "func UserMethod(ctx", "type UserMethodRequest struct",
	} {
		if !strings.Contains(src, part) {
			t.Errorf("no %q in\n%s", part, src)
		}
	}
}

func TestWhatCannotBeGeneratedOfAnAPI(t *testing.T) {
	for src, want := range map[string]string{
		"a#1 x:a = A;":            "gen: a.x:a: no Go type for a",
		"a#1 x:Object y:int = A;": "gen: a.x:Object: Object is generated only as the last parameter",
		"a#1 x:vector<a> = A;":    "gen: a.x:vector<a>: no Go type for a",
	} {
		if _, err := generateAPI(t, src); err == nil || err.Error() != want {
			t.Errorf("%s:\n got %v\nwant %s", src, err, want)
		}
	}
}

// Facts are taken, words are not; what names no method, or is no error's name, is left out.
func TestErrors(t *testing.T) {
	s, err := tl.Parse("test.tl", []byte("---functions---\nbox.put#4 = Bool;\nbox.list#fffffffe = Bool;"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := gen.ImportErrors(s, []byte(`{
		"errors": {"BOX_FULL": {"code": 400, "description": "The box is full."}, "WAIT_%d": {"code": 420}, "Timeout": {"code": 500}},
		"throws": {"box.put": ["WAIT_%d", "BOX_FULL", "Timeout", "BOX_FULL", "NO_SUCH"], "-2": ["BOX_FULL"], "7": ["BOX_FULL"], "old": ["BOX_FULL"]}}`))
	want := "{\n\"box.list\": [\"400 BOX_FULL\"],\n\"box.put\": [\"400 BOX_FULL\", \"420 WAIT_X\"]\n}\n"
	if d := cmp.Diff(want, string(got)); d != "" || err != nil {
		t.Error(err, d)
	}
	known, err := gen.ReadErrors(got)
	if d := cmp.Diff(map[string][]string{"box.list": {"400 BOX_FULL"}, "box.put": {"400 BOX_FULL", "420 WAIT_X"}}, known); d != "" || err != nil {
		t.Error(err, d)
	}
	for _, bad := range []string{"", "[]", `{"throws": 1}`} {
		if _, err := gen.ImportErrors(s, []byte(bad)); err == nil {
			t.Errorf("%q became errors", bad)
		}
		if _, err := gen.ReadErrors([]byte(bad)); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}
