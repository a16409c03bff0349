package main

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
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
	body := filepath.Join(t.TempDir(), "body.json")
	if err := os.WriteFile(body, []byte(`{"id":["me"]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		words  string
		status int
		want   string
	}{
		{"", 0, "natsgram demo"},
		{"--version", 0, version},
		{"frobnicate", 2, "frobnicate"},
		{"methods messages.sendMessage", 0, "tg.rpc.ACCOUNT.messages.sendMessage"},
		{"methods --json help.getConfig", 0, `"result":"Config"`},
		{"methods no such method anywhere", 1, "no method of layer"},
		{"permissions writer main --method messages.sendMessage", 0, `publish: { allow: ["tg.rpc.main.messages.sendMessage"] }`},
		{"permissions writer main --user poster --inbox _INBOX_.p", 0, `{ user: "poster", password: $POSTER_PASSWORD, permissions: {`},
		{"permissions writer main --user poster --inbox _INBOX_.p", 0, `subscribe: { allow: ["_INBOX_.p.>"] }`},
		{"permissions reader main --method messages.getHistory", 0, `publish: { allow: ["tg.ro.main.messages.getHistory"] }`},
		{"permissions reader main --method messages.sendMessage", 2, "messages.sendMessage does not only read"},
		{"permissions writer main --method messages.sendMessage --method invokeWithoutUpdates", 2, "invokeWithoutUpdates carries any other call"},
		{"permissions writer --method messages.nothing", 2, `has no method "messages.nothing"`},
		{"permissions operator main --method messages.getHistory", 2, "methods go with the roles reader, writer and queue"},
		{"permissions watcher main", 0, `publish: { deny: [">"] }`},
		{"permissions watcher main --nsc", 0, `--deny-pub '>'`},
		{"permissions consumer main", 2, "name its durables"},
		{"permissions consumer main --durable a --trusted", 0, "this user can do everything"},
		{"permissions consumer main --durable a --trusted --json", 0, `"$JS.API.CONSUMER.MSG.NEXT.TG_UPDATES.a"`},
		{"permissions consumer main --durable a", 0, `"$JS.natsgram.API.CONSUMER.MSG.NEXT.TG_UPDATES.a"`},
		{"permissions consumer main --durable other=a", 2, "is of the account other"},
		{"permissions reader --trusted", 2, "--trusted goes with consumer"},
		{"permissions reader --to X", 2, "--to goes with --from"},
		{"permissions reader --user a.b", 2, `name "a.b"`},
		{"permissions reader --inbox $KV", 2, "inbox prefix"},
		{"permissions daemon --from X", 2, "the daemon is in its own account"},
		{"permissions daemon main", 2, "takes no account"},
		{"permissions king main", 2, `no role "king"`},
		{"permissions writer MAIN", 2, "MAIN"},
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
		{"schema export", 2, "want one of --asyncapi, --jsonschema and --typescript"},
		{"schema export --jsonschema --typescript", 2, "want one of"},
		{"schema export --typescript " + filepath.Join(t.TempDir(), "missing"), 1, "no such file"},
		{"schema export --typescript -o " + filepath.Join(t.TempDir(), "missing", "x"), 1, "no such file"},
		{"config --json", 0, "NATSGRAM_API_HASH"},
		{"acounts list", 2, "did you mean accounts?"},
		{"--help", 0, "completion"},
		{"completion bash", 0, "bash completion"},
		{"config extra", 2, "--help"},
		{"config natsgram_prefix", 0, "NATSGRAM_PREFIX=tg\n    first token of every subject\n"},
		{"config NATSGRAM_PREFX", 2, "did you mean NATSGRAM_PREFIX?"},
		{"config NATSGRAM_LOGIN_CODE --prefix acme", 0, "NATSGRAM_LOGIN_CODE="},
		{"config --set --prefix acme", 0, "NATSGRAM_PREFIX=acme"},
		{"config --prefix a..b", 1, "NATSGRAM_PREFIX"},
		{"status main", 1, "natsgram serve"},
		{"streams add BAD", 2, "account name"},
		{"streams remove BAD", 2, "account name"},
		{"status BAD", 2, "account name"},
		{"status", 2, "want: natsgram status ACCOUNT"},
		{"events BAD", 2, "account name"},
		{"events main", 1, "natsgram serve"},
		{"logout", 2, "want: natsgram logout ACCOUNT"},
		{"logout main", 1, "natsgram serve"},
		{"watch", 0, "natsgram watch add main"},
		{"watch add main", 2, "want: natsgram watch add ACCOUNT CHANNEL..."},
		{"watch list main", 1, "natsgram serve"},
		{"-s nats://u:hush@127.0.0.1:1 status main", 1, "at nats://********@127.0.0.1:1"},
		{"status main --context none", 1, "NATS_CONTEXT=none: there is no such context"},
		{"status main --server", 2, "flag needs an argument"},
		{"call main help.getConfig --creds /does/not/exist", 1, "/does/not/exist"},
		{"call main messages.sendMessage peer=me message=hello --dry-run --id 7 --header A:b --accept msgpack", 0,
			"subject: tg.rpc.main.messages.sendMessage\nA: b\nAccept: application/msgpack\nContent-Type: application/json\nNats-Msg-Id: 7\nTg-Timeout: 1m0s\n\n{\"message\":\"hello\",\"peer\":\"me\"}\n"},
		{"call main help.getConfig --dry-run --ro --prefix acme", 0, "subject: acme.ro.main.help.getConfig"},
		{"call main help.getConfig --dry-run --header nonsense", 2, "want 'Name: value'"},
		{"call main users.getUsers @" + body + " hash=1 --dry-run", 0, `{"hash":1,"id":["me"]}`},
		{"call main users.getUsers @" + body + " - --dry-run", 2, "want one of them"},
		{"call main users.getUsers @/does/not/exist", 1, "no such file"},
		{"call main", 2, "want: natsgram call ACCOUNT METHOD"},
		{"call BAD help.getConfig", 2, "account"},
		{"call main help.getConfig x", 2, "want key=value"},
		{"call main help.getConfig", 1, "natsgram serve"},
		{"accounts", 0, "natsgram accounts move main two"},
		{"accounts list", 1, "natsgram serve"},
		{"accounts list x", 2, "want: natsgram accounts list"},
		{"accounts add", 2, "want: natsgram accounts add ACCOUNT"},
		{"accounts add BAD", 2, "account name"},
		{"accounts move main one two", 2, "want: natsgram accounts move ACCOUNT [DAEMON]"},
		{"accounts remove main", 1, "natsgram serve"},
		{"tail main", 1, "natsgram serve"},
		{"tail main --all --last 3", 2, "all last"},
		{"tail main --chat foo", 1, "chat foo: no NATS server: start `natsgram serve`"},
		{"tail main --chat channel.>", 2, "chat channel.>: want one, as KIND.ID"},
		{"tail main --topic 0", 2, "--topic 0: want the id of the message that began it"},
		{"tail main --type a.b", 2, "--type a.b: want"},
		{"tail main --last -3", 2, "want no minus"},
		{"tail main --durable a.b", 2, `--durable "a.b": want letters`},
		{"tail main --type updateNewMesage", 1, "has no update updateNewMesage"},
		{"demo --external", 1, "NATS_URL"},
		{"demo --server nats://x", 2, "--server goes with --external"},
		{"call main help.getConfig --timeout 0s", 2, "--timeout 0s"},
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

// The settings can be read on a terminal of 80 columns; words that are longer stand alone.
func TestSettingsFitATerminal(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	out, status := command(t, "config")
	if status != 0 || strings.Count(out, "\nNATS") < 40 {
		t.Fatal(status, out)
	}
	for line := range strings.Lines(out) {
		if line = strings.TrimRight(line, "\n"); len(line) > 80 && strings.HasPrefix(line, " ") && strings.Contains(strings.TrimSpace(line), " ") {
			t.Errorf("%d columns: %s", len(line), line)
		}
	}
}

// So can the help of every command, with its examples.
func TestHelpFitsATerminal(t *testing.T) {
	seen := 0
	var walk func(c *cobra.Command, words []string)
	walk = func(c *cobra.Command, words []string) {
		out, status := command(t, append(words, "--help")...)
		if status != 0 {
			t.Errorf("%v: %d", words, status)
		}
		for line := range strings.Lines(out) {
			if line = strings.TrimRight(line, "\n"); len(line) > width {
				t.Errorf("%v: %d columns: %s", words, len(line), line)
			}
		}
		seen++
		for _, sub := range c.Commands() {
			walk(sub, append(slices.Clone(words), sub.Name()))
		}
	}
	walk(rootCommand(), nil)
	if seen < 40 {
		t.Errorf("%d commands", seen)
	}
}

func TestNarrowText(t *testing.T) {
	long := strings.Repeat("word ", 20)
	for text, want := range map[string]string{
		"one\ntwo\n\nthree":   "one two\n\nthree\n",
		"  a  " + long:        "  a  " + strings.Repeat("word ", 14) + "word\n     word word word word word\n",
		"  a  x\n     y\n  b": "  a  x y\n  b\n",
		long:                  strings.Repeat("word ", 15) + "word\nword word word word\n",
	} {
		var b strings.Builder
		narrowText(&b, text)
		if b.String() != want {
			t.Errorf("%q: %q, want %q", text, b.String(), want)
		}
	}
}
