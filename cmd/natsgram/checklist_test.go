package main

import (
	"bufio"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// sections are the sections of the MTProto checklist and how many items each has. An item is a fact of the protocol, with
// a letter and a number; a test that covers one names it in a comment.
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

// testedItems maps each item to the folders of the tests that name it in a comment.
func testedItems(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git") {
			return filepath.SkipDir
		}
		if strings.HasSuffix(path, "_test.go") && d.Name() != "checklist_test.go" {
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
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	dir := filepath.Dir(path)
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		_, comment, ok := strings.Cut(lines.Text(), "//")
		if !ok {
			continue
		}
		for _, item := range itemName.FindAllString(comment, -1) {
			if !slices.Contains(found[item], dir) {
				found[item] = append(found[item], dir)
			}
		}
	}
	return lines.Err()
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
