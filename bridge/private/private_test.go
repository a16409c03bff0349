package private

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// All who start at once come to the same secret, and it stays.
func TestMadeOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state", "secret")
	if _, err := Read(path); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	var all sync.Map
	var work sync.WaitGroup
	for i := range 16 {
		work.Go(func() {
			text, err := ReadOrMake(path, func() string { return "secret " + strconv.Itoa(i) })
			if err != nil {
				t.Error(err)
			}
			all.Store(text, true)
		})
	}
	work.Wait()
	again, err := ReadOrMake(path, func() string { return "another" })
	if _, known := all.Load(again); !known || err != nil {
		t.Error(again, err)
	}
	all.Range(func(text, _ any) bool {
		if text != again {
			t.Errorf("two secrets: %q and %q", text, again)
		}
		return true
	})
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info.Mode(), err)
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}

func TestOthersMayNotRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte("hush"), 0o640); err != nil {
		t.Fatal(err)
	}
	if text, err := ReadOrMake(path, nil); err == nil || text != "" || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("%q %v", text, err)
	}
	if err := Replace(path, "new"); err != nil {
		t.Fatal(err)
	}
	if text, err := Read(path); text != "new" || err != nil {
		t.Errorf("%q %v", text, err)
	}
}
