package crypto

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"sync"
)

const (
	dhSize       = 256  // bytes of a Diffie-Hellman prime and of everything modulo it
	dhMargin     = 64   // g_a and g_b keep 2^(2048-64) away from both ends (B12)
	primeRounds  = 32   // Miller-Rabin rounds of a new prime, besides the Baillie-PSW test
	maxPrimes    = 16   // verified primes that are remembered
	minGenerator = 2    // B11
	maxGenerator = 7    // B11
	dhBits       = 2048 // B11
)

// publishedPrime is the prime that core.telegram.org prints in its sample of a key exchange, and that all data centres
// have used for years.
var publishedPrime = mustHex("c71caeb9c6b1c9048e6c522f70f13f73980d40238e3e21c14934d037563d930f" +
	"48198a0aa7c14058229493d22530f4dbfa336f6e0ac925139543aed44cce7c37" +
	"20fd51f69458705ac68cd4fe6b6b13abdc9746512969328454f18faf8c595f64" +
	"2477fe96bb2a941d5bcd1d4ac8cc49880708fa9b378e3c4f3a9060bee67cf9a4" +
	"a4a695811051907e162753b56b0f6b410dba74d8a84b2a14b3144e0ef1284754" +
	"fd17ed950d5965b4b9dd46582db1178d169c6bc465b0d6ff9ca3928fef5b9ae4" +
	"e418fc15e83ebea0f87fa9ff5eed70050ded2849f47bf959d956850ce929851f" +
	"0d8115f635b105ee2e4e15d04b2454bf6f4fadf034b10403119cd8e3b92fcc5b")

func mustHex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

// PublishedPrime returns a copy of the Diffie-Hellman prime that Telegram's documentation prints, 256 bytes. The
// generators 3, 4 and 7 suit it.
func PublishedPrime() []byte { return bytes.Clone(publishedPrime) }

// Failures of [CheckDH] and [CheckPublic].
var (
	ErrPrime     = errors.New("crypto: Diffie-Hellman modulus is not a safe prime of 2048 bits")
	ErrGenerator = errors.New("crypto: generator does not suit the Diffie-Hellman prime")
	ErrPublic    = errors.New("crypto: Diffie-Hellman public value out of range")
)

// CheckDH says whether a prime and a generator may be used for Diffie-Hellman (B11): the prime has exactly 2048 bits and
// is safe, and g, 2 to 7, generates its subgroup of prime order. Primes that passed are remembered for the life of the
// process; a new one costs some tenths of a second of CPU.
func CheckDH(prime []byte, g int) error {
	p := new(big.Int).SetBytes(prime)
	if p.BitLen() != dhBits {
		return fmt.Errorf("%w: %d bits", ErrPrime, p.BitLen())
	}
	if !suits(p, g) {
		return fmt.Errorf("%w: g=%d", ErrGenerator, g)
	}
	if !primes.safe(p) {
		return ErrPrime
	}
	return nil
}

// suits is the residue condition of B11, by which g is a quadratic residue modulo p.
func suits(p *big.Int, g int) bool {
	mod := func(m int64) int { return int(new(big.Int).Mod(p, big.NewInt(m)).Int64()) }
	switch g {
	case 2:
		return mod(8) == 7
	case 3:
		return mod(3) == 2
	case 4:
		return true
	case 5:
		return slices.Contains([]int{1, 4}, mod(5))
	case 6:
		return slices.Contains([]int{19, 23}, mod(24))
	case 7:
		return slices.Contains([]int{3, 5, 6}, mod(7))
	}
	return false
}

// primeCache remembers the moduli that were proved safe primes. It is bounded, so that nobody fills our memory with
// primes, and keeps the first ones, so that nobody pushes out those in use.
type primeCache struct {
	mu    sync.Mutex
	known map[[sha256.Size]byte]struct{}
}

var primes primeCache

func (c *primeCache) safe(p *big.Int) bool {
	raw := p.Bytes()
	if bytes.Equal(raw, publishedPrime) {
		return true
	}
	id := sha256.Sum256(raw)
	c.mu.Lock()
	_, known := c.known[id]
	c.mu.Unlock()
	if known {
		return true
	}
	if !safePrime(p) {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.known) < maxPrimes {
		if c.known == nil {
			c.known = map[[sha256.Size]byte]struct{}{}
		}
		c.known[id] = struct{}{}
	}
	return true
}

// safePrime reports whether p and (p-1)/2 are prime. One round on each comes first: a number that is not prime is nearly
// always found out by it.
func safePrime(p *big.Int) bool {
	if p.Bit(0) == 0 {
		return false
	}
	half := new(big.Int).Rsh(p, 1)
	return half.ProbablyPrime(0) && p.ProbablyPrime(0) && half.ProbablyPrime(primeRounds) && p.ProbablyPrime(primeRounds)
}

// CheckPublic says whether x, a g_a or g_b, is safe modulo p (B12): 1 < x < p-1, and at least 2^(2048-64) away from 0 and
// from p.
func CheckPublic(x, p *big.Int) error {
	margin := new(big.Int).Lsh(big.NewInt(1), dhBits-dhMargin)
	if x.Cmp(margin) < 0 || x.Cmp(margin.Sub(p, margin)) > 0 {
		return ErrPublic
	}
	return nil
}
