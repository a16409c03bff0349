package mtproto

import (
	"context"
	"crypto/rand"

	"github.com/natsgram/natsgram/mtproto/crypto"
	"github.com/natsgram/natsgram/tl/codec"
)

// kdfAlgo is the one way of hashing a password that there is (F5).
const kdfAlgo = "passwordKdfAlgoSHA256SHA256PBKDF2HMACSHA512iter100000SHA256ModPow"

// wantPassword goes to the password's step, with the owner's hint if that can be had.
func (l *Login) wantPassword(ctx context.Context, phone string) (LoginState, error) {
	s := LoginState{Step: WaitPassword, Phone: phone}
	if v, err := l.invoke(ctx, codec.M{"_": "account.getPassword"}); err == nil {
		s.Hint, s.HasRecovery = v.Str("hint"), v.Bool("has_recovery")
	}
	return l.set(s), nil
}

// Password shows the password of two-step verification, by SRP: it does not leave this process (F5). A wrong one leaves the
// login where it is. Takes about 0.1 s of CPU.
func (l *Login) Password(ctx context.Context, password string) (LoginState, error) {
	l.step.Lock()
	defer l.step.Unlock()
	s, err := l.require(WaitPassword)
	if err != nil {
		return s, err
	}
	v, err := l.prove(ctx, password)
	if IsKind(err, "SRP_ID_INVALID") { // too old: once more with a new one
		v, err = l.prove(ctx, password)
	}
	if err != nil {
		return l.State(), err
	}
	return l.authorized(s.Phone, v)
}

// prove makes one try, with an srp_id of its own.
func (l *Login) prove(ctx context.Context, password string) (codec.View, error) {
	v, err := l.invoke(ctx, codec.M{"_": "account.getPassword"})
	if err != nil {
		return codec.View{}, err
	}
	algo, ok := v.Object("current_algo")
	if !ok || algo.Name() != kdfAlgo {
		return codec.View{}, ErrAlgorithm
	}
	params := crypto.SRPParams{
		Salt1: algo.Bytes("salt1"), Salt2: algo.Bytes("salt2"), G: int(algo.Int("g")), P: algo.Bytes("p"),
	}
	a, m1, err := crypto.SRP2FA([]byte(password), params, v.Bytes("srp_B"), rand.Reader)
	if err != nil {
		return codec.View{}, err
	}
	return l.invoke(ctx, codec.M{"_": "auth.checkPassword", "password": codec.M{
		"_": "inputCheckPasswordSRP", "srp_id": v.Int("srp_id"), "A": a, "M1": m1,
	}})
}
