package account

import (
	"context"

	"github.com/natsgram/natsgram/bridge/rpc"
	"github.com/natsgram/natsgram/mtproto"
)

// logout signs the account out at Telegram (F10), as tg.ctl.<account>.logout asks. The account is served with refusals then,
// until somebody signs in anew.
func (r *Runner) logout(ctx context.Context, _ []byte) ([]byte, *rpc.Fault) {
	r.status.mu.Lock()
	t := r.status.t
	r.status.mu.Unlock()
	var who interface{ Login() *mtproto.Login }
	if t != nil {
		who, _ = t.client.(interface{ Login() *mtproto.Login })
	}
	if who == nil {
		return nil, &rpc.Fault{Code: 503, Text: "the account is only just starting", Sent: "no"}
	}
	if err := who.Login().LogOut(ctx); err != nil {
		fault := r.explain(err)
		return nil, &fault
	}
	return []byte(`{"logged_out":true}`), nil
}
