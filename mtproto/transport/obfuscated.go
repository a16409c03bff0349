package transport

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
)

const (
	initSize    = 64 // bytes that begin an obfuscated connection (A15)
	tagAt       = 56 // where the framing is named in them (A16)
	dcAt        = 60 // and the data centre (A18)
	initRetries = 64 // each attempt fails with probability 2^-8; so many do only if rand is not random
)

// tags name the framings, in full form (A1, A16).
var tags = [...][4]byte{
	Abridged:     {0xef, 0xef, 0xef, 0xef},
	Intermediate: {0xee, 0xee, 0xee, 0xee},
	Padded:       {0xdd, 0xdd, 0xdd, 0xdd},
}

// reserved are the beginnings by which other protocols and framings are known (A15).
var reserved = [][]byte{
	{0xef},
	[]byte("HEAD"), []byte("POST"), []byte("GET "), []byte("OPTI"),
	{0x16, 0x03, 0x01, 0x02},
	{0xdd, 0xdd, 0xdd, 0xdd},
	{0xee, 0xee, 0xee, 0xee},
}

// usableInit reports whether 64 random bytes look like no other protocol (A15).
func usableInit(b *[initSize]byte) bool {
	if [4]byte(b[4:8]) == ([4]byte{}) {
		return false // the packet number of the full framing
	}
	return !slices.ContainsFunc(reserved, func(r []byte) bool { return bytes.HasPrefix(b[:], r) })
}

// obfuscate draws the first 64 bytes of a client's connection and starts both key streams.
func (c *Conn) obfuscate(secret []byte, dc int16) error {
	if c.kind == Full {
		return errors.New("transport: the full framing cannot be obfuscated")
	}
	var first [initSize]byte
	for i := 0; i == 0 || !usableInit(&first); i++ {
		if i == initRetries {
			return errors.New("transport: the source of randomness is not random")
		}
		if _, err := io.ReadFull(c.rand, first[:]); err != nil {
			return fmt.Errorf("transport: random start: %w", err)
		}
	}
	copy(first[tagAt:], tags[c.kind][:])
	if secret != nil {
		binary.LittleEndian.PutUint16(first[dcAt:], uint16(dc))
	}
	c.enc, c.dec = streams(&first, secret)
	// The sent stream runs over all 64 bytes, but only the last 8 go out encrypted (A17).
	sealed := first
	c.enc.XORKeyStream(sealed[:], sealed[:])
	copy(first[tagAt:], sealed[tagAt:])
	c.header = first[:]
	return nil
}

// streams are the key streams that the first 64 bytes of a connection determine: client to server, and server to client
// (A17, A18).
func streams(first *[initSize]byte, secret []byte) (up, down cipher.Stream) {
	up = stream(first, secret)
	reversed := *first
	slices.Reverse(reversed[:])
	return up, stream(&reversed, secret)
}

func stream(b *[initSize]byte, secret []byte) cipher.Stream {
	key := [32]byte(b[8:40])
	if secret != nil {
		key = sha256.Sum256(append(key[:], secret...))
	}
	c, err := aes.NewCipher(key[:])
	if err != nil {
		panic(err) // 32 bytes are a key
	}
	return cipher.NewCTR(c, b[40:56])
}
