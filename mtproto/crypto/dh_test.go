package crypto

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"math/big"
	"testing"
)

// B11: what the published prime suits.
func TestCheckDHPublishedPrime(t *testing.T) {
	for g := -1; g < 10; g++ {
		err := CheckDH(PublishedPrime(), g)
		if want := g == 3 || g == 4 || g == 7; want != (err == nil) {
			t.Errorf("g=%d: %v", g, err)
		}
	}
	changed := PublishedPrime()
	changed[0] = 0 // of the copy alone
	if PublishedPrime()[0] != 0xc7 {
		t.Error("the published prime can be changed from outside")
	}
}

// B11: the condition on g for each residue of p, written out.
func TestGeneratorConditions(t *testing.T) {
	for g, c := range map[int]struct {
		mod  int64
		good map[int64]bool
	}{
		2: {8, map[int64]bool{7: true}},
		3: {3, map[int64]bool{2: true}},
		4: {1, map[int64]bool{0: true}},
		5: {5, map[int64]bool{1: true, 4: true}},
		6: {24, map[int64]bool{19: true, 23: true}},
		7: {7, map[int64]bool{3: true, 5: true, 6: true}},
	} {
		for p := int64(1000); p < 1200; p++ {
			if got := suits(big.NewInt(p), g); got != c.good[p%c.mod] {
				t.Errorf("g=%d p=%d: %v", g, p, got)
			}
		}
	}
	for _, g := range []int{-1, 0, 1, 8, 9} {
		if suits(big.NewInt(1151), g) {
			t.Errorf("g=%d suits", g)
		}
	}
}

// B11: primes that are not safe, of the wrong size, or no primes.
func TestCheckDHRejects(t *testing.T) {
	p := new(big.Int).SetBytes(PublishedPrime())
	add := func(n int64) []byte { return new(big.Int).Add(p, big.NewInt(n)).Bytes() }
	for name, prime := range map[string][]byte{
		"nothing":          nil,
		"zero":             make([]byte, 256),
		"2 bytes":          {0x17, 0x11},
		"even":             add(1),
		"composite":        add(2),
		"half of it":       new(big.Int).Rsh(p, 1).Bytes(),
		"twice":            new(big.Int).Lsh(p, 1).Bytes(),
		"all ones":         bytes.Repeat([]byte{255}, 256),
		"prime, not safe":  nextPrime(p).Bytes(),
		"2047 bits":        append([]byte{0x7f}, PublishedPrime()[1:]...),
		"2^2047":           append([]byte{0x80}, make([]byte, 255)...),
		"one byte more":    append(PublishedPrime(), 0xff),
		"one byte changed": append(PublishedPrime()[:255], 0x5a),
	} {
		if err := CheckDH(prime, 4); !errors.Is(err, ErrPrime) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := CheckDH(append([]byte{0}, PublishedPrime()...), 3); err != nil {
		t.Errorf("a leading zero: %v", err)
	}
}

func nextPrime(p *big.Int) *big.Int {
	n := new(big.Int).Set(p)
	for n.Add(n, big.NewInt(2)); !n.ProbablyPrime(0); n.Add(n, big.NewInt(2)) {
	}
	return n
}

// group14 is the 2048-bit safe prime of RFC 3526.
var group14 = mustHex("ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404dd" +
	"ef9519b3cd3a431b302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7ed" +
	"ee386bfb5a899fa5ae9f24117c4b1fe649286651ece45b3dc2007cb8a163bf0598da48361c55d39a69163fa8fd24cf5f" +
	"83655d23dca3ad961c62f356208552bb9ed529077096966d670c354e4abc9804f1746c08ca18217c32905e462e36ce3b" +
	"e39e772c180e86039b2783a2ec07a28fb5c55df06f4c52c9de2bcbf6955817183995497cea956ae515d2261898fa0510" +
	"15728e5a8aacaa68ffffffffffffffff")

// B11: a safe prime that is not the published one passes once the slow way, then from memory.
func TestCheckDHRemembersPrimes(t *testing.T) {
	if err := CheckDH(group14, 2); err != nil {
		t.Fatal(err)
	}
	primes.mu.Lock()
	_, known := primes.known[sha256.Sum256(group14)]
	primes.mu.Unlock()
	if !known {
		t.Error("not remembered")
	}
	if err := CheckDH(group14, 2); err != nil {
		t.Error(err)
	}
	if err := CheckDH(group14, 8); !errors.Is(err, ErrGenerator) { // remembered, but not for every g
		t.Error(err)
	}
}

// The memory for primes is bounded and keeps what it has.
func TestPrimeCacheIsBounded(t *testing.T) {
	c := primeCache{known: map[[sha256.Size]byte]struct{}{}}
	for i := range maxPrimes {
		c.known[[sha256.Size]byte{byte(i)}] = struct{}{}
	}
	if !c.safe(new(big.Int).SetBytes(group14)) || len(c.known) != maxPrimes {
		t.Errorf("%d primes", len(c.known))
	}
}

// B12
func TestCheckPublic(t *testing.T) {
	p := new(big.Int).SetBytes(PublishedPrime())
	margin := new(big.Int).Lsh(big.NewInt(1), 2048-64)
	minus := func(a *big.Int, n int64) *big.Int { return new(big.Int).Sub(a, big.NewInt(n)) }
	high := new(big.Int).Sub(p, margin)
	for name, c := range map[string]struct {
		x  *big.Int
		ok bool
	}{
		"0": {big.NewInt(0), false}, "1": {big.NewInt(1), false}, "2": {big.NewInt(2), false},
		"p-2": {minus(p, 2), false}, "p-1": {minus(p, 1), false}, "p": {p, false}, "2p": {new(big.Int).Lsh(p, 1), false},
		"2^1984-1": {minus(margin, 1), false}, "2^1984": {margin, true},
		"p-2^1984": {high, true}, "p-2^1984+1": {minus(high, -1), false},
		"negative": {big.NewInt(-5), false}, "p/2": {new(big.Int).Rsh(p, 1), true},
	} {
		if err := CheckPublic(c.x, p); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func BenchmarkCheckDH(b *testing.B) {
	b.Run("published", func(b *testing.B) {
		prime := PublishedPrime()
		for b.Loop() {
			_ = CheckDH(prime, 3)
		}
	})
	b.Run("remembered", func(b *testing.B) {
		if err := CheckDH(group14, 2); err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			_ = CheckDH(group14, 2)
		}
	})
	b.Run("new", func(b *testing.B) {
		p := new(big.Int).SetBytes(group14)
		for b.Loop() {
			safePrime(p)
		}
	})
}
