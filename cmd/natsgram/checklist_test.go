package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// sections are the sections of the MTProto checklist and how many items each has. An item is a fact of the protocol, with
// a letter and a number; a test that checks one names it.
var sections = []struct {
	letter string
	items  int
	about  string
}{
	{"A", 35, "transports"},
	{"B", 29, "key exchange"},
	{"C", 42, "encrypted messages"},
	{"D", 22, "the API's layer"},
	{"E", 37, "updates"},
	{"F", 17, "login"},
	{"G", 9, "secret chats"},
	{"H", 11, "the TL language"},
}

// TestChecklist prints which items of the checklist have tests (`make check` shows it), and fails where an item
// has neither a test nor a row in docs/mtproto.md that says why not.
func TestChecklist(t *testing.T) {
	tested, listed := testedItems(t), listedItems(t)
	items, covered := 0, 0
	for _, s := range sections {
		var reasons, missing []string
		n := 0
		for i := 1; i <= s.items; i++ {
			item := s.letter + strconv.Itoa(i)
			switch {
			case len(tested[item]) > 0:
				n++
			case listed[item] != "":
				reasons = append(reasons, item)
			default:
				missing = append(missing, item)
			}
		}
		items, covered = items+s.items, covered+n
		t.Logf("%s %-20s %2d of %2d tested; listed with a reason: %s; missing: %s", s.letter, s.about, n, s.items,
			dash(strings.Join(reasons, " ")), dash(strings.Join(missing, " ")))
		if len(missing) > 0 {
			t.Errorf("no test names %s, and docs/mtproto.md does not say why", strings.Join(missing, ", "))
		}
	}
	t.Logf("%d of %d items are named by a test", covered, items)
}

var itemName = regexp.MustCompile(`\b[A-H][1-9]\d?\b`)

// testedItems maps each item to the tests that check it: it stands in what is said above a test function, or in the name of a
// case within. What any other comment says, and what the tests of the Telegram in a box show of the box, counts for nothing.
func testedItems(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git" || d.Name() == "mttest"):
			return filepath.SkipDir
		case strings.HasSuffix(path, "_test.go") && d.Name() != "checklist_test.go":
			return itemsOf(path, found)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func itemsOf(path string, found map[string][]string) error {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
	if err != nil {
		return err
	}
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Recv != nil || !strings.HasPrefix(f.Name.Name, "Test") && !strings.HasPrefix(f.Name.Name, "Fuzz") {
			continue
		}
		for _, item := range itemName.FindAllString(withoutRanges(f.Doc.Text())+" "+caseNames(file, f), -1) {
			found[item] = append(found[item], f.Name.Name)
		}
	}
	return nil
}

var itemRange = regexp.MustCompile(`\b[A-H][1-9]\d? to [A-H][1-9]\d?\b`)

// withoutRanges leaves out what names many items at once: nobody sees which of them are checked.
func withoutRanges(text string) string { return itemRange.ReplaceAllString(text, "") }

// caseNames are the strings of a test, and of the tables of its file that it goes over.
func caseNames(file *ast.File, f *ast.FuncDecl) string {
	tables := map[string]ast.Node{}
	for _, d := range file.Decls {
		if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.VAR {
			for _, spec := range g.Specs {
				v := spec.(*ast.ValueSpec)
				for _, name := range v.Names {
					tables[name.Name] = v
				}
			}
		}
	}
	all := stringsIn(f)
	ast.Inspect(f, func(n ast.Node) bool {
		if name, ok := n.(*ast.Ident); ok && tables[name.Name] != nil {
			all = append(all, stringsIn(tables[name.Name])...)
		}
		return true
	})
	return strings.Join(all, " ")
}

func stringsIn(n ast.Node) (all []string) {
	ast.Inspect(n, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			all = append(all, lit.Value)
		}
		return true
	})
	return all
}

var listedRow = regexp.MustCompile(`(?m)^\| ([A-H]\d+)(?: to [A-H](\d+))? \| (.+) \|$`)

// listedItems are the rows of docs/mtproto.md that say why an item is not done: `| A27 | reason |`, `| G1 to G9 | reason |`.
func listedItems(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "mtproto.md"))
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]string{}
	for _, row := range listedRow.FindAllStringSubmatch(string(text), -1) {
		first, _ := strconv.Atoi(row[1][1:])
		last := first
		if row[2] != "" {
			last, _ = strconv.Atoi(row[2])
		}
		for i := first; i <= last; i++ {
			listed[fmt.Sprintf("%c%d", row[1][0], i)] = row[3]
		}
	}
	return listed
}
