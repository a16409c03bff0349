// Package walktest holds the walks of docs/ARCHITECTURE.md against the code: through which files a call and an update go.
package walktest

import (
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// A Street is one of the walks.
type Street string

// The streets, as the page begins their tables.
const (
	Call   Street = "A call, from a program to Telegram"
	Update Street = "An update, from Telegram to every program"
)

// Page is the files and folders that a street's table names, in its order.
func Page(t testing.TB, root string, s Street) (stops []string) {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(root, "docs", "ARCHITECTURE.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(page), string(s))
	if _, after, _ = strings.Cut(after, "| --- | --- |\n"); !found || after == "" {
		t.Fatalf("docs/ARCHITECTURE.md has no table of %q", s)
	}
	for line := range strings.Lines(after) {
		if !strings.HasPrefix(line, "| ") {
			break
		}
		first, _, _ := strings.Cut(line[2:], " | ")
		for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(first, -1) {
			stops = append(stops, m[1])
		}
	}
	return stops
}

// Here is the files of this module on the stack of whoever calls it, the outermost first: one entry for a run of functions of the
// same file. Tests are none of them.
func Here() (files []string) {
	_, self, _, _ := runtime.Caller(0)
	root := strings.TrimSuffix(filepath.ToSlash(self), "bridge/walktest/walktest.go")
	pcs := make([]uintptr, 100)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	for more := true; more; {
		var f runtime.Frame
		f, more = frames.Next()
		name, ours := strings.CutPrefix(filepath.ToSlash(f.File), root)
		if ours && !strings.HasSuffix(name, "_test.go") && (len(files) == 0 || files[len(files)-1] != name) {
			files = append(files, name)
		}
	}
	slices.Reverse(files)
	return files
}

// Check fails the test where a stack enters a file twice, or does not go through the street from one stop to another as the page
// has it. Files of a stack that the page leaves out lead nowhere else.
func Check(t testing.TB, root string, s Street, stack []string, want ...string) {
	t.Helper()
	stops := Page(t, root, s)
	at, seen := 0, map[string]bool{}
	var passed []string
	for _, file := range stack {
		if seen[file] {
			t.Errorf("%s is entered twice: %s", file, strings.Join(stack, " > "))
		}
		seen[file] = true
		i := slices.IndexFunc(stops, func(stop string) bool { return stop == file || strings.HasPrefix(file, stop+"/") })
		if i < 0 {
			continue
		}
		if i < at {
			t.Errorf("%s stands before %s in docs/ARCHITECTURE.md, and comes behind it: %s", stops[i], stops[at], strings.Join(stack, " > "))
		}
		if at = i; !slices.Contains(passed, stops[i]) {
			passed = append(passed, stops[i])
		}
	}
	if !slices.Equal(passed, want) {
		t.Errorf("%s: the stops passed are %q, want %q, of the stack %q", s, passed, want, stack)
	}
}
