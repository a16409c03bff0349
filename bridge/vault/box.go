package vault

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"

	"golang.org/x/crypto/chacha20poly1305"
)

// boxFormat is the first byte of what a box holds; a nonce and the sealed bytes follow.
const boxFormat = 1

// Box seals small things that are as private as what an account reads, for other buckets than the vault's own. Each purpose has a
// key of its own, derived from the vault's. It prints as nothing.
type Box struct {
	keys []Key // the first seals, all open
}

// String hides the keys.
func (Box) String() string { return "[box]" }

// GoString hides the keys.
func (Box) GoString() string { return "[box]" }

// Box is that of a purpose: what another one sealed does not open.
func (v *Vault) Box(purpose string) (Box, error) { return NewBox(purpose, v.keys...) }

// NewBox is a box of some keys.
func NewBox(purpose string, keys ...Key) (b Box, err error) {
	for _, k := range keys {
		derived, err := hkdf.Key(sha256.New, k.bytes[:], nil, "natsgram/box/"+purpose, chacha20poly1305.KeySize)
		if err != nil {
			return Box{}, err
		}
		b.keys = append(b.keys, keyOf(derived))
	}
	return b, nil
}

// Seal seals what is to be kept under a name; it opens under no other.
func (b Box) Seal(name string, plain []byte) ([]byte, error) {
	aead, err := chacha20poly1305.NewX(b.keys[0].bytes[:])
	if err != nil {
		return nil, err
	}
	out := make([]byte, 1+nonceSize, 1+nonceSize+len(plain)+aead.Overhead())
	out[0] = boxFormat
	if _, err := rand.Read(out[1:]); err != nil {
		return nil, err
	}
	return aead.Seal(out, out[1:], plain, []byte(name)), nil
}

// Reseal is what was sealed under a name, sealed with the first key; nil: it is. ErrSealed: see Open.
func (b Box) Reseal(name string, sealed []byte) ([]byte, error) {
	if _, err := (Box{b.keys[:1]}).Open(name, sealed); err == nil {
		return nil, nil
	}
	plain, err := b.Open(name, sealed)
	if err != nil {
		return nil, err
	}
	return b.Seal(name, plain)
}

// Open is the reverse of Seal. ErrSealed: another key, another name, or altered.
func (b Box) Open(name string, sealed []byte) ([]byte, error) {
	if len(sealed) < 1+nonceSize || sealed[0] != boxFormat {
		return nil, ErrSealed
	}
	for _, k := range b.keys {
		aead, err := chacha20poly1305.NewX(k.bytes[:])
		if err != nil {
			return nil, err
		}
		if plain, err := aead.Open(nil, sealed[1:1+nonceSize], sealed[1+nonceSize:], []byte(name)); err == nil {
			return plain, nil
		}
	}
	return nil, ErrSealed
}
