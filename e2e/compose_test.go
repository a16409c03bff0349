package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"gopkg.in/yaml.v3"

	"github.com/natsgram/natsgram/mtproto/mttest"
)

// composed is what the tests read of docker-compose.yml.
type composed struct {
	Services map[string]struct {
		Command     []string
		Environment map[string]string
		Healthcheck struct{ Test []string }
		Secrets     []string
		Volumes     []string
	}
	Secrets map[string]struct{ File string }
}

func readCompose(t *testing.T) (c composed) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "docker-compose.yml"))
	must(t, err)
	must(t, yaml.Unmarshal(text, &c))
	return c
}

// TestCompose has the compose client, where one is installed, read docker-compose.yml. No engine is needed for that.
func TestCompose(t *testing.T) {
	command := composeClient(t)
	dir := t.TempDir()
	text, err := os.ReadFile(filepath.Join(root, "docker-compose.yml"))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "docker-compose.yml"), text, 0o644))
	must(t, os.Mkdir(filepath.Join(dir, "secrets"), 0o700))
	for name := range readCompose(t).Secrets {
		must(t, os.WriteFile(filepath.Join(dir, "secrets", name), nil, 0o600))
	}
	must(t, build(dir, nil, command[0], append(command[1:], "config", "-q")...))
}

func composeClient(t *testing.T) []string {
	t.Helper()
	if exec.Command("docker", "compose", "version").Run() == nil {
		return []string{"docker", "compose"}
	}
	if _, err := exec.LookPath("docker-compose"); err == nil {
		return []string{"docker-compose"}
	}
	t.Skip("no docker compose client is installed")
	return nil
}

// container is what the containers of docker-compose.yml would have, as folders and ports of this machine.
type container struct {
	dir, password string
	nats, monitor string // addresses
	replace       *strings.Replacer
}

func newContainer(t *testing.T) *container {
	t.Helper()
	b := &container{dir: t.TempDir(), password: "12345678901234567890", nats: freeAddress(t), monitor: freeAddress(t)} // it looks like a number
	must(t, os.Mkdir(filepath.Join(b.dir, "secrets"), 0o700))
	for name, text := range map[string]string{"nats_password": b.password, "api_hash": "0123456789abcdef0123456789abcdef", "seal": "sixteen characters"} {
		must(t, os.WriteFile(filepath.Join(b.dir, "secrets", name), []byte(text+"\n"), 0o600))
	}
	b.replace = strings.NewReplacer("/run/secrets", filepath.Join(b.dir, "secrets"), "/etc/nats/nats.conf", filepath.Join(b.dir, "nats.conf"),
		`"/data"`, fmt.Sprintf("%q", filepath.Join(b.dir, "data")), "0.0.0.0:4222", b.nats, "nats:4222", b.nats, "127.0.0.1:8222", b.monitor,
		"127.0.0.1:9464", freeAddress(t), "$$", "$", "${NATSGRAM_API_ID:-}", "12345", "/natsgram", filepath.Join(bin, "natsgram"))
	conf, err := os.ReadFile(filepath.Join(root, "docs", "compose", "nats.conf"))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(b.dir, "nats.conf"), []byte(b.replace.Replace(string(conf))), 0o600))
	return b
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	return l.Addr().String()
}

// TestComposeServices runs what docker-compose.yml runs, without the containers: its nats-server by its command and configuration, the
// daemon by its environment, and the health check.
func TestComposeServices(t *testing.T) {
	must(t, buildNatsgram())
	c, b := readCompose(t), newContainer(t)
	b.startNATS(t, c.Services["nats"].Command)

	s := mttest.NewServer(t, func(c *mttest.Config) { c.Code = "54321" })
	me := s.AddUser(mttest.User{First: "Me", Phone: "+491701234567"})
	o := newOperator(t, s)
	o.env = append(o.env[:2], "NATSGRAM_STATE_DIR="+filepath.Join(b.dir, "state")) // of the box: where Telegram is
	for name, value := range c.Services["natsgram"].Environment {
		value = b.replace.Replace(value)
		if before, text, ok := strings.Cut(value, ":-"); ok && strings.HasPrefix(before, "${") { // a default
			value = strings.TrimSuffix(text, "}")
		}
		o.env = append(o.env, name+"="+value)
	}
	if out := o.run(t, "natsgram config --set"); strings.Contains(out, "is no setting") || strings.Contains(out, b.password) {
		t.Errorf("the settings of docker-compose.yml:\n%s", out)
	}
	if out, err := o.sh(t, "timeout 20 natsgram serve", append(o.env, "NATSGRAM_API_ID=")...); err == nil || !strings.Contains(out, "NATSGRAM_API_ID and NATSGRAM_API_HASH are not set") {
		t.Errorf("without an api_id: %v\n%s", err, out)
	}
	check := b.replace.Replace(strings.Join(c.Services["natsgram"].Healthcheck.Test[1:], " "))
	if out, err := o.sh(t, check, o.env...); err == nil {
		t.Errorf("healthy without a daemon:\n%s", out)
	}
	o.run(t, "natsgram login main --phone +"+me.Phone()+" --code 54321")
	o.serve(t, "main")
	if out := o.run(t, check); out != "ready\n" {
		t.Errorf("%s:\n%s", check, out)
	}
	var accounts struct {
		Accounts []struct{ State string }
	}
	if out := o.run(t, "natsgram accounts list --json"); json.Unmarshal([]byte(out), &accounts) == nil && len(accounts.Accounts) > 0 && accounts.Accounts[0].State != "connected" {
		t.Errorf("accounts:\n%s", out)
	}
}

// startNATS runs the command of the service until the test ends. Without the password nobody comes in.
func (b *container) startNATS(t *testing.T, command []string) {
	t.Helper()
	folder := installServer(t, "")
	c := exec.Command(command[0], command[1:len(command)-1]...)
	c.Args = append(c.Args, b.replace.Replace(command[len(command)-1]))
	c.Env = []string{"PATH=" + folder + ":" + os.Getenv("PATH")}
	var said lockedBuffer
	c.Stdout, c.Stderr = &said, &said
	must(t, c.Start())
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		nc, err := nats.Connect(b.nats, nats.UserInfo("natsgram", b.password))
		if err == nil {
			js, _ := jetstream.New(nc)
			_, err = js.AccountInfo(t.Context())
			nc.Close()
		}
		if err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("nats-server: %v\n%s", err, &said)
		}
	}
	for _, o := range []nats.Option{nats.UserInfo("", ""), nats.UserInfo("natsgram", ""), nats.UserInfo("natsgram", "natsgram")} {
		if nc, err := nats.Connect(b.nats, o); err == nil {
			nc.Close()
			t.Error("somebody without the password comes in")
		}
	}
	answer, err := http.Get("http://" + b.monitor + "/varz")
	must(t, err)
	defer answer.Body.Close()
	if text, err := io.ReadAll(answer.Body); err != nil || !strings.Contains(string(text), `"sync_always": true`) {
		t.Errorf("not every write is synced: %v\n%s", err, text)
	}
}
