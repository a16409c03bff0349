package e2e

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/natsgram/natsgram/bridge/embedded"
	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/mtproto/mttest/world"
)

// nodeFolder is a copy of the folder node with its packages installed, and with our own as `npm pack` makes it.
var nodeFolder = sync.OnceValues(func() (string, error) {
	dir := filepath.Join(bin, "node")
	if err := os.CopyFS(dir, withoutPackages("node")); err != nil {
		return "", err
	}
	return dir, errors.Join(
		build(dir, nil, "npm", "ci", "--no-audit", "--no-fund"),
		build(filepath.Join(root, "schemas", "npm"), nil, "npm", "pack", "--pack-destination", dir),
		build(dir, nil, "sh", "-c", "npm install --no-save --no-audit --no-fund ./natsgram-*.tgz"),
	)
})

// needNode is the folder, for tests that cannot do without Node.
func needNode(t *testing.T) string {
	t.Helper()
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed: %v", tool, err)
		}
	}
	dir, err := nodeFolder()
	must(t, err)
	return dir
}

// node runs a program in the folder and shows what it printed.
func node(t *testing.T, dir string, args ...string) {
	t.Helper()
	c := exec.CommandContext(t.Context(), "node", args...)
	c.Dir = dir
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", args[0], err, out)
	}
	t.Logf("%s", out)
}

// TestNode runs a program written with the official NATS packages alone.
func TestNode(t *testing.T) {
	dir := needNode(t)
	d := startDemo(t)
	node(t, dir, "program.mjs", d.url, "demo", groupOf(t, d.screen))
}

// TestTypeScript compiles what must and what must not compile, strictly, and runs a program with the package natsgram.
func TestTypeScript(t *testing.T) {
	dir := needNode(t)
	text, err := os.ReadFile(filepath.Join(root, "schemas", "npm", "README.md"))
	must(t, err)
	_, example, _ := strings.Cut(string(text), "```ts\n")
	example, _, _ = strings.Cut(example, "```")
	must(t, os.WriteFile(filepath.Join(dir, "package-readme.ts"), []byte(example), 0o644))
	must(t, compile(dir))
	if _, err := os.Stat(filepath.Join(dir, "out", "package-readme.js")); err != nil {
		t.Errorf("the package's README was not compiled: %v", err)
	}
	d := startDemo(t)
	node(t, dir, "out/typed.js", d.url, "demo", groupOf(t, d.screen))
}

// TestNodeFiles sends a file of 20 MiB, fetches it with the package natsgram, and reads with @nats-io/obj the object that the daemon makes of it.
func TestNodeFiles(t *testing.T) {
	dir := needNode(t)
	must(t, compile(dir))
	node(t, dir, "out/objects.js", startDemo(t).url, "demo")
}

// TestNodeDeleted deletes what loops of the package natsgram read.
func TestNodeDeleted(t *testing.T) {
	dir := needNode(t)
	srv, err := embedded.Start(embedded.Config{Dir: t.TempDir(), NoSync: true})
	must(t, err)
	defer srv.Close()
	node(t, dir, "deleted.mjs", srv.ClientURL())
}

// TestNodeThreads reads a thread of a supergroup with the package natsgram.
func TestNodeThreads(t *testing.T) {
	dir := needNode(t)
	s := mttest.NewServer(t, func(c *mttest.Config) { c.Code = "54321" })
	me, friend := s.AddUser(mttest.User{First: "Me", Phone: "+491701234567"}), s.AddUser(mttest.User{First: "Friend", Phone: "+491701234568"})
	group := s.AddChannel(mttest.ChannelConfig{Title: "Talk", Megagroup: true, Creator: friend, Members: []*mttest.Account{me}})
	say := func(text string, to int) int {
		return friend.SendDraft(group, world.Draft{Text: text, ReplyTo: to}).ID
	}
	root, other := say("what of it?", 0), say("another question", 0)
	this := say("this", root)
	say("beside", 0)
	say("to the other", other)
	say("because", say("why this?", this))
	srv, err := embedded.Start(embedded.Config{Dir: t.TempDir(), NoSync: true, MaxPayload: 1 << 20})
	must(t, err)
	defer srv.Close()
	o := newOperator(t, s)
	o.env = append(o.env, "NATS_URL="+srv.ClientURL(), "NATSGRAM_SECRET=sixteen characters")
	o.run(t, "natsgram login main --phone "+me.Phone()+" --code 54321")
	defer o.serve(t, "main")()
	node(t, dir, "threads.mjs", srv.ClientURL(), "main", fmt.Sprint(group.Peer().ID), fmt.Sprint(root), "this", "why this?", "because")
}

// compile runs the TypeScript compiler on all programs of the folder.
func compile(dir string) error {
	if err := build(dir, nil, "npx", "--no-install", "tsc", "-p", "."); err != nil {
		return fmt.Errorf("the programs do not compile: %w", err)
	}
	return nil
}

// withoutPackages is a folder but for what npm installs there.
func withoutPackages(dir string) fs.FS { return plainFiles{os.DirFS(dir)} }

type plainFiles struct{ fs.FS }

// ReadDir lists the files alone.
func (p plainFiles) ReadDir(name string) (all []fs.DirEntry, err error) {
	entries, err := fs.ReadDir(p.FS, name)
	for _, e := range entries {
		if !e.IsDir() {
			all = append(all, e)
		}
	}
	return all, err
}
