package mtproto

import (
	"context"
	"fmt"

	"github.com/natsgram/natsgram/tl/codec"
)

// SetEmail names the address that codes are to be sent to from now on, where Telegram wants one (F4). It sends a code there
// to make sure.
func (l *Login) SetEmail(ctx context.Context, address string) (LoginState, error) {
	l.step.Lock()
	defer l.step.Unlock()
	s, err := l.require(WaitEmail, WaitEmailCode)
	if err != nil {
		return s, err
	}
	v, err := l.invoke(ctx, codec.M{"_": "account.sendVerifyEmailCode", "purpose": l.setup(s), "email": address})
	if err != nil {
		return l.refused(ctx, s, err)
	}
	return l.set(LoginState{Step: WaitEmailCode, Phone: s.Phone, Email: &EmailInfo{
		Pattern: v.Str("email_pattern"), Length: int(v.Int("length")),
	}}), nil
}

// EmailCode shows the code that came to the address of [Login.SetEmail]. The login goes on with another code then, mostly one
// sent by e-mail.
func (l *Login) EmailCode(ctx context.Context, code string) (LoginState, error) {
	l.step.Lock()
	defer l.step.Unlock()
	s, err := l.require(WaitEmailCode)
	if err != nil {
		return s, err
	}
	v, err := l.invoke(ctx, codec.M{
		"_": "account.verifyEmail", "purpose": l.setup(s), "verification": codec.M{"_": "emailVerificationCode", "code": code},
	})
	if err != nil {
		return l.refused(ctx, s, err)
	}
	sent, ok := v.Object("sent_code")
	if !ok {
		return l.State(), fmt.Errorf("mtproto: login: answer %s", v.Name())
	}
	return l.codeSent(s.Phone, sent)
}

// setup is what the e-mail address is for.
func (l *Login) setup(s LoginState) codec.M {
	return codec.M{"_": "emailVerifyPurposeLoginSetup", "phone_number": s.Phone, "phone_code_hash": l.hash}
}

// ResetEmail is for an owner who cannot read the e-mail that codes are sent to: Telegram sends them otherwise, at once or
// after some days, of which [CodeInfo] tells (F4).
func (l *Login) ResetEmail(ctx context.Context) (LoginState, error) {
	return l.anotherCode(ctx, "auth.resetLoginEmail")
}

// CancelCode gives up a login by code: another number may be tried (F2).
func (l *Login) CancelCode(ctx context.Context) (LoginState, error) {
	l.step.Lock()
	defer l.step.Unlock()
	s, err := l.require(WaitCode, WaitEmail, WaitEmailCode)
	if err != nil {
		return s, err
	}
	if _, err := l.invoke(ctx, codec.M{"_": "auth.cancelCode", "phone_number": s.Phone, "phone_code_hash": l.hash}); err != nil {
		return l.refused(ctx, s, err)
	}
	return l.set(LoginState{Step: WaitPhone}), nil
}
