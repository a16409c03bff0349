package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
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
		`{"subject":"x","seq":1000002,"headers":{"Tg-Type":"updateDeleteMessages","Tg-Msg-Id":"77777,` + ids[1][1] + `"},"body":{"update":{}}}` + "\n"
	must(t, os.WriteFile(filepath.Join(dir, "posts.jsonl"), []byte(out), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "posts.sql"), []byte(recipe(t, "posts.sql")), 0o600))
	c := exec.CommandContext(t.Context(), "node", "posts.mjs")
	c.Dir = dir
	table, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, table)
	}
	lines := strings.Split(strings.TrimSpace(string(table)), "\n")
	if len(lines) != 2 || lines[0] != ids[0][1]+" edited" || !strings.HasPrefix(lines[1], ids[2][1]+" ") {
		t.Errorf("the table has\n%s\nof\n%s", table, out)
	}
}
