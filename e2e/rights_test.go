package e2e

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

var buildServer = sync.OnceValue(func() error {
	return build(root, nil, "go", "build", "-o", filepath.Join(bin, "nats-server"), "github.com/nats-io/nats-server/v2")
})

// permissions is what `natsgram permissions` prints, in its two parts where the user is in another NATS account.
func permissions(t *testing.T, d *demo, words string) (exports, rest string) {
	t.Helper()
	out, err := d.sh(t, "natsgram permissions "+words)
	if err != nil {
		t.Fatalf("permissions %s: %v\n%s", words, err, out)
	}
	if other, ok := strings.CutPrefix(out, "# to account NATSGRAM:\n"); ok {
		exports, out, _ = strings.Cut(other, "# to account ")
		_, out, _ = strings.Cut(out, ":\n")
	}
	return exports, out
}

// natsAccounts starts nats-server with natsgram in an account of its own, and users with the rights that are printed.
func natsAccounts(t *testing.T) *demo {
	t.Helper()
	for _, f := range []func() error{buildNatsgram, installCLI, buildServer} {
		must(t, f())
	}
	d := &demo{home: t.TempDir()}
	_, daemon := permissions(t, d, "daemon")
	_, reader := permissions(t, d, "reader demo --user reader")
	_, operator := permissions(t, d, "operator --user operator")
	_, watcher := permissions(t, d, "watcher demo --user watcher")
	one, durable := permissions(t, d, "consumer demo --durable demo=archive --user archive")
	two, own := permissions(t, d, "consumer demo --stream --user own")
	one, two = strings.TrimSuffix(strings.TrimSpace(one), "]"), strings.TrimPrefix(strings.TrimSpace(two), "exports: [")
	d.serveNATS(t, fmt.Sprintf("accounts: {\nNATSGRAM: {\njetstream: enabled\nusers: [\n{ user: admin, password: p }\n%s%s%s%s]\n%s%s}\nARCHIVE: {\n%s}\nOWN: {\n%s}\n}\n",
		daemon, reader, operator, watcher, one, two, durable, own))
	return d
}

// serveNATS runs nats-server with JetStream and more of a configuration until the test ends.
func (d *demo) serveNATS(t *testing.T, config string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	where := l.Addr().String()
	must(t, l.Close())
	conf := filepath.Join(d.home, "nats.conf")
	must(t, os.WriteFile(conf, fmt.Appendf(nil, "listen: %q\njetstream: { store_dir: %q }\n%s", where, t.TempDir(), config), 0o600))
	c := exec.Command(filepath.Join(bin, "nats-server"), "-c", conf)
	c.Env = d.env("DAEMON_PASSWORD=p", "READER_PASSWORD=p", "OPERATOR_PASSWORD=p", "WATCHER_PASSWORD=p", "ARCHIVE_PASSWORD=p", "OWN_PASSWORD=p")
	var logged lockedBuffer
	c.Stderr = &logged
	must(t, c.Start())
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	d.url = "nats://" + where
	for limit := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		nc, err := net.Dial("tcp", where)
		if err == nil {
			nc.Close()
			return
		}
		if time.Now().After(limit) {
			t.Fatalf("no nats-server: %v\n%s", err, &logged)
		}
	}
}

// as runs a line as a user of NATS.
func (d *demo) as(t *testing.T, user, line string, more ...string) string {
	t.Helper()
	out, err := d.sh(t, line, append(more, "NATS_URL="+d.url, "NATS_USER="+user, "NATS_PASSWORD=p", "NATS_INBOX_PREFIX=_INBOX_."+user)...)
	if err != nil {
		t.Fatalf("%s: %s: %v\n%s", user, line, err, out)
	}
	return out
}

// TestRoles gives the printed rights to real programs: the daemon, natsgram's commands, the nats CLI and the npm package. What the
// rights refuse is tried elsewhere; here they have to be enough.
func TestRoles(t *testing.T) {
	dir := needNode(t)
	d := natsAccounts(t)
	running := startDemoAt(t, d, "daemon")
	group := groupOf(t, running.screen)
	d.as(t, "admin", "natsgram streams add demo")
	d.as(t, "admin", "nats consumer add TG_UPDATES demo=archive --pull --defaults --deliver new --filter 'tg.upd.demo.updateNewMessage.*.*'")
	for range 3 {
		d.as(t, "admin", fmt.Sprintf(`natsgram call demo messages.sendMessage peer._=inputPeerChat peer.chat_id=%s message=hello`, group))
	}
	if out := d.as(t, "reader", "natsgram call demo help.getConfig --ro"); !strings.Contains(out, `"_": "config"`) {
		t.Errorf("the reader's call:\n%s", out)
	}
	if out := d.as(t, "operator", "natsgram accounts list"); !strings.Contains(out, "connected") {
		t.Errorf("the operator's list:\n%s", out)
	}
	if out := d.as(t, "watcher", `nats sub 'tg.upd.demo.updateNewMessage.>' --count 1`); !strings.Contains(out, `"updateNewMessage"`) { // the demo's people talk
		t.Errorf("the watcher saw:\n%s", out)
	}
	domain := "NATSGRAM_JETSTREAM_DOMAIN=natsgram"
	if out := d.as(t, "own", "natsgram tail demo --stream --all --count 2 --json", domain); !strings.Contains(out, `"update"`) {
		t.Errorf("tail:\n%s", out)
	}
	cli := "nats --js-domain natsgram --inbox-prefix _INBOX_.$NATS_USER "
	if out := d.as(t, "archive", cli+"consumer next TG_UPDATES demo=archive --count 1 --timeout 20s"); !strings.Contains(out, "hello") {
		t.Errorf("consumer next:\n%s", out)
	}
	d.as(t, "own", cli+"consumer add TG_UPDATES_demo cli --pull --defaults --deliver all")
	if out := d.as(t, "own", cli+"consumer next TG_UPDATES_demo cli --count 1 --timeout 20s"); !strings.Contains(out, "Tg-Type") {
		t.Errorf("consumer next of the account's own:\n%s", out)
	}
	d.as(t, "admin", "nats consumer add TG_STATE demo=archive --pull --defaults --deliver subject --filter 'tg.state.demo.dialog.>'")
	d.as(t, "admin", fmt.Sprintf("natsgram history fetch demo chat.%s --limit 3", group))
	d.as(t, "admin", "nats consumer add TG_HISTORY demo=archive --pull --defaults --deliver all --filter 'tg.hist.demo.>'")
	node(t, dir, "consumer.mjs", d.url, "archive", "p", "demo", "demo=archive")
	node(t, dir, "consumer.mjs", d.url, "own", "p", "demo", "own")
}
