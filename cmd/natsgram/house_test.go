package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/natsgram/natsgram/bridge/walktest"
)

const module = "github.com/natsgram/natsgram"

// room says what the packages of a folder may import of this module. The folder named last in the path that matches
// decides; "..." stands for everything below a folder.
type room struct {
	folder string
	may    []string
	why    string
}

var rooms = []room{
	{"schemas", nil, "facts only: whoever reads them decides what they mean"},
	{"subjects", nil, "pure strings, so that any program can use them"},
	{"subjects/rights", []string{"subjects"}, "what users of NATS may do, as its configuration has it: strings as well"},
	{"tl/bin", nil, "the wire primitives stand alone"},
	{"tl", nil, "the language knows nothing of who speaks it"},
	{"tl/codec", []string{"tl", "tl/bin"}, "one schema, compiled; no network, no protocol"},
	{"tl/api", []string{"schemas", "tl", "tl/codec"}, "the built-in layer, made once for all who want no other"},
	{"tl/api/apitest", []string{"tl", "tl/api", "tl/codec"}, "the built-in layer for tests, which fail without it"},
	{"tl/gen", []string{"tl", "tl/gen", "schemas"}, "text in, source out"},
	{"tl/export", []string{"tl"}, "text in, documents out"},
	{"tl/executed", nil, "one word that all errors of calls share"},
	{"tl/errtext", nil, "one reading of error texts that all errors of calls share"},
	{"tl/tg", []string{"tl/bin", "tl/errtext", "tl/executed"}, "programs that use it link only what they call"},
	{"tl/tg/tgtest", []string{"tl/bin", "tl/tg"}, "lists all that tg has, for tests: what imports it links everything"},
	{"mtproto/mt", []string{"tl/bin"}, "service messages are wire data"},
	{"mtproto/crypto", []string{"tl/bin", "mtproto/crypto/..."}, "arithmetic only"},
	{"mtproto/crypto/vectors", nil, "published figures for tests"},
	{"mtproto/crypto/aeslimit", nil, "the instructions of AES alone, for benchmarks"},
	{"mtproto/dc", []string{"mtproto/crypto"}, "addresses and keys"},
	{"mtproto/transport", []string{"mtproto/crypto", "mtproto/crypto/..."}, "framing knows nothing of messages"},
	{"mtproto/reach", []string{"mtproto/dc", "mtproto/transport"}, "how to get there, not what to say"},
	{"mtproto/handshake", []string{"tl/bin", "mtproto/mt", "mtproto/crypto", "mtproto/crypto/..."}, "a machine of three steps"},
	{"mtproto/session", []string{"tl/bin", "mtproto/mt", "mtproto/crypto", "mtproto/crypto/..."}, "a machine over one key"},
	{"mtproto/sim", []string{"tl/bin", "mtproto/mt", "mtproto/crypto", "mtproto/transport", "mtproto/handshake", "mtproto/session"},
		"the machines and a model of the server, for tests; with mttest it shares nothing, or they would be wrong together"},
	{"mtproto/updates", []string{"tl", "tl/bin", "tl/codec", "tl/errtext"}, "reads the API by name, so that any layer runs"},
	{"mtproto/updates/loop", []string{"mtproto", "mtproto/updates"}, "the goroutine around the machine: where updates go is its owner's affair"},
	{"mtproto/updates/runner", []string{"tl/api", "mtproto", "mtproto/updates", "mtproto/updates/loop"}, "a client with its updates in order, for Go programs"},
	{"mtproto/internal/conn", []string{"mtproto/session", "mtproto/transport"}, "sockets and clocks for one session: it knows neither keys nor calls"},
	{"mtproto/internal/keys", []string{"tl/bin", "mtproto/mt", "mtproto/crypto", "mtproto/handshake", "mtproto/session"},
		"what becomes of keys; who uses it brings the connections"},
	{"mtproto", []string{"tl", "tl/api", "tl/bin", "tl/codec", "tl/errtext", "tl/executed", "mtproto/internal/...", "mtproto/mt", "mtproto/crypto", "mtproto/dc", "mtproto/transport",
		"mtproto/reach", "mtproto/handshake", "mtproto/session"}, "the client: calls, data centres, login; its sockets and clocks are in mtproto/internal/conn"},
	{"mtproto/signin", []string{"mtproto"}, "questions to a person, and nothing else"},
	{"mtproto/files", []string{"tl/bin", "tl/codec", "mtproto"}, "files over a client: it reads the API by name, puts a part of a file into its call where it stands, and has no connection of its own"},
	{"mtproto/mttest", []string{"schemas", "tl", "tl/bin", "tl/codec", "mtproto/mt", "mtproto/crypto", "mtproto/crypto/...", "mtproto/dc",
		"mtproto/transport", "mtproto/handshake", "mtproto/mttest/..."},
		"the other end: were it to use the client or its session, it would prove nothing"},
	{"bridge", []string{"schemas", "subjects", "tl", "tl/bin", "tl/codec", "tl/export", "mtproto", "mtproto/dc", "mtproto/crypto",
		"mtproto/reach", "mtproto/files", "mtproto/session", "mtproto/signin", "mtproto/updates", "mtproto/updates/loop", "bridge/..."}, "the daemon stands on the client and knows no layer by heart"},
	{"bridge/confine", []string{"subjects", "tl", "tl/codec", "bridge/answer"}, "a rule about calls: it knows neither who calls nor by what subject"},
	{"bridge/files", []string{"subjects", "tl/codec", "mtproto/files", "bridge/answer", "bridge/files/...", "bridge/gate", "bridge/micro", "bridge/objects", "bridge/parts",
		"bridge/storage", "bridge/uploads", "bridge/vault"}, "who asks for files, and how to answer; whose account it is others know"},
	{"bridge/files/source", []string{"subjects", "tl/codec", "mtproto/files", "bridge/answer", "bridge/peers"}, "which file of Telegram's is meant: nothing of where it goes"},
	{"bridge/files/jobs", []string{"mtproto", "mtproto/files", "bridge/answer", "bridge/objects", "bridge/retry", "bridge/storage", "bridge/vault"},
		"files on their way, by their ids: how their bytes are moved, others know"},
	{"bridge/methods", []string{"subjects", "tl", "tl/codec", "bridge/answer", "bridge/confine", "bridge/withhold"},
		"what a schema can do, and what of it may be called: it knows neither requests nor whoever makes calls"},
	{"bridge/attach", []string{"tl/bin", "tl/codec", "bridge/answer", "bridge/objects"}, "files that a call names: how they come to Telegram, others say"},
	{"bridge/turns", []string{"subjects", "bridge/answer"}, "which request begins when: what it is, and to which chat it writes, others say"},
	{"bridge/queue/plan", nil, "which job may run: a machine that knows neither NATS nor Telegram"},
	{"bridge/chats", []string{"subjects", "tl", "tl/codec", "mtproto", "mtproto/updates", "bridge/batch", "bridge/dialogs", "bridge/retry", "bridge/storage"},
		"the stream of dialogs: how updates come there, and calls are made, its owner says"},
	{"bridge/dialogs", []string{"tl", "tl/codec", "mtproto/updates"}, "a machine: what updates say of dialogs, without NATS and Telegram"},
	{"bridge/history", []string{"subjects", "tl/codec", "mtproto", "mtproto/updates", "bridge/answer", "bridge/batch", "bridge/erase", "bridge/history/walk", "bridge/records", "bridge/retry", "bridge/storage"},
		"the stream of history, and jobs that write it: how calls are made and messages look, their owner says"},
	{"bridge/history/walk", nil, "which pages of a history are asked for: a machine that knows neither NATS nor Telegram"},
	{"bridge/index", []string{"subjects"}, "which message is in which chat: numbers, which others save"},
	{"bridge/erase", []string{"subjects", "bridge/objects", "bridge/storage"}, "which messages of a stream and which objects are about somebody, and how they are deleted: who asks for that, it does not know"},
	{"bridge/records", []string{"bridge/storage"}, "one bucket: who writes and reads it when, others know"},
	{"bridge/stream", []string{"subjects", "bridge/batch", "bridge/pace", "bridge/retry", "bridge/room", "bridge/storage"}, "a log of messages, which it cannot read"},
	{"bridge/objects", []string{"subjects", "bridge/retry", "bridge/storage"}, "objects of NATS, whatever becomes of them"},
	{"bridge/uploads", []string{"tl/codec", "mtproto/files", "bridge/answer", "bridge/gate", "bridge/objects", "bridge/storage"},
		"objects to Telegram: which calls they are for, others know"},
	{"bridge/parts", []string{"subjects"}, "how an answer of several messages looks, for the daemon and for programs"},
	{"bridge/retry", nil, "a wait, and attempts: for every loop that tries again"},
	{"bridge/health", []string{"bridge/account"}, "words for what is wrong; others look"},
	{"bridge/layer", []string{"schemas", "tl", "tl/codec", "mtproto/crypto", "mtproto/dc", "mtproto/updates", "bridge/gate", "bridge/methods", "bridge/settings"},
		"what the settings say of Telegram, before anybody is connected to anything"},
	{"bridge/signin", []string{"tl/codec", "mtproto", "mtproto/dc", "mtproto/signin", "mtproto/updates", "bridge/account", "bridge/layer",
		"bridge/settings", "bridge/storage", "bridge/records", "bridge/vault"}, "signs in and stores the session: who asks for that, and by what way, it does not know"},
	{"bridge/share", []string{"bridge/retry"}, "a machine: who is to run what, without leases, connections and clocks"},
	{"bridge/client", []string{"bridge/retry", "schemas", "subjects", "tl", "tl/bin", "tl/codec", "tl/executed", "tl/tg", "bridge/parts"},
		"for programs on the bus: nothing of the daemon comes with it but how to wait; the codec makes values of tg from the stream's JSON, and is linked only with that"},
	{"cmd", []string{"..."}, "the binary may use every room"},
}

// natsKnown are the rooms that may know NATS.
var natsKnown = []string{"bridge", "bridge/chats", "bridge/client", "bridge/erase", "bridge/files", "bridge/files/jobs", "bridge/history", "bridge/objects", "bridge/parts", "bridge/records", "bridge/stream", "bridge/uploads", "cmd"}

// Machines take the time and randomness they need, and answer what to do: a run can be replayed exactly.
var machines = []string{"mtproto/transport", "mtproto/handshake", "mtproto/session", "mtproto/updates", "mtproto/sim", "bridge/share", "bridge/queue/plan", "bridge/history/walk"}

func TestImportsPointDown(t *testing.T) {
	for _, f := range sources(t) {
		for _, broken := range importsBroken(f.dir, f.imports) {
			t.Errorf("%s: %s", f.name, broken)
		}
	}
}

func TestMachinesHaveNoIO(t *testing.T) {
	for _, f := range sources(t) {
		if slices.Contains(machines, f.dir) {
			for _, broken := range ioBroken(f) {
				t.Errorf("%s: %s", f.name, broken)
			}
		}
	}
}

// The page's walks name what there is, and each file once: bridge/rpc and bridge/account follow them through the code.
func TestDocsWalksExist(t *testing.T) {
	const root = "../.."
	for _, street := range []walktest.Street{walktest.Call, walktest.Update} {
		named := map[string]bool{}
		for _, stop := range walktest.Page(t, root, street) {
			if _, err := os.Stat(filepath.Join(root, stop)); err != nil {
				t.Errorf("%s: %v", street, err)
			}
			if named[stop] {
				t.Errorf("%s: %s is entered twice", street, stop)
			}
			named[stop] = true
		}
		if len(named) < 10 {
			t.Errorf("%s: %d stops", street, len(named))
		}
	}
}

// The daemon answers in one place (design §10): whoever else publishes to the reply of a message lends the daemon's rights to
// whoever wrote it.
func TestOnePlaceAnswers(t *testing.T) {
	for _, f := range sources(t) {
		for _, broken := range answersBroken(f) {
			t.Errorf("%s: %s", f.name, broken)
		}
	}
}

// answersBroken names what in a package of the daemon answers a message without package answer.
func answersBroken(f source) (broken []string) {
	if f.dir != "bridge" && !strings.HasPrefix(f.dir, "bridge/") || f.dir == "bridge/answer" || f.dir == "bridge/client" {
		return nil
	}
	ways := []string{"Reply", "Respond", "RespondMsg", "RespondJSON", "PublishRequest", "AddService"}
	ast.Inspect(f.file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			if slices.Contains(ways, n.Sel.Name) {
				broken = append(broken, "uses ."+n.Sel.Name+": requests are taken and answered by bridge/answer alone")
			}
		case *ast.KeyValueExpr:
			if key, ok := n.Key.(*ast.Ident); ok && key.Name == "Reply" {
				broken = append(broken, "sets Reply: requests are passed on by bridge/answer alone")
			}
		}
		return true
	})
	return broken
}

func TestRulesCatchWhatTheyForbid(t *testing.T) {
	for _, c := range []struct{ dir, src, want string }{
		{"tl", `package tl; import _ "github.com/natsgram/natsgram/bridge"`, "may not import bridge"},
		{"subjects", `package subjects; import _ "github.com/natsgram/natsgram/tl"`, "may not import tl"},
		{"mtproto", `package mtproto; import _ "github.com/nats-io/nats.go"`, "nats.go"},
		{"bridge/rpc", `package rpc; import _ "github.com/natsgram/natsgram/tl/tg"`, "may not import tl/tg"},
		{"attic", `package attic`, "no rule"},
		{"mtproto/session", `package session; import "net"; var _ net.Conn`, "imports net"},
		{"mtproto/session", `package session; import "time"; var _ = time.Now()`, "calls time.Now"},
		{"mtproto/updates", `package updates; func f() { go f() }`, "starts a goroutine"},
		{"bridge/rpc", `package rpc; import "github.com/nats-io/nats.go"; func f(m *nats.Msg) { m.Respond(nil) }`, "uses .Respond"},
		{"bridge", `package bridge; import "github.com/nats-io/nats.go"; func f(nc *nats.Conn, m *nats.Msg) { nc.Publish(m.Reply, nil) }`, "uses .Reply"},
		{"bridge/micro", `package micro; import "github.com/nats-io/nats.go"; var m = nats.Msg{Reply: "x"}`, "sets Reply"},
		{"bridge", `package bridge; import "github.com/nats-io/nats.go/micro"; var _, _ = micro.AddService(nil, micro.Config{})`, "uses .AddService"},
	} {
		f := parse(t, c.dir, "case.go", c.src)
		broken := slices.Concat(importsBroken(f.dir, f.imports), ioBroken(f), answersBroken(f))
		if got := strings.Join(broken, "; "); !strings.Contains(got, c.want) {
			t.Errorf("%s in %s: got %q, want it to say %q", c.src, c.dir, got, c.want)
		}
	}
}

type source struct {
	dir, name string // slash-separated, below the module's root
	imports   []string
	file      *ast.File
}

// sources are the module's Go files without tests.
func sources(t *testing.T) (all []source) {
	t.Helper()
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(root, path)
		switch {
		case err != nil:
			return err
		case d.IsDir() && (rel == "e2e" || d.Name() == "testdata" || d.Name() == "node_modules" || strings.HasPrefix(rel, ".") && rel != "."):
			return filepath.SkipDir
		case strings.HasSuffix(rel, ".go") && !strings.HasSuffix(rel, "_test.go"):
			all = append(all, parse(t, filepath.ToSlash(filepath.Dir(rel)), path, nil))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 20 {
		t.Fatalf("only %d source files found below %s", len(all), root)
	}
	return all
}

func parse(t *testing.T, dir, name string, src any) source {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), name, src, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	s := source{dir: dir, name: name, file: f}
	for _, i := range f.Imports {
		path, _ := strconv.Unquote(i.Path.Value)
		s.imports = append(s.imports, path)
	}
	return s
}

func importsBroken(dir string, imports []string) (broken []string) {
	r := roomOf(dir)
	if r == nil {
		return []string{fmt.Sprintf("no rule says what %s may import: add a row to rooms", dir)}
	}
	for _, path := range imports {
		if strings.HasPrefix(path, "github.com/nats-io/") && !slices.Contains(natsKnown, r.folder) {
			broken = append(broken, fmt.Sprintf("%s imports %s: nats.go is known to bridge and cmd alone", dir, path))
		}
		own, ours := strings.CutPrefix(path, module+"/")
		if ours && !r.allows(own) {
			broken = append(broken, fmt.Sprintf("%s may not import %s (%s)", dir, own, r.why))
		}
	}
	return broken
}

func roomOf(dir string) (found *room) {
	for i := range rooms {
		r := &rooms[i]
		inside := dir == r.folder || strings.HasPrefix(dir, r.folder+"/")
		if inside && (found == nil || len(r.folder) > len(found.folder)) {
			found = r
		}
	}
	return found
}

func (r *room) allows(own string) bool {
	return slices.ContainsFunc(r.may, func(may string) bool {
		below, all := strings.CutSuffix(may, "...")
		return own == may || all && strings.HasPrefix(own, below)
	})
}

func ioBroken(f source) (broken []string) {
	for _, path := range f.imports {
		switch path {
		case "net", "os", "crypto/rand", "math/rand", "math/rand/v2", "context":
			broken = append(broken, "a machine imports "+path)
		}
	}
	ast.Inspect(f.file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			broken = append(broken, "a machine starts a goroutine")
		case *ast.SelectorExpr:
			if pkg, ok := n.X.(*ast.Ident); ok && pkg.Name == "time" && slices.Contains([]string{"Now", "Since", "Until", "After", "AfterFunc", "NewTimer", "NewTicker", "Sleep"}, n.Sel.Name) {
				broken = append(broken, "a machine calls time."+n.Sel.Name)
			}
		}
		return true
	})
	return broken
}
