package crypto

import (
	"bytes"
	"errors"
	"math/big"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/natsgram/natsgram/mtproto/crypto/vectors"
)

// B5
func TestFactorVectors(t *testing.T) {
	for _, id := range []string{
		"pq_1470626929934143021", "pq_2363612107535801713", "pq_2804275833720261793", "pq_1372318559046200203",
	} {
		v := vectors.Get(t, id)
		n, err := strconv.ParseUint(v.In(t, "pq"), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		p, q, err := Factor(n)
		if err != nil || strconv.FormatUint(p, 10) != v.Out(t, "p") || strconv.FormatUint(q, 10) != v.Out(t, "q") {
			t.Errorf("%s: %d %d %v", id, p, q, err)
		}
	}
}

// B5: small primes, primes next to each other, one small with one large, the largest there is.
func TestFactor(t *testing.T) {
	for _, c := range [][2]uint64{
		{3, 5}, {3, 7}, {5, 7}, {13, 17}, {251, 257}, {257, 263}, {241, 251}, {65519, 65521},
		{3, 3074457345618258599}, {257, 35888607147294757}, {65521, 140737488355213},
		{1141464581, 1202243663}, {2147483647, 2147483659}, {3037000453, 3037000493},
	} {
		p, q, err := Factor(c[0] * c[1])
		if err != nil || p != c[0] || q != c[1] {
			t.Errorf("%d*%d: %d %d %v", c[0], c[1], p, q, err)
		}
	}
}

// B5: what is no product of two different odd primes is refused, in bounded time.
func TestFactorRejects(t *testing.T) {
	for _, n := range []uint64{
		0, 1, 2, 3, 4, 6, 9, 15 * 2, 105, 17, 25, 3 * 5 * 7, 1<<63 - 25, // a prime
		1<<63 - 1,                               // 7*7*73*127*337*92737*649657
		2147483647 * 2147483647,                 // a square
		65537 * 65537,                           //
		2097143 * 2097143 * 2097143,             // a cube
		2097143 * 2097143 * 2097133,             // three primes
		1 << 62, 1 << 63, 1<<63 + 1, ^uint64(0), // too large
	} {
		if p, q, err := Factor(n); !errors.Is(err, ErrFactor) {
			t.Errorf("%d: %d %d %v", n, p, q, err)
		}
	}
}

// B5: the wire form has no leading zeros on the way out and tolerates them on the way in.
func TestFactorBytes(t *testing.T) {
	p, q, err := FactorBytes([]byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 3 * 5})
	if err != nil || !bytes.Equal(p, []byte{3}) || !bytes.Equal(q, []byte{5}) {
		t.Errorf("%x %x %v", p, q, err)
	}
	p, q, err = FactorBytes([]byte{0x17, 0xED, 0x48, 0x94, 0x1A, 0x08, 0xF9, 0x81})
	if err != nil || !bytes.Equal(p, []byte{0x49, 0x4C, 0x55, 0x3B}) || !bytes.Equal(q, []byte{0x53, 0x91, 0x10, 0x73}) {
		t.Errorf("%x %x %v", p, q, err)
	}
	for _, b := range [][]byte{nil, {0}, {1}, make([]byte, 100), bytes.Repeat([]byte{255}, 9)} {
		if _, _, err := FactorBytes(b); !errors.Is(err, ErrFactor) {
			t.Errorf("%x: %v", b, err)
		}
	}
}

// The test for primes against the standard library's.
func TestIsPrime(t *testing.T) {
	for n := range uint64(20000) {
		if isPrime(n) != new(big.Int).SetUint64(n).ProbablyPrime(0) {
			t.Errorf("%d", n)
		}
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 5000 {
		n := rnd.Uint64()>>1 | 1
		if isPrime(n) != new(big.Int).SetUint64(n).ProbablyPrime(0) {
			t.Errorf("%d", n)
		}
	}
}

// Arithmetic in Montgomery's form against plain arithmetic.
func TestMontgomery(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 5000 {
		n := rnd.Uint64()>>(1+rnd.UintN(60)) | 1
		if n == 1 {
			continue
		}
		a, b := rnd.Uint64()%n, rnd.Uint64()%n
		m := newMontgomery(n)
		got := m.mul(m.mul(m.in(a), m.in(b)), 1)
		want := new(big.Int).Mul(new(big.Int).SetUint64(a), new(big.Int).SetUint64(b))
		if want.Mod(want, new(big.Int).SetUint64(n)); got != want.Uint64() {
			t.Fatalf("%d*%d mod %d = %d, want %d", a, b, n, got, want)
		}
	}
}

func FuzzFactor(f *testing.F) {
	f.Add(uint64(1372318559046200203))
	f.Add(uint64(15))
	f.Add(uint64(1)<<63 - 1)
	f.Fuzz(func(t *testing.T, n uint64) {
		p, q, err := Factor(n)
		if err != nil {
			return
		}
		if p >= q || p*q != n || !new(big.Int).SetUint64(p).ProbablyPrime(0) || !new(big.Int).SetUint64(q).ProbablyPrime(0) {
			t.Errorf("%d: %d %d", n, p, q)
		}
	})
}

func BenchmarkFactor(b *testing.B) {
	for name, n := range map[string]uint64{
		"sample": 1372318559046200203, "largest": 3037000453 * 3037000493, "prime": 1<<63 - 25, "square": 2147483647 * 2147483647,
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				_, _, _ = Factor(n)
			}
		})
	}
}
