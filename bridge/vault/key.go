package vault

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/chacha20poly1305"
)

// Key seals sessions. It prints as nothing.
type Key struct {
	bytes [chacha20poly1305.KeySize]byte
}

// String hides the key.
func (Key) String() string { return "[key]" }

// GoString hides the key.
func (Key) GoString() string { return "[key]" }

// minSecret is the shortest secret taken, in bytes.
const minSecret = 16

// Argon2id at what OWASP advises for passwords: a secret made up by a person is worth attacking, and every daemon of a cluster
// must come to the same key, so the salt is fixed.
const (
	argonTime    = 2
	argonMemory  = 19 << 10 // KiB
	argonThreads = 1
	argonSalt    = "natsgram vault 1"
)

// KeyFromSecret derives the key from NATSGRAM_SECRET.
func KeyFromSecret(secret string) (Key, error) {
	if len(secret) < minSecret {
		return Key{}, fmt.Errorf("NATSGRAM_SECRET: want %d characters or more", minSecret)
	}
	return keyOf(argon2.IDKey([]byte(secret), []byte(argonSalt), argonTime, argonMemory, argonThreads, chacha20poly1305.KeySize)), nil
}

func keyOf(b []byte) (k Key) {
	copy(k.bytes[:], b)
	return k
}

// ReadKey reads the key from a file that its owner alone may read; fs.ErrNotExist where there is none.
func ReadKey(path string) (Key, error) { return readKey(path) }

// MakeKey makes a key file, unless there is one, and reads it.
func MakeKey(path string) (Key, error) {
	if err := makeKey(path); err != nil && !errors.Is(err, fs.ErrExist) {
		return Key{}, fmt.Errorf("key file: %w", err)
	}
	return readKey(path) // of two that make one at once, both take the file that came first
}

func readKey(path string) (Key, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Key{}, fmt.Errorf("key file: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return Key{}, fmt.Errorf("key file %s can be read by others: chmod 600 %s", path, path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return Key{}, fmt.Errorf("key file: %w", err)
	}
	b, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(b) != chacha20poly1305.KeySize {
		return Key{}, fmt.Errorf("key file %s does not hold a key", path)
	}
	return keyOf(b), nil
}

// makeKey writes the file whole under another name and links it, so that nobody ever reads half of it.
func makeKey(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	b := make([]byte, chacha20poly1305.KeySize)
	if _, err := rand.Read(b); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".key") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // the link stays
	_, err = fmt.Fprintln(f, hex.EncodeToString(b))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Link(f.Name(), path)
}
