package e2e

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// A new layer is a file: imported and generated from, in a copy of this tree, it gives Go and TypeScript that compile and
// have what is new, and a diff that a person can read (docs/layers.md).
func TestRegenerate(t *testing.T) {
	must(t, buildNatsgram())
	tree := copyOfTree(t)
	file := filepath.Join(t.TempDir(), "newer.tl")
	must(t, os.WriteFile(file, []byte(strings.Replace(string(newerLayer(t)), "#0badcafe", "", 1)), 0o644))
	must(t, build(tree, nil, filepath.Join(bin, "natsgram"), "schema", "import", file, "--to", "schemas/api.tl"))
	must(t, build(tree, nil, "make", "generate"))
	must(t, os.WriteFile(filepath.Join(tree, "tl", "tg", "newer_test.go"), []byte(newerGo), 0o644))
	must(t, build(tree, nil, "go", "vet", "./tl/tg/...", "./bridge/client"))
	must(t, build(tree, nil, "go", "test", "-run", "TestNewer", "./tl/tg"))
	for _, folder := range []string{"schemas", "tl/tg"} {
		added, removed := changedLines(t, filepath.Join(root, folder), filepath.Join(tree, folder))
		t.Logf("%s: %d lines added, %d removed", folder, added, removed)
		if added == 0 || added > 300 || removed > 40 {
			t.Errorf("%s: %d lines added and %d removed for ten lines of the schema are no diff to review", folder, added, removed)
		}
	}
	t.Run("TypeScript", func(t *testing.T) {
		dir := needNode(t)
		declarations, err := os.ReadFile(filepath.Join(tree, "schemas", "npm", "index.d.ts"))
		must(t, err)
		must(t, os.MkdirAll(filepath.Join(dir, "newer"), 0o755))
		must(t, os.WriteFile(filepath.Join(dir, "newer", "index.d.ts"), declarations, 0o644))
		must(t, os.WriteFile(filepath.Join(dir, "newer", "newer.ts"), []byte(newerTypeScript), 0o644))
		must(t, build(dir, nil, "npx", "--no-install", "tsc", "--ignoreConfig", "--strict", "--noEmit", "--types", "node", "--module", "nodenext", "--target", "es2022", "newer/newer.ts"))
	})
}

// newerGo is Go that there is only in the newer layer.
const newerGo = `package tg

import "testing"

func TestNewer(t *testing.T) {
	if Layer != 999 {
		t.Error(Layer)
	}
	_ = &MoodsSetRequest{Mood: &MoodBad{Why: "e2e"}, Peers: []InputPeerClass{&InputPeerSelf{}}}
	_ = &UpdateMood{UserID: 1, Mood: &MoodGood{}}
}
`

const newerTypeScript = `import { call, updates, type Layer } from "./index.js";
const layer: Layer = 999;
declare const nc: Parameters<typeof call>[0];
const ok: boolean = await call(nc, "demo", "moods.set", { mood: { _: "moodBad", why: "e2e", moods: [] }, peers: [{ _: "inputPeerSelf" }] });
// @ts-expect-error: why is missing
await call(nc, "demo", "moods.set", { mood: { _: "moodBad", moods: [] }, peers: [] });
for await (const m of updates(nc, "demo", { type: "updateMood" })) if (m.type === "updateMood") console.log(m.update.mood._, layer, ok);
`

// copyOfTree is the module without what its packages do not need.
func copyOfTree(t *testing.T) string {
	t.Helper()
	tree := t.TempDir()
	must(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		if entry.IsDir() && rel != "." && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "node_modules" || rel == "e2e" || rel == "bin") {
			return filepath.SkipDir
		}
		to := filepath.Join(tree, rel)
		if entry.IsDir() {
			return os.MkdirAll(to, 0o755)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(to, b, 0o644)
	}))
	return tree
}

// changedLines counts what git says has changed from one folder to another.
func changedLines(t *testing.T, from, to string) (added, removed int) {
	t.Helper()
	out, err := exec.Command("git", "diff", "--no-index", "--numstat", "--diff-filter=MA", from, to).Output()
	if err != nil && len(out) == 0 {
		t.Skipf("git does not compare: %v", err) // its exit status also says that there are differences
	}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		if len(fields) < 3 || strings.HasSuffix(line, "_test.go\n") || strings.HasSuffix(line, "_test.go}\n") {
			continue
		}
		a, _ := strconv.Atoi(fields[0])
		r, _ := strconv.Atoi(fields[1])
		added, removed = added+a, removed+r
	}
	return added, removed
}
