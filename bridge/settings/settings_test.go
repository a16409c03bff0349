package settings

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// clean empties the environment of everything that is a setting.
func clean(t *testing.T) {
	var s Settings
	for _, f := range fieldsOf(&s) {
		for _, name := range []string{f.name(), f.name() + "_FILE"} {
			t.Setenv(name, "")
			os.Unsetenv(name)
		}
	}
	t.Setenv("XDG_STATE_HOME", t.TempDir())
}

func TestEmptyEnvironmentIsDefaults(t *testing.T) {
	clean(t)
	got, err := LoadOver(nil)
	if err != nil {
		t.Fatal(err)
	}
	if filepath.Base(got.StateDir) != "natsgram" {
		t.Error(got.StateDir)
	}
	want := Defaults()
	want.StateDir = got.StateDir
	if got.String() != want.String() {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if got.Timeout != time.Minute || got.Prefix != "tg" || got.Port != 4222 || got.External() || !got.Serves("any") {
		t.Errorf("%v", got)
	}
}

func TestEverySettingIsExplained(t *testing.T) {
	for _, s := range Defaults().Describe() {
		if s.Name == "" || s.Meaning == "" || !strings.HasPrefix(s.Name, "NATSGRAM_") && !strings.HasPrefix(s.Name, "NATS_") {
			t.Errorf("%+v", s)
		}
		if s.Value != s.Default {
			t.Errorf("%s: by default %q, said to be %q", s.Name, s.Value, s.Default)
		}
	}
}

func TestSecretsAreMasked(t *testing.T) {
	clean(t)
	file := filepath.Join(t.TempDir(), "hash")
	if err := os.WriteFile(file, []byte("hush-hash\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("NATSGRAM_API_HASH_FILE", file)
	t.Setenv("NATSGRAM_SECRET", "hush-secret-of-mine")
	t.Setenv("NATS_PASSWORD", "hush-password")
	s, err := LoadOver(nil)
	if err != nil || s.APIHash != "hush-hash" {
		t.Fatal(err)
	}
	for _, text := range []string{s.String(), fmt.Sprintf("%v %+v %#v", s, s, s), fmt.Sprint(s.Describe())} {
		if strings.Contains(text, "hush") || !strings.Contains(text, masked) {
			t.Error(text)
		}
	}
}

func TestWrongSettingsAreNamed(t *testing.T) {
	for name, value := range map[string]string{
		"NATSGRAM_PREFIX": "a..b", "NATSGRAM_ACCOUNTS": "Main", "NATSGRAM_ENDPOINTS": "x", "NATSGRAM_TIMEOUT": "soon",
		"NATSGRAM_REPLICAS": "7", "NATSGRAM_API_ID": "hush", "NATSGRAM_API_HASH_FILE": "/does/not/exist", "NATSGRAM_NATS_PORT": "70000",
		"NATSGRAM_PING": "26s", "NATSGRAM_FLOOD_WAIT": "-1s", "NATSGRAM_FILES_BUCKETS": "mine,TG_SCHEMA",
	} {
		t.Run(name, func(t *testing.T) {
			clean(t)
			t.Setenv(name, value)
			if _, err := LoadOver(nil); err == nil || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "hush") || strings.Contains(err.Error(), "time.Duration") {
				t.Errorf("%s=%s: %v", name, value, err)
			}
		})
	}
}

func TestExternal(t *testing.T) {
	for _, set := range []func(*NATS){
		func(n *NATS) { n.URL = "nats://x" }, func(n *NATS) { n.Context = "x" }, func(n *NATS) { n.Creds = "x" },
	} {
		s := Defaults()
		set(&s.NATS)
		if !s.External() {
			t.Errorf("%v is not embedded", s)
		}
	}
}

// Design §6, §7: no address is shown with what signs in, in whatever form it is written, and also when it is wrong.
func TestAddressesAreShownWithoutSecrets(t *testing.T) {
	for in, want := range map[string]string{
		"":                                     "",
		"localhost":                            "localhost",
		"127.0.0.1:4222":                       "127.0.0.1:4222",
		"nats://a:4222,tls://b:4222":           "nats://a:4222,tls://b:4222",
		"nats://u:hush@a:4222,nats://u:hush@b": "nats://********@a:4222,nats://********@b",
		"nats://hush@a":                        "nats://********@a",
		"hush@a:4222":                          "********@a:4222",
		"nats://u:hu@sh@a":                     "nats://********@a",
		"nats://u:hush/hush@a:none":            "nats://********@a:none",
		"nats://u:hush,hush@a":                 "nats://********,********@a",
		"socks5://u:hush%@[::1]:1080":          "socks5://********@[::1]:1080",
		"http://user:hush@::bad,nats://hush@b:42": "http://********@::bad,nats://********@b:42",
	} {
		if got := Redacted(in); got != want {
			t.Errorf("%s is shown as %s", in, got)
		}
	}
	s := Defaults()
	s.URL, s.Socks = "nats://u:hush@a,nats://u:hush@b", "socks5://u:hush@c:1080"
	if text := s.String(); strings.Contains(text, "hush") || !strings.Contains(text, "@c:1080") {
		t.Error(text)
	}
}

// What is refused says so in the units and numbers in which it is written.
func TestWrongNumbersAreExplained(t *testing.T) {
	for want, change := range map[string]func(*Settings){
		"NATSGRAM_PING: 1ms is not between 1s and 25s":          func(s *Settings) { s.Ping = time.Millisecond },
		"NATSGRAM_LOOK: 25h is not between 0s and 24h":          func(s *Settings) { s.Look = 25 * time.Hour },
		"NATSGRAM_TIMEOUT: 25h is not between 1ms and 24h":      func(s *Settings) { s.Timeout = 25 * time.Hour },
		"NATSGRAM_TIMEOUT: 10m is more than any request":        func(s *Settings) { s.Timeout = 10 * time.Minute },
		"NATSGRAM_QUEUE_BYTES: 1073741824 is more than all":     func(s *Settings) { s.QueueBytes = 1 << 30 },
		"NATSGRAM_QUEUE_BYTES: 5 is not between 1048576 and":    func(s *Settings) { s.QueueBytes = 5 },
		"NATSGRAM_REPLICAS: 2 is none of 1, 3 and 5":            func(s *Settings) { s.Replicas, s.URL = 2, "nats://x" },
		"NATSGRAM_REPLICAS: 3 copies need a cluster":            func(s *Settings) { s.Replicas = 3 },
		"NATSGRAM_NATS_PORT: 70000 is not between -1 and 65535": func(s *Settings) { s.Port = 70000 },
	} {
		s := Defaults()
		change(&s)
		if err := s.Check(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("want %s, got %v", want, err)
		}
	}
	s := Defaults()
	if s.Replicas, s.URL = 3, "nats://x"; s.Check() != nil {
		t.Error(s.Check())
	}
}
