package handshake

import (
	"errors"
	"math/big"
	"testing"

	"github.com/natsgram/natsgram/mtproto/crypto"
	"github.com/natsgram/natsgram/mtproto/mt"
)

// B2, B9 to B12, B15: an answer that is wrong in one place ends the exchange.
func TestClientRefuses(t *testing.T) {
	big256 := func(x *big.Int) []byte { return x.FillBytes(make([]byte, 256)) }
	prime := new(big.Int).SetBytes(crypto.PublishedPrime())
	near := new(big.Int).Lsh(big.NewInt(1), 2048-64)
	for name, alter := range map[string]any{
		"resPQ: nonce":            func(x *mt.ResPQ) { x.Nonce[15] ^= 1 },
		"resPQ: pq prime":         func(x *mt.ResPQ) { x.PQ = []byte{0, 0, 0, 101} },
		"resPQ: pq square":        func(x *mt.ResPQ) { x.PQ = []byte{121} },
		"resPQ: pq 1":             func(x *mt.ResPQ) { x.PQ = []byte{1} },
		"resPQ: pq empty":         func(x *mt.ResPQ) { x.PQ = nil },
		"resPQ: pq too long":      func(x *mt.ResPQ) { x.PQ = make([]byte, 1000); x.PQ[0] = 1 },
		"params: nonce":           func(x *mt.ServerDHParamsOk) { x.Nonce[0] ^= 1 },
		"params: server_nonce":    func(x *mt.ServerDHParamsOk) { x.ServerNonce[0] ^= 1 },
		"params: length":          func(x *mt.ServerDHParamsOk) { x.EncryptedAnswer = x.EncryptedAnswer[:len(x.EncryptedAnswer)-4] },
		"params: block less":      func(x *mt.ServerDHParamsOk) { x.EncryptedAnswer = x.EncryptedAnswer[:len(x.EncryptedAnswer)-16] },
		"params: block more":      func(x *mt.ServerDHParamsOk) { x.EncryptedAnswer = append(x.EncryptedAnswer, make([]byte, 16)...) },
		"params: empty":           func(x *mt.ServerDHParamsOk) { x.EncryptedAnswer = nil },
		"params: changed":         func(x *mt.ServerDHParamsOk) { x.EncryptedAnswer[300] ^= 1 },
		"params: hash changed":    func(x *mt.ServerDHParamsOk) { x.EncryptedAnswer[0] ^= 1 },
		"inner: nonce":            func(x *mt.ServerDHInnerData) { x.Nonce[3] ^= 1 },
		"inner: server_nonce":     func(x *mt.ServerDHInnerData) { x.ServerNonce[3] ^= 1 },
		"inner: g 2":              func(x *mt.ServerDHInnerData) { x.G = 2 },
		"inner: g 1":              func(x *mt.ServerDHInnerData) { x.G = 1 },
		"inner: g 8":              func(x *mt.ServerDHInnerData) { x.G = 8 },
		"inner: g -3":             func(x *mt.ServerDHInnerData) { x.G = -3 },
		"inner: prime composite":  func(x *mt.ServerDHInnerData) { x.DhPrime[255] ^= 2; x.G = 4 },
		"inner: prime short":      func(x *mt.ServerDHInnerData) { x.DhPrime = x.DhPrime[1:] },
		"inner: prime empty":      func(x *mt.ServerDHInnerData) { x.DhPrime = nil },
		"inner: prime with zeros": func(x *mt.ServerDHInnerData) { x.DhPrime = append([]byte{0}, x.DhPrime...) },
		"inner: g_a 0":            func(x *mt.ServerDHInnerData) { x.GA = make([]byte, 256) },
		"inner: g_a 1":            func(x *mt.ServerDHInnerData) { x.GA = []byte{1} },
		"inner: g_a p-1":          func(x *mt.ServerDHInnerData) { x.GA = big256(new(big.Int).Sub(prime, big.NewInt(1))) },
		"inner: g_a p":            func(x *mt.ServerDHInnerData) { x.GA = big256(prime) },
		"inner: g_a low":          func(x *mt.ServerDHInnerData) { x.GA = big256(new(big.Int).Sub(near, big.NewInt(1))) },
		"inner: g_a high": func(x *mt.ServerDHInnerData) {
			x.GA = big256(new(big.Int).Add(new(big.Int).Sub(prime, near), big.NewInt(1)))
		},
		"inner: g_a long":  func(x *mt.ServerDHInnerData) { x.GA = make([]byte, 300) },
		"ok: nonce":        func(x *mt.DhGenOk) { x.Nonce[0] ^= 1 },
		"ok: server_nonce": func(x *mt.DhGenOk) { x.ServerNonce[0] ^= 1 },
		"ok: hash":         func(x *mt.DhGenOk) { x.NewNonceHash1[15] ^= 1 },
		"retry: hash":      func(x *mt.DhGenRetry) { x.NewNonceHash2[15] ^= 1 },
		"fail: hash":       func(x *mt.DhGenFail) { x.NewNonceHash3[15] ^= 1 },
		"refused: hash":    func(x *mt.ServerDHParamsFail) { x.NewNonceHash[15] ^= 1 },
		"refused: nonce":   func(x *mt.ServerDHParamsFail) { x.Nonce[15] ^= 1 },
	} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t, Config{}, configFor(alter))
			if got, _, err := p.run(); !errors.Is(err, ErrInvalid) || got != nil {
				t.Errorf("%v", err)
			}
			if p.client.err == nil {
				t.Error("it was not the client that refused")
			}
		})
	}
}

// configFor makes a server that alters the one kind of object that f takes, and gets as far as sending it.
func configFor(f any) ServerConfig {
	var c ServerConfig
	switch f := f.(type) {
	case func(*mt.ResPQ):
		c.Alter = altering(f)
	case func(*mt.ServerDHParamsOk):
		c.Alter = altering(f)
	case func(*mt.ServerDHInnerData):
		c.Alter = altering(f)
	case func(*mt.DhGenOk):
		c.Alter = altering(f)
	case func(*mt.DhGenRetry):
		c.Alter, c.Retries = altering(f), 1
	case func(*mt.DhGenFail):
		c.Alter, c.Refuse = altering(f), true
	case func(*mt.ServerDHParamsFail):
		c.Alter, c.RefuseParams = altering(f), true
	default:
		panic("no such object")
	}
	return c
}

func altering[T any, P interface {
	*T
	mt.Object
}](f func(P)) func(mt.Object) mt.Object {
	return func(o mt.Object) mt.Object {
		if x, ok := o.(P); ok {
			f(x)
		}
		return o
	}
}

// B15: a verdict of one form does not pass for another, whatever hash it carries.
func TestClientRefusesSwappedVerdicts(t *testing.T) {
	for name, alter := range map[string]func(mt.Object) mt.Object{
		"ok as retry": func(o mt.Object) mt.Object {
			if x, ok := o.(*mt.DhGenOk); ok {
				return &mt.DhGenRetry{Nonce: x.Nonce, ServerNonce: x.ServerNonce, NewNonceHash2: x.NewNonceHash1}
			}
			return o
		},
		"ok as fail": func(o mt.Object) mt.Object {
			if x, ok := o.(*mt.DhGenOk); ok {
				return &mt.DhGenFail{Nonce: x.Nonce, ServerNonce: x.ServerNonce, NewNonceHash3: x.NewNonceHash1}
			}
			return o
		},
		"something else": func(o mt.Object) mt.Object { // B1: nothing but the exchange comes unencrypted
			if _, ok := o.(*mt.DhGenOk); ok {
				return &mt.MsgsAck{MsgIDs: []int64{1}}
			}
			return o
		},
	} {
		if _, _, err := newPair(t, Config{}, ServerConfig{Alter: alter}).run(); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
