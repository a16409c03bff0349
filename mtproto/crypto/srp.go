package crypto

import (
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"math/big"
	"slices"
)

const (
	pbkdf2Rounds  = 100000 // F5
	newSaltRandom = 32     // random bytes added to the server's salt for a new password (F6)
	maxSalt       = 4096   // more than any real salt
)

// SRPParams is passwordKdfAlgoSHA256SHA256PBKDF2HMACSHA512iter100000SHA256ModPow, the one algorithm of two-step
// verification that exists (F5). Another one has to be refused before it comes here.
type SRPParams struct {
	Salt1, Salt2 []byte
	G            int
	P            []byte
}

func (s *SRPParams) check() error {
	if len(s.Salt1) > maxSalt || len(s.Salt2) > maxSalt {
		return errors.New("crypto: SRP salt too long")
	}
	return CheckDH(s.P, s.G)
}

// SRP2FA answers the server's srp_B for a password (F5): A and M1 of inputCheckPasswordSRP, 256 and 32 bytes. It checks
// the parameters as a key exchange does, takes 256 bytes from rand, and about 0.1 s of CPU, which is the point of the
// algorithm. Whether the password is right, only the server knows.
func SRP2FA(password []byte, params SRPParams, srpB []byte, rand io.Reader) (a, m1 []byte, err error) {
	if err := params.check(); err != nil {
		return nil, nil, err
	}
	p, g := new(big.Int).SetBytes(params.P), big.NewInt(int64(params.G))
	gb := new(big.Int).SetBytes(srpB)
	if err := CheckPublic(gb, p); err != nil {
		return nil, nil, err
	}
	var secret [dhSize]byte
	if _, err := io.ReadFull(rand, secret[:]); err != nil {
		return nil, nil, fmt.Errorf("crypto: random exponent: %w", err)
	}
	exp := new(big.Int).SetBytes(secret[:])
	ga := pad256(new(big.Int).Exp(g, exp, p))
	gbBytes := pad256(gb)
	u := hashInt(ga, gbBytes)
	x, err := passwordHash(password, params.Salt1, params.Salt2)
	if err != nil {
		return nil, nil, err
	}
	s := srpSecret(p, g, gb, exp, u, new(big.Int).SetBytes(x))
	return ga, srpProof(&params, p, g, ga, gbBytes, s), nil
}

// srpSecret is the value that client and server agree on: (g_b - k*g^x)^(a+u*x) mod p.
func srpSecret(p, g, gb, a, u, x *big.Int) *big.Int {
	k := hashInt(pad256(p), pad256(g))
	t := new(big.Int).Exp(g, x, p)
	t.Mul(k, t)
	t.Sub(gb, t)
	t.Mod(t, p) // Mod never is negative, unlike Rem
	e := new(big.Int).Mul(u, x)
	e.Add(e, a)
	return t.Exp(t, e, p)
}

// srpProof is M1, by which the server sees that we know the secret.
func srpProof(params *SRPParams, p, g *big.Int, ga, gb []byte, s *big.Int) []byte {
	hp, hg := sha256.Sum256(pad256(p)), sha256.Sum256(pad256(g))
	subtle.XORBytes(hp[:], hp[:], hg[:])
	h1, h2 := sha256.Sum256(params.Salt1), sha256.Sum256(params.Salt2)
	key := sha256.Sum256(pad256(s))
	proof := sha256.Sum256(slices.Concat(hp[:], h1[:], h2[:], ga, gb, key[:]))
	return proof[:]
}

// NewPasswordHash prepares a new password (F6): salt1 is the server's new_algo salt with 32 random bytes added, which
// goes back with the algorithm; hash is new_password_hash, 256 bytes.
func NewPasswordHash(password []byte, params SRPParams, rand io.Reader) (salt1, hash []byte, err error) {
	if err := params.check(); err != nil {
		return nil, nil, err
	}
	salt1 = make([]byte, len(params.Salt1)+newSaltRandom)
	copy(salt1, params.Salt1)
	if _, err := io.ReadFull(rand, salt1[len(params.Salt1):]); err != nil {
		return nil, nil, fmt.Errorf("crypto: random salt: %w", err)
	}
	x, err := passwordHash(password, salt1, params.Salt2)
	if err != nil {
		return nil, nil, err
	}
	v := new(big.Int).Exp(big.NewInt(int64(params.G)), new(big.Int).SetBytes(x), new(big.Int).SetBytes(params.P))
	return salt1, pad256(v), nil
}

// passwordHash is PH2 of F5, the exponent x.
func passwordHash(password, salt1, salt2 []byte) ([]byte, error) {
	h1 := salted(salted(password, salt1), salt2)
	derived, err := pbkdf2.Key(sha512.New, string(h1), salt1, pbkdf2Rounds, 64)
	if err != nil {
		return nil, fmt.Errorf("crypto: %w", err)
	}
	return salted(derived, salt2), nil
}

func salted(data, salt []byte) []byte {
	sum := sha256.Sum256(slices.Concat(salt, data, salt))
	return sum[:]
}

// pad256 is a number modulo p as the 256 bytes that every hash of SRP takes it in.
func pad256(x *big.Int) []byte { return x.FillBytes(make([]byte, dhSize)) }

func hashInt(parts ...[]byte) *big.Int {
	sum := sha256.Sum256(slices.Concat(parts...))
	return new(big.Int).SetBytes(sum[:])
}
