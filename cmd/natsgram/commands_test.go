package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// command runs the program with words and returns what it printed, both streams, and its exit status.
func command(t *testing.T, words ...string) (out string, status int) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "out")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	status = run(t.Context(), words, null, f, f)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b), status
}

// takenPort is a port of 127.0.0.1 at which somebody listens.
func takenPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

func TestCommands(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	t.Setenv("NATSGRAM_NATS_PORT", "1") // nobody listens there
	old := filepath.Join(t.TempDir(), "old.tl")
	text := "user#d3bc4b7a id:long = User;\n---functions---\nusers.getUser id:long = User;\n// LAYER 1\n"
	newer := strings.Replace(text, "getUser id:long", "getUser id:long full:Bool", 1)
	newer = "boolTrue#997275b5 = Bool;\n" + strings.Replace(newer, "LAYER 1", "LAYER 2", 1)
	next := filepath.Join(t.TempDir(), "new.tl")
	for name, content := range map[string]string{old: strings.Replace(text, "#d3bc4b7a", "", 1), next: strings.Replace(newer, "#d3bc4b7a", "", 1)} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		words  string
		status int
		want   string
	}{
		{"", 0, "natsgram demo"},
		{"--version", 0, version},
		{"frobnicate", 1, "frobnicate"},
		{"methods messages.sendMessage", 0, "tg.rpc.ACCOUNT.messages.sendMessage"},
		{"methods --json help.getConfig", 0, `"result":"Config"`},
		{"methods no such method anywhere", 1, "no method of layer"},
		{"permissions writer main --method messages.sendMessage", 0, `publish: { allow: ["tg.rpc.main.messages.sendMessage"] }`},
		{"permissions writer main --user poster --inbox _INBOX_p", 0, `{ user: "poster", password: $POSTER_PASSWORD, permissions: {`},
		{"permissions writer main --user poster --inbox _INBOX_p", 0, `subscribe: { allow: ["_INBOX_p.>"] }`},
		{"permissions reader main --method messages.getHistory", 0, `publish: { allow: ["tg.ro.main.messages.getHistory"] }`},
		{"permissions reader main --method messages.sendMessage", 1, "messages.sendMessage does not only read"},
		{"permissions writer --method messages.nothing", 1, `has no method "messages.nothing"`},
		{"permissions operator main --method messages.getHistory", 1, "methods go with the roles reader and writer"},
		{"permissions watcher main", 0, `publish: { deny: [">"] }`},
		{"permissions watcher main --nsc", 0, `--deny-pub '>'`},
		{"permissions consumer main", 1, "name its durables"},
		{"permissions consumer main --durable a --trusted", 0, "this user can do everything"},
		{"permissions consumer main --durable a --trusted --json", 0, `"$JS.API.CONSUMER.MSG.NEXT.TG_UPDATES.a"`},
		{"permissions consumer main --durable a", 0, `"$JS.natsgram.API.CONSUMER.MSG.NEXT.TG_UPDATES.a"`},
		{"permissions consumer main --durable other=a", 1, "is of the account other"},
		{"permissions reader --trusted", 1, "--trusted goes with consumer"},
		{"permissions reader --to X", 1, "--to goes with --from"},
		{"permissions reader --user a.b", 1, `name "a.b"`},
		{"permissions reader --inbox $KV", 1, "inbox prefix"},
		{"permissions daemon --from X", 1, "the daemon is in its own account"},
		{"permissions daemon main", 1, "takes no account"},
		{"permissions king main", 1, `no role "king"`},
		{"permissions writer MAIN", 1, "MAIN"},
		{"permissions", 2, "want: natsgram permissions ROLE [ACCOUNT]"},
		{"schema show InputPeer", 0, "inputPeerSelf#7da07ec9 = InputPeer;"},
		{"schema show Nothing", 1, "has no constructor"},
		{"schema check", 0, "0 ids that do not fit their line"},
		{"schema import " + old, 0, "// LAYER 1"},
		{"schema import " + filepath.Join(t.TempDir(), "missing"), 1, "no such file"},
		{"schema diff " + old + " " + next, 0, "+ full:Bool"},
		{"schema export --asyncapi", 0, `"address":"tg.rpc.{account}.messages.sendMessage"`},
		{"schema export --jsonschema " + next, 0, "urn:natsgram:layer:2"},
		{"schema export --typescript " + old, 0, "export type Layer = 1;"},
		{"schema export", 1, "want one of --asyncapi, --jsonschema and --typescript"},
		{"schema export --jsonschema --typescript", 1, "want one of"},
		{"schema export --typescript " + filepath.Join(t.TempDir(), "missing"), 1, "no such file"},
		{"schema export --typescript -o " + filepath.Join(t.TempDir(), "missing", "x"), 1, "no such file"},
		{"config --json", 0, "NATSGRAM_API_HASH"},
		{"config extra", 2, "--help"},
		{"call main", 2, "want: natsgram call ACCOUNT METHOD"},
		{"call BAD help.getConfig", 1, "account"},
		{"call main help.getConfig x", 1, "want key=value"},
		{"call main help.getConfig", 1, "natsgram serve"},
		{"accounts", 0, "natsgram accounts move main two"},
		{"accounts list", 1, "natsgram serve"},
		{"accounts list x", 2, "want: natsgram accounts list"},
		{"accounts add", 2, "want: natsgram accounts add ACCOUNT"},
		{"accounts add BAD", 1, "account name"},
		{"accounts move main one two", 2, "want: natsgram accounts move ACCOUNT [DAEMON]"},
		{"accounts remove main", 1, "natsgram serve"},
		{"tail main", 1, "natsgram serve"},
		{"tail main --all --last 3", 1, "all last"},
		{"tail main --chat foo", 2, "--chat foo: want KIND.ID"},
		{"tail main --chat channel.>", 2, "--chat channel.>: want"},
		{"tail main --type a.b", 2, "--type a.b: want"},
		{"tail main --last -3", 2, "want no minus"},
		{"tail main --type updateNewMesage", 1, "has no update updateNewMesage"},
		{"demo --external", 1, "NATS_URL"},
		{"demo --every 0s", 2, "--every 0s: want 1ms"},
		{"demo --every -1s", 2, "--every -1s: want 1ms"},
		{"demo --for -1s", 2, "--for -1s: want"},
		{"demo --port 99999", 2, "--port 99999 is not between"},
		{"demo --port " + takenPort(t), 2, "is taken"},
	} {
		out, status := command(t, strings.Fields(c.words)...)
		if status != c.status || !strings.Contains(out, c.want) || strings.Contains(out, "{[") {
			t.Errorf("natsgram %s: status %d, want %d and %q:\n%.1500s", c.words, status, c.status, c.want, out)
		}
	}
}

func TestSchemaExportOfTheLayerThatIsRun(t *testing.T) {
	name := filepath.Join(t.TempDir(), "my.tl")
	if err := os.WriteFile(name, []byte("user id:long = User;\n---functions---\nusers.getUser id:long = User;\n// LAYER 7\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("NATSGRAM_SCHEMA", name)
	t.Setenv("NATSGRAM_PREFIX", "acme")
	to := filepath.Join(t.TempDir(), "asyncapi.json")
	if out, status := command(t, "schema", "export", "--asyncapi", "-o", to); status != 0 || out != "" {
		t.Fatal(status, out)
	}
	doc, err := os.ReadFile(to)
	if err != nil || !strings.Contains(string(doc), `"address":"acme.rpc.{account}.users.getUser"`) || !strings.Contains(string(doc), "layer 7") {
		t.Errorf("%v: %.500s", err, doc)
	}
}
