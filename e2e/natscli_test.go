package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var chatID = regexp.MustCompile(`"chat_id":\s*"?(\d+)`)

// groupOf is the id of the group that the demo's screen names.
func groupOf(t *testing.T, screen string) string {
	t.Helper()
	m := chatID.FindStringSubmatch(screen)
	if m == nil {
		t.Fatalf("the screen names no group:\n%s", screen)
	}
	return m[1]
}

// TestScreen pastes every command of the demo's screen into another terminal. Those that go on for ever get a count.
func TestScreen(t *testing.T) {
	d := startDemo(t)
	commands := regexp.MustCompile(`(?m)^  ((?:nats|natsgram|NATS_URL=\S+ natsgram) .*)$`).FindAllStringSubmatch(d.screen, -1)
	if len(commands) < 6 {
		t.Fatalf("only %d commands on the screen:\n%s", len(commands), d.screen)
	}
	for _, c := range commands {
		line := c[1]
		if strings.Contains(line, "natsgram tail") {
			line += " --last 1 --count 1"
		}
		out, err := d.sh(t, line)
		if err != nil {
			t.Errorf("%s: %v\n%s", line, err, out)
		}
		if strings.Contains(out, "Nats-Service-Error") || strings.TrimSpace(out) == "" {
			t.Errorf("%s: an error or nothing:\n%s", line, out)
		}
	}
}

// TestReadme does the same with the README's first commands, word for word, but for the port; TestFilesPage with those of docs/files.md.
func TestReadme(t *testing.T) { runsCommandsOf(t, "README.md", "") }

func TestFilesPage(t *testing.T) {
	runsCommandsOf(t, filepath.Join("docs", "files.md"), `cd "$HOME" && `)
}

// TestHistoryPage does it with those of docs/history.md.
func TestHistoryPage(t *testing.T) { runsCommandsOf(t, filepath.Join("docs", "history.md"), "") }

func runsCommandsOf(t *testing.T, page, in string) {
	t.Helper()
	d := startDemo(t)
	text, err := os.ReadFile(filepath.Join(root, page))
	must(t, err)
	blocks := regexp.MustCompile("(?s)<!-- e2e -->\n```sh\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	if len(blocks) == 0 {
		t.Fatal(page, "has no block marked <!-- e2e -->")
	}
	for _, block := range blocks {
		for line := range strings.Lines(block[1]) {
			line, _, _ = strings.Cut(strings.TrimSpace(line), "   # ")
			if line == "" || strings.HasPrefix(line, "#") || strings.HasPrefix(line, "go install") {
				continue
			}
			out, err := d.sh(t, in+line, "NATS_URL="+d.url)
			if err != nil || strings.Contains(out, "Nats-Service-Error") {
				t.Errorf("%s: %v\n%s", line, err, out)
			}
		}
	}
}

func TestNatsRequest(t *testing.T) {
	d := startDemo(t)
	out := d.nats(t, `req tg.rpc.demo.help.getConfig '{}' --raw`)
	var config struct {
		Name   string `json:"_"`
		ThisDC int    `json:"this_dc"`
	}
	if err := json.Unmarshal([]byte(out), &config); err != nil || config.Name != "config" || config.ThisDC == 0 {
		t.Fatalf("help.getConfig: %v\n%s", err, out)
	}
	// The same micro service as for everybody: it is listed, described, and counts what it did.
	if out := d.nats(t, "micro ls"); !strings.Contains(out, "natsgram") {
		t.Errorf("micro ls:\n%s", out)
	}
	if out := d.nats(t, "micro info natsgram-demo"); !strings.Contains(out, "tg.rpc.demo.messages.*") {
		t.Errorf("micro info:\n%s", out)
	}
	d.nats(t, `req tg.rpc.demo.help.getConfig '{"nonsense":1}' --raw`)
	if err := countsHelp(d.nats(t, "micro stats natsgram-demo --json")); err != nil {
		t.Error(err)
	}
}

// countsHelp wants the statistics to tell of two requests in the help namespace, one of which failed.
func countsHelp(out string) error {
	var stats []struct {
		Endpoints []struct {
			Subject  string `json:"subject"`
			Requests int    `json:"num_requests"`
			Errors   int    `json:"num_errors"`
		} `json:"endpoints"`
	}
	if err := json.Unmarshal([]byte(out), &stats); err != nil {
		return fmt.Errorf("micro stats: %w\n%s", err, out)
	}
	for _, s := range stats {
		for _, e := range s.Endpoints {
			if e.Subject == "tg.rpc.demo.help.*" && e.Requests == 2 && e.Errors == 1 {
				return nil
			}
		}
	}
	return fmt.Errorf("micro stats do not tell of 2 requests and 1 error in help:\n%s", out)
}

// TestNatsStream reads the stream as anybody would: a pull consumer, one message at a time, headers on the screen.
func TestNatsStream(t *testing.T) {
	d := startDemo(t)
	group := groupOf(t, d.screen)
	d.nats(t, fmt.Sprintf(`consumer add TG_UPDATES e2e --pull --defaults --deliver new --filter 'tg.upd.demo.updateNewMessage.chat.%s'`, group))
	d.nats(t, fmt.Sprintf(`req tg.rpc.demo.messages.sendMessage '{"peer":{"_":"inputPeerChat","chat_id":"%s"},"message":"from the nats CLI"}'`, group))
	out := d.nats(t, "consumer next TG_UPDATES e2e --wait 20s --ack")
	for _, want := range []string{"Tg-Type: updateNewMessage", "Tg-Pts:", "Tg-Layer:", `"_":"updateNewMessage"`} {
		if !strings.Contains(out, want) {
			t.Errorf("consumer next lacks %q:\n%s", want, out)
		}
	}
}

// TestRetrySendsOnce: with a Nats-Msg-Id the random_id is derived from it, so that asking again sends nothing again.
func TestRetrySendsOnce(t *testing.T) {
	d := startDemo(t)
	group := groupOf(t, d.screen)
	send := fmt.Sprintf(`req tg.rpc.demo.messages.sendMessage '{"peer":{"_":"inputPeerChat","chat_id":"%s"},"message":"once only"}' -H Nats-Msg-Id:retry-1 --raw`, group)
	d.nats(t, send)
	d.nats(t, send)
	history := d.nats(t, fmt.Sprintf(`req tg.rpc.demo.messages.getHistory '{"peer":{"_":"inputPeerChat","chat_id":"%s"},"offset_id":0,"offset_date":0,"add_offset":0,"limit":50,"max_id":0,"min_id":0,"hash":"0"}' --raw`, group))
	if n := strings.Count(history, `"once only"`); n != 1 {
		t.Errorf("the message stands %d times in the history:\n%s", n, history)
	}
}

// TestMistakes gives the command line what it cannot use. Each time it must say what is wrong and where, and the daemon
// must go on serving.
func TestMistakes(t *testing.T) {
	d := startDemo(t)
	deep := strings.Repeat(`{"peer":`, 100_000)
	must(t, os.WriteFile(filepath.Join(d.home, "deep"), []byte(deep), 0o644))
	must(t, os.WriteFile(filepath.Join(d.home, "garbage"), []byte(strings.Repeat("\x00\xffgarbage", 1<<18)), 0o644))
	for _, c := range []struct{ line, want string }{
		{`natsgram call demo messages.sendMessage peer._=inputPeerChat peer.chat_id=abc message=hi`, `peer.chat_id: "abc" names no basic group`},
		{`natsgram call demo messages.sendMessage message=hi`, `peer`},
		{`natsgram call demo messages.sendMessage peer._=inputPeerSelf message=hi colour=red`, `colour`},
		{`natsgram call demo messages.getDialogs offset_date=soon`, `offset_date`},
		{`natsgram call demo messages.sendMesage`, `messages.sendMessage`},
		{`natsgram call demo auth.logOut`, `403`},
		{`natsgram call nobody help.getConfig`, `nobody`},
		{`natsgram call demo messages.sendMessage < "$HOME/deep"`, `deep`},
		{`natsgram call demo messages.sendMessage < "$HOME/garbage"`, `messages.sendMessage`},
		{`natsgram call demo messages.sendMessage peer`, `key=value`},
		{`natsgram frobnicate`, `frobnicate`},
	} {
		out, err := d.sh(t, c.line, "NATS_URL="+d.url)
		if err == nil || !strings.Contains(out, c.want) || len(out) > 2000 {
			t.Errorf("%s: %v, want %q in a short text:\n%.2000s", c.line, err, c.want, out)
		}
		if out, err := d.sh(t, "natsgram call demo help.getConfig", "NATS_URL="+d.url); err != nil {
			t.Fatalf("after %q the daemon does not answer: %v\n%s", c.line, err, out)
		}
	}
}

// TestNatsObjects sends a file and gets it back with nothing but the nats CLI, as docs/files.md has it.
func TestNatsObjects(t *testing.T) {
	d := startDemo(t)
	group := groupOf(t, d.screen)
	dir := t.TempDir()
	data := make([]byte, 3<<20)
	_, _ = rand.NewChaCha8([32]byte{3}).Read(data) // never fails
	must(t, os.WriteFile(filepath.Join(dir, "film.bin"), data, 0o600))
	d.nats(t, "object add TG_FILES")
	d.nats(t, fmt.Sprintf("object put TG_FILES %s --name film.bin --force --no-progress", filepath.Join(dir, "film.bin")))
	sent := d.nats(t, fmt.Sprintf(`req tg.rpc.demo.messages.sendMedia '{"peer":"chat.%s","message":"","media":{"_":"inputMediaUploadedDocument","file":"object:TG_FILES/film.bin"}}' --raw --timeout 30s`, group))
	m := regexp.MustCompile(`"_":"updateMessageID","id":(\d+)`).FindStringSubmatch(sent)
	if m == nil {
		t.Fatalf("no message was sent:\n%s", sent)
	}
	out := d.nats(t, fmt.Sprintf(`req tg.file.demo.get '{"message":{"peer":"chat.%s","id":%s},"to":"object"}' --raw --timeout 30s`, group, m[1]))
	var got struct {
		File struct{ Bucket, Object, Name string }
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil || got.File.Name != "film.bin" {
		t.Fatalf("%v: %s", err, out)
	}
	back := filepath.Join(dir, "back.bin")
	d.nats(t, fmt.Sprintf("object get %s %s --output %s --force --no-progress", got.File.Bucket, got.File.Object, back))
	read, err := os.ReadFile(back)
	must(t, err)
	if !bytes.Equal(read, data) {
		t.Errorf("%d bytes came back of %d, or others", len(read), len(data))
	}
}
