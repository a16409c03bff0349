package embeddedtest

import (
	"bytes"
	"os"
	"path/filepath"
)

// Found counts a text in each file below a folder that holds it. A file that the server takes away meanwhile holds nothing.
func Found(dir, text string) map[string]int {
	found := map[string]int{}
	_ = filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return nil //nolint:nilerr // it is gone
		}
		if data, err := os.ReadFile(path); err == nil {
			if n := bytes.Count(data, []byte(text)); n > 0 {
				found[path] = n
			}
		}
		return nil
	})
	return found
}
