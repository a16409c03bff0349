// Package private keeps small secrets in files that their owner alone may read: made once, whole or not at all, and read by all
// processes of that owner.
package private

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// ReadOrMake reads a secret, and makes it where there is none. Of two processes that start at once, both take what came first.
func ReadOrMake(path string, secret func() string) (string, error) {
	text, err := Read(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return text, err
	}
	if err := write(path, secret()); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	return Read(path)
}

// Read reads a secret, and refuses one that others can read too.
func Read(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("%s can be read by others: chmod 600 %s", path, path)
	}
	b, err := os.ReadFile(path)
	return strings.TrimSpace(string(b)), err
}

// write makes a file, or fails with fs.ErrExist.
func write(path, text string) error {
	whole, err := temporary(path, text)
	if err != nil {
		return err
	}
	defer os.Remove(whole) //nolint:errcheck // the link stays
	return os.Link(whole, path)
}

// Replace writes a file in the place of whatever is there.
func Replace(path, text string) error {
	whole, err := temporary(path, text)
	if err != nil {
		return err
	}
	if err := os.Rename(whole, path); err != nil {
		return errors.Join(err, os.Remove(whole))
	}
	return nil
}

// temporary writes text whole to a file beside path, so that nobody ever reads half of it under its name.
func temporary(path, text string) (name string, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".private") // 0600
	if err != nil {
		return "", err
	}
	_, err = fmt.Fprintln(f, text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), nil
}
