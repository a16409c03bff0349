package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestNode runs a program written with the official NATS packages for Node, in an own copy of its folder.
func TestNode(t *testing.T) {
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed: %v", tool, err)
		}
	}
	d := startDemo(t)
	dir := t.TempDir()
	for _, name := range []string{"package.json", "package-lock.json", ".npmrc", "program.mjs"} {
		b, err := os.ReadFile(filepath.Join("node", name))
		must(t, err)
		must(t, os.WriteFile(filepath.Join(dir, name), b, 0o644))
	}
	must(t, build(dir, nil, "npm", "ci", "--no-audit", "--no-fund"))
	c := exec.CommandContext(t.Context(), "node", "program.mjs", d.url, "demo", groupOf(t, d.screen))
	c.Dir = dir
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("program.mjs: %v\n%s", err, out)
	}
	t.Logf("%s", out)
}
