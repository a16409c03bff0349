package crypto

import (
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"slices"

	"github.com/natsgram/natsgram/tl/bin"
)

const (
	rsaSize     = 256 // bytes of a modulus, and of everything encrypted with it
	rsaPadded   = 192 // bytes of data after padding
	rsaMaxData  = 144 // bytes of data that RSA_PAD takes
	rsaAttempts = 64  // each try fails with probability < 1/2, so this many never do, unless rand is not random
)

// PublicKey is an RSA key of a server, 2048 bits. The zero PublicKey is not usable.
type PublicKey struct {
	n           *big.Int
	e           int
	fingerprint int64
}

// NewPublicKey makes a PublicKey from modulus and exponent. The modulus must have 2048 bits and be odd.
func NewPublicKey(n *big.Int, e int) (PublicKey, error) {
	if n == nil || n.Sign() <= 0 || n.BitLen() != 8*rsaSize || n.Bit(0) == 0 {
		return PublicKey{}, errors.New("crypto: RSA modulus is not an odd number of 2048 bits")
	}
	if e < 3 || e&1 == 0 || int64(e) > 1<<32-1 {
		return PublicKey{}, fmt.Errorf("crypto: RSA exponent %d", e)
	}
	k := PublicKey{n: new(big.Int).Set(n), e: e}
	k.fingerprint = fingerprint(k.n, e)
	return k, nil
}

// fingerprint is the last 8 bytes of the SHA1 of the TL-encoded modulus and exponent (B3).
func fingerprint(n *big.Int, e int) int64 {
	var w bin.Writer
	w.Bytes(n.Bytes())
	w.Bytes(big.NewInt(int64(e)).Bytes())
	sum := sha1.Sum(w.Buf)
	return int64(binary.LittleEndian.Uint64(sum[12:]))
}

// Fingerprint is how a server names the key in resPQ (B3): shown in hexadecimal as an unsigned number everywhere.
func (k PublicKey) Fingerprint() int64 { return k.fingerprint }

// String names the key by its fingerprint.
func (k PublicKey) String() string { return fmt.Sprintf("RSA key %016x", uint64(k.fingerprint)) }

// Modulus returns a copy of n.
func (k PublicKey) Modulus() *big.Int { return new(big.Int).Set(k.n) }

// Exponent returns e.
func (k PublicKey) Exponent() int { return k.e }

// ParsePublicKeys reads all RSA public keys of a PEM file ("RSA PUBLIC KEY" or "PUBLIC KEY"); text between the blocks is
// skipped. No key at all, and any block that is not a usable key, is an error.
func ParsePublicKeys(text []byte) ([]PublicKey, error) {
	var keys []PublicKey
	for {
		b, rest := pem.Decode(text)
		if b == nil {
			break
		}
		k, err := parsePublicKey(b)
		if err != nil {
			return nil, fmt.Errorf("crypto: PEM block %d (%s): %w", len(keys)+1, b.Type, err)
		}
		keys = append(keys, k)
		text = rest
	}
	if len(keys) == 0 {
		return nil, errors.New("crypto: no public key in PEM text")
	}
	return keys, nil
}

func parsePublicKey(b *pem.Block) (PublicKey, error) {
	switch b.Type {
	case "RSA PUBLIC KEY":
		k, err := x509.ParsePKCS1PublicKey(b.Bytes)
		if err != nil {
			return PublicKey{}, err
		}
		return NewPublicKey(k.N, k.E)
	case "PUBLIC KEY":
		k, err := x509.ParsePKIXPublicKey(b.Bytes)
		if err != nil {
			return PublicKey{}, err
		}
		r, ok := k.(*rsa.PublicKey)
		if !ok {
			return PublicKey{}, fmt.Errorf("a %T, want RSA", k)
		}
		return NewPublicKey(r.N, r.E)
	}
	return PublicKey{}, errors.New("not a public key")
}

// AppendPEM appends the key as a PEM block that [ParsePublicKeys] reads.
func (k PublicKey) AppendPEM(dst []byte) []byte {
	der := x509.MarshalPKCS1PublicKey(&rsa.PublicKey{N: k.n, E: k.e})
	return append(dst, pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: der})...)
}

// RSAPad encrypts up to 144 bytes for the holder of the private key, with the padding of MTProto (B7). The result always
// has 256 bytes. rand gives the padding first, then 32 bytes for every try at a temporary key.
func RSAPad(k *PublicKey, data []byte, rand io.Reader) ([]byte, error) {
	if len(data) > rsaMaxData || k.n == nil {
		return nil, fmt.Errorf("crypto: RSA of %d bytes, at most %d", len(data), rsaMaxData)
	}
	var padded [rsaPadded]byte
	copy(padded[:], data)
	if _, err := io.ReadFull(rand, padded[len(data):]); err != nil {
		return nil, fmt.Errorf("crypto: random padding: %w", err)
	}
	var tempKey [32]byte
	for range rsaAttempts {
		if _, err := io.ReadFull(rand, tempKey[:]); err != nil {
			return nil, fmt.Errorf("crypto: random key: %w", err)
		}
		m := new(big.Int).SetBytes(rsaEnvelope(&padded, &tempKey))
		if m.Cmp(k.n) < 0 {
			m.Exp(m, big.NewInt(int64(k.e)), k.n)
			return m.FillBytes(make([]byte, rsaSize)), nil
		}
	}
	return nil, errors.New("crypto: no temporary key fits the RSA modulus: is the source of randomness random?")
}

// rsaEnvelope is the number that goes through RSA: temp_key XOR SHA256(ciphertext), then the ciphertext of the reversed
// data and its hash.
func rsaEnvelope(padded *[rsaPadded]byte, tempKey *[32]byte) []byte {
	out := make([]byte, rsaSize)
	text := out[32:]
	copy(text, padded[:])
	slices.Reverse(text[:rsaPadded])
	hash := sha256Of(tempKey[:], padded[:])
	copy(text[rsaPadded:], hash[:])
	EncryptIGE(text, text, tempKey[:], new([32]byte))
	sum := sha256.Sum256(text)
	subtle.XORBytes(out[:32], tempKey[:], sum[:])
	return out
}

// PrivateKey is the RSA key of a server, for tests and demos. It prints as its fingerprint.
type PrivateKey struct {
	rsa    *rsa.PrivateKey
	public PublicKey
}

// GeneratePrivateKey makes a new RSA key of 2048 bits; this takes a good part of a second.
func GeneratePrivateKey(rand io.Reader) (*PrivateKey, error) {
	k, err := rsa.GenerateKey(rand, 8*rsaSize)
	if err != nil {
		return nil, fmt.Errorf("crypto: %w", err)
	}
	return newPrivateKey(k)
}

// ParsePrivateKey reads one PKCS #1 key ("RSA PRIVATE KEY") from PEM text.
func ParsePrivateKey(text []byte) (*PrivateKey, error) {
	b, _ := pem.Decode(text)
	if b == nil || b.Type != "RSA PRIVATE KEY" {
		return nil, errors.New("crypto: no RSA private key in PEM text")
	}
	k, err := x509.ParsePKCS1PrivateKey(b.Bytes)
	if err != nil {
		return nil, fmt.Errorf("crypto: %w", err)
	}
	return newPrivateKey(k)
}

func newPrivateKey(k *rsa.PrivateKey) (*PrivateKey, error) {
	public, err := NewPublicKey(k.N, k.E)
	if err != nil {
		return nil, err
	}
	if len(k.Primes) != 2 {
		return nil, errors.New("crypto: RSA key of more than two primes")
	}
	k.Precompute()
	return &PrivateKey{k, public}, nil
}

// Public is the key that clients are given.
func (k *PrivateKey) Public() PublicKey { return k.public }

// String names the key by its fingerprint, without the secret.
func (k *PrivateKey) String() string { return "private " + k.public.String() }

// Format prints [PrivateKey.String] for every verb.
func (k *PrivateKey) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.String()) }

// LogValue is [PrivateKey.String].
func (k *PrivateKey) LogValue() slog.Value { return slog.StringValue(k.String()) }

// MarshalJSON refuses.
func (k *PrivateKey) MarshalJSON() ([]byte, error) { return nil, errNoMarshal }

var errUnpad = errors.New("crypto: RSA envelope refused")

// RSAUnpad is the inverse of [RSAPad]: the 192 bytes of data with their padding. A failure does not say which check
// refused the envelope.
func RSAUnpad(k *PrivateKey, encrypted []byte) ([]byte, error) {
	c := new(big.Int).SetBytes(encrypted)
	if len(encrypted) != rsaSize || c.Cmp(k.rsa.N) >= 0 {
		return nil, errUnpad
	}
	envelope := k.decrypt(c).FillBytes(make([]byte, rsaSize))
	text := envelope[32:]
	sum := sha256.Sum256(text)
	var tempKey [32]byte
	subtle.XORBytes(tempKey[:], envelope[:32], sum[:])
	DecryptIGE(text, text, tempKey[:], new([32]byte))
	slices.Reverse(text[:rsaPadded])
	hash := sha256Of(tempKey[:], text[:rsaPadded])
	if subtle.ConstantTimeCompare(hash[:], text[rsaPadded:]) != 1 {
		return nil, errUnpad
	}
	return text[:rsaPadded], nil
}

// RSAUnpadOld is the inverse of how clients sealed before RSAPad: SHA-1 of the data, the data, and random bytes, 255 in all. It
// returns the data with the random bytes behind them, and their hash, which only who reads the data can compare.
func RSAUnpadOld(k *PrivateKey, encrypted []byte) (data []byte, sum [20]byte, err error) {
	c := new(big.Int).SetBytes(encrypted)
	if len(encrypted) != rsaSize || c.Cmp(k.rsa.N) >= 0 {
		return nil, sum, errUnpad
	}
	text := k.decrypt(c).FillBytes(make([]byte, rsaSize))
	if text[0] != 0 {
		return nil, sum, errUnpad
	}
	copy(sum[:], text[1:])
	return text[1+len(sum):], sum, nil
}

// decrypt raises c to the private exponent by way of the two primes (the Chinese remainder theorem).
func (k *PrivateKey) decrypt(c *big.Int) *big.Int {
	p, q := k.rsa.Primes[0], k.rsa.Primes[1]
	m1 := new(big.Int).Exp(c, k.rsa.Precomputed.Dp, p)
	m2 := new(big.Int).Exp(c, k.rsa.Precomputed.Dq, q)
	m1.Sub(m1, m2)
	m1.Mul(m1, k.rsa.Precomputed.Qinv)
	m1.Mod(m1, p)
	m1.Mul(m1, q)
	return m1.Add(m1, m2)
}
