package main

import (
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A context is written for the nats CLI, readable by its owner alone; what is there by others stays unless --force is given.
func TestContext(t *testing.T) {
	config, state := t.TempDir(), t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", config)
	t.Setenv("NATSGRAM_STATE_DIR", state)
	file := filepath.Join(config, "nats", "context", "natsgram.json")
	for range 2 { // ours may be written again
		if out, status := command(t, "context"); status != 0 || !strings.Contains(out, "nats --context natsgram") {
			t.Fatal(status, out)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	password, err := os.ReadFile(filepath.Join(state, "nats.password"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"url": "nats://127.0.0.1:4222"`, `"user": "natsgram"`, `"password": "` + strings.TrimSpace(string(password)) + `"`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the context lacks %s", want)
		}
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info.Mode(), err)
	}
	// Another state folder's, or somebody's own, is not touched.
	for _, own := range []string{`{"description":"mine","url":"nats://prod"}`, "no JSON", strings.Replace(string(text), state, "/other", 1)} {
		if err := os.WriteFile(file, []byte(own), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, status := command(t, "context"); status != 1 || !strings.Contains(out, "--force") {
			t.Error(status, out)
		}
		if now, _ := os.ReadFile(file); string(now) != own {
			t.Error("it was overwritten")
		}
	}
	if out, status := command(t, "context", "--force"); status != 0 {
		t.Error(status, out)
	}
	if now, _ := os.ReadFile(file); string(now) != string(text) {
		t.Errorf("with --force: %s", now)
	}
	for _, name := range []string{"../x", "a/b", ""} {
		if out, status := command(t, "context", name); status == 0 {
			t.Errorf("%q: %s", name, out)
		}
	}
	t.Setenv("NATSGRAM_NATS_PORT", "-1")
	if out, status := command(t, "context"); status != 1 || !strings.Contains(out, "natsgram serve") {
		t.Error(status, out)
	}
	t.Setenv("NATS_URL", "nats://x")
	if out, status := command(t, "context"); status != 1 || !strings.Contains(out, "nats context save") {
		t.Error(status, out)
	}
}

// The health check says why the daemon is not ready.
func TestHealth(t *testing.T) {
	status, text := http.StatusServiceUnavailable, "the stream is gone"
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/readyz" {
			status = http.StatusNotFound
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(text))
	}))
	defer srv.Close()
	_, port, err := net.SplitHostPort(srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("NATSGRAM_HTTP", ":"+port)
	if out, got := command(t, "health"); got != 1 || !strings.Contains(out, "not ready: the stream is gone") {
		t.Error(got, out)
	}
	status = http.StatusOK
	for _, host := range []string{"", "0.0.0.0", "127.0.0.1", "[::]"} {
		t.Setenv("NATSGRAM_HTTP", host+":"+port)
		if out, got := command(t, "health"); got != 0 || out != "ready\n" {
			t.Error(host, got, out)
		}
	}
	srv.Close()
	if out, got := command(t, "health"); got != 1 || !strings.Contains(out, "not ready") {
		t.Error(got, out)
	}
	t.Setenv("NATSGRAM_HTTP", "")
	t.Setenv("NATSGRAM_STATE_DIR", t.TempDir())
	t.Setenv("NATSGRAM_NATS_PORT", "1")
	if out, got := command(t, "health"); got != 1 || !strings.Contains(out, "natsgram serve") {
		t.Error(got, out)
	}
}

// Without a terminal a login that reaches nobody ends, having said why it waited.
func TestLoginGivesUp(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	for name, value := range map[string]string{
		"NATSGRAM_STATE_DIR": t.TempDir(), "NATSGRAM_NATS_PORT": "-1", "NATSGRAM_API_ID": "1", "NATSGRAM_API_HASH": "hush",
		"NATSGRAM_DCS": "2=127.0.0.1:1", "NATSGRAM_DC": "2", "NATSGRAM_TIMEOUT": "4s",
	} {
		t.Setenv(name, value)
	}
	out, status := command(t, "login", "main", "--phone", "+4915100")
	for _, want := range []string{"Not connected yet: ", "natsgram: Telegram was waited for 4s (NATSGRAM_TIMEOUT): ", "connection refused", "NATSGRAM_WAYS"} {
		if status != 1 || !strings.Contains(out, want) || strings.Contains(out, "hush") {
			t.Errorf("status %d, want %q:\n%s", status, want, out)
		}
	}
}
