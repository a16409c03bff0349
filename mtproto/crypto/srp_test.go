package crypto

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"math/big"
	"slices"
	"testing"

	"github.com/natsgram/natsgram/mtproto/crypto/vectors"
)

func paramsOf(t *testing.T, v vectors.Vector) SRPParams {
	return SRPParams{Salt1: v.InBytes(t, "salt1"), Salt2: v.InBytes(t, "salt2"), G: 3, P: PublishedPrime()}
}

// F5: the exponent a is 1 in the figure.
func TestSRPVector(t *testing.T) {
	v := vectors.Get(t, "srp_gotd")
	one := append(make([]byte, 255), 1)
	a, m1, err := SRP2FA([]byte(v.In(t, "password")), paramsOf(t, v), v.InBytes(t, "srp_B"), bytes.NewReader(one))
	if err != nil || !bytes.Equal(a, v.OutBytes(t, "A")) || !bytes.Equal(m1, v.OutBytes(t, "M1")) {
		t.Errorf("A %x\nM1 %x, %v", a, m1, err)
	}
}

// F5
func TestPasswordHashVector(t *testing.T) {
	v := vectors.Get(t, "password_hash_ph2_mtcute")
	x, err := passwordHash([]byte(v.In(t, "password")), v.InBytes(t, "salt1"), v.InBytes(t, "salt2"))
	if err != nil || !bytes.Equal(x, v.OutBytes(t, "x")) {
		t.Errorf("%x, %v", x, err)
	}
}

// F6: the figure's client half of the salt is zero.
func TestNewPasswordVector(t *testing.T) {
	v := vectors.Get(t, "srp_new_password_hash_gotd")
	params := paramsOf(t, v)
	want := params.Salt1
	params.Salt1 = want[:len(want)-32] // the server's part
	salt, hash, err := NewPasswordHash([]byte(v.In(t, "password")), params, zeros{})
	if err != nil || !bytes.Equal(salt, want) || !bytes.Equal(hash, v.OutBytes(t, "new_password_hash")) {
		t.Errorf("salt %x\nhash %x, %v", salt, hash, err)
	}
}

// F5, F6: a server that knows only the stored hash arrives at the same proof, and for another password does not.
func TestSRPAgainstServer(t *testing.T) {
	params := SRPParams{Salt1: seq(8), Salt2: seq(16), G: 3, P: PublishedPrime()}
	salt, hash, err := NewPasswordHash([]byte("correct horse"), params, rand.Reader)
	if err != nil || len(salt) != 40 || !bytes.Equal(salt[:8], seq(8)) || bytes.Equal(salt[8:], make([]byte, 32)) {
		t.Fatalf("%x, %v", salt, err)
	}
	params.Salt1 = salt
	server := newSRPServer(t, params, hash)
	for password, right := range map[string]bool{"correct horse": true, "correct hors": false, "": false} {
		a, m1, err := SRP2FA([]byte(password), params, server.public, rand.Reader)
		if err != nil || len(a) != 256 || len(m1) != 32 {
			t.Fatalf("%v", err)
		}
		if got := bytes.Equal(server.proof(a), m1); got != right {
			t.Errorf("%q: %v", password, got)
		}
	}
}

// srpServer is the other side, written from the formulas of the documentation alone.
type srpServer struct {
	params SRPParams
	v, b   *big.Int
	public []byte
}

func newSRPServer(t *testing.T, params SRPParams, hash []byte) *srpServer {
	p := new(big.Int).SetBytes(params.P)
	s := &srpServer{params: params, v: new(big.Int).SetBytes(hash)}
	var err error
	if s.b, err = rand.Int(rand.Reader, p); err != nil {
		t.Fatal(err)
	}
	g := make([]byte, 256)
	g[255] = byte(params.G)
	k := sha256.Sum256(append(bytes.Clone(params.P), g...))
	gb := new(big.Int).Mul(new(big.Int).SetBytes(k[:]), s.v)
	gb.Add(gb, new(big.Int).Exp(big.NewInt(int64(params.G)), s.b, p))
	s.public = gb.Mod(gb, p).FillBytes(make([]byte, 256))
	return s
}

func (s *srpServer) proof(a []byte) []byte {
	p := new(big.Int).SetBytes(s.params.P)
	u := sha256.Sum256(slices.Concat(a, s.public))
	secret := new(big.Int).Exp(s.v, new(big.Int).SetBytes(u[:]), p)
	secret.Mul(secret, new(big.Int).SetBytes(a))
	secret.Exp(secret.Mod(secret, p), s.b, p)
	return srpProof(&s.params, p, big.NewInt(int64(s.params.G)), a, s.public, secret)
}

// F5: the parameters come from a server and are checked before the password is touched.
func TestSRPRejects(t *testing.T) {
	good := SRPParams{Salt1: seq(40), Salt2: seq(16), G: 3, P: PublishedPrime()}
	b := new(big.Int).Rsh(new(big.Int).SetBytes(PublishedPrime()), 1).Bytes()
	for name, c := range map[string]struct {
		change func(*SRPParams)
		b      []byte
		want   error
	}{
		"prime":     {func(p *SRPParams) { p.P[255] ^= 2; p.G = 4 }, b, ErrPrime},
		"no prime":  {func(p *SRPParams) { p.P = nil }, b, ErrPrime},
		"generator": {func(p *SRPParams) { p.G = 2 }, b, ErrGenerator},
		"B 0":       {func(*SRPParams) {}, nil, ErrPublic},
		"B 1":       {func(*SRPParams) {}, []byte{1}, ErrPublic},
		"B p":       {func(*SRPParams) {}, PublishedPrime(), ErrPublic},
		"B p-1":     {func(*SRPParams) {}, append(PublishedPrime()[:255], 0x5a), ErrPublic},
		"B huge":    {func(*SRPParams) {}, bytes.Repeat([]byte{1}, 1000), ErrPublic},
		"salt":      {func(p *SRPParams) { p.Salt1 = make([]byte, maxSalt+1) }, b, nil},
	} {
		params := good
		params.P = PublishedPrime()
		c.change(&params)
		_, _, err := SRP2FA([]byte("x"), params, c.b, rand.Reader)
		if err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := SRP2FA([]byte("x"), good, b, bytes.NewReader(seq(255))); err == nil {
		t.Error("255 random bytes were enough")
	}
	if _, _, err := NewPasswordHash([]byte("x"), good, bytes.NewReader(seq(31))); err == nil {
		t.Error("31 random bytes were enough")
	}
	bad := good
	bad.G = 2
	if _, _, err := NewPasswordHash([]byte("x"), bad, rand.Reader); !errors.Is(err, ErrGenerator) {
		t.Errorf("%v", err)
	}
}

func BenchmarkSRP(b *testing.B) {
	params := SRPParams{Salt1: seq(40), Salt2: seq(16), G: 3, P: PublishedPrime()}
	srpB := new(big.Int).Rsh(new(big.Int).SetBytes(PublishedPrime()), 1).Bytes()
	for b.Loop() {
		_, _, _ = SRP2FA([]byte("x"), params, srpB, rand.Reader)
	}
}
