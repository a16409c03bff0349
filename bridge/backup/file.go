package backup

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/natsgram/natsgram/bridge/vault"
	"github.com/natsgram/natsgram/subjects"
)

// A backup is a tar file: manifest.json, then of every account session, position.json, watched.json, signin.json and limits.json, then updates
// as lines of JSON in pieces.
const (
	manifestName = "manifest.json"
	accountsDir  = "accounts/"
	updatesDir   = "updates/"
	pieceSize    = 1 << 20
	maxEntry     = vault.MaxState * 2 // of an account's entries, in bytes
	maxPiece     = 64 << 20           // pieces end behind the message that fills them
)

type writer struct {
	tar   *tar.Writer
	at    time.Time
	piece bytes.Buffer
	n     int
	err   error
}

func newWriter(w io.Writer, at time.Time) *writer { return &writer{tar: tar.NewWriter(w), at: at} }

func (w *writer) entry(name string, body []byte) {
	if w.err != nil {
		return
	}
	w.err = w.tar.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(body)), ModTime: w.at, Typeflag: tar.TypeReg})
	if w.err == nil {
		_, w.err = w.tar.Write(body)
	}
}

func (w *writer) json(name string, v any) {
	body, err := json.Marshal(v)
	w.err = errors.Join(w.err, err)
	w.entry(name, body)
}

func (w *writer) account(name string, a *Account) {
	for _, e := range []struct {
		name string
		body []byte
	}{{"session", a.Session}, {"position.json", a.Position}, {"watched.json", a.Watched}, {"signin.json", a.SignIn}, {"limits.json", a.Limits}} {
		if e.body != nil {
			w.entry(accountsDir+name+"/"+e.name, e.body)
		}
	}
}

func (w *writer) update(u update) {
	line, err := json.Marshal(u)
	if w.err = errors.Join(w.err, err); w.err != nil {
		return
	}
	w.piece.Write(append(line, '\n'))
	if w.piece.Len() >= pieceSize {
		w.flush()
	}
}

func (w *writer) flush() {
	if w.piece.Len() > 0 {
		w.n++
		w.entry(fmt.Sprintf("%s%06d.jsonl", updatesDir, w.n), w.piece.Bytes())
		w.piece.Reset()
	}
}

func (w *writer) close() error {
	w.flush()
	return errors.Join(w.err, w.tar.Close())
}

func names(all map[string]*Account) []string { return slices.Sorted(maps.Keys(all)) }

// Backup is one that is read. Updates follow the accounts in the file, and are read last.
type Backup struct {
	Manifest
	Accounts map[string]*Account

	tar  *tar.Reader
	next *tar.Header // the first piece of updates
}

// Read reads a backup up to its updates.
func Read(r io.Reader) (*Backup, error) {
	b := &Backup{Accounts: map[string]*Account{}, tar: tar.NewReader(r)}
	first, err := b.tar.Next()
	if err != nil || first.Name != manifestName {
		return nil, errors.New("this is not a backup of natsgram's: it does not begin with a manifest")
	}
	body, err := b.body(first, maxPiece)
	if err == nil {
		err = json.Unmarshal(body, &b.Manifest)
	}
	if err != nil {
		return nil, fmt.Errorf("the manifest of the backup cannot be read: %w", err)
	}
	if b.Format != Format {
		return nil, fmt.Errorf("a backup of format %d: this natsgram reads format %d", b.Format, Format)
	}
	for _, name := range b.Manifest.Accounts {
		if err := subjects.CheckAccount(name); err != nil {
			return nil, fmt.Errorf("the manifest of the backup: %w", err)
		}
		b.Accounts[name] = &Account{}
	}
	return b, b.readAccounts()
}

func (b *Backup) readAccounts() error {
	for {
		h, err := b.tar.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("the backup is damaged: %w", err)
		}
		if strings.HasPrefix(h.Name, updatesDir) {
			b.next = h
			return nil
		}
		if err := b.readEntry(h); err != nil {
			return err
		}
	}
}

func (b *Backup) readEntry(h *tar.Header) error {
	name, what, _ := strings.Cut(strings.TrimPrefix(h.Name, accountsDir), "/")
	a := b.Accounts[name]
	if a == nil || !strings.HasPrefix(h.Name, accountsDir) {
		return fmt.Errorf("the backup is damaged: what is %.80q?", h.Name)
	}
	body, err := b.body(h, maxEntry)
	if err != nil {
		return err
	}
	switch what {
	case "session":
		a.Session = body
		return nil
	case "position.json":
		a.Position = body
	case "watched.json":
		a.Watched = body
	case "signin.json":
		a.SignIn = body
	case "limits.json":
		a.Limits = body
	default:
		return fmt.Errorf("the backup is damaged: what is %.80q?", h.Name)
	}
	if !json.Valid(body) {
		return fmt.Errorf("the backup is damaged: %s is no JSON", h.Name)
	}
	return nil
}

func (b *Backup) body(h *tar.Header, most int64) ([]byte, error) {
	if h.Size < 0 || h.Size > most {
		return nil, fmt.Errorf("the backup is damaged: %.80q has %d bytes", h.Name, h.Size)
	}
	body, err := io.ReadAll(io.LimitReader(b.tar, h.Size))
	if err == nil && int64(len(body)) < h.Size {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, fmt.Errorf("the backup is damaged: %.80q: %w", h.Name, err)
	}
	return body, nil
}

// updates reads the updates, once.
func (b *Backup) updates(each func(update) error) error {
	for h := b.next; h != nil; {
		body, err := b.body(h, maxPiece)
		if err != nil {
			return err
		}
		for d := json.NewDecoder(bytes.NewReader(body)); d.More(); {
			var u update
			if err := d.Decode(&u); err != nil {
				return fmt.Errorf("the backup is damaged: %s: %w", h.Name, err)
			}
			if err := each(u); err != nil {
				return err
			}
		}
		if h, err = b.tar.Next(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("the backup is damaged: %w", err)
		}
	}
	return nil
}
