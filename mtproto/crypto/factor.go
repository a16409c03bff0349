package crypto

import (
	"errors"
	"math/bits"
)

// ErrFactor says that a number is not the product of two different odd primes, or does not fit 63 bits.
var ErrFactor = errors.New("crypto: pq is not a product of two different odd primes below 2^63")

const (
	smallPrimes = 256     // factors below are found by division
	rhoBatch    = 128     // differences multiplied before one gcd
	rhoSteps    = 1 << 20 // steps of one walk; 2^17 are enough for nearly every pq
	rhoWalks    = 8       // walks before giving up: bounds the time to a fraction of a second
)

// Factor splits pq into its two primes, p < q (B5). It takes about a millisecond and never much more, whatever pq is.
func Factor(pq uint64) (p, q uint64, err error) {
	if pq < 15 || pq >= 1<<63 || pq&1 == 0 {
		return 0, 0, ErrFactor
	}
	p = smallFactor(pq)
	if p == 0 && !isPrime(pq) {
		p = rho(pq)
	}
	if p <= 1 {
		return 0, 0, ErrFactor
	}
	if q = pq / p; p > q {
		p, q = q, p
	}
	if p == q || !isPrime(p) || !isPrime(q) {
		return 0, 0, ErrFactor
	}
	return p, q, nil
}

// FactorBytes is [Factor] on the wire form of the key exchange: pq, p and q big-endian, p and q without leading zeros.
func FactorBytes(pq []byte) (p, q []byte, err error) {
	n, ok := beUint64(pq)
	if !ok {
		return nil, nil, ErrFactor
	}
	a, b, err := Factor(n)
	if err != nil {
		return nil, nil, err
	}
	return minimalBytes(a), minimalBytes(b), nil
}

func beUint64(b []byte) (n uint64, ok bool) {
	for _, c := range b {
		if n>>56 != 0 {
			return 0, false
		}
		n = n<<8 | uint64(c)
	}
	return n, true
}

// minimalBytes is n big-endian in as few bytes as hold it.
func minimalBytes(n uint64) []byte {
	var b [8]byte
	i := len(b)
	for ; n > 0; n >>= 8 {
		i--
		b[i] = byte(n)
	}
	return b[i:]
}

// smallFactor finds an odd factor below smallPrimes, 0 where there is none.
func smallFactor(n uint64) uint64 {
	for d := uint64(3); d < smallPrimes && d < n; d += 2 {
		if n%d == 0 {
			return d
		}
	}
	return 0
}

// montgomery is arithmetic modulo an odd n in Montgomery's form, where a product costs three multiplications and no
// division.
type montgomery struct{ n, inv uint64 } // inv = -1/n modulo 2^64

func newMontgomery(n uint64) montgomery {
	inv := n // right in 3 bits; each step doubles them
	for range 5 {
		inv *= 2 - n*inv
	}
	return montgomery{n, -inv}
}

func (m montgomery) mul(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	t, _ := bits.Mul64(lo*m.inv, m.n)
	if lo != 0 { // the low word of the sum is 0 by construction and carries unless lo was 0 already
		t++
	}
	// n < 2^63, so the sum does not overflow.
	if hi += t; hi >= m.n {
		hi -= m.n
	}
	return hi
}

// in brings a < n into Montgomery's form.
func (m montgomery) in(a uint64) uint64 {
	_, r := bits.Div64(a, 0, m.n)
	return r
}

// rho looks for a proper factor of an odd composite n by Pollard's method in Brent's form. 1: none was found.
func rho(n uint64) uint64 {
	m := newMontgomery(n)
	for c := uint64(1); c <= rhoWalks; c++ {
		if d := m.walk(m.in(c), m.in(2)); d > 1 && d < n {
			return d
		}
	}
	return 1
}

// walk follows y*y+c from start and multiplies up the distances to a fixed point that moves on at each power of two.
func (m montgomery) walk(c, y uint64) uint64 {
	one := m.in(1)
	for r, steps := 1, 0; steps < rhoSteps; r *= 2 {
		x := y
		for range r {
			y = m.step(y, c)
		}
		for k := 0; k < r; k += rhoBatch {
			back, prod := y, one
			for range min(rhoBatch, r-k) {
				y = m.step(y, c)
				prod = m.mul(prod, distance(x, y))
			}
			if d := gcd(prod, m.n); d != 1 {
				return m.recount(x, back, c, d)
			}
		}
		steps += 2 * r
	}
	return 1
}

func (m montgomery) step(y, c uint64) uint64 {
	y = m.mul(y, y) + c
	if y >= m.n {
		y -= m.n
	}
	return y
}

// recount takes the last batch one by one where its product met both factors at once.
func (m montgomery) recount(x, y, c, d uint64) uint64 {
	for i := 0; d == m.n && i < rhoBatch; i++ {
		y = m.step(y, c)
		if one := gcd(distance(x, y), m.n); one != 1 {
			return one
		}
	}
	return d
}

func distance(a, b uint64) uint64 {
	if a > b {
		return a - b
	}
	return b - a
}

// gcd of a and an odd b, by halving.
func gcd(a, b uint64) uint64 {
	if a == 0 {
		return b
	}
	for a >>= bits.TrailingZeros64(a); a != b; {
		if a < b {
			a, b = b, a
		}
		a -= b
		a >>= bits.TrailingZeros64(a)
	}
	return b
}

// witnesses make the test of Miller and Rabin exact below 2^64.
var witnesses = [...]uint64{2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37}

// isPrime reports whether n < 2^63 is prime.
func isPrime(n uint64) bool {
	for _, w := range witnesses {
		if n%w == 0 {
			return n == w
		}
	}
	if n < 2 {
		return false
	}
	m := newMontgomery(n)
	for _, w := range witnesses {
		if !m.strong(m.in(w)) {
			return false
		}
	}
	return true
}

// strong is one round of Miller and Rabin for the base a, given in Montgomery's form.
func (m montgomery) strong(a uint64) bool {
	one := m.in(1)
	minusOne := m.n - one
	s := bits.TrailingZeros64(m.n - 1)
	x := one
	for d := (m.n - 1) >> s; d > 0; d >>= 1 {
		if d&1 == 1 {
			x = m.mul(x, a)
		}
		a = m.mul(a, a)
	}
	if x == one || x == minusOne {
		return true
	}
	for range s - 1 {
		if x = m.mul(x, x); x == minusOne {
			return true
		}
	}
	return false
}
