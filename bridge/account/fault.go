package account

import (
	"context"
	"errors"

	"github.com/natsgram/natsgram/bridge/rpc"
	"github.com/natsgram/natsgram/bridge/vault"
	"github.com/natsgram/natsgram/mtproto"
)

// signedOut says whether err means that only a new sign-in helps.
func signedOut(err error) bool {
	return errors.Is(err, mtproto.ErrAuthLost) || errors.Is(err, mtproto.ErrKeyDuplicated) || errors.Is(err, mtproto.ErrLoggedOut) ||
		errors.Is(err, mtproto.ErrWrongUser) || errors.Is(err, vault.ErrNotFound)
}

// explain tells a caller why a call failed: whose fault, whether it was sent, how long to wait (design §3).
func (r *Runner) explain(err error) rpc.Fault {
	sent := mtproto.SentOf(err).String()
	var e *mtproto.Error
	switch {
	case errors.As(err, &e) && e.Code != 0:
		code := e.Code
		if code < 0 {
			code = -code
		}
		return rpc.Fault{Code: code, Text: e.Type, Telegram: e.Type, RetryAfter: mtproto.RetryAfter(err), Sent: sent}
	case errors.Is(err, vault.ErrNotFound):
		return rpc.Fault{Code: 401, Text: "account " + r.Name + " is not signed in: natsgram login " + r.Name, Sent: "no"}
	case signedOut(err):
		return rpc.Fault{Code: 401, Text: "account " + r.Name + " was signed out of Telegram: natsgram login " + r.Name, Sent: sent}
	case errors.Is(err, context.DeadlineExceeded):
		if why, not := r.status.notConnected(); not && sent == mtproto.SentNo.String() {
			return rpc.Fault{Code: 504, Text: "not connected to Telegram: " + why, Sent: sent}
		}
		return rpc.Fault{Code: 504, Text: "Telegram did not answer in time", Sent: sent}
	case errors.Is(err, context.Canceled), errors.Is(err, mtproto.ErrClosed):
		if now, lost := r.status.now(); now == SignedOut {
			return r.explain(lost)
		}
		return rpc.Fault{Code: 503, Text: "the account is being stopped here", Sent: sent}
	}
	return rpc.Fault{Code: 502, Text: err.Error(), Sent: sent}
}
