package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// messageID is that of the message in an answer that upload --json printed.
func messageID(t *testing.T, out string) int {
	t.Helper()
	var got struct {
		Result struct {
			Updates []struct {
				Type    string `json:"_"`
				Message struct{ ID int }
			}
		}
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, u := range got.Result.Updates {
		if u.Message.ID > 0 {
			return u.Message.ID
		}
	}
	t.Fatalf("no message in %s", out)
	return 0
}

// A link is one in capitals too; all else names a message by its chat.
func TestDownloadAsks(t *testing.T) {
	for what, want := range map[string]string{
		"T.me/News/s/5": `{"link":"T.me/News/s/5"}`, "HTTPS://T.ME/C/3/5": `{"link":"HTTPS://T.ME/C/3/5"}`, "TG:privatepost?channel=3&post=5": `{"link":"TG:privatepost?channel=3\u0026post=5"}`,
		"telegram.me/news/s/5": `{"link":"telegram.me/news/s/5"}`, "news.t.me/s/5": `{"link":"news.t.me/s/5"}`, "https://example.org/5": `{"link":"https://example.org/5"}`,
		"@news/5": `{"message":{"id":5,"peer":"@news"}}`, "news/5": `{"message":{"id":5,"peer":"news"}}`, "channel.3/5": `{"message":{"id":5,"peer":"channel.3"}}`,
		"-1000000000003/5": `{"message":{"id":5,"peer":"-1000000000003"}}`,
	} {
		asked, err := downloadOptions{}.asks(what)
		if got, _ := json.Marshal(asked); err != nil || string(got) != want {
			t.Errorf("%s: %s %v, want %s", what, got, err, want)
		}
	}
}

// A message's file comes whole, under its name or another, to standard output, and goes on where it was cut off.
func TestDownloadCommand(t *testing.T) {
	r := newFilesRig(t)
	data := noise(17<<20 + 3)
	what := fmt.Sprint("me/", messageID(t, r.try(0, "", "upload", demoAccount, r.file("film.bin", data), "--to", "me", "--json")))
	dir := t.TempDir()
	target := filepath.Join(dir, "film.bin")
	same := func(name string) {
		t.Helper()
		if got, err := os.ReadFile(name); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
	r.try(0, "film.bin  17.0 MB", "download", demoAccount, what, "-o", dir)
	same(target)
	r.try(1, "is there already", "download", demoAccount, what, "-o", dir)
	// Cut off behind the second range, and with something else in its place: Telegram is asked for what is missing alone.
	if err := os.WriteFile(target+".part", data[:16<<20+5], 0o600); err != nil {
		t.Fatal(err)
	}
	before := r.d.server.Executed("upload.getFile")
	r.try(0, `"size":17825795`, "download", demoAccount, what, "-o", target, "--force", "--json")
	same(target)
	resumed := r.d.server.Executed("upload.getFile") - before
	if err := os.WriteFile(target+".part", append([]byte("other"), data[5:]...), 0o600); err != nil {
		t.Fatal(err)
	}
	before = r.d.server.Executed("upload.getFile")
	r.try(0, "film.bin", "download", demoAccount, what, "-o", target, "--force")
	same(target)
	if whole := r.d.server.Executed("upload.getFile") - before; resumed >= whole {
		t.Errorf("%d questions to go on, %d for the whole file", resumed, whole)
	}
	// More than the file has, though it begins as the file does: what is behind its end is no part of it.
	if err := os.WriteFile(target+".part", append(bytes.Clone(data), "behind its end"...), 0o600); err != nil {
		t.Fatal(err)
	}
	r.try(0, "film.bin", "download", demoAccount, what, "-o", target, "--force")
	same(target)
	if _, err := os.Stat(target + ".part"); err == nil {
		t.Error("the part is still there")
	}
	out := r.try(0, "", "download", demoAccount, what, "-o", "-")
	if out != string(data) {
		t.Errorf("standard output: %d bytes", len(out))
	}
	r.try(1, "", "download", demoAccount, "me/999999", "-o", dir)
	for _, words := range []string{"alice", "me/x", "me/0", "/5"} {
		r.try(2, "want a link, or PEER/ID", "download", demoAccount, words)
	}
	r.try(2, "several files", "download", demoAccount, what, what, "-o", filepath.Join(dir, "none"))
}

// What Telegram calls a file leads to no other folder.
func TestDownloadNames(t *testing.T) {
	d := &downloader{}
	t.Chdir(t.TempDir())
	for name, want := range map[string]string{
		"a b.jpg": "a b.jpg", "../../etc/passwd": "_.._etc_passwd", "/etc/passwd": "_etc_passwd", "..": "file", "": "file", ".bashrc": "bashrc", "a\x00b\nc": "a_b_c", `c:\x`: "c:_x",
		strings.Repeat("é", 200) + ".jpeg": strings.Repeat("é", 117) + ".jpeg",
	} {
		if got, err := d.target(name); err != nil || got != want || strings.Contains(got, "/") {
			t.Errorf("%q: %q %v", name, got, err)
		}
	}
}
