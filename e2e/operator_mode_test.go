package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// nscModule is what builds nsc. As another module's package its dependencies are those that its own go.mod names.
const nscModule = "module build\n\ngo 1.26\n\nrequire github.com/nats-io/nsc/v2 v2.15.0\n"

var buildNSC = sync.OnceValue(func() error {
	dir := filepath.Join(bin, "nsc.src")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for name, text := range map[string]string{"go.mod": nscModule, "main.go": "package main\n\nimport _ \"github.com/nats-io/nsc/v2/cmd\"\n\nfunc main() {}\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return build(dir, []string{"GOFLAGS=-mod=mod"}, "go", "build", "-o", filepath.Join(bin, "nsc"), "github.com/nats-io/nsc/v2")
})

// TestOperatorMode runs the commands of docs/nats-accounts.md, and those that natsgram prints for nsc, word for word but for the account's
// name, gives what comes out to nats-server, and tries the users: what they are for, and what they may not.
func TestOperatorMode(t *testing.T) {
	for _, f := range []func() error{buildNatsgram, installCLI, buildServer, buildNSC} {
		must(t, f())
	}
	d := &demo{home: t.TempDir()}
	text, err := os.ReadFile(filepath.Join(root, "docs", "nats-accounts.md"))
	must(t, err)
	block := regexp.MustCompile("(?s)<!-- e2e: nsc -->\n```sh\n(.*?)NATS_URL=[^\n]*natsgram serve\n```").FindSubmatch(text)
	if block == nil {
		t.Fatal("docs/nats-accounts.md has no commands of nsc")
	}
	commands := strings.ReplaceAll(string(block[1]), " main ", " demo ")
	commands += "nsc add user --account NATSGRAM --name admin\n"
	for user, account := range map[string]string{"admin": "NATSGRAM", "dashboard": "APP", "archive": "ARCHIVE"} {
		commands += "nsc generate creds --account " + account + " --name " + user + " > " + user + ".creds\n"
	}
	commands += "nsc generate config --mem-resolver --sys-account SYS > resolver.conf\n"
	if out, err := d.sh(t, "set -e\ncd "+d.home+"\n"+commands, "XDG_DATA_HOME="+filepath.Join(d.home, "data")); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	config, err := os.ReadFile(filepath.Join(d.home, "resolver.conf"))
	must(t, err)
	d.serveNATS(t, string(config))
	user := func(name string) []string {
		return []string{"NATS_URL=" + d.url, "NATS_CREDS=" + filepath.Join(d.home, name+".creds"), "NATS_INBOX_PREFIX=_INBOX_." + name}
	}
	launch(t, &demo{home: d.home}, []string{"demo", "--external"}, user("daemon")...)
	cli := "nats --creds $NATS_CREDS --inbox-prefix $NATS_INBOX_PREFIX --timeout 2s "
	for _, try := range []struct{ as, line, want string }{
		{"admin", "natsgram streams add demo", "TG_UPDATES_demo"},
		{"admin", "natsgram call demo messages.sendMessage peer=me message=hello", `"_": "update`},
		{"dashboard", "natsgram call demo help.getConfig --ro", `"_": "config"`},
		{"dashboard", "natsgram call demo help.getConfig", "!permission"},
		{"archive", "NATSGRAM_JETSTREAM_DOMAIN=natsgram natsgram tail demo --stream --all --count 1 --json", `"gap"`},
		{"archive", cli + "--js-domain natsgram stream info TG_UPDATES", "!"},
		{"daemon", cli + "pub tg.queue.demo.user.1.messages.sendMessage x", "!ermissions"},
		{"daemon", cli + "stream rm -f TG_UPDATES", "!"},
	} {
		want, fails := strings.CutPrefix(try.want, "!")
		if out, err := d.sh(t, try.line, user(try.as)...); (err != nil) != fails || !strings.Contains(out, want) {
			t.Errorf("%s: %s: %v\n%s\nwant %q", try.as, try.line, err, out, try.want)
		}
	}
}
