package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A name with a slash behind it is a folder, also the first time; other names are files where no folder is.
func TestBackupPath(t *testing.T) {
	now := time.Date(2026, 11, 27, 16, 0, 0, 0, time.UTC)
	dir := t.TempDir()
	for name, want := range map[string]string{
		dir:                   filepath.Join(dir, "natsgram-20261127T160000Z.tar"),
		dir + "/new/":         filepath.Join(dir, "new", "natsgram-20261127T160000Z.tar"),
		dir + "/a.tar":        filepath.Join(dir, "a.tar"),
		dir + "/deep/deeper/": filepath.Join(dir, "deep", "deeper", "natsgram-20261127T160000Z.tar"),
	} {
		if got, err := backupPath(name, now); err != nil || got != want {
			t.Errorf("%s: %s, %v, want %s", name, got, err, want)
		}
	}
	if info, err := os.Stat(filepath.Join(dir, "new")); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info, err)
	}
}
