package runner

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/natsgram/natsgram/mtproto/updates"
)

// Store keeps where an account's updates stand, between runs. One store is for one account.
type Store interface {
	// Load is the state that was saved last, the zero State if none ever was.
	Load() (updates.State, error)
	// Save keeps a state before it returns. It must not keep the state's maps and slices, which change afterwards.
	Save(updates.State) error
}

// MemoryStore keeps the state as long as the process lives. The zero value is ready.
type MemoryStore struct {
	mu    sync.Mutex
	state updates.State
}

// Load is the state that was saved last.
func (m *MemoryStore) Load() (updates.State, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.state.Clone(), nil
}

// Save keeps a state.
func (m *MemoryStore) Save(s updates.State) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.state = s.Clone()
	return nil
}

// File keeps the state as JSON in the file of that name, which is replaced as a whole each time. It holds access hashes of
// channels, and only its owner may read it.
type File string

// Load reads the file.
func (f File) Load() (s updates.State, err error) {
	b, err := os.ReadFile(string(f))
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return s, err
	}
	if err = json.Unmarshal(b, &s); err != nil {
		err = fmt.Errorf("%s is no state of updates: %w", string(f), err)
	}
	return s, err
}

// Save replaces the file.
func (f File) Save(s updates.State) error {
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	t, err := os.CreateTemp(filepath.Dir(string(f)), filepath.Base(string(f))+".*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(t.Name()) }()
	_, err = t.Write(b)
	if err = errors.Join(err, t.Sync(), t.Close()); err != nil {
		return err
	}
	return os.Rename(t.Name(), string(f))
}
