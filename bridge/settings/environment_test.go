package settings

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// Docker compose makes an empty variable of what is not set: for every setting it is one that is not set.
func TestEmptyVariablesAreUnset(t *testing.T) {
	for _, empty := range []string{"", " ", "\t\n"} {
		clean(t)
		for _, f := range fieldsOf(new(Settings)) {
			t.Setenv(f.name(), empty)
			t.Setenv(f.file(), empty)
		}
		got, err := LoadOver(nil)
		if err != nil {
			t.Fatalf("%q: %v", empty, err)
		}
		want := Defaults()
		want.StateDir = got.StateDir
		if got.String() != want.String() || got.Timeout != time.Minute {
			t.Errorf("%q:\n got %v\nwant %v", empty, got, want)
		}
		for _, one := range got.Describe() {
			if got.IsSet(one.Name) {
				t.Errorf("%s=%q counts as set", one.Name, empty)
			}
		}
		if text, there := os.LookupEnv("NATSGRAM_TIMEOUT"); text != empty || !there {
			t.Error("the environment was changed")
		}
	}
}

// What the environment sets, also to the default, is told from what is by default.
func TestIsSet(t *testing.T) {
	clean(t)
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("a secret of sixteen\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("NATSGRAM_REPLICAS", "1")
	t.Setenv("NATSGRAM_SECRET_FILE", file)
	for range 2 { // reading leaves no trace
		s, err := LoadOver(nil)
		if err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]bool{"NATSGRAM_REPLICAS": true, "NATSGRAM_SECRET": true, "NATSGRAM_UPDATES_MAX_AGE": false, "NATSGRAM_NONE": false} {
			if s.IsSet(name) != want {
				t.Errorf("%s: %v", name, !want)
			}
		}
		if os.Getenv("NATSGRAM_SECRET") != "" {
			t.Error("the secret was left in the environment")
		}
	}
	if Defaults().IsSet("NATSGRAM_REPLICAS") {
		t.Error("defaults are set by nobody")
	}
}

// A file that was meant to hold a secret and does not is an error: without it another secret would be made.
func TestSecretFilesThatHoldNone(t *testing.T) {
	for name, text := range map[string]string{"is empty": " \n", "is not text": "a\x00b", "larger than": strings.Repeat("a", maxSecretFile+1)} {
		clean(t)
		file := filepath.Join(t.TempDir(), "secret")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		t.Setenv("NATSGRAM_SECRET_FILE", file)
		if _, err := LoadOver(nil); err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "NATSGRAM_SECRET_FILE") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestListsMayHaveSpaces(t *testing.T) {
	clean(t)
	t.Setenv("NATSGRAM_ACCOUNTS", "main, news ")
	s, err := LoadOver(nil)
	if err != nil || !slices.Equal(s.Accounts, []string{"main", "news"}) {
		t.Errorf("%q, %v", s.Accounts, err)
	}
}

func TestMisspelt(t *testing.T) {
	for in, want := range map[string]string{
		"NATSGRAM_PREFIX=x":                                  "",
		"NATSGRAM_API_HASH_FILE=/x":                          "",
		"NATSGRAM_LOGIN_PASSWORD_FILE=/x":                    "",
		"NATS_URL=x":                                         "",
		"NATSGRAMS=x":                                        "",
		"NATSGRAM_ACOUNTS=":                                  "",
		"NATSGRAM_ACOUNTS=hush":                              "NATSGRAM_ACOUNTS is no setting; did you mean NATSGRAM_ACCOUNTS?",
		"NATSGRAM_NATS_URL=nats://u:hush@x":                  "NATSGRAM_NATS_URL is no setting; did you mean NATS_URL?",
		"NATSGRAM_SECRETS_FILE=hush":                         "NATSGRAM_SECRETS_FILE is no setting; did you mean NATSGRAM_SECRET_FILE?",
		"NATSGRAM_API_ID_FILE=hush":                          "NATSGRAM_API_ID_FILE is no setting: only secrets are read from files, so set NATSGRAM_API_ID",
		"NATSGRAM_ENCODING=json":                             "NATSGRAM_ENCODING is no setting; did you mean NATSGRAM_UPDATE_ENCODING?",
		"NATSGRAM_ZZZZZZZZ=hush":                             "NATSGRAM_ZZZZZZZZ is no setting; `natsgram config` lists them all",
		"NATSGRAM_" + strings.Repeat("X", 1000) + "=hush":    " is no setting; `natsgram config` lists them all",
		"NATSGRAM_PORT=4222":                                 "NATSGRAM_PORT is no setting; did you mean NATSGRAM_NATS_PORT?",
		"NATSGRAM_PORT=tcp://10.0.0.1:9464":                  "",
		"NATSGRAM_SERVICE_HOST=10.0.0.1":                     "",
		"NATSGRAM_SERVICE_PORT_METRICS=9464":                 "",
		"NATSGRAM_METRICS_SERVICE_HOST=10.0.0.1":             "",
		"NATSGRAM_METRICS_PORT_9464_TCP_ADDR=10.0.0.1":       "",
		"NATSGRAM_METRICS_PORT_9464_TCP=tcp://10.0.0.1:9464": "",
	} {
		got := strings.Join(Misspelt([]string{"HOME=/", in, "natsgram"}), "\n")
		if (got == "") != (want == "") || !strings.Contains(got, want) || strings.Contains(got, "hush") {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
}

func TestInboxPrefix(t *testing.T) {
	for prefix, good := range map[string]bool{"": true, "_INBOX_.main": true, "a.b": true, "a.": false, ".a": false, "a..b": false, "a.*": false, ">": false, "a b": false} {
		s := Defaults()
		s.Inbox = prefix
		if err := s.Check(); (err == nil) != good {
			t.Errorf("%q: %v", prefix, err)
		}
	}
}

// Flags stand before the environment; one that is empty takes a variable away.
func TestLoadOver(t *testing.T) {
	clean(t)
	t.Setenv("NATS_URL", "nats://x")
	t.Setenv("NATS_CONTEXT", "prod")
	t.Setenv("NATSGRAM_REPLICAS", "3")
	s, err := LoadOver(map[string]string{"NATS_URL": "", "NATS_CONTEXT": "test", "NATSGRAM_PREFIX": "acme"})
	if err != nil || s.URL != "" || s.Context != "test" || s.Prefix != "acme" || s.Replicas != 3 || !s.IsSet("NATSGRAM_PREFIX") || s.IsSet("NATS_URL") {
		t.Errorf("%v %v", s, err)
	}
	if os.Getenv("NATS_URL") != "nats://x" || os.Getenv("NATS_CONTEXT") != "prod" || os.Getenv("NATSGRAM_PREFIX") != "" {
		t.Error("the environment was changed")
	}
}
