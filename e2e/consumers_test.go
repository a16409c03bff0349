package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// recipe is a block of docs/consumers.md that is marked so.
func recipe(t *testing.T, mark string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "docs", "consumers.md"))
	must(t, err)
	block := regexp.MustCompile("(?s)<!-- e2e: " + regexp.QuoteMeta(mark) + " -->\n```[a-z]+\n(.*?)```").FindStringSubmatch(string(text))
	if block == nil {
		t.Fatalf("docs/consumers.md has no block %s", mark)
	}
	return block[1]
}

// TestChatIntoADatabase reads a chat by natsgram tail, and has DuckDB make a table of it by the statements of docs/consumers.md word for
// word, twice: what comes again changes nothing. An edit and a deletion follow, as the stream has them.
func TestChatIntoADatabase(t *testing.T) {
	dir := needNode(t)
	d := startDemo(t)
	out, err := d.sh(t, "natsgram tail demo --all --headers --chat chat."+groupOf(t, d.screen)+" --type updateNewMessage -n 3", "NATS_URL="+d.url)
	must(t, err)
	ids := regexp.MustCompile(`"Tg-Msg-Id":"(\d+)"`).FindAllStringSubmatch(out, -1)
	if len(ids) != 3 {
		t.Fatalf("want three messages: %s", out)
	}
	out += `{"subject":"x","seq":1000001,"headers":{"Tg-Type":"updateEditMessage","Tg-Msg-Id":"` + ids[0][1] +
		`"},"body":{"update":{"message":{"date":1735689600,"message":"edited"}}}}` + "\n" +
		`{"subject":"x","seq":1000002,"headers":{"Tg-Type":"updateDeleteMessages","Tg-Msg-Id":"77777,` + ids[1][1] + `"},"body":{"update":{}}}` + "\n" +
		`{"subject":"x","seq":1000003,"headers":{"Tg-Type":"updateDeleteMessages"},"body":{"update":{"messages":[77778,` + ids[2][1] + `]}}}` + "\n" // as of many
	must(t, os.WriteFile(filepath.Join(dir, "posts.jsonl"), []byte(out), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "posts.sql"), []byte(recipe(t, "posts.sql")), 0o600))
	c := exec.CommandContext(t.Context(), "node", "posts.mjs")
	c.Dir = dir
	table, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, table)
	}
	lines := strings.Split(strings.TrimSpace(string(table)), "\n")
	if len(lines) != 1 || lines[0] != ids[0][1]+" edited" {
		t.Errorf("the table has\n%s\nof\n%s", table, out)
	}
}

// program writes a block of docs/consumers.md as a program, word for word but for where NATS is and what the account is called, and runs it
// until the test ends. What it prints goes into the buffer.
func (d *demo) program(t *testing.T, dir, name string) *lockedBuffer {
	t.Helper()
	text := strings.NewReplacer("127.0.0.1:4222", d.url, `"main"`, `"demo"`).Replace(recipe(t, name))
	must(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	out := new(lockedBuffer)
	c := exec.Command("node", name)
	c.Dir, c.Stdout, c.Stderr = dir, out, out
	must(t, c.Start())
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	return out
}

// consumes waits until a program has made its durable.
func (d *demo) consumes(t *testing.T, durable string, out *lockedBuffer) {
	t.Helper()
	for limit := time.Now().Add(30 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		if _, err := d.sh(t, "nats -s "+d.url+" consumer info TG_UPDATES demo="+durable); err == nil {
			return
		}
		if time.Now().After(limit) {
			t.Fatalf("no durable %s: %s", durable, out)
		}
	}
}

// TestEchoBot runs the bot of docs/consumers.md: what somebody writes to the account he gets back.
func TestEchoBot(t *testing.T) {
	dir := needNode(t)
	must(t, installCLI())
	d := startDemo(t)
	d.consumes(t, "echo", d.program(t, dir, "echo.mjs"))
	type line struct {
		Subject string
		Body    struct {
			Update struct {
				Message struct {
					Out     bool
					Message string
				}
			}
		}
	}
	said := map[string]bool{}
	for limit := time.Now().Add(60 * time.Second); time.Now().Before(limit); time.Sleep(500 * time.Millisecond) {
		out, err := d.sh(t, "natsgram tail demo --all --headers --type updateNewMessage -n "+strconv.Itoa(len(said)+1), "NATS_URL="+d.url)
		must(t, err)
		clear(said)
		for _, text := range strings.Split(strings.TrimSpace(out), "\n") {
			var l line
			must(t, json.Unmarshal([]byte(text), &l))
			_, chat, isMessage := strings.Cut(l.Subject, "updateNewMessage.") // else it is a gap
			m := l.Body.Update.Message
			if !isMessage {
				chat = l.Subject
			}
			if m.Out && said[chat+m.Message] {
				return
			}
			said[chat+m.Message] = true
		}
	}
	t.Errorf("nobody is answered: %v", said)
}

// TestAlbumsAsOne gives the program of docs/consumers.md two albums and single messages of two channels.
func TestAlbumsAsOne(t *testing.T) {
	dir := needNode(t)
	must(t, installCLI())
	d := startDemo(t)
	out := d.program(t, dir, "albums.mjs")
	d.consumes(t, "albums", out)
	for i, post := range []struct{ channel, album string }{{"801", "7"}, {"801", "7"}, {"802", "9"}, {"801", "7"}, {"801", ""}, {"802", "9"}} {
		line := "nats -s " + d.url + " pub tg.upd.demo.updateNewChannelMessage.channel." + post.channel + " '{\"update\":{\"_\":\"updateNewChannelMessage\"}}' -H Tg-Type:updateNewChannelMessage -H Nats-Msg-Id:album" + strconv.Itoa(i)
		if post.album != "" {
			line += " -H Tg-Grouped-Id:" + post.album
		}
		if text, err := d.sh(t, line); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
	}
	for limit := time.Now().Add(30 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		text := out.String()
		if strings.Contains(text, "album of 3\nalbum of 1\n") && strings.Contains(text, "album of 2\n") {
			return
		}
		if time.Now().After(limit) {
			t.Fatal(text)
		}
	}
}

// TestArchive has DuckDB make the archive of docs/consumers.md, twice: of two deletions as the stream has them, one of them with a chat that nobody knows.
func TestArchive(t *testing.T) {
	dir := needNode(t)
	d := startDemo(t)
	chat := "chat." + groupOf(t, d.screen)
	out, err := d.sh(t, "natsgram tail demo --all --headers --chat "+chat+" --type updateNewMessage -n 3", "NATS_URL="+d.url)
	must(t, err)
	ids := regexp.MustCompile(`"Tg-Msg-Id":"(\d+)"`).FindAllStringSubmatch(out, -1)
	for i, subject := range []string{"tg.upd.demo.updateDeleteMessages." + chat, "tg.upd.demo.updateDeleteMessages.none.0"} {
		out += fmt.Sprintf(`{"subject":%q,"seq":%d,"headers":{"Tg-Type":"updateDeleteMessages","Tg-Msg-Id":"77777,%s"},"body":{}}`+"\n", subject, 1000001+i, ids[i][1])
	}
	out += fmt.Sprintf(`{"subject":"tg.upd.demo.updateDeleteMessages.%s","seq":1000003,"headers":{"Tg-Type":"updateDeleteMessages"},"body":{"update":{"messages":[77778,%s]}}}`+"\n", chat, ids[2][1]) // as of many
	must(t, os.WriteFile(filepath.Join(dir, "archive.jsonl"), []byte(out), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "archive.sql"), []byte(recipe(t, "archive.sql")), 0o600))
	c := exec.CommandContext(t.Context(), "node", "posts.mjs", "archive.sql", "SELECT id, chat || ' ' || deleted AS text FROM archive ORDER BY id")
	c.Dir = dir
	table, err := c.CombinedOutput()
	want := fmt.Sprintf("%s %s true\n%s %s true\n%s %s true\n", ids[0][1], chat, ids[1][1], chat, ids[2][1], chat)
	if err != nil || string(table) != want {
		t.Errorf("%v\n%s\nwant\n%s\nof\n%s", err, table, want, out)
	}
}
