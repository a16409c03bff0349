package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/natsgram/natsgram/bridge/embedded/embeddedtest"
)

// What an operator does with the storage, by the commands alone.
func TestStorageCommands(t *testing.T) {
	srv := embeddedtest.Start(t)
	t.Setenv("HOME", t.TempDir())
	t.Setenv("NATS_URL", srv.ClientURL())
	t.Setenv("NATSGRAM_SECRET", "sixteen characters")
	try := func(words string, status int, want string) {
		t.Helper()
		if out, got := command(t, strings.Fields(words)...); got != status || !strings.Contains(out, want) {
			t.Errorf("natsgram %s: status %d, want %d; want %q in\n%s", words, got, status, want, out)
		}
	}
	try("storage", 0, "TG_UPDATES: missing, a daemon makes it")
	try("storage", 0, "TG_SCHEMA: not there, made when it is first asked for")
	try("storage apply", 0, "TG_SESSIONS: bucket made, was missing")
	try("storage apply", 0, "Nothing was to be changed")
	out, _ := command(t, "storage")
	if first, rest, _ := strings.Cut(out, "\n"); strings.Count(rest, "\n") > 9 {
		at := strings.Index(first, "MESSAGES")
		for line := range strings.Lines(rest) {
			if strings.TrimSpace(line) == "" {
				break
			}
			if line[at-1] != ' ' || line[at] == ' ' {
				t.Errorf("a column does not stand below its head:\n%s", out)
				break
			}
		}
	} else {
		t.Error(out)
	}
	t.Setenv("NATSGRAM_UPDATES_MAX_AGE", "24h")
	t.Setenv("NATSGRAM_LIMITS", "events=64MB")
	try("storage", 0, "TG_UPDATES: age is 168h, and 24h is set: natsgram storage apply --reduce does that, and loses what is older than 24h")
	try("storage --json", 0, `"loses":"what is older than 24h"`)
	try("storage apply", 0, "TG_UPDATES: age is 168h, and 24h is set: natsgram storage apply --reduce does that, and loses what is older than 24h\n")
	try("storage apply", 0, "TG_EVENTS: limit is none, and 64MB is set: natsgram storage apply --reduce does that") // a lower limit too is a loss
	if out, _ := command(t, "storage", "apply"); strings.Contains(out, "Nothing was to be changed") || !strings.Contains(out, "Nothing was changed. Left as it is:") {
		t.Error(out)
	}
	try("storage apply --reduce", 1, "nothing was changed")
	try("storage apply --reduce --yes", 0, "TG_UPDATES: age 24h, was 168h")
	try("storage apply", 0, "Nothing was to be changed")
	try("storage", 0, "64MB")
	t.Setenv("NATSGRAM_LIMITS", "events=128MB,sessions=64MB")
	try("storage apply", 0, "TG_EVENTS: limit 128MB, was 64MB\n\nLeft as it is:\nTG_SESSIONS: limit is none, and 64MB is set: natsgram storage apply --reduce")
	t.Setenv("NATSGRAM_LIMITS", "events=1000000TB,sessions=128MB") // the server has not so much
	out, status := command(t, "storage", "apply", "--reduce", "--yes")
	if status != 1 || strings.Contains(out, "TG_EVENTS: limit 1000000") || !strings.Contains(out, "TG_SESSIONS: limit 128MB, was none") ||
		!strings.Contains(out, "stream TG_EVENTS: ") || !strings.Contains(out, "TG_EVENTS: limit is 128MB, and ") {
		t.Errorf("status %d:\n%s", status, out)
	}
	t.Setenv("NATSGRAM_LIMITS", "")
	folder := t.TempDir()
	try("backup "+folder, 0, "Accounts in it: 0")
	files, err := filepath.Glob(filepath.Join(folder, "natsgram-*.tar"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	if info, err := os.Stat(files[0]); err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info, err)
	}
	try("backup "+files[0], 1, "is there already")
	try("restore "+files[0], 0, "0 sessions")
	try("restore "+os.Args[0], 1, "not a backup")
	try("rotate-secret", 0, "0 sessions sealed anew")
}
