// Package e2e holds natsgram against software that is not ours: gotd/td's client and server, the nats CLI, the official
// NATS packages for Node. It uses the built binary and public packages only, and is a module of its own, so that nobody
// who imports natsgram needs what it needs.
package e2e

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// natsCLI is the version that the README names.
const natsCLI = "github.com/nats-io/natscli/nats@v0.5.1"

var (
	bin     string // folder with natsgram and nats
	root, _ = filepath.Abs("..")
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "natsgram-e2e")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	bin = dir
	return m.Run()
}

var (
	buildNatsgram = sync.OnceValue(func() error {
		return build(root, nil, "go", "build", "-o", filepath.Join(bin, "natsgram"), "./cmd/natsgram")
	})
	installCLI = sync.OnceValue(func() error {
		return build(bin, []string{"GOBIN=" + bin, "GOFLAGS=-mod=mod"}, "go", "install", natsCLI)
	})
)

func build(dir string, env []string, name string, args ...string) error {
	c := exec.Command(name, args...)
	c.Dir, c.Env = dir, append(os.Environ(), env...)
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, out)
	}
	return nil
}

// demo is a running `natsgram demo`.
type demo struct {
	url    string
	screen string
	home   string
}

// startDemo runs the demo on a free port until the test ends, and returns once it says that it is ready.
func startDemo(t *testing.T, args ...string) *demo {
	t.Helper()
	must(t, buildNatsgram())
	must(t, installCLI())
	return launch(t, &demo{home: t.TempDir()}, append([]string{"demo", "--port", "-1"}, args...))
}

// startDemoAt runs the demo on the NATS server of another, as a user there.
func startDemoAt(t *testing.T, at *demo, user string) *demo {
	t.Helper()
	return launch(t, &demo{home: at.home}, []string{"demo", "--external"}, "NATSGRAM_STATE=all", "NATS_URL="+at.url, "NATS_USER="+user, "NATS_PASSWORD=p", "NATS_INBOX_PREFIX=_INBOX_."+user)
}

func launch(t *testing.T, d *demo, args []string, env ...string) *demo {
	t.Helper()
	c := exec.Command(filepath.Join(bin, "natsgram"), args...)
	c.Env = d.env(env...)
	var logged lockedBuffer
	c.Stderr = &logged
	out, err := c.StdoutPipe()
	must(t, err)
	must(t, c.Start())
	lines := make(chan string, 1024)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			select {
			case lines <- s.Text():
			default: // what is said after the start is not waited for
			}
		}
	}()
	t.Cleanup(func() { stop(t, c, &logged) })
	d.read(t, lines, &logged)
	return d
}

var address = regexp.MustCompile(`nats://127\.0\.0\.1:\d+`)

// read takes the screen up to the line that says how to stop, which comes last.
func (d *demo) read(t *testing.T, lines <-chan string, logged *lockedBuffer) {
	t.Helper()
	limit := time.After(time.Minute)
	for {
		select {
		case line, ok := <-lines:
			if !ok {
				t.Fatalf("the demo ended:\n%s\n%s", d.screen, logged)
			}
			d.screen += line + "\n"
			if strings.Contains(line, "Ctrl-C") {
				d.url = address.FindString(d.screen)
				return
			}
		case <-limit:
			t.Fatalf("the demo is not ready after a minute:\n%s\n%s", d.screen, logged)
		}
	}
}

// stop ends the demo as an operator would, and wants it to end well.
func stop(t *testing.T, c *exec.Cmd, logged *lockedBuffer) {
	_ = c.Process.Signal(syscall.SIGTERM)
	done := make(chan error, 1)
	go func() { done <- c.Wait() }()
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("the demo ended with %v:\n%s", err, logged)
		}
	case <-time.After(20 * time.Second):
		_ = c.Process.Kill()
		t.Errorf("the demo did not end within 20 s of SIGTERM:\n%s", logged)
	}
}

// env is an environment in which nothing of this machine's user is found, and our own binaries are.
func (d *demo) env(more ...string) []string {
	return append([]string{"PATH=" + bin + ":" + os.Getenv("PATH"), "HOME=" + d.home, "XDG_CONFIG_HOME=" + filepath.Join(d.home, ".config"), "TMPDIR=" + os.TempDir()}, more...)
}

// sh runs a line as somebody would paste it into another terminal.
func (d *demo) sh(t *testing.T, line string, more ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 45*time.Second)
	defer cancel()
	c := exec.CommandContext(ctx, "sh", "-c", line)
	c.Env = d.env(more...)
	c.Dir = root
	c.WaitDelay = time.Second
	out, err := c.CombinedOutput()
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = fmt.Errorf("no end within 45 s: %w", err)
	}
	return string(out), err
}

// nats runs the nats CLI against the demo and wants it to succeed.
func (d *demo) nats(t *testing.T, line string) string {
	t.Helper()
	out, err := d.sh(t, "nats "+line, "NATS_URL="+d.url)
	if err != nil {
		t.Fatalf("nats %s: %v\n%s", line, err, out)
	}
	return out
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
