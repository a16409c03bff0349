package mttest

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"math/big"
	"slices"

	"github.com/natsgram/natsgram/mtproto/crypto"
)

// password is a two-step verification password as the server keeps it: not the password, only what checks it (F5, F6).
type password struct {
	params   crypto.SRPParams
	verifier *big.Int
	hint     string
	trials   map[int64]*trial // by srp_id
}

// trial is one try to prove the password.
type trial struct{ b, gb *big.Int }

const (
	srpGenerator = 3
	srpSize      = 256
	maxTrials    = 16
	kdfAlgo      = "passwordKdfAlgoSHA256SHA256PBKDF2HMACSHA512iter100000SHA256ModPow"
)

// SetPassword gives an account a password of two-step verification; empty takes it away.
func (s *Server) SetPassword(a *Account, text string) {
	var p *password
	if text != "" {
		p = must(newPassword(text))
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.password = p
}

func newPassword(text string) (*password, error) {
	params := crypto.SRPParams{Salt1: random(8), Salt2: random(16), G: srpGenerator, P: crypto.PublishedPrime()}
	salt1, verifier, err := crypto.NewPasswordHash([]byte(text), params, rand.Reader)
	if err != nil {
		return nil, err
	}
	params.Salt1 = salt1
	return &password{params: params, verifier: new(big.Int).SetBytes(verifier), hint: "the one you know", trials: map[int64]*trial{}}, nil
}

func (a *Account) secret() *password {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.password
}

// multiplier is k = H(p | g).
func (p *password) multiplier() *big.Int {
	return hashed(p.params.P, pad(big.NewInt(int64(p.params.G))))
}

// begin starts a try: g_b = k*v + g^b.
func (p *password) begin() (id int64, gb []byte) {
	prime := new(big.Int).SetBytes(p.params.P)
	b := new(big.Int).SetBytes(random(srpSize))
	pub := new(big.Int).Exp(big.NewInt(int64(p.params.G)), b, prime)
	pub.Add(pub, new(big.Int).Mul(p.multiplier(), p.verifier))
	pub.Mod(pub, prime)
	id = int64(binary.LittleEndian.Uint64(random(8)))
	if len(p.trials) >= maxTrials {
		clear(p.trials)
	}
	p.trials[id] = &trial{b, pub}
	return id, pad(pub)
}

// check compares M1 with what the server expects: H(H(p) xor H(g) | H(salt1) | H(salt2) | g_a | g_b | H(S)) where
// S = (g_a * v^u)^b.
func (p *password) check(id int64, ga, m1 []byte) error {
	t := p.trials[id]
	delete(p.trials, id)
	prime := new(big.Int).SetBytes(p.params.P)
	pub := new(big.Int).SetBytes(ga)
	switch {
	case t == nil:
		return refusal(400, "SRP_ID_INVALID")
	case len(ga) > srpSize || pub.Sign() <= 0 || pub.Cmp(prime) >= 0:
		return refusal(400, "SRP_A_INVALID")
	}
	u := hashed(pad(pub), pad(t.gb))
	s := new(big.Int).Exp(p.verifier, u, prime)
	s.Mul(s, pub)
	s.Exp(s, t.b, prime)
	hp, hg := sha256.Sum256(p.params.P), sha256.Sum256(pad(big.NewInt(int64(p.params.G))))
	subtle.XORBytes(hp[:], hp[:], hg[:])
	h1, h2, key := sha256.Sum256(p.params.Salt1), sha256.Sum256(p.params.Salt2), sha256.Sum256(pad(s))
	want := sha256.Sum256(slices.Concat(hp[:], h1[:], h2[:], pad(pub), pad(t.gb), key[:]))
	if subtle.ConstantTimeCompare(want[:], m1) != 1 {
		return refusal(400, "PASSWORD_HASH_INVALID")
	}
	return nil
}

func pad(x *big.Int) []byte { return x.FillBytes(make([]byte, srpSize)) }

func hashed(parts ...[]byte) *big.Int {
	sum := sha256.Sum256(slices.Concat(parts...))
	return new(big.Int).SetBytes(sum[:])
}

func (p *password) algo() M {
	return M{"_": kdfAlgo, "salt1": p.params.Salt1, "salt2": p.params.Salt2, "g": p.params.G, "p": p.params.P}
}

// whose is the account whose password is meant: that of the login that waits for it, or the one signed in.
func (r *Request) whose() *Account {
	r.device.mu.Lock()
	defer r.device.mu.Unlock()
	if r.device.pending != nil {
		return r.device.pending
	}
	return r.device.account
}

func getPassword(r *Request) (any, error) {
	a := r.whose()
	if a == nil {
		return nil, refusal(401, "AUTH_KEY_UNREGISTERED")
	}
	m := M{
		"_": "account.password", "secure_random": random(256),
		"new_algo":        M{"_": kdfAlgo, "salt1": random(8), "salt2": random(16), "g": srpGenerator, "p": crypto.PublishedPrime()},
		"new_secure_algo": M{"_": "securePasswordKdfAlgoUnknown"},
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if p := a.password; p != nil {
		id, gb := p.begin()
		m["has_password"], m["current_algo"], m["srp_B"], m["srp_id"], m["hint"] = true, p.algo(), gb, id, p.hint
	}
	return m, nil
}

func checkPassword(r *Request) (any, error) {
	a := r.whose()
	if a == nil {
		return nil, refusal(401, "AUTH_KEY_UNREGISTERED")
	}
	proof, _ := r.Args.Object("password")
	a.mu.Lock()
	err := refusal(400, "PASSWORD_EMPTY")
	if a.password != nil {
		err = a.password.check(proof.Int("srp_id"), proof.Bytes("A"), proof.Bytes("M1"))
	}
	a.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return r.enter(a, false), nil
}
