package partners

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// debian unpacks Debian's packages of the two proxies into a folder of this run; nothing is installed.
var debian = sync.OnceValues(func() (string, error) {
	dir := filepath.Join(folder, "debian")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", err
	}
	script := `cd "$1" && apt-get download microsocks tinyproxy-bin 2>/dev/null ||
		{ apt-get update -qq && apt-get download microsocks tinyproxy-bin; } && for p in *.deb; do dpkg -x "$p" .; done`
	c := exec.Command("sh", "-c", script, "sh", dir)
	if out, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return dir, nil
})

// proxyProgram is a proxy out of Debian. Where there is no apt, or its packages cannot be had, the test is skipped.
func proxyProgram(t *testing.T, name string) string {
	t.Helper()
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		t.Skipf("%s is not installed, and there is no apt-get to fetch it: %v", name, err)
	}
	dir, err := debian()
	if err != nil {
		t.Skipf("%s cannot be had from Debian: %v", name, err)
	}
	return filepath.Join(dir, "usr", "bin", name)
}

// listening runs a proxy until the test ends, and returns once it takes connections.
func listening(t *testing.T, addr, program string, args ...string) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	c := exec.CommandContext(ctx, program, args...)
	var out strings.Builder
	c.Stdout, c.Stderr = &out, &out
	must(t, c.Start())
	t.Cleanup(func() {
		stop()
		_ = c.Wait() // it was killed
	})
	for limit := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Close()
			return
		}
		if time.Now().After(limit) {
			t.Fatalf("%s does not listen: %v\n%s", program, err, out.String())
		}
	}
}

// freePort is a port that nobody has; the proxies cannot choose one and say which.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// SOCKS5 by microsocks and HTTP CONNECT by tinyproxy, with a name and password: a daemon signs in, calls and is told updates
// through each, and says what is wrong with a wrong password.
func TestOthersProxies(t *testing.T) {
	for name, start := range map[string]func(*testing.T, int) (scheme string){"microsocks": microsocks, "tinyproxy": tinyproxy} {
		t.Run(name, func(t *testing.T) {
			port := freePort(t)
			scheme := start(t, port)
			w := newFixture(t, proxyKey)
			d := w.startDaemon(t, t.TempDir(), w.alice, fmt.Sprintf("%s://me:horse7@127.0.0.1:%d", scheme, port))
			d.call("messages.sendMessage", object{"peer": "me", "message": "through " + name})
			w.bob.Send(w.alice, "hello through "+name)
			for limit := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
				said, err := d.said(chats{})
				must(t, err)
				if at := said[fmt.Sprintf("user.%d", w.bob.ID())]; at != nil && len(at.messages) == 1 {
					break
				}
				if time.Now().After(limit) {
					t.Fatal("the update never comes")
				}
			}
			d.stop()
			set, o := w.daemonOf(t.TempDir(), fmt.Sprintf("%s://me:wrong@127.0.0.1:%d", scheme, port))
			ctx, done := context.WithTimeout(t.Context(), 3*time.Second)
			defer done()
			if err := w.login(ctx, set, o, w.alice); err == nil {
				t.Error("with a wrong password it got through")
			}
		})
	}
}

func microsocks(t *testing.T, port int) string {
	program := proxyProgram(t, "microsocks")
	listening(t, net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), program, "-i", "127.0.0.1", "-p", strconv.Itoa(port), "-u", "me", "-P", "horse7")
	return "socks5"
}

func tinyproxy(t *testing.T, port int) string {
	program := proxyProgram(t, "tinyproxy")
	conf := filepath.Join(t.TempDir(), "tinyproxy.conf")
	must(t, os.WriteFile(conf, fmt.Appendf(nil, "Port %d\nListen 127.0.0.1\nAllow 127.0.0.1\nTimeout 600\nMaxClients 50\nBasicAuth me horse7\n", port), 0o600))
	listening(t, net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), program, "-d", "-c", conf)
	return "http"
}
