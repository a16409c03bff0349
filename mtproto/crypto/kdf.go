package crypto

import (
	"crypto/sha1"
	"crypto/sha256"
	"hash"
	"sync"
)

// aesKey is what a message is encrypted with: an AES-256 key and the IV of IGE.
type aesKey struct{ key, iv [32]byte }

// kdf2 derives the AES key of a message in MTProto 2.0 (C2).
func kdf2(k *Key, from Side, msgKey *[16]byte) (out aesKey) {
	var buf [16 + 36]byte
	copy(buf[:16], msgKey[:])
	copy(buf[16:], k.get().bytes[from:from+36])
	a := sha256.Sum256(buf[:])
	copy(buf[:36], k.get().bytes[40+from:40+from+36])
	copy(buf[36:], msgKey[:])
	b := sha256.Sum256(buf[:])

	copy(out.key[:8], a[:8])
	copy(out.key[8:24], b[8:24])
	copy(out.key[24:], a[24:])
	copy(out.iv[:8], b[:8])
	copy(out.iv[8:24], a[8:24])
	copy(out.iv[24:], b[24:])
	return out
}

// kdf1 derives the AES key of a message in MTProto 1.0, which binding a temporary key still needs (B21).
func kdf1(k *Key, from Side, msgKey *[16]byte) (out aesKey) {
	part := k.get().bytes[from:]
	a := sha1Of(msgKey[:], part[:32])
	b := sha1Of(part[32:48], msgKey[:], part[48:64])
	c := sha1Of(part[64:96], msgKey[:])
	d := sha1Of(msgKey[:], part[96:128])

	copy(out.key[:8], a[:8])
	copy(out.key[8:20], b[8:20])
	copy(out.key[20:], c[4:16])
	copy(out.iv[:12], a[8:20])
	copy(out.iv[12:20], b[:8])
	copy(out.iv[20:24], c[16:20])
	copy(out.iv[24:], d[:8])
	return out
}

// TempKey derives the key and IV that protect the Diffie-Hellman messages of a key exchange (B9). Both nonces are byte
// strings of fixed size; taken as numbers they would lose leading zeros (B8).
func TempKey(newNonce *[32]byte, serverNonce *[16]byte) (key, iv [32]byte) {
	k := tempKey(newNonce[:], serverNonce[:])
	return k.key, k.iv
}

func tempKey(newNonce, serverNonce []byte) (out aesKey) {
	ns := sha1Of(newNonce, serverNonce)
	sn := sha1Of(serverNonce, newNonce)
	nn := sha1Of(newNonce, newNonce)
	copy(out.key[:20], ns[:])
	copy(out.key[20:], sn[:12])
	copy(out.iv[:8], sn[12:])
	copy(out.iv[8:28], nn[:])
	copy(out.iv[28:], newNonce[:4])
	return out
}

// NonceHash is new_nonce_hash1, 2 or 3 (by n), with which the server proves that it knows the key (B15).
func NonceHash(newNonce *[32]byte, n byte, k Key) (out [16]byte) {
	buf := make([]byte, 0, 41)
	buf = append(buf, newNonce[:]...)
	buf = append(buf, n)
	aux := k.Aux()
	for i := range 8 {
		buf = append(buf, byte(aux>>(8*i)))
	}
	sum := sha1.Sum(buf)
	copy(out[:], sum[4:])
	return out
}

func sha1Of(parts ...[]byte) (out [sha1.Size]byte) {
	h := sha1.New()
	for _, p := range parts {
		h.Write(p)
	}
	h.Sum(out[:0])
	return out
}

// hasher is a SHA-256 state with room for its result, pooled because hashes of the standard library live on the heap.
type hasher struct {
	h   hash.Hash
	sum [sha256.Size]byte
}

var hashers = sync.Pool{New: func() any { return &hasher{h: sha256.New()} }}

// sha256Of hashes the concatenation of parts without allocating.
func sha256Of(parts ...[]byte) [sha256.Size]byte {
	h := hashers.Get().(*hasher)
	h.h.Reset()
	for _, p := range parts {
		h.h.Write(p)
	}
	h.h.Sum(h.sum[:0])
	out := h.sum
	hashers.Put(h)
	return out
}
