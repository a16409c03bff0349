package e2e

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/natsgram/natsgram/mtproto/mttest"
)

// natsVersions are other versions of nats-server to try, each of which is built first: make nats-versions.
var natsVersions = flag.String("nats.versions", "", "versions of nats-server to try, between commas")

const natsServer = "github.com/nats-io/nats-server/v2"

// installServer builds a nats-server, of the version that the daemon embeds when none is named, and returns its folder. That one is a tool
// of this module: `go install` with a version asks the registry anew each time, and waits as long as the registry does.
func installServer(t *testing.T, version string) string {
	t.Helper()
	dir := filepath.Join(bin, "nats-server-"+version)
	if _, err := os.Stat(filepath.Join(dir, "nats-server")); err == nil {
		return dir
	}
	must(t, os.MkdirAll(dir, 0o755))
	if version == "" {
		must(t, build(".", nil, "go", "build", "-o", dir, natsServer))
	} else {
		must(t, build(dir, []string{"GOBIN=" + dir, "GOFLAGS=-mod=mod"}, "go", "install", natsServer+"@"+version))
	}
	return dir
}

// TestNatsVersions runs login, calls, updates and a restart of the daemon on other versions of nats-server. What is too old is
// refused, what nobody supports is warned of.
func TestNatsVersions(t *testing.T) {
	if *natsVersions == "" {
		t.Skip("it builds nats-server several times: make nats-versions")
	}
	for version := range strings.SplitSeq(*natsVersions, ",") {
		t.Run(version, func(t *testing.T) { tryVersion(t, version) })
	}
}

func tryVersion(t *testing.T, version string) {
	t.Helper()
	address := freeAddress(t)
	host, port, _ := strings.Cut(address, ":")
	server := exec.Command(filepath.Join(installServer(t, version), "nats-server"), "-js", "-a", host, "-p", port, "-sd", t.TempDir())
	var said lockedBuffer
	server.Stderr = &said
	must(t, server.Start())
	t.Cleanup(func() { _ = server.Process.Kill(); _ = server.Wait() })

	s := mttest.NewServer(t, func(c *mttest.Config) { c.Code = "54321" })
	me := s.AddUser(mttest.User{First: "Me", Phone: "+491701234567"})
	friend := s.AddUser(mttest.User{First: "Friend"})
	o := newOperator(t, s)
	o.env = append(o.env, "NATS_URL=nats://"+address, "NATSGRAM_SECRET=sixteen characters")
	if strings.HasPrefix(version, "v2.10.") {
		if out, err := o.sh(t, "timeout 20 natsgram serve", o.env...); err == nil || !strings.Contains(out, "too old for natsgram") {
			t.Errorf("%s: %v\n%s", version, err, out)
		}
		return
	}
	o.run(t, "natsgram login main --phone +491701234567 --code 54321")
	stopNow := o.serve(t, "main")
	o.run(t, "natsgram call main messages.sendMessage peer=me message='by ourselves'")
	friend.Send(me, "while it runs")
	o.waitFor(t, "while it runs")
	stopNow()
	for range 30 { // enough for a batch
		friend.Send(me, "while it was away")
	}
	friend.Send(me, "the last one")
	o.serve(t, "main")
	o.waitFor(t, "the last one")
	all := o.run(t, "natsgram tail main --all --json --type updateNewMessage -n 33")
	if n := strings.Count(all, "while it was away"); n != 30 || !strings.Contains(all, "by ourselves") {
		t.Errorf("%d of 30 updates:\n%.3000s", n, all)
	}
}
