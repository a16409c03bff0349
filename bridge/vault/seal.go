package vault

import (
	"crypto/rand"
	"encoding/binary"
	"errors"

	"golang.org/x/crypto/chacha20poly1305"
)

// A sealed record is version, generation, revision, nonce and box:
//
//	0       1 version
//	1..8    generation, big endian: which sign-in the session is of
//	9..16   revision, big endian: how often the record was written
//	17..40  nonce
//	41..    box, with its tag
const (
	version   = 1
	nonceFrom = 1 + 8 + 8
	header    = nonceFrom + chacha20poly1305.NonceSizeX
)

// number is which writing of a session a record is.
type number struct{ generation, revision uint64 }

// ErrSealed says that a record cannot be opened: another key, another account's record, or changed bytes. Which of them
// cannot be told.
var ErrSealed = errors.New("cannot open the sealed session: sealed with another secret or key file, or altered")

// associated binds a box to what it is for: a record copied to another account, or given another revision, does not open.
func associated(account string, n number) []byte {
	a := append([]byte("natsgram/session\x00"), version)
	return append(n.append(a), account...)
}

func (n number) append(b []byte) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(b, n.generation), n.revision)
}

// numberOf reads which writing a record is, without opening it; the zero number is no record's.
func numberOf(record []byte) number {
	if len(record) < header || record[0] != version {
		return number{}
	}
	return number{binary.BigEndian.Uint64(record[1:]), binary.BigEndian.Uint64(record[9:])}
}

// seal makes a record. A random nonce of 24 bytes never repeats in practice.
func seal(k Key, account string, n number, state []byte) ([]byte, error) {
	box, err := chacha20poly1305.NewX(k.bytes[:])
	if err != nil {
		return nil, err
	}
	out := make([]byte, header, header+len(state)+box.Overhead())
	n.append(append(out[:0], version))
	nonce := out[nonceFrom:header]
	if _, err := rand.Read(nonce); err != nil {
		return nil, err
	}
	return box.Seal(out, nonce, state, associated(account, n)), nil
}

// open takes a record apart.
func open(k Key, account string, record []byte) (state []byte, n number, err error) {
	if n = numberOf(record); n == (number{}) {
		return nil, n, ErrSealed
	}
	box, err := chacha20poly1305.NewX(k.bytes[:])
	if err != nil {
		return nil, n, err
	}
	state, err = box.Open(nil, record[nonceFrom:header], record[header:], associated(account, n))
	if err != nil {
		return nil, n, ErrSealed
	}
	return state, n, nil
}
