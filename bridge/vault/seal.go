package vault

import (
	"crypto/rand"
	"encoding/binary"
	"errors"

	"golang.org/x/crypto/chacha20poly1305"
)

// A sealed record is version, revision, nonce and box:
//
//	0      1 version
//	1..8   revision, big endian: how often the record was written
//	9..32  nonce
//	33..   box, with its tag
const (
	version = 1
	header  = 1 + 8 + chacha20poly1305.NonceSizeX
)

// ErrSealed says that a record cannot be opened: another key, another account's record, or changed bytes. Which of them
// cannot be told.
var ErrSealed = errors.New("cannot open the sealed session: sealed with another secret or key file, or altered")

// associated binds a box to what it is for: a record copied to another account, or given another revision, does not open.
func associated(account string, revision uint64) []byte {
	a := append([]byte("natsgram/session\x00"), version)
	a = binary.BigEndian.AppendUint64(a, revision)
	return append(a, account...)
}

// seal makes a record. A random nonce of 24 bytes never repeats in practice.
func seal(k Key, account string, revision uint64, state []byte) ([]byte, error) {
	box, err := chacha20poly1305.NewX(k.bytes[:])
	if err != nil {
		return nil, err
	}
	out := make([]byte, header, header+len(state)+box.Overhead())
	out[0] = version
	binary.BigEndian.PutUint64(out[1:], revision)
	nonce := out[9:header]
	if _, err := rand.Read(nonce); err != nil {
		return nil, err
	}
	return box.Seal(out, nonce, state, associated(account, revision)), nil
}

// open takes a record apart.
func open(k Key, account string, record []byte) (state []byte, revision uint64, err error) {
	if len(record) < header || record[0] != version {
		return nil, 0, ErrSealed
	}
	box, err := chacha20poly1305.NewX(k.bytes[:])
	if err != nil {
		return nil, 0, err
	}
	revision = binary.BigEndian.Uint64(record[1:])
	state, err = box.Open(nil, record[9:header], record[header:], associated(account, revision))
	if err != nil {
		return nil, 0, ErrSealed
	}
	return state, revision, nil
}
