//go:build !unix

package embedded

import (
	"fmt"
	"os"
)

// lock only opens the file: without flock nothing keeps a second server away but its port.
func lock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("state folder: %w", err)
	}
	return f, nil
}

// locked cannot be told without flock: the folder may be in use.
func locked(string) bool { return true }
