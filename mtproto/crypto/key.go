package crypto

import (
	"crypto/sha1"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// KeySize is the length of an authorization key in bytes.
const KeySize = 256

// Side is who wrote a message; its value is the x of the key derivation (C2).
type Side int

// The two ends of an encrypted connection.
const (
	Client Side = 0
	Server Side = 8
)

// Key is an authorization key. The zero Key holds none. Copies share the key material, which never changes.
//
// A Key never prints itself: every way of formatting or marshalling it, also as part of another value, shows its id at
// most. [Key.AppendBytes] is the one way to the bytes.
type Key struct {
	// Two pointers, because fmt prints the unexported fields of a struct that holds a Key without asking its methods. It
	// stops at a pointer, but for a verb that does not suit one, such as %s, it follows the first all the same.
	p **material
}

// get is the material, nil for the zero Key.
func (k Key) get() *material {
	if k.p == nil {
		return nil
	}
	return *k.p
}

type material struct {
	bytes [KeySize]byte
	id    uint64
	aux   uint64
}

// NewKey takes the 256 bytes of an authorization key, big-endian and left-padded (B14). Bytes are copied.
func NewKey(b []byte) (Key, error) {
	if len(b) != KeySize {
		return Key{}, fmt.Errorf("crypto: authorization key of %d bytes, want %d", len(b), KeySize)
	}
	m := &material{}
	copy(m.bytes[:], b)
	sum := sha1.Sum(b)
	m.aux = binary.LittleEndian.Uint64(sum[:8])
	m.id = binary.LittleEndian.Uint64(sum[12:])
	return Key{&m}, nil
}

// ID is the key's auth_key_id: the last 8 bytes of its SHA1, read little-endian (B14). 0 for the zero Key.
func (k Key) ID() uint64 {
	if k.p == nil {
		return 0
	}
	return k.get().id
}

// Aux is the auth_key_aux_hash: the first 8 bytes of the key's SHA1, read little-endian (B14). 0 for the zero Key.
func (k Key) Aux() uint64 {
	if k.p == nil {
		return 0
	}
	return k.get().aux
}

// Zero reports whether there is no key.
func (k Key) Zero() bool { return k.p == nil }

// Equal compares two keys in constant time. Two zero Keys are equal.
func (k Key) Equal(o Key) bool {
	if k.p == nil || o.p == nil {
		return k.p == o.p
	}
	return subtle.ConstantTimeCompare(k.get().bytes[:], o.get().bytes[:]) == 1
}

// AppendBytes appends the 256 secret bytes, to be sealed and stored; nothing for the zero Key.
func (k Key) AppendBytes(dst []byte) []byte {
	if k.p == nil {
		return dst
	}
	return append(dst, k.get().bytes[:]...)
}

// String names the key by its id, without the secret.
func (k Key) String() string {
	if k.p == nil {
		return "key none"
	}
	return fmt.Sprintf("key %016x", k.get().id)
}

// GoString is [Key.String].
func (k Key) GoString() string { return k.String() }

// Format prints [Key.String] for every verb.
func (k Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.String()) }

// LogValue is [Key.String].
func (k Key) LogValue() slog.Value { return slog.StringValue(k.String()) }

var errNoMarshal = errors.New("crypto: a secret key is not marshalled; take its bytes and seal them")

// MarshalJSON refuses.
func (k Key) MarshalJSON() ([]byte, error) { return nil, errNoMarshal }

// MarshalText refuses.
func (k Key) MarshalText() ([]byte, error) { return nil, errNoMarshal }

// MarshalBinary refuses, so that gob and the like cannot store a key unsealed.
func (k Key) MarshalBinary() ([]byte, error) { return nil, errNoMarshal }
