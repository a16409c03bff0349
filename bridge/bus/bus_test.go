package bus

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"go.uber.org/goleak"

	"github.com/natsgram/natsgram/bridge/embedded"
	"github.com/natsgram/natsgram/bridge/settings"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// guarded is a server that asks for credentials.
func guarded(t *testing.T, change func(*server.Options)) string {
	t.Helper()
	o := &server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true}
	change(o)
	srv, err := server.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	srv.Start()
	t.Cleanup(func() { srv.Shutdown(); srv.WaitForShutdown() })
	return srv.ClientURL()
}

// The ways to sign in that the nats CLI has.
func TestExternal(t *testing.T) {
	user := guarded(t, func(o *server.Options) { o.Username, o.Password = "u", "p" })
	token := guarded(t, func(o *server.Options) { o.Authorization = "hush" })
	dir := t.TempDir()
	contexts := filepath.Join(dir, "nats", "context")
	if err := os.MkdirAll(contexts, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("XDG_CONFIG_HOME", dir)
	text, _ := json.Marshal(map[string]string{"url": user, "user": "u", "password": "p"})
	if err := os.WriteFile(filepath.Join(contexts, "mine.json"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, n := range map[string]settings.NATS{
		"user and password": {URL: user, User: "u", Password: "p"},
		"token":             {URL: token, Token: "hush"},
		"token as user":     {URL: token, User: "hush"},
		"in the URL":        {URL: strings.Replace(user, "nats://", "nats://u:p@", 1)},
		"context":           {Context: "mine"},
		"context by file":   {Context: filepath.Join(contexts, "mine.json")},
	} {
		nc, err := External(n, "test")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		nc.Close()
	}
	for name, n := range map[string]settings.NATS{
		"wrong password": {URL: strings.Replace(user, "nats://", "nats://u:hush@", 1)},
		"no context":     {Context: "none"},
		"no seed":        {URL: user, NKey: "/does/not/exist"},
		"bad proxy":      {URL: user, Socks: "ftp://hush@x"},
	} {
		if nc, err := External(n, "test"); err == nil || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: %v", name, err)
			if nc != nil {
				nc.Close()
			}
		}
	}
}

func TestCommandsFindTheDaemon(t *testing.T) {
	s := settings.Defaults()
	s.StateDir, s.Port = t.TempDir(), -1
	if _, err := Connect(s, "test"); !errors.Is(err, ErrNotRunning) {
		t.Error(err)
	}
	srv, err := embedded.Start(embedded.Config{Dir: s.StateDir, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	nc, err := Connect(s, "test")
	if err != nil {
		t.Fatal(err)
	}
	nc.Close()
	if nc, err = InProcess(srv, s.NATS, "test"); err != nil {
		t.Fatal(err)
	}
	nc.Close()
}
