package vault

import (
	"crypto/rand"
	"encoding/binary"
	"errors"

	"golang.org/x/crypto/chacha20poly1305"
)

// A sealed record is format, generation, revision, nonce and box:
//
//	0       1 format
//	1..8    generation, big endian: which sign-in the session is of
//	9..16   revision, big endian: how often the record was written
//	17..40  nonce
//	41..    box, with its tag
const (
	format    = 1
	nonceFrom = 1 + 8 + 8
	nonceSize = chacha20poly1305.NonceSizeX
	header    = nonceFrom + nonceSize
)

// number is which writing of a session a record is.
type number struct{ generation, revision uint64 }

// before reports whether a writing was made before another one.
func (n number) before(o number) bool {
	return n.generation < o.generation || n.generation == o.generation && n.revision < o.revision
}

// nonceOf tells one writing of a record from every other.
func nonceOf(record []byte) (n [nonceSize]byte) {
	if len(record) >= header {
		copy(n[:], record[nonceFrom:header])
	}
	return n
}

// ErrSealed says that a record cannot be opened: another key, another account's record, or changed bytes. Which of them
// cannot be told.
var ErrSealed = errors.New("cannot open the sealed session: sealed with another secret or key file, or altered")

// associated binds a box to what it is for. With the secret's key it makes sure that what opens was sealed by a natsgram with the
// same secret, for this account, as this sign-in and this revision of it: a record under another account's name does not open, nor
// one whose numbers were changed.
//
// It does not make sure that the record is the newest. An older one of the same account opens wherever it is put: whether it is the
// newest tell the bucket's other versions, and a daemon that has the session in memory. Where both are gone (the bucket was made
// anew, no daemon runs the account), an older session is taken for the session; Telegram then judges its keys. It does not keep
// anybody from deleting records either.
func associated(account string, n number) []byte {
	a := append([]byte("natsgram/session\x00"), format)
	return append(n.append(a), account...)
}

func (n number) append(b []byte) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(b, n.generation), n.revision)
}

// numberOf reads which writing a record is, without opening it; the zero number is no record's.
func numberOf(record []byte) number {
	if len(record) < header || record[0] != format {
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
	n.append(append(out[:0], format))
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
