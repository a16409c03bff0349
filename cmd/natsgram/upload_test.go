package main

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/natsgram/natsgram/bridge/embedded/embeddedtest"
)

// filesRig is a daemon of the demo, with a folder.
type filesRig struct {
	t   *testing.T
	url string
	d   *people
	dir string
}

func newFilesRig(t *testing.T) *filesRig {
	t.Helper()
	t.Setenv("HOME", t.TempDir())
	srv := embeddedtest.Start(t)
	return &filesRig{t: t, url: srv.ClientURL(), d: runPeople(t, srv.ClientURL()), dir: t.TempDir()}
}

// file makes a file.
func (r *filesRig) file(name string, data []byte) string {
	r.t.Helper()
	path := filepath.Join(r.dir, name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		r.t.Fatal(err)
	}
	return path
}

// try runs a command.
func (r *filesRig) try(status int, want string, words ...string) string {
	r.t.Helper()
	out, got := command(r.t, append(words, "-s", r.url)...)
	if got != status || !strings.Contains(out, want) {
		r.t.Errorf("%q: status %d, want %d and %q:\n%s", words, got, status, want, out)
	}
	return out
}

func noise(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{byte(n)}).Read(b)
	return b
}

// sentTo are the contents of the files in the answers that were printed as JSON.
func (r *filesRig) sent(out string) (all [][]byte) {
	r.t.Helper()
	for line := range strings.Lines(out) {
		var got struct {
			Result struct {
				Updates []struct {
					Message struct {
						Media struct {
							Photo, Document struct {
								ID int64 `json:"id,string"`
							}
						}
					}
				}
			}
		}
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			r.t.Fatalf("%v: %s", err, line)
		}
		for _, u := range got.Result.Updates {
			if f, ok := r.d.server.World().File(max(u.Message.Media.Photo.ID, u.Message.Media.Document.ID)); ok {
				all = append(all, f.Data)
			}
		}
	}
	return all
}

// Files from the command line: one by one, as an album, from standard input, by name in a call; the same again is not stored again.
func TestUploadCommand(t *testing.T) {
	r := newFilesRig(t)
	picture, text, big := noise(1000), []byte("hello"), noise(11<<20)
	jpg, txt, bin := r.file("a.jpg", picture), r.file("b.txt", text), r.file("c", big)
	out := r.try(0, `"mime_type":"image/jpeg"`, "upload", demoAccount, jpg, bin, "--to", "@alice", "--caption", "Look", "--json")
	if got := r.sent(out); len(got) != 2 || !bytes.Equal(got[0], picture) || !bytes.Equal(got[1], big) {
		t.Errorf("%d files: %s", len(got), out)
	}
	r.try(0, "a.jpg  1000 B  sent to me", "upload", demoAccount, jpg, "--to", "me", "--document")
	out = r.try(0, "messageMediaPhoto", "upload", demoAccount, jpg, txt, "--to", "me", "--album", "--caption", "two", "--json")
	if got := r.sent(out); len(got) != 2 || !bytes.Equal(got[0], picture) || !bytes.Equal(got[1], text) || !strings.Contains(out, `"message":"two"`) {
		t.Errorf("an album of %d: %s", len(got), out)
	}
	object := strings.TrimSpace(r.try(0, "object:TG_FILES/demo/up/", "upload", demoAccount, txt))
	if again := strings.TrimSpace(r.try(0, object, "upload", demoAccount, txt)); again != object {
		t.Errorf("%s, then %s", object, again)
	}
	r.try(0, `"file_name": "b.txt"`, "call", demoAccount, "messages.sendMedia", "peer=me", "message=x", `media:={"_":"inputMediaUploadedDocument","file":"`+object+`"}`)
	r.try(1, "no responders available for request on tg.file.nobody.put", "upload", "nobody", txt)
	r.try(1, "no responders available for request on tg.file.nobody.put", "upload", "nobody", txt, "--to", "me")
	r.try(1, "no such file", "upload", demoAccount, filepath.Join(r.dir, "none"))
	r.try(1, "it is a folder", "upload", demoAccount, r.dir)
	r.try(1, "it is empty", "upload", demoAccount, r.file("empty", nil))
	r.try(1, "it is empty", "upload", demoAccount, "-")
	r.try(1, "USERNAME_NOT_OCCUPIED", "upload", demoAccount, txt, "--to", "@nobody_there_at_all")
	in, err := os.Open(txt)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	printed, err := os.Create(filepath.Join(r.dir, "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer printed.Close()
	status := run(t.Context(), []string{"upload", demoAccount, "-", "--name", "in.txt", "--to", "me", "--json", "-s", r.url}, in, printed, printed)
	shown, _ := os.ReadFile(printed.Name())
	if got := r.sent(string(shown)); status != 0 || len(got) != 1 || !bytes.Equal(got[0], text) || !strings.Contains(string(shown), `"in.txt"`) {
		t.Errorf("standard input: status %d, %s", status, shown)
	}
	for _, words := range [][]string{{txt, "--album", "--to", "me"}, {txt, "--caption", "x"}, {txt, jpg, "--name", "x"}, {"-", "-"}, {}, slices.Repeat([]string{txt}, 11)} {
		if len(words) > 10 {
			words = append(words, "--album", "--to", "me")
		}
		r.try(2, "", append([]string{"upload", demoAccount}, words...)...)
	}
}

// What a terminal shows of a file on its way.
func TestProgressLine(t *testing.T) {
	now := time.Now()
	for _, c := range []struct {
		p    *progress
		want string
	}{
		{&progress{what: "a.jpg", size: 1 << 20, done: 1 << 19, begun: now.Add(-time.Second)}, "a.jpg  [##########----------]  50 %  512.0 KB of 1.0 MB  512.0 KB/s  1s"},
		{&progress{what: "a.jpg", size: 1 << 20, done: 1 << 20, begun: now.Add(-time.Second)}, "a.jpg  [####################] 100 %  1.0 MB of 1.0 MB  1.0 MB/s"},
		{&progress{what: "a", size: 100, done: 75, from: 50, begun: now.Add(-time.Second)}, "a  [###############-----]  75 %  75 B of 100 B  25 B/s  1s"},
		{&progress{what: "-", size: -1, done: 2048, begun: now.Add(-2 * time.Second)}, "-  2.0 KB  1.0 KB/s"},
		{&progress{what: strings.Repeat("x", 50) + "\x1b[2J", size: 10, begun: now}, strings.Repeat("x", 29) + "…  [--------------------]   0 %  0 B of 10 B  0 B/s"},
	} {
		if got := c.p.line(now); got != c.want {
			t.Errorf("got  %q\nwant %q", got, c.want)
		}
	}
}
