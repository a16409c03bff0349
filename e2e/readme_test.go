package e2e

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// readmePrograms are the programs of the README by language that are marked so, for a demo on another port.
func readmePrograms(t *testing.T, d *demo, mark string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	must(t, err)
	programs := map[string]string{}
	for _, block := range regexp.MustCompile("(?s)<!-- e2e: "+mark+" -->\n```([a-z]+)\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		program := strings.Replace(block[2], "127.0.0.1:4222", strings.TrimPrefix(d.url, "nats://"), 1)
		if program == block[2] {
			t.Fatalf("the %s program does not connect to 127.0.0.1:4222", block[1])
		}
		programs[block[1]] = program
	}
	return programs
}

// TestReadmePrograms runs the README's programs word for word, but for the port. Each must print the update of the message
// that it sends.
func TestReadmePrograms(t *testing.T) {
	d := startDemo(t)
	programs := readmePrograms(t, d, "program")
	if len(programs) != 3 {
		t.Fatalf("want programs in go, ts and python, got %d", len(programs))
	}
	t.Run("Go", func(t *testing.T) {
		dir := t.TempDir()
		must(t, os.WriteFile(filepath.Join(dir, "main.go"), []byte(programs["go"]), 0o644))
		must(t, build(root, nil, "go", "build", "-o", filepath.Join(dir, "program"), filepath.Join(dir, "main.go")))
		prints(t, exec.Command(filepath.Join(dir, "program")), "hello from Go")
	})
	t.Run("TypeScript", func(t *testing.T) {
		dir := needNode(t)
		must(t, os.WriteFile(filepath.Join(dir, "readme.ts"), []byte(programs["ts"]), 0o644))
		must(t, compile(dir))
		c := exec.Command("node", "out/readme.js")
		c.Dir = dir
		prints(t, c, "message: 'hello from TypeScript'")
	})
	t.Run("Python", func(t *testing.T) { python(t, programs["python"]) })
}

// TestReadmeFiles runs the README's programs that send a photo from disk, and those that save a video. Both arrive as they are.
func TestReadmeFiles(t *testing.T) {
	d := startDemo(t)
	programs := readmePrograms(t, d, "files")
	photo := bytes.Repeat([]byte("photo"), 50_000)
	sum := sha256.Sum256(photo)
	arrived := func(t *testing.T, dir, text string, c *exec.Cmd) {
		t.Helper()
		must(t, os.WriteFile(filepath.Join(dir, "photo.jpg"), photo, 0o644))
		c.Dir = dir
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		out := d.nats(t, `req tg.ro.demo.messages.getHistory '{"peer":"me","offset_id":0,"offset_date":0,"add_offset":0,"limit":5,"max_id":0,"min_id":0,"hash":0}' --raw`)
		var got struct {
			Messages []struct {
				Message string
				Media   struct {
					Photo struct {
						ID         string `json:"id"`
						AccessHash string `json:"access_hash"`
						Reference  string `json:"file_reference"`
					}
				}
			}
		}
		must(t, json.Unmarshal([]byte(out), &got))
		for _, m := range got.Messages {
			if m.Message != text {
				continue
			}
			p := m.Media.Photo
			file := filepath.Join(dir, "back")
			_, err := d.sh(t, fmt.Sprintf(`nats req tg.file.demo.get '{"location":{"_":"inputPhotoFileLocation","id":"%s","access_hash":"%s","file_reference":"%s","thumb_size":"x"}}' --raw > %s`,
				p.ID, p.AccessHash, p.Reference, file), "NATS_URL="+d.url)
			must(t, err)
			back, err := os.ReadFile(file)
			must(t, err)
			if len(back) < len(photo) || sha256.Sum256(back[:len(photo)]) != sum {
				t.Errorf("%d bytes came back, not the %d of the photo", len(back), len(photo))
			}
			return
		}
		t.Errorf("no message %q:\n%s", text, out)
	}
	saved := videoSaved(t, d)
	videos := readmePrograms(t, d, "video")
	t.Run("Go", func(t *testing.T) {
		dir := t.TempDir()
		compiled := func(name, program string) *exec.Cmd {
			source := filepath.Join(dir, name+".go")
			must(t, os.WriteFile(source, []byte(program), 0o644))
			must(t, build(root, nil, "go", "build", "-o", filepath.Join(dir, name), source))
			return exec.Command(filepath.Join(dir, name))
		}
		arrived(t, dir, "from Go", compiled("photo", programs["go"]))
		saved(t, dir, compiled("video", videos["go"]))
	})
	t.Run("TypeScript", func(t *testing.T) {
		dir := needNode(t)
		must(t, os.WriteFile(filepath.Join(dir, "photo.ts"), []byte(programs["ts"]), 0o644))
		must(t, os.WriteFile(filepath.Join(dir, "video.ts"), []byte(videos["ts"]), 0o644))
		must(t, compile(dir))
		arrived(t, dir, "from TypeScript", exec.Command("node", "out/photo.js"))
		saved(t, dir, exec.Command("node", "out/video.js"))
	})
}

// videoSaved has the nats CLI fetch the demo's video by the object store, which checks its digest. What it gives runs a program and compares what
// that saved.
func videoSaved(t *testing.T, d *demo) func(t *testing.T, dir string, c *exec.Cmd) {
	t.Helper()
	out := d.nats(t, `req tg.file.demo.get '{"link":"https://t.me/townnews/3","to":"object"}' --raw --timeout 30s`)
	var got struct {
		File struct{ Bucket, Object string }
	}
	must(t, json.Unmarshal([]byte(out), &got))
	name := filepath.Join(t.TempDir(), "video.mp4")
	d.nats(t, fmt.Sprintf("object get %s %s --output %s --force --no-progress", got.File.Bucket, got.File.Object, name))
	want, err := os.ReadFile(name)
	must(t, err)
	if len(want) <= 8<<20 {
		t.Fatalf("the video has %d bytes: one answer could hold it", len(want))
	}
	return func(t *testing.T, dir string, c *exec.Cmd) {
		t.Helper()
		c.Dir = dir
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		saved, err := os.ReadFile(filepath.Join(dir, "video.mp4"))
		must(t, err)
		if !bytes.Equal(saved, want) {
			t.Errorf("%d bytes were saved of %d, or others", len(saved), len(want))
		}
	}
}

// python compiles the program, checks its types, and runs it where nats-py is.
func python(t *testing.T, program string) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skipf("python3 is not installed, so the Python program was not even compiled: %v", err)
	}
	name := filepath.Join(t.TempDir(), "program.py")
	must(t, os.WriteFile(name, []byte(program), 0o644))
	must(t, build(root, nil, python, "-m", "py_compile", name))
	t.Run("types", func(t *testing.T) { checkPython(t, needNode(t), program) })
	if err := exec.Command(python, "-c", "import nats").Run(); err != nil {
		t.Skip("nats-py is not installed: the Python program was compiled and its types were checked, but it was not run")
	}
	prints(t, exec.Command(python, "-u", name), "'message': 'hello from Python'")
}

// checkPython runs pyright. What it cannot know without nats-py it does not report.
func checkPython(t *testing.T, node, program string) {
	dir := filepath.Join(node, "python")
	must(t, os.MkdirAll(dir, 0o755))
	must(t, os.WriteFile(filepath.Join(dir, "pyrightconfig.json"), []byte(`{"reportMissingImports": "none"}`), 0o644))
	check := func(program string) error {
		must(t, os.WriteFile(filepath.Join(dir, "program.py"), []byte(program), 0o644))
		return build(node, nil, "npx", "--no-install", "pyright", "-p", "python")
	}
	must(t, check(program))
	if check(program+"\njson.dump()\n") == nil {
		t.Error("pyright finds nothing wrong with a call without its arguments")
	}
}

// prints runs a program that does not end by itself, until it has printed want.
func prints(t *testing.T, c *exec.Cmd, want string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var failed bytes.Buffer
	c.Stderr = &failed
	out, err := c.StdoutPipe()
	must(t, err)
	must(t, c.Start())
	stop := context.AfterFunc(ctx, func() { _ = c.Process.Kill() })
	defer stop()
	var printed strings.Builder
	for s := bufio.NewScanner(out); s.Scan(); {
		printed.WriteString(s.Text() + "\n")
		if strings.Contains(s.Text(), want) {
			_ = c.Process.Kill()
			_ = c.Wait() // killed
			return
		}
	}
	t.Errorf("%s ended, or a minute is over, without %q: %v\n%s\n%s", c.Path, want, c.Wait(), printed.String(), failed.String())
}
