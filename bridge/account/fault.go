package account

import (
	"context"
	"errors"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/vault"
	"github.com/natsgram/natsgram/mtproto"
)

// signedOut reports whether err means that only a new sign-in helps.
func signedOut(err error) bool {
	return errors.Is(err, mtproto.ErrAuthLost) || errors.Is(err, mtproto.ErrKeyDuplicated) || errors.Is(err, mtproto.ErrLoggedOut) ||
		errors.Is(err, mtproto.ErrWrongUser) || errors.Is(err, vault.ErrNotFound)
}

// explain tells a caller why a call failed: whose fault, whether it was sent, how long to wait (design §3).
func (s *status) explain(err error) answer.Fault {
	if f, ok := Refused(err); ok {
		return f
	}
	var own *answer.Fault // of the gate
	if errors.As(err, &own) {
		return *own
	}
	sent := answer.Sent(mtproto.Reached(err).String())
	switch {
	case errors.Is(err, vault.ErrNotFound):
		return *answer.Refuse(401, "account "+s.s.Account+" is not signed in: natsgram login "+s.s.Account)
	case signedOut(err):
		return *answer.Fail(401, sent, "account "+s.s.Account+" was signed out of Telegram: natsgram login "+s.s.Account)
	case errors.Is(err, context.DeadlineExceeded):
		if why, not := s.notConnected(); not && sent == answer.No {
			return *answer.Fail(504, sent, "not connected to Telegram: "+why)
		}
		return *answer.Fail(504, sent, "Telegram did not answer in time")
	case errors.Is(err, context.Canceled), errors.Is(err, mtproto.ErrClosed):
		if now, lost := s.phase(); now == SignedOut {
			return s.explain(lost)
		}
		return *answer.Fail(503, sent, "the account is being stopped here")
	}
	return *answer.Fail(502, sent, err.Error())
}

// Refused is the fault of a call that Telegram answered with an error; false: it was another kind.
func Refused(err error) (answer.Fault, bool) {
	var e *mtproto.Error
	if !errors.As(err, &e) || e.Code == 0 {
		return answer.Fault{}, false
	}
	code := e.Code
	if code < 0 {
		code = -code
	}
	return answer.Fault{
		Code: code, Text: e.Type, Telegram: e.Type, RetryAfter: mtproto.RetryAfter(err), Sent: answer.Sent(mtproto.Reached(err).String()),
	}, true
}
